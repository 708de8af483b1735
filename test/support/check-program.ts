/**
 * Checks one compiled program without a device: kernels are legal and fit, the rewritten program equals the lowered one in
 * float64, and the kernels, run by the interpreter in f32, agree with the reference as far as rounding allows.
 */
import { compileFunction, type Compiled, type KernelTarget, type PlanOptions } from "../../compiler/compile.ts";
import { required } from "../../compiler/errors.ts";
import { evaluateFolds } from "../../compiler/folds/evaluate.ts";
import type { Program } from "../../compiler/folds/node.ts";
import { printProgram } from "../../compiler/folds/print.ts";
import type { Bindings } from "../../compiler/ir/extent.ts";
import type { TensorFunction } from "../../compiler/ir/node.ts";
import { runMemory } from "../../compiler/in-place.ts";
import { countKernel } from "../../compiler/kernel/count.ts";
import { verifyKernel } from "../../compiler/kernel/verify.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { type CostConstants, costPresets } from "../../compiler/target.ts";
import { allowance, disturbedValues, roundingUnit } from "../../compiler/verify/bounds.ts";
import { compareValues } from "../../compiler/verify/compare.ts";
import { runPlan } from "./run-plan.ts";
import { turnsOf } from "../../runtime/extents.ts";
import { hostData, toReference } from "./tensor-function.ts";

export interface Setting {
  readonly title: string;
  readonly target: KernelTarget;
  readonly options: PlanOptions;
}

/** Constants that push the search to its ends: everything in one kernel, everything in memory, recomputation for nothing. */
const extremes: Readonly<Record<string, CostConstants>> = {
  "launches dear": { ...costPresets.gpu, launchMicroseconds: 1e6 },
  "launches free": { ...costPresets.gpu, launchMicroseconds: 0, gigabytesPerSecond: 1e6, gigaflopsPerSecond: 1e-3, parallelWorkgroups: 1 },
  "memory dear": { ...costPresets.software, launchMicroseconds: 0, gigabytesPerSecond: 1e-3, gigaflopsPerSecond: 1e6, cacheGigabytesPerSecond: 1e6, barrierNanoseconds: 0 },
};

export const settings: readonly Setting[] = [
  ...(["wgsl", "gpujs"] as const).flatMap((target) => (["gpu", "software"] as const).map((cost) => ({ title: `${target}, ${cost}`, target, options: { cost } }))),
  { title: "wasm", target: "wasm", options: {} },
  ...Object.entries(extremes).map(([name, cost]): Setting => ({ title: `wgsl, ${name}`, target: "wgsl", options: { cost } })),
  { title: "wgsl, strict, small limits", target: "wgsl", options: { contract: "strict", limits: { storageBuffers: 5, workgroupBytes: 6144, workgroupInvocations: 64 } } },
];

/** Loads, stores and flops that the interpreter manages in about a second; plans that recompute more are not run. */
const interpretedWork = 3e6;

function workOf({ plan }: Compiled, bindings: Bindings): number {
  const counts = plan.kernels.map(({ kernel, repeat }) => countKernel(kernel, { ...turnsOf(repeat, bindings)[0] }));
  return counts.reduce((sum, count) => sum + count.flops + [...count.buffers.values()].reduce((total, buffer) => total + buffer.loads + buffer.stores, 0), 0);
}

/** What is wrong with one program under every setting; empty when nothing is. `seed` chooses the data. */
export function faultsOf(fn: TensorFunction, bindings: Bindings, seed: number, chosen: readonly Setting[] = settings): string[] {
  const { inputs, parameters } = hostData(fn, bindings, seed);
  const reference = evaluate(fn, bindings, toReference(inputs), toReference(parameters));
  const sources = Object.fromEntries(Object.entries({ ...inputs, ...parameters }).map(([name, { data }]) => [name, data]));
  return chosen.flatMap(({ title, target, options }) => {
    const compiled = compileFunction(fn, target, options);
    const { plan, lowered } = compiled;
    const faults = runMemory(plan).kernels.flatMap(({ kernel }) => [
      ...verifyKernel(kernel).violations.map((violation) => `${title}: ${kernel.name}: ${violation.label} ${violation.message}`),
      ...(kernel.buffers.length > plan.target.limits.storageBuffers ? [`${title}: ${kernel.name} binds ${kernel.buffers.length} buffers`] : []),
      ...(verifyKernel(kernel).workgroupBytes > plan.target.limits.workgroupBytes ? [`${title}: ${kernel.name} takes ${verifyKernel(kernel).workgroupBytes} bytes of workgroup memory`] : []),
    ]);
    const results = workOf(compiled, bindings) > interpretedWork ? undefined : runPlan(compiled, bindings, sources);
    const rewritten = evaluateFolds(plan.program, bindings, sources);
    const original = evaluateFolds(lowered, bindings, sources);
    for (const { name, definition } of plan.program.outputs) {
      const { data, shape, dtype } = required(reference[name], "test", name);
      const before = required(lowered.outputs.find((output) => output.name === name), "test", name).definition;
      const moves = (program: Program, output: string, unit: number): Float64Array =>
        allowance(required(evaluateFolds(program, bindings, sources).get(output), "test", output), disturbedValues(program, bindings, sources, unit, seed).map((values) => required(values.get(output), "test", output)), shape);
      const inReals = compareValues(required(rewritten.get(definition), "test", definition), required(original.get(before), "test", before), shape, dtype, { limit: 1e-9, allowance: () => moves(lowered, before, roundingUnit.f64).map((move) => 16 * move) });
      if (inReals?.passed === false) faults.push(`${title}: the rewritten program gives ${inReals.got} instead of ${inReals.want} at ${name}[${inReals.index.join(", ")}] in float64`);
      const inFloats = results && compareValues(required(results[name], "test", name), data, shape, dtype, { allowance: () => moves(lowered, before, roundingUnit.f32) });
      if (inFloats?.passed === false) faults.push(`${title}: the kernels give ${inFloats.got} instead of ${inFloats.want} at ${name}[${inFloats.index.join(", ")}], beyond ${inFloats.bound}`);
    }
    return faults.map((fault) => `${fault}\n${printProgram(plan.program)}`);
  });
}
