/**
 * From a checked entry point to a plan and an artifact, stage by stage. Start reading here: everything before is front end
 * (syntax/, check/), everything after is runtime. Pure: no file, no device, no clock.
 */
import { type Artifact, artifactVersion, type ArtifactKernel, type BufferSpec, type Dispatch, type ExtentExpression } from "../runtime/artifact.ts";
import { emitGpuJs } from "./backends/gpujs/emit.ts";
import { emitWgsl } from "./backends/wgsl/emit.ts";
import { required } from "./errors.ts";
import { Expressions } from "./folds/expression.ts";
import { lowerToFolds } from "./folds/lower.ts";
import type { Program } from "./folds/node.ts";
import type { CostContext } from "./fusion/cost.ts";
import { derivationOf } from "./fusion/derivation.ts";
import { fuse } from "./fusion/fuse.ts";
import type { Contract } from "./fusion/rules/rule.ts";
import { type Bindings, extentTree, productOfExtents } from "./ir/extent.ts";
import type { TensorFunction } from "./ir/node.ts";
import type { TensorType } from "./ir/types.ts";
import type { Kernel } from "./kernel/node.ts";
import type { KeptValue, Plan, PlannedKernel } from "./plan.ts";
import { lanesOf, scheduleRegion } from "./schedule/schedule-region.ts";
import type { CostConstants, CostPreset, Limits } from "./target.ts";
import { target as makeTarget } from "./target.ts";

export type KernelTarget = "wgsl" | "gpujs";

export interface PlanOptions {
  readonly contract?: Contract;
  readonly cost?: CostPreset | CostConstants;
  readonly limits?: Limits;
  /** Lengths to plan with for names that the host binds later; 64 each otherwise. */
  readonly assume?: Bindings;
}

export interface Compiled {
  /** The table that the plan's expressions are interned in. */
  readonly e: Expressions;
  readonly fn: TensorFunction;
  /** The program before fusion: one definition a node. */
  readonly lowered: Program;
  readonly plan: Plan;
  readonly artifact: Artifact;
}

export function compileFunction(fn: TensorFunction, name: KernelTarget, options: PlanOptions = {}): Compiled {
  const e = new Expressions();
  const lowered = lowerToFolds(fn, e);
  const plan = planProgram(e, lowered, name, options);
  return { e, fn, lowered, plan, artifact: assemble(fn, plan, name) };
}

function planProgram(e: Expressions, lowered: Program, name: KernelTarget, options: PlanOptions): Plan {
  const target = makeTarget(name, options.cost ?? "gpu", options.limits);
  const tensorsOf = (program: Program): ((tensor: string) => TensorType) => {
    const types = new Map<string, TensorType>(program.sources.map((source) => [source.name, source.type]));
    for (const definition of program.definitions) types.set(definition.name, { dtype: definition.dtype, shape: definition.box.map((range) => range.extent) });
    return (tensor) => required(types.get(tensor), "plan", `type of '${tensor}'`);
  };
  const fused = fuse(e, lowered, {
    contract: options.contract ?? "reassociate",
    templates: name === "gpujs" ? "thread" : "workgroup",
    context: (program): CostContext => ({ target, assume: options.assume ?? {}, tensorOf: tensorsOf(program) }),
    lanes: (program) => (region) => lanesOf(e, region, tensorsOf(program)),
  });
  const { placement } = fused;
  const tensorOf = tensorsOf(placement.program);
  const isPartial = (root: string): boolean => placement.program.definitions.some((definition) => definition.name === root && definition.partial !== undefined);
  const kernels = placement.regions.map((placed, i): PlannedKernel => {
    // A product that emits partial statistics of its tiles gives the kernel its name.
    const main = placed.roots.filter((root) => !isPartial(root)).at(-1) ?? "";
    const kernelName = `k${i + 1}_${main.replace(/[^A-Za-z0-9]+/g, "_")}`;
    const bound = scheduleRegion(e, placed.region, placed.cost.tile, kernelName, tensorOf);
    return { name: kernelName, phase: placed.phase, region: placed.region, cost: placed.cost, kernel: bound.kernel, tensors: bound.tensors, derivation: derivationOf(placed.region, fused.applications) };
  });
  const kept = [...placement.reasons].map(([value, reason]): KeptValue => ({
    value, type: tensorOf(value), reason,
    phase: placement.regions.find((placed) => placed.roots.includes(value))?.phase ?? "run",
  }));
  return { target, program: placement.program, kernels, kept, microseconds: placement.microseconds, alternatives: fused.alternatives };
}

