/**
 * Plans whose results take the place of values that nothing needs any more: by how much the memory of a run falls, that the
 * numbers stay those of the reference, and what is never overwritten.
 */
import { describe, expect, it } from "vitest";
import { compileFunction, type Compiled, type PlanOptions } from "../../compiler/compile.ts";
import { required } from "../../compiler/errors.ts";
import { runMemory } from "../../compiler/in-place.ts";
import type { Bindings } from "../../compiler/ir/extent.ts";
import type { TensorFunction } from "../../compiler/ir/node.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { type ExplainedMemory, explainMemory } from "../../compiler/report/memory.ts";
import { compareValues } from "../../compiler/verify/compare.ts";
import { modelOf } from "../support/fold-programs.ts";
import { runPlan } from "../support/run-plan.ts";
import { hostData, toReference } from "../support/tensor-function.ts";

const block = `layer Block[D, H](x: f32[..., D]) -> f32[..., D] {
  param gain: f32[D] = ones
  param w: f32[D, H] = glorot_uniform
  param v: f32[H, D] = glorot_uniform
  return x + gelu(rms_norm(x, gain) @ w) @ v
}
`;

/** `D`: width. */
const chain = (D: number): string => `${block}model Net[B](x: f32[B, ${D / 4}]) -> f32[B, 8] {
  param e: f32[${D / 4}, ${D}] = glorot_uniform
  param w: f32[${D}, 8] = glorot_uniform
  return (x @ e |> Block[${D}, ${2 * D}] |> Block[${D}, ${2 * D}] |> Block[${D}, ${2 * D}]) @ w
}`;

const perceptron = (D: number): string => `${block}model Net[B](x: f32[B, ${D / 4}]) -> f32[B, ${D}] {
  param e: f32[${D / 4}, ${D}] = glorot_uniform
  return x @ e |> Block[${D}, ${4 * D}]
}`;

const transformer = (D: number): string => `${block}layer Attention[D, H](x: f32[B, T, D]) -> f32[B, T, D] where D % H == 0 {
  param wq: f32[D, D] = glorot_uniform
  param wk: f32[D, D] = glorot_uniform
  param wv: f32[D, D] = glorot_uniform
  param wo: f32[D, D] = glorot_uniform
  let n = layer_norm(x)
  let (q, k, v) = (split_heads[H](n @ wq), split_heads[H](n @ wk), split_heads[H](n @ wv))
  return x + merge_heads(attention(q, k, v)) @ wo
}
model Net[B, T](x: f32[B, T, ${D / 4}]) -> f32[B, T, ${D}] {
  param e: f32[${D / 4}, ${D}] = glorot_uniform
  return x @ e |> Attention[${D}, 4] |> Block[${D}, ${4 * D}]
}`;

function tensorsOf(fn: TensorFunction, bindings: Bindings): Parameters<typeof runPlan>[2] {
  const { inputs, parameters } = hostData(fn, bindings);
  return Object.fromEntries(Object.entries({ ...inputs, ...parameters }).map(([name, { data }]) => [name, data]));
}

function expectReference(compiled: Compiled, bindings: Bindings): void {
  const { inputs, parameters } = hostData(compiled.fn, bindings);
  const want = evaluate(compiled.fn, bindings, toReference(inputs), toReference(parameters));
  const got = runPlan(compiled, bindings, tensorsOf(compiled.fn, bindings));
  // The same kernels, with the same values in other places: not a bit may differ.
  const apart = runPlan({ ...compiled, plan: { ...compiled.plan, memory: "separate" } }, bindings, tensorsOf(compiled.fn, bindings));
  expect(got).toEqual(apart);
  for (const { name } of compiled.fn.outputs) {
    const { data, shape, dtype } = required(want[name], "test", name);
    expect(compareValues(required(got[name], "test", name), data, shape, dtype), name).toMatchObject({ passed: true });
  }
}

