/** Fold programs in float64 against the reference, against sums by hand, and in the time that a checker can afford. */
import { describe, expect, it } from "vitest";
import { evaluateFolds } from "../../../compiler/folds/evaluate.ts";
import { Expressions } from "../../../compiler/folds/expression.ts";
import type { Definition, Monoid, Program } from "../../../compiler/folds/node.ts";
import { constantExtent, symbolExtent } from "../../../compiler/ir/extent.ts";
import type { DType } from "../../../compiler/ir/types.ts";
import { evaluate } from "../../../compiler/reference/evaluate.ts";
import { compileText } from "../../support/plant-fault.ts";

const e = new Expressions();

/** x[B, K] folded along its rows. */
function rowFold(monoid: Monoid, dtype: DType = "f32"): Program {
  const [i, k] = [e.range("i", symbolExtent("B")), e.range("k", symbolExtent("K"))];
  const type = { dtype, shape: [i.extent, k.extent] };
  const definition: Definition = { name: "y", dtype, box: [i], fold: { monoid, ranges: [k] }, body: e.load("x", [e.index(i), e.index(k)], dtype), origin: undefined };
  return { name: "p", sources: [{ name: "x", role: "input", type }], definitions: [definition], outputs: [{ name: "y", definition: "y", type: { dtype, shape: [i.extent] } }] };
}

const valuesOf = (program: Program, bindings: Readonly<Record<string, number>>, sources: Readonly<Record<string, ArrayLike<number>>>): number[] => [...(evaluateFolds(program, bindings, sources).get("y") ?? [])];

describe("folds", () => {
  it("over each monoid, whichever range is the longer", () => {
    const x = [1, -2, 3, 4, 5, -6];
    for (const [monoid, wide, tall] of [["sum", [2, 3], [-1, 7, -1]], ["product", [-6, -120], [-2, 12, -30]], ["max", [3, 5], [1, 4, 5]], ["min", [-2, -6], [-2, 3, -6]]] as const) {
      expect(valuesOf(rowFold(monoid), { B: 2, K: 3 }, { x })).toEqual(wide);
      expect(valuesOf(rowFold(monoid), { B: 3, K: 2 }, { x })).toEqual(tall);
    }
  });

  it("of nothing are the identity", () => {
    expect(valuesOf(rowFold("max"), { B: 2, K: 0 }, { x: [] })).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(valuesOf(rowFold("sum"), { B: 0, K: 2 }, { x: [] })).toEqual([]);
  });

  it("do not round: float64 throughout", () => {
    expect(valuesOf(rowFold("sum"), { B: 1, K: 3 }, { x: [2 ** 30, 2 ** -20, -(2 ** 30)] })).toEqual([2 ** -20]);
  });
});

describe("maps", () => {
  const n = constantExtent(6);
  const map = (body: Definition["body"], range: Definition["box"][number]): Program => ({
    name: "p", sources: [{ name: "x", role: "input", type: { dtype: "f32", shape: [n] } }],
    definitions: [{ name: "y", dtype: body.dtype, box: [range], fold: undefined, body, origin: undefined }],
    outputs: [{ name: "y", definition: "y", type: { dtype: body.dtype, shape: [n] } }],
  });
  const range = e.range("i", n);
  const [i, int] = [e.index(range), (value: number) => e.constant(value, "i32")];
  const x = [10, 11, 12, 13, 14, 15];

  it("read at scaled, divided and reversed indices", () => {
    expect(valuesOf(map(e.load("x", [e.apply("sub", int(5), i)], "f32"), range), {}, { x })).toEqual([15, 14, 13, 12, 11, 10]);
    expect(valuesOf(map(e.load("x", [e.apply("div", i, int(2))], "f32"), range), {}, { x })).toEqual([10, 10, 11, 11, 12, 12]);
    expect(valuesOf(map(e.load("x", [e.apply("rem", e.apply("mul", i, int(2)), int(6))], "f32"), range), {}, { x })).toEqual([10, 12, 14, 10, 12, 14]);
  });

  it("guard a load beyond the end", () => {
    const shifted = e.load("x", [e.apply("sub", i, int(1))], "f32");
    expect(valuesOf(map(e.apply("select", e.apply("lt", i, int(1)), e.constant(0, "f32"), shifted), range), {}, { x })).toEqual([0, 10, 11, 12, 13, 14]);
  });

  it("wrap integers and truncate conversions", () => {
    expect(valuesOf(map(e.apply("mul", e.apply("add", i, int(2 ** 30)), int(2)), range), {}, { x }).slice(0, 2)).toEqual([-(2 ** 31), -(2 ** 31) + 2]);
    expect(valuesOf(map(e.convert(e.apply("div", e.load("x", [i], "f32"), e.constant(4, "f32")), "i32"), range), {}, { x })).toEqual([2, 2, 3, 3, 3, 3]);
  });
});

describe("programs", () => {
  it("lowered and rewritten, agree with the reference", () => {
    const [compiled] = compileText("model M[B](x: f32[B, 70]) -> f32[B, 9] {\n  param w: f32[70, 9] = glorot_uniform\n  return softmax(layer_norm(x) @ w)\n}", "wgsl");
    if (!compiled) throw new Error("no model");
    const x = Float64Array.from({ length: 3 * 70 }, (_, i) => Math.sin(i * 1.7) + 100);
    const w = Float64Array.from({ length: 630 }, (_, i) => Math.cos(i * 0.9));
    const want = evaluate(compiled.fn, { B: 3 }, { x: { dtype: "f32", shape: [3, 70], data: x } }, { w: { dtype: "f32", shape: [70, 9], data: w } })["output"]?.data ?? [];
    for (const program of [compiled.lowered, compiled.plan.program]) {
      const got = evaluateFolds(program, { B: 3 }, { x, w }).get(program.outputs[0]?.definition ?? "") ?? [];
      expect(Math.max(...Array.from(want, (value, i) => Math.abs(value - (got[i] ?? Number.NaN))))).toBeLessThan(1e-12);
    }
  });

  it("manage a contraction of 8 x 784 x 1000 in about a second", () => {
    const [compiled] = compileText("model M[B](x: f32[B, 784]) -> f32[B, 1000] {\n  param w: f32[784, 1000] = glorot_uniform\n  return x @ w\n}", "wgsl");
    if (!compiled) throw new Error("no model");
    const start = performance.now();
    evaluateFolds(compiled.lowered, { B: 8 }, { x: new Float64Array(8 * 784).fill(1), w: new Float64Array(784_000).fill(0.5) });
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
