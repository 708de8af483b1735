/** The figures of an explanation, on examples that are counted by hand. */
import { describe, expect, it } from "vitest";
import { compileFunction, type KernelTarget } from "../../../compiler/compile.ts";
import type { Bindings } from "../../../compiler/ir/extent.ts";
import { explain, type Explanation } from "../../../compiler/report/explain.ts";
import { modelOf } from "../../support/fold-programs.ts";

function explained(text: string, bind: Bindings = {}, target: KernelTarget = "wgsl"): Explanation {
  const fn = modelOf(text);
  const { e, plan } = compileFunction(fn, target, { assume: bind });
  return explain(fn.name, e, plan, bind);
}

const linear = "model Linear[B](x: f32[B, 16]) -> f32[B, 32] {\n  param w: f32[16, 32] = ones\n  param b: f32[32] = zeros\n  return x @ w + b\n}";

describe("explain", () => {
  it("counts a linear layer: x, w, b in, y out, once each, two flops a product", () => {
    const found = explained(linear, { B: 8 });
    const bytes = 4 * (8 * 16 + 16 * 32 + 32 + 8 * 32);
    expect(found).toMatchObject({ model: "Linear", target: "wgsl", dispatches: 1, bytes: { planned: bytes, unavoidable: bytes }, assumed: {}, prepare: [], kept: [] });
    // One multiplication and one addition for each k, and the bias; a tile of rows that is not full works all the same.
    expect(explained(linear, { B: 64 }).flops).toBe(2 * 64 * 16 * 32 + 64 * 32);
    expect(found.flops).toBeGreaterThanOrEqual(2 * 8 * 16 * 32 + 8 * 32);
    expect(found.kernels[0]).toMatchObject({ phase: "run", template: "contraction", bytes, writes: ["add.1"], bound: "launch" });
    expect([...(found.kernels[0]?.reads ?? [])].sort()).toEqual(["b", "w", "x"]);
  });

  it("assumes 64 for a name that is not bound, and says so", () => {
    const found = explained(linear);
    expect(found.assumed).toEqual({ B: 64 });
    expect(found.bytes.planned).toBe(4 * (64 * 16 + 16 * 32 + 32 + 64 * 32));
  });

  it("counts a product between two products once written and once read", () => {
    const two = (k: number): string => `model Two[B](x: f32[B, ${k}]) -> f32[B, 4] {\n  param w: f32[${k}, 32] = ones\n  param v: f32[32, 4] = ones\n  return (x @ w) @ v\n}`;
    const streamed = explained(two(16), { B: 8 });
    expect(streamed.dispatches).toBe(1);
    expect(streamed.bytes).toEqual({ planned: 4 * (8 * 16 + 16 * 32 + 32 * 4 + 8 * 4), unavoidable: 4 * (8 * 16 + 16 * 32 + 32 * 4 + 8 * 4) });
    const found = explained(two(256), { B: 8 });
    expect(found.dispatches).toBe(2);
    expect(found.bytes.unavoidable).toBe(4 * (8 * 256 + 256 * 32 + 32 * 4 + 8 * 4 + 2 * 8 * 32));
    expect(found.bytes.planned).toBe(found.bytes.unavoidable);
    expect(found.kept).toEqual([{ value: "matmul.1", reason: expect.stringContaining("row exceeds registers"), bytes: 4 * 8 * 32 }]);
  });

  it("counts parameters in the form that the kernels read, and prepare apart", () => {
    const found = explained("model Deferred[B](x: f32[B, 16]) -> f32[B, 32] {\n  param w: f32[16, 32] = ones\n  param g: f32[16] = ones\n  return rms_norm(x, g) @ w\n}", { B: 8 });
    // x, the weights with the gain in them, y.
    expect(found.bytes).toEqual({ planned: 4 * (8 * 16 + 16 * 32 + 8 * 32), unavoidable: 4 * (8 * 16 + 16 * 32 + 8 * 32) });
    expect(found.prepare.map((kernel) => [kernel.phase, kernel.writes])).toEqual([["prepare", ["matmul.1.weight"]]]);
    expect(found.kept.map((kept) => kept.reason)).toEqual(["parameters only: made once, in prepare"]);
  });

  it("does not let a value in memory that need not be there look unavoidable", () => {
    const found = explained("model M[B](x: f32[B, 8]) -> (a: f32[B, 8], b: f32[8, B]) {\n  let y = exp(x)\n  return (y, transpose(y) + 1)\n}", { B: 8 });
    expect(found.bytes.unavoidable).toBe(4 * 3 * 64);
    expect(found.bytes.planned).toBeGreaterThanOrEqual(found.bytes.unavoidable);
  });

  it("lists the plans that were weighed, cheapest first", () => {
    const { alternatives } = explained("model M[B](x: f32[B, 64]) -> f32[B, 64] {\n  param w: f32[64, 64] = ones\n  return layer_norm(x) @ w\n}", { B: 64 });
    expect(alternatives.length).toBeGreaterThan(1);
    expect(alternatives.map((other) => other.microseconds)).toEqual([...alternatives.map((other) => other.microseconds)].sort((a, b) => a - b));
    expect(alternatives.some((other) => other.description.includes("deferred"))).toBe(true);
  });

  it("explains gpujs plans too", () => expect(explained(linear, { B: 8 }, "gpujs")).toMatchObject({ target: "gpujs", dispatches: 1 }));
});
