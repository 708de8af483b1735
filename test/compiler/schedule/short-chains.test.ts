/**
 * Chains of additions are short (spec/numerics.md N8): equal terms, whose rounding errors all point the same way, summed up by
 * the kernels and, for comparison, one by one in f32.
 */
import { afterAll, describe, expect, it } from "vitest";
import { compileFunction } from "../../../compiler/compile.ts";
import { costPresets } from "../../../compiler/target.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { load } from "../../../runtime/index.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { runPlan } from "../../support/run-plan.ts";
import { wasmModel } from "../../support/wasm-model.ts";

const term = Math.fround(0.1);

/** Relative error of `count` terms added one after the other. */
function errorOneByOne(count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum = Math.fround(sum + term);
  return Math.abs(sum / (count * term) - 1);
}

const filled = (length: number, value: number): Float32Array => new Float32Array(length).fill(value);
const worstOf = (values: ArrayLike<number>, count: number): number => Math.max(...Array.from(values, (value) => Math.abs(value / (count * term) - 1)));

const product = { text: "model M(x: f32[5, 4096]) -> (y: f32[5, 8]) {\n  param w: f32[4096, 8] = ones\n  return x @ w\n}", x: filled(5 * 4096, term), w: filled(4096 * 8, 1), count: 4096, atMost: 1 / 4 };
/** One part of the contracted axis on a processor: two pieces. */
const layer = { text: "model M(x: f32[5, 768]) -> (y: f32[5, 8]) {\n  param w: f32[768, 8] = ones\n  return x @ w\n}", x: filled(5 * 768, term), w: filled(768 * 8, 1), count: 768, atMost: 3 / 4 };
const windows = { text: "model M(x: f32[1, 64, 5, 5]) -> (y: f32[1, 8, 3, 3]) {\n  param w: f32[8, 64, 3, 3] = ones\n  return conv(x, w)\n}", x: filled(64 * 25, term), w: filled(8 * 576, 1), count: 576, atMost: 1 / 4 };

const device = openWasm({ relaxed: false });
afterAll(() => device.destroy());

describe.each([["a product of 4,096 terms", product], ["a product of 768 terms", layer], ["windows of 576 terms", windows]] as const)("%s", (_, { text, x, w, count, atMost }) => {
  it("on a processor", async () => {
    const program = await load(wasmModel(text).artifact, device);
    await program.prepare({ w });
    const { outputs } = await program.run({ x });
    expect(worstOf(outputs["y"]?.data as Float32Array, count)).toBeLessThan(atMost * errorOneByOne(count));
    program.dispose();
  });

  it.each(["gpu", "software"] as const)("in WGSL, planned for %s", (cost) => {
    const compiled = compileFunction(modelOf(text), "wgsl", { cost: { ...costPresets[cost], launchMicroseconds: 0 } });
    expect(worstOf(runPlan(compiled, {}, { x, w })["y"] as Float32Array, count)).toBeLessThan(atMost * errorOneByOne(count));
  });
});

it("a chain of equal terms is what goes wrong", () => expect(errorOneByOne(576)).toBeGreaterThan(2e-6));