const memoryOf = (text: string, target: "wgsl" | "wasm" | "gpujs", assume: Bindings, options: PlanOptions = {}): ExplainedMemory =>
  explainMemory(compileFunction(modelOf(text), target, { assume, ...options }).plan, assume);

/** unit: bytes */
const width = 4 * 256;

describe("the memory of a run", () => {
  it.each([
    // At the end of a block: the wide product, what the block adds to, and until now the sum.
    { title: "a chain of residual blocks", text: chain, bind: { B: 128 }, row: 128, wgsl: [4, 3], wasm: 3 },
    { title: "a perceptron with a residual", text: perceptron, bind: { B: 128 }, row: 128, wgsl: [6, 5], wasm: 5 },
    { title: "a transformer block", text: transformer, bind: { B: 1, T: 128 }, row: 128, wgsl: [7.03, 6.05], wasm: 6 },
  ])("falls for $title", ({ text, bind, row, wgsl, wasm }) => {
    const rows = (bytes: number): number => Math.round((100 * bytes) / (row * width)) / 100;
    const found = (target: "wgsl" | "wasm"): readonly [number, number] => {
      const { apart, peak } = memoryOf(text(256), target, bind);
      return [rows(apart), rows(peak)];
    };
    expect(found("wgsl")).toEqual(wgsl);
    const [apart, peak] = found("wasm");
    expect(peak).toBe(wasm);
    // At least the sum; where a norm's product is stored before its statistics are applied, that as well.
    expect(apart).toBeGreaterThanOrEqual(peak + 1);
    expect(memoryOf(text(256), "wgsl", bind, { memory: "separate" })).toMatchObject({ inPlace: [], peak: memoryOf(text(256), "wgsl", bind).apart });
  });

  it.each([["a chain", chain, { B: 5 }], ["a perceptron", perceptron, { B: 3 }], ["a transformer block", transformer, { B: 2, T: 3 }]] as const)("holds the values of the reference all the same: %s", (_, text, bind) => {
    for (const target of ["wgsl", "wasm"] as const) {
      const compiled = compileFunction(modelOf(text(32)), target);
      expect(runMemory(compiled.plan).overwritten.length, target).toBeGreaterThan(0);
      expectReference(compiled, bind);
    }
  });
});

