/** Norms on rows that hurt, at sizes around every tile, on every backend: where other systems return NaN or noise. */
import * as gpujs from "gpu.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileModel, evaluateReference, checkSource, sourceFile } from "../../../compiler/index.ts";
import type { CaseGroup } from "../../../compiler/verify/cases.ts";
import { checkModel } from "../../../compiler/verify/check-model.ts";
import { inputKinds } from "../../../compiler/verify/inputs.ts";
import type { Device } from "../../../runtime/device.ts";
import { openGpuJs } from "../../../runtime/devices/gpujs.ts";
import { openWebGpu, provideNavigatorGpu } from "../../../runtime/devices/webgpu-node.ts";
import { load } from "../../../runtime/index.ts";
import { compileText } from "../../support/plant-fault.ts";

const devices = new Map<string, Device>();
beforeAll(async () => {
  devices.set("webgpu", await openWebGpu({ prefer: "swiftshader" }));
  await provideNavigatorGpu({ prefer: "swiftshader" });
  for (const mode of ["cpu", "webasm", "webgpu"] as const) devices.set(`gpujs ${mode}`, openGpuJs(gpujs, { mode }));
});
afterAll(() => {
  for (const device of devices.values()) device.destroy();
});

const deviceOf = (name: string): Device => {
  const device = devices.get(name);
  if (!device) throw new Error(`no device ${name}`);
  return device;
};

const norms: Readonly<Record<string, (n: number) => string>> = {
  layer_norm: (n) => `model M[B](x: f32[B, ${n}]) -> f32[B, ${n}] {\n  param gain: f32[${n}] = ones\n  param bias: f32[${n}] = zeros\n  return layer_norm(x, gain, bias)\n}`,
  rms_norm: (n) => `model M[B](x: f32[B, ${n}]) -> f32[B, ${n}] = rms_norm(x)`,
  softmax: (n) => `model M[B](x: f32[B, ${n}]) -> f32[B, ${n}] = softmax(x)`,
  "own norm": (n) => `fn own(x: f32[..., N]) -> f32[..., N] {\n  let m = sum(x, axis = -1, keep = true) / N\n  let d = x - m\n  return d / sqrt(sum(d * d, axis = -1, keep = true) / N + 1e-5)\n}\nmodel M[B](x: f32[B, ${n}]) -> f32[B, ${n}] = own(x)`,
};

const group: CaseGroup = { bindings: { B: 4 }, cases: inputKinds.map((inputs) => ({ inputs, parameters: "varied" })) };

describe.each(["webgpu", "gpujs cpu"])("%s", (name) => {
  for (const n of [1, 3, 63, 64, 65, 1000])
    it(`norms of ${n} elements keep to the contract`, { timeout: 120_000 }, async () => {
      const device = deviceOf(name);
      for (const [norm, text] of Object.entries(norms)) {
        const [compiled] = compileText(text(n), device.target);
        if (!compiled) throw new Error("no model");
        const checked = await checkModel(compiled, device, { groups: [group] });
        expect({ norm, first: checked.first, outputs: checked.outputs.passed ? "passed" : checked.outputs, rules: checked.rules.passed }).toEqual({ norm, first: undefined, outputs: "passed", rules: true });
        // On exact inputs no norm needs more than the contract, whatever the mean of the row.
        if (norm !== "own norm") expect(checked.outputs.largest, norm).toBeLessThan(1e-5);
      }
    });
});

describe("layer_norm of a row with a large mean", () => {
  const expected = [-1.3416354199, -0.4472118066, 0.4472118066, 1.3416354199];
  const text = "model M[B](x: f32[B, 4]) -> f32[B, 4] = layer_norm(x)";
  const x = { dtype: "f32" as const, shape: [2, 4], data: Float32Array.of(4000, 4001, 4002, 4003, 40000, 40001, 40002, 40003) };
  const isClose = (values: ArrayLike<number>): void => Array.from(values).forEach((value, i) => expect(Math.abs(value - (expected[i % 4] ?? Number.NaN)), `element ${i}: ${value}`).toBeLessThan(1e-6));

  it("is right in the reference", () => {
    const [model] = checkSource(sourceFile("test.nf", text)).models;
    if (!model) throw new Error("no model");
    isClose(evaluateReference(model, { B: 2 }, { x: { ...x, data: Float64Array.from(x.data) } }, {})["output"]?.data ?? []);
  });

  it.each(["webgpu", "gpujs cpu", "gpujs webasm", "gpujs webgpu"])("is right on %s", { timeout: 60_000 }, async (name) => {
    const device = deviceOf(name);
    const [model] = checkSource(sourceFile("test.nf", text)).models;
    if (!model) throw new Error("no model");
    const program = await load(compileModel(model, device.target).artifact, device);
    isClose((await program.run({ x })).outputs["output"]?.data ?? []);
    program.dispose();
  });
});