/** The artifact: signature, buffers, kernels, and the two plans that refer to them. A plan may come with other kernels than planned. */
export function assemble(fn: TensorFunction, plan: Plan, name: KernelTarget): Artifact {
  const outputOf = new Map(plan.program.outputs.map((output) => [output.definition, output.name]));
  const spec = (type: TensorType): { dtype: TensorType["dtype"]; shape: readonly ExtentExpression[] } => ({ dtype: type.dtype, shape: type.shape.map(extentTree) });
  const bufferName = (tensor: string): string => outputOf.get(tensor) ?? tensor;
  const length = (type: TensorType): ExtentExpression => extentTree(productOfExtents(type.shape));
  const buffers: BufferSpec[] = [
    ...plan.program.sources.map((source): BufferSpec => ({ name: source.name, role: source.role, dtype: source.type.dtype, length: length(source.type) })),
    ...plan.program.outputs.map((output): BufferSpec => ({ name: output.name, role: "output", dtype: output.type.dtype, length: length(output.type) })),
    ...plan.kept.map((value): BufferSpec => ({ name: value.value, role: value.phase === "prepare" ? "prepared" : "temporary", dtype: value.type.dtype, length: length(value.type) })),
  ];
  const kernels = plan.kernels.map(({ kernel }) => artifactKernel(kernel, name));
  const dispatch = (planned: PlannedKernel, kernel: number): Dispatch => ({
    kernel, buffers: inBindingOrder(planned, name).map(bufferName), grid: planned.kernel.grid,
  });
  const dispatches = plan.kernels.map((planned, i) => ({ planned, dispatch: dispatch(planned, i) }));
  const phase = (wanted: "prepare" | "run"): Dispatch[] => dispatches.filter(({ planned }) => planned.phase === wanted).map((each) => each.dispatch);
  return {
    version: artifactVersion, model: fn.name, doc: fn.doc, target: name, extents: fn.extents,
    inputs: fn.inputs.map((leaf) => ({ name: leaf.name, ...spec(leaf.node.type) })),
    parameters: fn.parameters.map((leaf) => ({ name: leaf.path, ...spec(leaf.node.type), initialiser: leaf.initialiser })),
    outputs: fn.outputs.map((output) => ({ name: output.name, ...spec(output.node.type) })),
    buffers, kernels, prepare: phase("prepare"), run: phase("run"),
  };
}

/** The tensors of a kernel as its dispatch lists them. wgsl: as declared. gpujs: arguments first, the output last. */
export function inBindingOrder(planned: PlannedKernel, name: KernelTarget): string[] {
  if (name === "wgsl") return [...planned.tensors];
  const written = planned.kernel.buffers.map((buffer) => buffer.access === "write");
  return [...planned.tensors.filter((_, i) => !written[i]), ...planned.tensors.filter((_, i) => written[i])];
}

export const artifactKernel = (kernel: Kernel, name: KernelTarget): ArtifactKernel => (name === "wgsl" ? wgslKernel(kernel) : gpuJsKernel(kernel));

function wgslKernel(kernel: Kernel): ArtifactKernel {
  return {
    kind: "wgsl", name: kernel.name, code: emitWgsl(kernel), entryPoint: "main",
    bindings: kernel.buffers.map((buffer) => ({ name: buffer.name, access: buffer.access })), extents: kernel.extents,
  };
}

function gpuJsKernel(kernel: Kernel): ArtifactKernel {
  return {
    kind: "gpujs", name: kernel.name, code: emitGpuJs(kernel),
    arguments: kernel.buffers.filter((buffer) => buffer.access === "read").map((buffer) => ({ name: buffer.name, columns: buffer.columns ?? buffer.length, length: buffer.length })),
    output: [kernel.grid[0], kernel.grid[1]], extents: kernel.extents,
  };
}
