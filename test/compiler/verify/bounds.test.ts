/** The allowance for rounding: of the size that f32 arithmetic shows, blind to errors that cancel, wide where they grow. */
import { describe, expect, it } from "vitest";
import { evaluateFolds } from "../../../compiler/folds/evaluate.ts";
import { allowance, disturbedValues, roundingErrors, roundingUnit, rowScales } from "../../../compiler/verify/bounds.ts";
import { compileText } from "../../support/plant-fault.ts";

const gaussian = (i: number): number => Math.sin(i * 12.9898) + Math.sin(i * 78.233) + Math.sin(i * 37.719);

function allowanceOf(text: string, x: Float64Array, which: "plan" | "lowered"): number {
  const [compiled] = compileText(text, "wgsl");
  if (!compiled) throw new Error("no model");
  const program = which === "plan" ? compiled.plan.program : compiled.lowered;
  const name = program.outputs[0]?.definition ?? "";
  const exact = evaluateFolds(program, {}, { x }).get(name) ?? new Float64Array();
  const disturbed = disturbedValues(program, {}, { x }, roundingUnit.f32, 1).map((values) => values.get(name) ?? new Float64Array());
  const scale = rowScales(exact, [exact.length])[0] ?? 1;
  return (allowance(exact, disturbed, [exact.length])[0] ?? Number.NaN) / scale;
}

describe("allowance", () => {
  it("covers a sum in f32 and is not much wider", () => {
    const x = Float64Array.from({ length: 1000 }, (_, i) => Math.fround(gaussian(i)));
    const exact = x.reduce((a, b) => a + b, 0);
    const single = x.reduce((a, b) => Math.fround(a + b), 0);
    const allowed = allowanceOf("model M(x: f32[1000]) -> f32[1] = sum(x, axis = 0, keep = true)", x, "lowered") * Math.abs(exact);
    expect(Math.abs(single - exact)).toBeLessThan(allowed);
    expect(allowed).toBeLessThan(1e-2);
  });

  it("of a norm about a pivot does not grow with the mean, that of its textbook form does", () => {
    const text = "model M(x: f32[1, 200]) -> f32[1, 200] = layer_norm(x)";
    const near = Float64Array.from({ length: 200 }, (_, i) => gaussian(i));
    const far = near.map((value) => Math.fround(value + 1e4));
    expect(allowanceOf(text, far, "plan")).toBeLessThan(2e-4);
    expect(allowanceOf(text, far, "lowered")).toBeGreaterThan(1e-3);
    expect(allowanceOf(text, near, "lowered")).toBeLessThan(1e-4);
  });

  it("grows with the argument of an exponential", () => {
    const grown = [1, 80].map((size) => allowanceOf("model M(x: f32[50]) -> f32[50] = exp(x)", Float64Array.from({ length: 50 }, (_, i) => size * (0.9 + 0.001 * i)), "lowered"));
    expect((grown[1] ?? 0) / (grown[0] ?? 1)).toBeGreaterThan(10);
  });

  it("is shared by rows too short to judge alone", () => {
    expect([...allowance([1, 1], [[1, 1.5]], [2, 1])]).toEqual([5, 5]);
  });
});

describe("rounding errors", () => {
  it("depend on the value alone, so that equal values stay equal", () => {
    const values = Float64Array.of(0.1, 0.3, 0.1);
    roundingErrors(2 ** -24, 1).instruction("add", values, []);
    expect(values[0]).toBe(values[2]);
    expect(values[0]).not.toBe(0.1);
    expect(Math.abs((values[0] ?? 0) / 0.1 - 1)).toBeLessThan(2 ** -24);
  });

  it("leave exact instructions and non-finite values alone", () => {
    const values = Float64Array.of(0.1, Number.NaN, Number.POSITIVE_INFINITY);
    roundingErrors(2 ** -24, 1).instruction("max", values, []);
    expect(values[0]).toBe(0.1);
    roundingErrors(2 ** -24, 1).instruction("mul", values, []);
    expect([...values].slice(1)).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
  });
});