describe("a value is overwritten", () => {
  const overwritten = (text: string, options: PlanOptions = {}, target: "wgsl" | "wasm" | "gpujs" = "wgsl"): (readonly [string, string])[] =>
    runMemory(compileFunction(modelOf(text), target, options).plan).overwritten.map(({ value, by }) => [value, by] as const);
  const separately: PlanOptions = { fusion: "none" };

  it("by an output, and in a chain by what overwrites that", () => {
    const text = "model M[B](x: f32[B, 8]) -> f32[B, 8] = exp(abs(sqrt(x)))";
    expect(overwritten(text, separately)).toEqual([["sqrt.1", "abs.1"], ["abs.1", "exp.1"]]);
    const { artifact } = compileFunction(modelOf(text), "wgsl", separately);
    expect(artifact.buffers.map(({ name, role }) => [name, role])).toEqual([["x", "input"], ["output", "output"]]);
    expect(artifact.run.map(({ buffers }) => buffers)).toEqual([["x", "output"], ["output"], ["output"]]);
    expectReference(compileFunction(modelOf(text), "wgsl", separately), { B: 3 });
  });

  // Each op is a kernel of its own, so that every value is in memory. What may be overwritten of the same model stands beside.
  it.each([
    ["an input", "model M[B](x: f32[B, 8]) -> f32[B, 8] = exp(x)", []],
    ["a parameter", "model M(x: f32[8]) -> f32[8] {\n  param w: f32[8] = ones\n  return exp(w) + sqrt(x)\n}", [["sqrt.1", "add.1"]]],
    ["an output of the model", "model M[B](x: f32[B, 8]) -> (a: f32[B, 8], b: f32[B, 8]) {\n  let a = sqrt(x)\n  return (a, exp(a))\n}", []],
    ["what a later kernel reads", "model M[B](x: f32[B, 8]) -> f32[B, 8] {\n  let a = sqrt(x)\n  return exp(a) * a\n}", [["exp.1", "mul.1"]]],
    ["a value of another type", "model M[B](x: f32[B, 8]) -> i32[B, 8] = cast(sqrt(x), i32)", []],
    ["what is read transposed", "model M(x: f32[8, 8]) -> f32[8, 8] {\n  let a = sqrt(x)\n  return transpose(a, [1, 0]) + 1\n}", []],
    ["what is read shifted", "model M(x: f32[8]) -> f32[8] {\n  let a = sqrt(x)\n  return concat(a[1:], a[:1], axis = 0) + 1\n}", [["concat.1", "add.1"]]],
    ["the operand of a product", "model M[B](x: f32[B, 128]) -> f32[B, 128] {\n  param w: f32[128, 128] = ones\n  return sqrt(x) @ w\n}", []],
    ["what is broadcast", "model M[B](x: f32[B, 8]) -> f32[B, 8] = x + sqrt(x[:, :1])", []],
  ] as const)("never: %s", (_, text, wanted) => {
    expect(overwritten(text, separately)).toEqual(wanted);
    const { fn } = compileFunction(modelOf(text), "wgsl", separately);
    expectReference(compileFunction(modelOf(text), "wgsl", separately), Object.fromEntries(fn.extents.map((name) => [name, 3])));
  });

  it.each([-1, 0])("by its softmax over axis %i: a workgroup has the row, or the column, to itself", (axis) => {
    const text = `model M(x: f32[64, 64], w: f32[64, 4096], v: f32[4096, 64]) -> f32[64, 64] = softmax((x @ w) @ v / 64, axis = ${axis})`;
    expect(overwritten(text).map(([value]) => value)).toEqual(["matmul.2"]);
    expectReference(compileFunction(modelOf(text.replaceAll("4096", "8")), "wgsl", separately), {});
  });

  it("by nothing on GPU.js, whose kernels have one output that they cannot read", () => {
    expect(overwritten("model M[B](x: f32[B, 8]) -> f32[B, 8] = exp(abs(sqrt(x)))", separately, "gpujs")).toEqual([]);
  });

  it("by nothing if values are to be apart", () => {
    expect(overwritten("model M[B](x: f32[B, 8]) -> f32[B, 8] = exp(abs(sqrt(x)))", { ...separately, memory: "separate" })).toEqual([]);
  });
});

describe("a kernel that parts of a model share", () => {
  // The first block adds to an input, which is never overwritten; the others to a value in between.
  const blocks = (after: string): string => `${block}model Net[B](x: f32[B, 256]) -> f32[B, 8] {
  param w: f32[256, 8] = glorot_uniform
  return (x |> ${Array.from({ length: 4 }, () => "Block[256, 512]").join(" |> ")}) @ w${after}
}`;
  const options = { assume: { B: 128 } };
  const inMemory = (text: string): { readonly texts: number; readonly more: number; readonly saved: number } => {
    const [together, apart] = (["in-place", "separate"] as const).map((memory) => compileFunction(modelOf(text), "wgsl", { ...options, memory }));
    const texts = together?.artifact.kernels.length ?? 0;
    const memory = explainMemory(required(together, "test", "plan").plan, { B: 128 });
    return { texts, more: texts - (apart?.artifact.kernels.length ?? 0), saved: memory.apart - memory.peak };
  };

  it("stays one if a second text would save nothing: the input's own buffer is free after the first block", () => {
    expect(inMemory(blocks(""))).toMatchObject({ more: 0, saved: 0 });
  });

  it("gets a second text if the memory of a run falls by it", () => {
    expect(inMemory(blocks(" + x[:, :8]"))).toMatchObject({ more: 1, saved: 128 * width });
  });
});
