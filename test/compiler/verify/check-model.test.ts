/** Faults planted in kernels are found and named; sound plans pass. On the software adapter and on gpu.js. */
import * as gpujs from "gpu.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PlanOptions } from "../../../compiler/index.ts";
import type { CaseGroup } from "../../../compiler/verify/cases.ts";
import { checkModel } from "../../../compiler/verify/check-model.ts";
import { costPresets, defaultLimits } from "../../../compiler/target.ts";
import type { Device } from "../../../runtime/device.ts";
import { openGpuJs } from "../../../runtime/devices/gpujs.ts";
import { openWebGpu } from "../../../runtime/devices/webgpu-node.ts";
import { compileText, dropAccumulation, dropBarrier, type Mutation, plantFault, shortenLoop } from "../../support/plant-fault.ts";

const normThenMatmul = `model Pre[B](x: f32[B, 65]) -> f32[B, 10] {
  param w: f32[65, 10] = glorot_uniform
  param gain: f32[65] = ones
  param bias: f32[65] = zeros
  return layer_norm(x, gain, bias) @ w
}`;
const matmulThenNorm = `model Post[B](x: f32[B, 65]) -> f32[B, 64] {
  param w: f32[65, 64] = glorot_uniform
  return gelu(layer_norm(x @ w))
}`;
const rowSoftmax = "model Soft[B](x: f32[B, 65]) -> f32[B, 65] = softmax(x)";
const layers = `layer Dense[K, N](x: f32[..., K]) -> f32[..., N] {
  param w: f32[K, N] = glorot_uniform
  param gain: f32[N] = ones
  return relu(layer_norm(x @ w, gain))
}
model Deep[B](x: f32[B, 33]) -> f32[B, 10] = x |> Dense[33, 130] |> Dense[130, 131] |> Dense[131, 10]`;

const group: CaseGroup = {
  bindings: { B: 9 },
  cases: [{ inputs: "ordinary", parameters: "initial" }, { inputs: "mean 10000 sigma", parameters: "varied" }, { inputs: "one NaN", parameters: "varied" }],
};

/** Small tiles, whose pipelines are made several times faster on the software adapter, with barriers. */
const smallTiles: PlanOptions = { cost: { ...costPresets.software, barrierNanoseconds: 0.1, parallelWorkgroups: 1 }, limits: { ...defaultLimits, workgroupInvocations: 64 }, assume: { B: 9 } };
/** Whole rows in one workgroup, so that the norm is in the product's kernel. */
const rowTiles: PlanOptions = { cost: { ...costPresets.software, barrierNanoseconds: 19, launchMicroseconds: 5000 }, assume: { B: 9 } };
const optionsOf = (text: string): PlanOptions => (text === rowSoftmax ? {} : text === matmulThenNorm ? rowTiles : smallTiles);

let device: Device;
beforeAll(async () => {
  device = await openWebGpu({ prefer: "swiftshader" });
});
afterAll(() => device.destroy());

const checkText = async (text: string, kernel?: string, mutate?: Mutation) => {
  const [compiled] = compileText(text, "wgsl", optionsOf(text));
  if (!compiled) throw new Error("no model");
  return checkModel(kernel === undefined || !mutate ? compiled : plantFault(compiled, kernel, mutate), device, { groups: [group] });
};

const lastKernel = (text: string): string => compileText(text, "wgsl", optionsOf(text))[0]?.plan.kernels.at(-1)?.name ?? "";

describe("sound plans", () => {
  for (const [name, text] of Object.entries({ normThenMatmul, matmulThenNorm, rowSoftmax, layers }))
    it(`${name} passes`, { timeout: 60_000 }, async () => {
      const checked = await checkText(text);
      expect(checked.rules.passed).toBe(true);
      expect(checked.kernels.filter((kernel) => !kernel.passed)).toEqual([]);
      expect(checked).toMatchObject({ passed: true, cases: 3, first: undefined });
      expect(checked.outputs.worst?.relative).toBeLessThan(1e-5);
    });
});

