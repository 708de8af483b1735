/** One kernel by itself, in the interpreter and on the software adapter: same values, faults as data. */
import { expect, it } from "vitest";
import { expectKernels, kernelProgram } from "../../../compiler/verify/expected-kernels.ts";
import { interpretKernel, kernelArtifact, LoadedKernel } from "../../../compiler/verify/run-kernel.ts";
import { openWebGpu } from "../../../runtime/devices/webgpu-node.ts";
import { compileText, dropBarrier, plantFault } from "../../support/plant-fault.ts";

const text = "model M[B](x: f32[B, 140]) -> f32[B, 140] {\n  param w: f32[140, 140] = glorot_uniform\n  return softmax(x @ w) @ w\n}";

const compiledOf = () => {
  const [compiled] = compileText(text, "wgsl");
  if (!compiled) throw new Error("no model");
  return compiled;
};

const sources = { x: Float32Array.from({ length: 3 * 140 }, (_, i) => Math.sin(i)), w: Float32Array.from({ length: 19_600 }, (_, i) => Math.cos(i * i)) };

it("runs every kernel of a plan from the exact values of those before it", { timeout: 60_000 }, async () => {
  const { plan } = compiledOf();
  const device = await openWebGpu({ prefer: "swiftshader" });
  const expectations = expectKernels(plan, { B: 3 }, sources, 1);
  expect(plan.kernels.length).toBeGreaterThan(1);
  for (const [i, planned] of plan.kernels.entries()) {
    const expectation = expectations[i];
    if (!expectation) throw new Error("no expectation");
    const loaded = await LoadedKernel.load(planned, device);
    for (const outcome of [await loaded.run(expectation.operands, { B: 3 }), interpretKernel(planned, expectation.operands, { B: 3 })]) {
      if ("fault" in outcome) throw new Error(outcome.fault);
      for (const [name, { want }] of expectation.stored) {
        const got = outcome.values.get(name);
        expect(got?.length).toBe(want.length);
        expect(Math.max(...Array.from(want, (value, at) => Math.abs(value - (got?.[at] ?? Number.NaN))))).toBeLessThan(1e-5);
      }
    }
    loaded.dispose();
  }
  device.destroy();
});

it("cuts the program at what a kernel reads", () => {
  const { plan } = compiledOf();
  const last = plan.kernels.at(-1);
  if (!last) throw new Error("no kernel");
  const program = kernelProgram(plan, last);
  expect(program.definitions.length).toBeLessThan(plan.program.definitions.length);
  expect(program.sources.map((source) => source.name).sort()).toEqual([...new Set(last.tensors.filter((_, i) => last.kernel.buffers[i]?.access === "read"))].sort());
});

it("reports a race as a fault", () => {
  const compiled = compiledOf();
  const name = compiled.plan.kernels[0]?.name ?? "";
  const planned = plantFault(compiled, name, dropBarrier(0)).plan.kernels[0];
  if (!planned) throw new Error("no kernel");
  const [expectation] = expectKernels(compiled.plan, { B: 3 }, sources, 1);
  expect(interpretKernel(planned, expectation?.operands ?? new Map(), { B: 3 })).toMatchObject({ fault: expect.stringMatching(/race|barrier/) });
});

it("makes an artifact whose operands are inputs", () => {
  const planned = compiledOf().plan.kernels[0];
  if (!planned) throw new Error("no kernel");
  const artifact = kernelArtifact(planned, "wgsl");
  expect(artifact).toMatchObject({ model: planned.name, parameters: [], prepare: [], run: [{ kernel: 0, buffers: planned.tensors }] });
  expect([...artifact.inputs, ...artifact.outputs].map((spec) => spec.name).sort()).toEqual([...planned.tensors].sort());
});
