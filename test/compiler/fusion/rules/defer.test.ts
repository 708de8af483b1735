/** R6 and R7: norms that move past a product. Both sides are evaluated in float64; each side condition is broken once. */
import { describe, expect, it } from "vitest";
import { printExpr } from "../../../../compiler/folds/print.ts";
import { defer, parameterOnly } from "../../../../compiler/fusion/rules/defer.ts";
import { recentre, type Rewritten } from "../../../../compiler/fusion/rules/projection.ts";
import type { Program } from "../../../../compiler/folds/node.ts";
import { definition, expectSameValues, foldsOf } from "../../../support/fold-programs.ts";

const parameters = "  param w: f32[8, 5] = glorot_uniform\n  param g: f32[8] = ones\n  param b: f32[8] = zeros\n";
const model = (body: string, inputs = "x: f32[B, 8]", result = "B, 5"): string => `model M[B](${inputs}) -> f32[${result}] {\n${parameters}  return ${body}\n}`;

function deferred(text: string, name = "matmul.1"): { readonly before: Program; readonly rewritten: Rewritten | undefined } {
  const { e, program } = foldsOf(text);
  const centred = recentre(e, program).program;
  return { before: program, rewritten: defer(e, centred, name) };
}

const cases: Readonly<Record<string, string>> = {
  "a norm": model("layer_norm(x) @ w"),
  "gain and bias": model("layer_norm(x, g, b) @ w"),
  "a root mean square": model("rms_norm(x, g) @ w"),
  "unit length": model("l2_normalize(x) @ w"),
  "a quotient": model("(x / (sum(abs(x), axis = -1, keep = true) + 1)) @ w"),
  "a turned sign": model("(-layer_norm(x, g)) @ w"),
  "a sum of a norm and parameters": model("(layer_norm(x, g) + b - 2 * g) @ w"),
  "a computed row": model("rms_norm(exp(x)) @ w"),
  "parameters that are computed": model("layer_norm(x) @ (w * 2 + 1)"),
  "weights of unit length": model("rms_norm(x) @ weight_norm(w)"),
  "a batch": model("layer_norm(x, g, b) @ w", "x: f32[B, 3, 8]", "B, 3, 5"),
  "a gain that varies over rows and k": model("(rms_norm(x) * y) @ w", "x: f32[B, 8], y: f32[B, 8]"),
  "one row": model("layer_norm(x, g, b) @ w", "x: f32[8]", "5"),
};

describe("defer", () => {
  it.each(Object.entries(cases))("keeps the values of %s", (_, text) => {
    const { before, rewritten } = deferred(text);
    expect(rewritten?.applications.map((application) => application.rule)).toEqual(["R6 defer", "R7 fold into parameters"]);
    if (rewritten) expectSameValues(before, rewritten.program, { B: 3 });
  });

  it("leaves the product free of statistics, and all of its right operand to prepare", () => {
    const { rewritten } = deferred(cases["gain and bias"] ?? "");
    const product = rewritten && definition(rewritten.program, "matmul.1.deferred");
    expect(product && printExpr(product.body)).toMatch(/^\(x\[i\d+, k\d+\] - .*\/ 8\) \* matmul\.1\.weight\[k\d+, j\d+\]$/);
    const fromParameters = rewritten && parameterOnly(rewritten.program);
    expect(["matmul.1.weight", "matmul.1.column_sum", "matmul.1.shift"].map((name) => fromParameters?.(name))).toEqual([true, true, true]);
    expect(fromParameters?.("matmul.1.deferred")).toBe(false);
    // A column of the centred weight sums to 0: sum_k d_k V_kn is then the product with the centred row.
    expect(printExpr((rewritten && definition(rewritten.program, "matmul.1.weight"))?.body as never)).toContain("matmul.1.column_sum");
  });

  const broken: Readonly<Record<string, string>> = {
    "an activation stands between": model("relu(layer_norm(x, g, b)) @ w"),
    "the right operand is an input": model("layer_norm(x) @ v", "x: f32[B, 8], v: f32[8, 5]"),
    "the right operand has an input in it": model("layer_norm(x) @ (w * v)", "x: f32[B, 8], v: f32[8, 5]"),
    "the statistic is along another axis": model("(x * rsqrt(mean(x * x, axis = 0, keep = true) + 1)) @ w", "x: f32[6, 8]", "6, 5"),
    "a centred row has a gain over rows and k": model("(layer_norm(x) * y) @ w", "x: f32[B, 8], y: f32[B, 8]"),
    "two rows are added": model("(layer_norm(x) + y) @ w", "x: f32[B, 8], y: f32[B, 8]"),
    "nothing is to be deferred": model("x @ w"),
    "there is no product": "model M[B](x: f32[B, 8]) -> f32[B] {\n  return sum(rms_norm(x), axis = -1)\n}",
  };
  it.each(Object.entries(broken))("does not fire when: %s", (_, text) => expect(deferred(text).rewritten).toBeUndefined());

  it("does not take a centring for that of k when the mean is of another length or row", () => {
    const { before, rewritten } = deferred(model("((x - sum(x, axis = -1, keep = true) / 7) * rsqrt(mean(x * x, axis = -1, keep = true) + 1)) @ w"));
    // What may be deferred is the factor; the difference stays in the product.
    if (rewritten) expectSameValues(before, rewritten.program, { B: 2 });
    const other = deferred(model("((x - flip(mean(x, axis = -1, keep = true), axis = 0)) * rsqrt(mean(x * x, axis = -1, keep = true) + 1)) @ w", "x: f32[4, 8]", "4, 5"));
    if (other.rewritten) expectSameValues(other.before, other.rewritten.program);
    expect(rewritten?.applications[0]?.conditions).not.toContain("the centred factor spans the whole contracted axis");
    expect(other.rewritten?.applications[0]?.conditions).not.toContain("the centred factor spans the whole contracted axis");
  });
});
