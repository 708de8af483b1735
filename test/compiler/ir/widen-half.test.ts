/** f16 in a model: the kernels are valid WGSL with their feature named, and the same text compiled with f32 in its place runs anywhere. */
import { describe, expect, it } from "vitest";
import { checkSource, compileModel, evaluateReference, sourceFile, type TensorFunction } from "../../../compiler/index.ts";
import { functionNodes } from "../../../compiler/ir/traverse.ts";
import { widenHalf } from "../../../compiler/ir/widen-half.ts";
import { openWebGpu } from "../../../runtime/devices/webgpu-node.ts";
import { load } from "../../../runtime/index.ts";
import { initialParameters } from "../../../runtime/initialise.ts";
import { sampleNumbers } from "../../support/sample-artifacts.ts";
import { runPlan } from "../../support/run-plan.ts";
import { validateWgsl } from "../../support/validate-wgsl.ts";

const text = `model Half[B](x: f16[B, 24], scale: f32[16]) -> (y: f16[B, 16], sums: f32[B], rounded: f32[B, 16]) {
  param w: f16[24, 16] = glorot_uniform
  let h = cast(x, f32)
  let d = h - mean(h, axis = -1, keep = true)
  let y = relu(cast(d * rsqrt(mean(d * d, axis = -1, keep = true) + 1e-5), f16) @ w)
  return (y, sum(cast(y, f32), axis = -1), cast(cast(y, f16), f32) * scale)
}

model Single(x: f32[3]) -> f32[3] = x + 1
`;
const { models, diagnostics } = checkSource(sourceFile("half.nf", text));
const model = (name: string): TensorFunction => {
  const found = models.find((each) => each.name === name);
  if (!found) throw new Error(JSON.stringify(diagnostics.map(({ message }) => message)));
  return found;
};
const rows = 5;
const inputs = { x: { dtype: "f16" as const, shape: [rows, 24], data: sampleNumbers(rows * 24, 1) }, scale: { dtype: "f32" as const, shape: [16], data: sampleNumbers(16, 2) } };

function expected(parameters: Readonly<Record<string, { readonly data: ArrayLike<number> }>>): Record<string, Float64Array> {
  const wide = (values: Readonly<Record<string, { readonly data: ArrayLike<number> }>>): Parameters<typeof evaluateReference>[2] =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { dtype: "f32", shape: [], ...value, data: Float64Array.from(value.data) }]));
  return Object.fromEntries(Object.entries(evaluateReference(model("Half"), { B: rows }, wide(inputs), wide(parameters))).map(([name, { data }]) => [name, Float64Array.from(data)]));
}

const largestError = (got: ArrayLike<number>, want: Float64Array): number => Math.max(...want.map((value, i) => Math.abs(value - (got[i] ?? Number.NaN))));

describe("f16, native", () => {
  const compiled = compileModel(model("Half"), "wgsl");

  it("gives WGSL that enables f16 and validates", async () => {
    const { kernels } = compiled.artifact;
    expect(kernels.some(({ code }) => code.startsWith("enable f16;"))).toBe(true);
    for (const { code, name } of kernels) expect(await validateWgsl(code), name).toEqual([]);
  });

  it("computes in f32 and rounds what it stores: kernels on the interpreter against float64", () => {
    const parameters = initialParameters(compiled.artifact, 1);
    const got = runPlan(compiled, { B: rows }, { x: inputs.x.data, scale: inputs.scale.data, w: parameters["w"]?.data ?? new Float32Array() });
    const want = expected(parameters);
    expect(largestError(got["y"] ?? [], want["y"] ?? new Float64Array())).toBeLessThan(2e-2);
    expect(largestError(got["sums"] ?? [], want["sums"] ?? new Float64Array())).toBeLessThan(1e-1);
  });

  it("runs where the adapter has shader-f16; elsewhere load() names the feature and what to do", async () => {
    const device = await openWebGpu();
    const parameters = initialParameters(compiled.artifact, 1);
    if (device.gpu.features.has("shader-f16")) {
      const program = await load(compiled.artifact, device);
      await program.prepare(parameters);
      const { outputs } = await program.run(inputs);
      expect(largestError(outputs["y"]?.data ?? [], expected(parameters)["y"] ?? new Float64Array())).toBeLessThan(2e-2);
    } else
      await expect(load(compiled.artifact, device)).rejects.toMatchObject({ code: "device-unavailable", message: expect.stringMatching(/^Kernel '\w+' needs the feature shader-f16, which this device lacks\. Build the model with f16 as f32 \(--f16 as-f32; option f16: "as-f32" of the plugin\)/) });
    device.destroy();
  });
});

describe("f16 as f32", () => {
  it("leaves a model without f16 as it is, and no f16 in one with it", () => {
    expect(widenHalf(model("Single"))).toBe(model("Single"));
    const widened = widenHalf(model("Half"));
    expect(functionNodes(widened).map(({ type }) => type.dtype)).not.toContain("f16");
    expect(functionNodes(widened).filter(({ op }) => op === "cast")).toEqual([]);
    expect(widened.inputs.map(({ name, node }) => [name, node.type.dtype])).toEqual([["x", "f32"], ["scale", "f32"]]);
  });

  it("runs on a device without the feature, in full precision", async () => {
    const { artifact, fn } = compileModel(model("Half"), "wgsl", { f16: "as-f32" });
    expect(artifact.kernels.filter(({ code }) => code.includes("f16"))).toEqual([]);
    expect(fn.outputs.map(({ node }) => node.type.dtype)).toEqual(["f32", "f32", "f32"]);
    const device = await openWebGpu();
    const program = await load(artifact, device);
    const parameters = initialParameters(artifact, 1);
    await program.prepare(parameters);
    const { outputs } = await program.run({ x: inputs.x.data, scale: inputs.scale });
    const want = expected(parameters);
    for (const name of ["y", "sums", "rounded"]) expect(largestError(outputs[name]?.data ?? [], want[name] ?? new Float64Array()), name).toBeLessThan(1e-5);
    expect(outputs["y"]?.dtype).toBe("f32");
    device.destroy();
  });
});
