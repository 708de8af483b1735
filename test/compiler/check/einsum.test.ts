/** Functions of the language that take any number of tensors: einsum and stack, and the spread operands of concat. */
import { describe, expect, it } from "vitest";
import { check } from "../../../compiler/check/check.ts";
import { printType } from "../../../compiler/ir/types.ts";
import type { ReferenceTensor } from "../../../compiler/ops/define.ts";
import { evaluate } from "../../../compiler/reference/evaluate.ts";
import { sourceFile } from "../../../compiler/source/source-file.ts";

const matrix = (...shape: readonly number[]): ReferenceTensor => ({ dtype: "f32", shape, data: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1) });

function run(parameters: string, expression: string, inputs: Readonly<Record<string, ReferenceTensor>>): { readonly type: string; readonly data: number[] } {
  const { module, diagnostics } = check([sourceFile("a.nf", `model M(${parameters}) { return ${expression} }`)]);
  expect(diagnostics.map(({ message }) => message)).toEqual([]);
  const [fn] = module.functions;
  if (!fn) throw new Error("no model");
  const output = evaluate(fn, {}, inputs, {}).output;
  return { type: printType(fn.outputs[0]?.node.type ?? { dtype: "f32", shape: [] }), data: [...(output?.data ?? [])] };
}

const refusal = (text: string): string => check([sourceFile("a.nf", text)]).diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n");

describe("einsum", () => {
  const [a, b] = [matrix(2, 3), matrix(3, 2)];

  it("is a matrix product, in any order of the result's letters", () => {
    expect(run("a: f32[2, 3], b: f32[3, 2]", 'einsum("ij,jk->ik", a, b)', { a, b })).toEqual({ type: "f32[2, 2]", data: [22, 28, 49, 64] });
    expect(run("a: f32[2, 3], b: f32[3, 2]", 'einsum("ij,jk->ki", a, b)', { a, b }).data).toEqual([22, 49, 28, 64]);
    expect(run("a: f32[2, 3], b: f32[3, 2]", 'einsum("ij,jk", (a, b))', { a, b }).data).toEqual([22, 28, 49, 64]);
  });

  it("sums, transposes, takes diagonals and outer products", () => {
    expect(run("a: f32[2, 3]", 'einsum("ij->", a)', { a }).data).toEqual([21]);
    expect(run("a: f32[2, 3]", 'einsum("ij->ji", a)', { a }).data).toEqual([1, 4, 2, 5, 3, 6]);
    expect(run("c: f32[2, 2]", 'einsum("ii->i", c)', { c: matrix(2, 2) }).data).toEqual([1, 4]);
    expect(run("c: f32[2, 2]", 'einsum("ii", c)', { c: matrix(2, 2) }).data).toEqual([5]);
    expect(run("d: f32[2], e: f32[2]", 'einsum("i,j->ij", d, e)', { d: matrix(2), e: matrix(2) }).data).toEqual([1, 2, 2, 4]);
  });

  it("takes leading axes with '...' and broadcasts them", () => {
    const { type, data } = run("x: f32[2, 1, 2], y: f32[2, 2, 1]", 'einsum("...ij,...jk->...ik", x, y)', { x: matrix(2, 1, 2), y: matrix(2, 2, 1) });
    expect([type, data]).toEqual(["f32[2, 1, 1]", [5, 25]]);
  });

  it("says what is wrong with an equation", () => {
    const model = (expression: string): string => `model M(a: f32[2, 3], b: f32[4, 2]) { return ${expression} }`;
    expect(refusal(model('einsum("ij,jk->ik", a, b)'))).toContain("axis 'j' has 3 and 4 elements");
    expect(refusal(model('einsum("ij->ik", a)'))).toContain("one that no operand has");
    expect(refusal(model('einsum("ij,jk->ik", a)'))).toContain("the equation is for 2 operands, 1 are given");
    expect(refusal(model('einsum("ijk->i", a)'))).toContain("does not name the 2 axes of operand 1");
    expect(refusal(model("einsum(a, b)"))).toContain("equation");
    expect(refusal(model("einsum(a, equation = 3)"))).toContain("a text in quotes");
  });
});

describe("operands in any number", () => {
  const inputs = Object.fromEntries([..."abcdefghi"].map((name, i) => [name, { ...matrix(1), data: Float64Array.of(i) }]));
  const parameters = Object.keys(inputs).map((name) => `${name}: f32[1]`).join(", ");

  it("are joined in order, from a list or one by one, however many there are", () => {
    const names = Object.keys(inputs).join(", ");
    for (const operands of [names, `[${names}]`, `(${names})`]) expect(run(parameters, `concat(${operands}, axis = 0)`, inputs)).toEqual({ type: "f32[9]", data: [0, 1, 2, 3, 4, 5, 6, 7, 8] });
    expect(run(parameters, `stack(${names}, axis = -1)`, inputs)).toEqual({ type: "f32[1, 9]", data: [0, 1, 2, 3, 4, 5, 6, 7, 8] });
  });

  it("are refused with the op's own words", () => {
    expect(refusal("model M(a: f32[2, 3], b: f32[4, 2]) { return concat(a, b, axis = 0) }")).toContain("differ on axis 1");
    expect(refusal("model M(a: f32[2]) { return concat(axis = 0) + a }")).toContain("parts");
    expect(refusal("model M(a: f32[2]) { return concat(a, a) }")).toContain("axis");
    expect(refusal("model M(a: f32[2]) { return stack(a, a, axis = 3) }")).toContain("axis 3 does not exist");
  });
});