describe("planted faults", () => {
  const faults: readonly (readonly [string, string, Mutation])[] = [
    ["norm -> matmul, wrong tile bound", normThenMatmul, shortenLoop(1)],
    ["norm -> matmul, a term of the variance dropped", normThenMatmul, dropAccumulation("mean_2_fold")],
    ["norm -> matmul, a term of the mean dropped", normThenMatmul, dropAccumulation("centred")],
    ["norm -> matmul, a barrier dropped", normThenMatmul, dropBarrier(2)],
    ["matmul -> norm -> activation, wrong tile bound", matmulThenNorm, shortenLoop(0)],
    ["matmul -> norm -> activation, a product dropped", matmulThenNorm, dropAccumulation("0_0")],
    ["matmul -> norm -> activation, a barrier dropped", matmulThenNorm, dropBarrier(0)],
    ["softmax, wrong loop bound", rowSoftmax, shortenLoop(1)],
    ["softmax, a term of the sum dropped", rowSoftmax, dropAccumulation("sum_1")],
    ["softmax, a barrier dropped", rowSoftmax, dropBarrier(0)],
  ];
  for (const [name, text, mutate] of faults)
    it(name, { timeout: 60_000 }, async () => {
      const kernel = lastKernel(text);
      const checked = await checkText(text, kernel, mutate);
      expect(checked.passed).toBe(false);
      expect(checked.rules.passed).toBe(true);
      expect(checked.first?.name).toBe(kernel);
      expect(checked.kernels.filter((one) => !one.passed).map((one) => one.name)).toEqual([kernel]);
      expect(checked.first?.fault !== undefined || checked.first?.worst?.passed === false).toBe(true);
      expect(checked.first?.span).toBeDefined();
    });

  it("names the kernel in the middle, not those that its wrong values run through", { timeout: 60_000 }, async () => {
    const [compiled] = compileText(layers, "wgsl", optionsOf(layers));
    if (!compiled) throw new Error("no model");
    const names = compiled.plan.kernels.map((planned) => planned.name);
    expect(names.length).toBeGreaterThan(2);
    const middle = names[1] ?? "";
    const checked = await checkModel(plantFault(compiled, middle, dropAccumulation("0_0")), device, { groups: [group] });
    expect(checked.outputs.passed).toBe(false);
    expect(checked.kernels.filter((one) => !one.passed).map((one) => one.name)).toEqual([middle]);
    expect(checked.first?.worst).toMatchObject({ passed: false, by: "device", input: "ordinary", bindings: { B: 9 } });
  });

  it("in the pivot show on hostile inputs alone", { timeout: 60_000 }, async () => {
    const checked = await checkText(normThenMatmul, lastKernel(normThenMatmul), dropAccumulation("pivot"));
    expect(checked.first?.worst?.input).toContain("mean 10000 sigma");
  });

  it("that make a kernel illegal are reported as such, and the model does not run", { timeout: 60_000 }, async () => {
    const checked = await checkText(rowSoftmax, lastKernel(rowSoftmax), (kernel) => ({ ...kernel, workgroupArrays: [] }));
    expect(checked.first?.fault).toMatch(/k1_div_1 breaks rule/);
    expect(checked.outputs.passed).toBe(false);
  });

  it("in a kernel for GPU.js are found on gpu.js", { timeout: 60_000 }, async () => {
    const cpu = openGpuJs(gpujs, { mode: "cpu" });
    const [compiled] = compileText(rowSoftmax, "gpujs");
    if (!compiled) throw new Error("no model");
    const name = compiled.plan.kernels.at(-1)?.name ?? "";
    expect((await checkModel(compiled, cpu, { groups: [group] })).passed).toBe(true);
    const checked = await checkModel(plantFault(compiled, name, shortenLoop(1)), cpu, { groups: [group] });
    cpu.destroy();
    expect(checked.first?.name).toBe(name);
  });
});

describe("rewrites", () => {
  it("that change the meaning fail in float64, whatever the kernels do", { timeout: 60_000 }, async () => {
    const [compiled] = compileText(normThenMatmul, "wgsl", optionsOf(normThenMatmul));
    if (!compiled) throw new Error("no model");
    const { plan, e } = compiled;
    const definitions = plan.program.definitions.map((definition) =>
      plan.program.outputs.some((output) => output.definition === definition.name) ? { ...definition, body: e.apply("mul", definition.body, e.constant(1 + 1e-7, "f32")) } : definition);
    const checked = await checkModel({ ...compiled, plan: { ...plan, program: { ...plan.program, definitions } } }, device, { groups: [{ ...group, cases: group.cases.slice(0, 1) }] });
    expect(checked.rules.passed).toBe(false);
    expect(checked.rules.worst?.relative).toBeGreaterThan(1e-8);
  });
});
