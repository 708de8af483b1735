/** Which cases a model gets: all kinds when small, few when large, lengths that divide. */
import { describe, expect, it } from "vitest";
import { constantExtent } from "../../../compiler/ir/extent.ts";
import { bindingChoices, chooseCases, indexLimits, programWork } from "../../../compiler/verify/cases.ts";
import { inputKinds } from "../../../compiler/verify/inputs.ts";
import { mlp } from "../../support/programs.ts";
import { compileText } from "../../support/plant-fault.ts";

const compiledOf = (text: string) => {
  const [compiled] = compileText(text, "wgsl");
  if (!compiled) throw new Error("no model");
  return compiled;
};

describe("cases", () => {
  it("of a small model are every kind at every length", () => {
    const { fn, plan } = compiledOf("model M[B](x: f32[B, 9]) -> f32[B, 9] = softmax(x)");
    const groups = chooseCases(fn, plan.program);
    expect(groups.map((group) => group.bindings)).toEqual([{ B: 1 }, { B: 3 }, { B: 8 }, { B: 33 }, { B: 70 }]);
    expect(groups.every((group) => group.cases.length === inputKinds.length)).toBe(true);
  });

  it("of a large model are few, at 1, 3 and 8 rows", () => {
    const { fn, lowered } = compiledOf(mlp);
    const groups = chooseCases(fn, lowered);
    expect(groups.map((group) => group.bindings)).toEqual([{ B: 1 }, { B: 3 }, { B: 8 }]);
    expect(groups.reduce((sum, group) => sum + group.cases.length, 0)).toBeLessThan(10);
    expect(programWork(lowered, { B: 8 })).toBeGreaterThan(8 * 1_794_000);
  });

  it("count the body of a scan once for each step", () => {
    const { lowered } = compiledOf("model M[T](xs: f32[T, 2, 128]) = Rnn[128, 128](xs)");
    const work = (T: number): number => programWork(lowered, { T });
    expect(work(11) - work(10)).toBeGreaterThan(2 * 2 * 128 * 128);
  });

  it("without free extents are one group, without inputs only parameters differ", () => {
    const { fn, lowered } = compiledOf("model M() -> f32[3] {\n  param w: f32[3] = ones\n  return w * 2\n}");
    expect(chooseCases(fn, lowered)).toEqual([{ bindings: {}, cases: [{ inputs: "ordinary", parameters: "initial" }, { inputs: "ordinary", parameters: "varied" }] }]);
  });

  it("take multiples where an extent is divided", () => {
    const { fn, lowered } = compiledOf("model M[H](x: f32[H]) -> f32[2, H / 2] = reshape(x[0:H / 2 * 2], [2, H / 2])");
    expect(bindingChoices(fn, lowered).every((bindings) => (bindings["H"] ?? 1) % 2 === 0)).toBe(true);
  });

  it("limit integers that pick elements to the axis they pick from", () => {
    const { lowered, e } = compiledOf("model M(x: f32[5], i: i32[3]) -> f32[3] = cast(i, f32) + sum(x)");
    expect(indexLimits(lowered, {}).size).toBe(0);
    const [definition] = lowered.definitions;
    const range = e.range("r", constantExtent(3));
    if (!definition) throw new Error("no definition");
    const picked = { ...definition, name: "picked", box: [range], fold: undefined, body: e.load("x", [e.load("i", [e.index(range)], "i32")], "f32") };
    expect(indexLimits({ ...lowered, definitions: [picked] }, {})).toEqual(new Map([["i", 5]]));
  });
});
