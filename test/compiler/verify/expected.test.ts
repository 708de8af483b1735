/** Exact outputs, and the proof that rewrites keep the meaning: tight for algebra, with the ops' tolerances for formulas. */
import { expect, it } from "vitest";
import { ExpectedOutputs, ordinaryRms } from "../../../compiler/verify/expected.ts";
import { compileText } from "../../support/plant-fault.ts";

const x = { dtype: "f32" as const, shape: [2, 70], data: Float32Array.from({ length: 140 }, (_, i) => Math.sin(i) * 3) };

const expectedOf = (text: string, change: (value: number) => number = (value) => value): ExpectedOutputs => {
  const [compiled] = compileText(text, "wgsl");
  if (!compiled) throw new Error("no model");
  const { e, plan } = compiled;
  const definitions = plan.program.definitions.map((definition) =>
    plan.program.outputs[0]?.definition === definition.name ? { ...definition, body: e.apply("mul", definition.body, e.constant(change(1), "f32")) } : definition);
  return new ExpectedOutputs({ ...compiled, plan: { ...plan, program: { ...plan.program, definitions } } }, { B: 2 }, { x }, {}, 1);
};

const norm = "model M[B](x: f32[B, 70]) -> f32[B, 70] = layer_norm(x)";
const activation = "model M[B](x: f32[B, 70]) -> f32[B, 70] = gelu(x)";

it("has the reference's outputs", () => {
  const output = expectedOf(norm).outputs().get("output");
  expect(output).toMatchObject({ shape: [2, 70], dtype: "f32" });
  expect(output ? ordinaryRms(output) : 0).toBeCloseTo(1, 3);
});

it("takes algebra to 1e-9", () => {
  expect(expectedOf(norm).compareRewrites(new Map())?.worst.passed).toBe(true);
  expect(expectedOf(norm, () => 1 + 1e-8).compareRewrites(new Map())?.worst.passed).toBe(false);
});

it("takes an op's approximating formula to the op's tolerance, and the rewrites around it to 1e-9 still", () => {
  expect(expectedOf(activation).compareRewrites(new Map())?.worst.passed).toBe(true);
  expect(expectedOf(activation, () => 1 + 1e-7).compareRewrites(new Map())?.worst.passed).toBe(false);
});
