/** R9: centring about a pivot. Both sides are evaluated in float64; each side condition is broken once. */
import { describe, expect, it } from "vitest";
import { loadsOf } from "../../../../compiler/folds/expression.ts";
import { printDefinition } from "../../../../compiler/folds/print.ts";
import { recentre } from "../../../../compiler/fusion/rules/projection.ts";
import { definition, expectSameValues, foldsOf, rulesOf } from "../../../support/fold-programs.ts";

const model = (body: string, shape = "B, 8", result = shape): string => `model M[B](x: f32[${shape}], y: f32[${shape}]) -> f32[${result}] {\n${body.replace(/^/gm, "  ")}\n}`;

/** The same norm as four people would write it. */
const spellings: Readonly<Record<string, string>> = {
  library: "return layer_norm(x)",
  "rsqrt of a mean": "let d = x - mean(x, axis = -1, keep = true)\nreturn d * rsqrt(mean(d * d, axis = -1, keep = true) + 1e-5)",
  "quotients of sums": "let m = sum(x, axis = -1, keep = true) / 8\nlet v = sum((x - m) * (x - m), axis = -1, keep = true) / 8\nreturn (x - m) / sqrt(v + 1e-5)",
  "a power": "let m = mean(x, axis = -1, keep = true)\nlet v = mean((x - m) ** 2, axis = -1, keep = true)\nreturn (x - m) / sqrt(v + 1e-5)",
};

describe("recentre", () => {
  it.each(Object.entries(spellings))("fires on: %s", (_, body) => {
    const { e, program } = foldsOf(model(body));
    const rewritten = recentre(e, program);
    expect(rulesOf(rewritten)).toEqual(["R9 recentre"]);
    expectSameValues(program, rewritten.program, { B: 3 });
    // The second moment no longer needs the corrected mean: both ride in one pass.
    const square = rewritten.program.definitions.find((each) => each.fold && each.body.kind === "apply" && each.body.op === "mul");
    expect(square && loadsOf(square.body).some((load) => load.source.endsWith(".centred"))).toBe(false);
  });

  const more: Readonly<Record<string, readonly [string, string]>> = {
    "the first axis": ["let d = x - mean(x, axis = 0, keep = true)\nreturn d * rsqrt(mean(d * d, axis = 0, keep = true) + 1e-5)", "8, 6"],
    "two axes": ["let d = x - mean(x, axis = [0, 2], keep = true)\nreturn d * rsqrt(mean(d * d, axis = [0, 2], keep = true) + 1e-5)", "4, 3, 5"],
    "groups of channels": ["return group_norm[2](x)", "2, 3, 8"],
    "a mean alone": ["return x - mean(x, axis = -1, keep = true)", "B, 8"],
    "a computed row": ["return layer_norm(exp(x) * y)", "B, 8"],
    "a norm of a norm": ["return layer_norm(layer_norm(x) + y)", "B, 8"],
    "all of a long row: the pivot is a sample": ["return layer_norm(x)", "2, 200"],
    "a long row over two axes": ["let d = x - mean(x, axis = [1, 2], keep = true)\nreturn d * rsqrt(mean(d * d, axis = [1, 2], keep = true) + 1e-5)", "2, 7, 31"],
    "a moment over copies of the row": ["let d = x - mean(x, axis = -1, keep = true)\nlet v = sum(broadcast_to(d * d, [3, 4, 200]), axis = [0, 2])\nreturn d * rsqrt(reshape(v, [4, 1]) + 1)", "4, 200"],
    "a symbolic row": ["return layer_norm(x)", "3, B"],
  };
  it.each(Object.entries(more))("keeps the values of %s", (_, [body, shape]) => {
    const { e, program } = foldsOf(model(body, shape));
    const rewritten = recentre(e, program);
    expect(rewritten.applications.length).toBeGreaterThan(0);
    expectSameValues(program, rewritten.program, { B: 5 });
  });

  it("samples 64 elements at equal distances, all of a short row, and all of a row that a product makes", () => {
    const pivot = (text: string): string | undefined => {
      const { e, program } = foldsOf(text);
      const found = recentre(e, program).program.definitions.find((each) => each.name.endsWith(".pivot"));
      return found && printDefinition(found);
    };
    expect(pivot(model("return layer_norm(x)", "2, 200"))).toMatch(/sum \{ s\d+ < 64 \} x\[i\d+, s\d+ \* 3 \+ 1\]$/);
    expect(pivot(model("return layer_norm(x)", "2, 64"))).toBeUndefined();
    expect(pivot("model M(x: f32[2, 4], w: f32[4, 200]) -> f32[2, 200] {\n  return layer_norm(x @ w)\n}")).toBeUndefined();
  });

  const broken: Readonly<Record<string, readonly [string, string]>> = {
    "the divisor is not the element count": ["return x - sum(x, axis = -1, keep = true) / 7", "B, 8"],
    "the divisor is symbolic, the length is not": ["return x - sum(x, axis = -1, keep = true) / B", "B, 8"],
    "another value is summed": ["return x - mean(y, axis = -1, keep = true)", "B, 8"],
    "a multiple is summed": ["return x - mean(2 * x, axis = -1, keep = true)", "B, 8"],
    "the mean of another row": ["return x - flip(mean(x, axis = -1, keep = true), axis = 0)", "4, 8"],
    "the mean of the column's number": ["return x - transpose(mean(x, axis = -1, keep = true))", "8, 8"],
    "no sum": ["return x - max(x, axis = -1, keep = true) / 8", "B, 8"],
    "the difference the other way round": ["return mean(x, axis = -1, keep = true) - x", "B, 8"],
    "a sum of more than the element's own row": ["return x - sum(x) / 8", "4, 8"],
  };
  it.each(Object.entries(broken))("does not fire when: %s", (_, [body, shape]) => {
    const { e, program } = foldsOf(model(body, shape));
    const rewritten = recentre(e, program);
    expect(rewritten.applications).toEqual([]);
    expect(rewritten.program).toBe(program);
  });

  it("leaves a second moment along another axis than the mean's", () => {
    const { e, program } = foldsOf(model("let d = x - mean(x, axis = 1, keep = true)\nreturn d * rsqrt(mean(d * d, axis = 0, keep = true) + 1e-5)", "6, 8"));
    const { program: after } = recentre(e, program);
    expect(loadsOf(definition(after, "mean.2.fold").body).some((load) => load.source.endsWith(".centred"))).toBe(true);
    expectSameValues(program, after);
  });
});
