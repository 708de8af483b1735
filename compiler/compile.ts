/**
 * From a checked entry point to a plan and an artifact, stage by stage. Start reading here: everything before is front end
 * (syntax/, check/), everything after is runtime. Pure: no file, no device, no clock.
 */
import { type Artifact, artifactVersion, type ArtifactKernel, type BufferSpec, type Dispatch, type ExtentExpression } from "../runtime/artifact.ts";
import { base64 } from "./backends/base64.ts";
import { emitGpuJs } from "./backends/gpujs/emit.ts";
import { emitWasm, usesFma } from "./backends/wasm/emit.ts";
import { emitWgsl } from "./backends/wgsl/emit.ts";
import { required } from "./errors.ts";
import { Expressions } from "./folds/expression.ts";
import { lowerToFolds } from "./folds/lower.ts";
import type { Program } from "./folds/node.ts";
import type { CostContext, RegionCost, Tile } from "./fusion/cost.ts";
import { bySubject, derivationOf } from "./fusion/derivation.ts";
import type { PlacedRegion } from "./fusion/evaluate-placement.ts";
import { packOperands } from "./fusion/pack-operands.ts";
import { fuse } from "./fusion/fuse.ts";
import type { Contract } from "./fusion/rules/rule.ts";
import { type Bindings, extentTree, productOfExtents } from "./ir/extent.ts";
import type { Origin, TensorFunction } from "./ir/node.ts";
import type { TensorType } from "./ir/types.ts";
import { widenHalf } from "./ir/widen-half.ts";
import { unrollScans } from "./passes/unroll-scans.ts";
import type { Kernel } from "./kernel/node.ts";
import { librarySources } from "./library/sources.ts";
import { type KeptValue, originsOf, type Plan, type PlannedKernel } from "./plan.ts";
import type { BoundKernel } from "./schedule/kernel-writer.ts";
import { lanesOf, scheduleRegion } from "./schedule/schedule-region.ts";
import { tileFits } from "./schedule/tile-fits.ts";
import { positionOf, type SourceFile, sourceFile } from "./source/source-file.ts";
import type { CostConstants, CostPreset, Limits } from "./target.ts";
import { target as makeTarget } from "./target.ts";

export type KernelTarget = "wgsl" | "gpujs" | "wasm";

export interface PlanOptions {
  readonly contract?: Contract;
  /** `none`: each op is a kernel of its own and its result is in memory, to compare with. `all` when left out. */
  readonly fusion?: "all" | "none";
  readonly cost?: CostPreset | CostConstants;
  readonly limits?: Limits;
  /** Tiles in the place of those that the cost model chooses, for kernels of these names, where they fit. */
  readonly tiles?: TileTable;
  /** Lengths to plan with for names that the host binds later; 64 each otherwise. */
  readonly assume?: Bindings;
  /** `as-f32`: f32 in the place of f16, for devices without `shader-f16`. `native` when left out. */
  readonly f16?: "native" | "as-f32";
  /** With it, kernels carry the places in the source that they compute: in comments, and for errors at run time. */
  readonly sourceOf?: SourceOf;
}

/** Tiles by the name of the kernel, as a tuner found them. */
export type TileTable = Readonly<Record<string, Tile>>;

/** A user's source file by the path that it was checked under, with the path to be shown; undefined when it is not known. */
export type SourceOf = (path: string) => SourceFile | undefined;

export interface Compiled {
  /** The table that the plan's expressions are interned in. */
  readonly e: Expressions;
  readonly fn: TensorFunction;
  /** The program before fusion: one definition a node. */
  readonly lowered: Program;
  readonly plan: Plan;
  readonly artifact: Artifact;
}

export function compileFunction(given: TensorFunction, name: KernelTarget, options: PlanOptions = {}): Compiled {
  const fn = unrollScans(options.f16 === "as-f32" ? widenHalf(given) : given);
  const e = new Expressions();
  const lowered = lowerToFolds(fn, e);
  const plan = planProgram(e, lowered, name, options);
  return { e, fn, lowered, plan, artifact: assemble(fn, plan, name, options.sourceOf) };
}

function planProgram(e: Expressions, lowered: Program, name: KernelTarget, options: PlanOptions): Plan {
  const target = makeTarget(name, options.cost, options.limits);
  const tensorsOf = (program: Program): ((tensor: string) => TensorType) => {
    const types = new Map<string, TensorType>(program.sources.map((source) => [source.name, source.type]));
    for (const definition of program.definitions) types.set(definition.name, { dtype: definition.dtype, shape: definition.box.map((range) => range.extent) });
    return (tensor) => required(types.get(tensor), "plan", `type of '${tensor}'`);
  };
  const fused = fuse(e, lowered, {
    contract: options.contract ?? "reassociate",
    fusion: options.fusion ?? "all",
    templates: name === "gpujs" ? "thread" : "workgroup",
    context: (program): CostContext => ({ target, assume: options.assume ?? {}, tensorOf: tensorsOf(program) }),
    lanes: (program) => (region) => lanesOf(e, region, tensorsOf(program)),
  });
  // Processors read the right operand in panels; GPUs stage it in workgroup memory.
  const placement = name === "wasm" ? packOperands(e, fused.placement, { target, assume: options.assume ?? {}, tensorOf: tensorsOf(fused.placement.program) }) : fused.placement;
  const tensorOf = tensorsOf(placement.program);
  const partial = new Set(placement.program.definitions.filter((definition) => definition.partial !== undefined).map((definition) => definition.name));
  const scheduled = new Map<PlacedRegion, BoundKernel>();
  const chosen = new Map<PlacedRegion, RegionCost>();
  const tunedCost = ({ region, cost }: PlacedRegion, tile: Tile | undefined): RegionCost => {
    const lanes = region.template === "contraction" ? lanesOf(e, region, tensorOf) : 1;
    return tile && tile.template === cost.tile.template && tileFits(region, tile, lanes, target.limits) ? { ...cost, tile } : cost;
  };
  const applied = bySubject(fused.applications);
  const kernels = placement.regions.map((placed, i): PlannedKernel => {
    // A product that emits partial statistics of its tiles gives the kernel its name.
    const main = placed.roots.filter((root) => !partial.has(root)).at(-1) ?? "";
    const kernelName = `k${i + 1}_${main.replace(/[^A-Za-z0-9]+/g, "_")}`;
    // Equal parts of a model share their kernels.
    const twin = placed.twin && scheduled.get(placed.twin.of);
    const costs = chosen.get(placed.twin?.of ?? placed) ?? tunedCost(placed, options.tiles?.[kernelName]);
    chosen.set(placed, costs);
    const bound = placed.twin && twin ? { kernel: twin.kernel, tensors: twin.tensors.map(placed.twin.name) } : scheduleRegion(e, placed.region, costs.tile, kernelName, tensorOf);
    scheduled.set(placed, bound);
    return { name: kernelName, phase: placed.phase, region: placed.region, cost: costs, kernel: bound.kernel, tensors: bound.tensors, derivation: derivationOf(placed.region, applied) };
  });
  const phaseOf = new Map(placement.regions.flatMap((placed) => placed.roots.map((root) => [root, placed.phase] as const)));
  const kept = [...placement.reasons].map(([value, reason]): KeptValue => ({
    value, type: tensorOf(value), reason,
    phase: phaseOf.get(value) ?? "run",
  }));
  return { target, program: placement.program, kernels, kept, microseconds: placement.microseconds, alternatives: fused.alternatives };
}

/** The artifact: signature, buffers, kernels, and the two plans that refer to them. A plan may come with other kernels than planned. */
export function assemble(fn: TensorFunction, plan: Plan, name: KernelTarget, sourceOf?: SourceOf): Artifact {
  const outputOf = new Map(plan.program.outputs.map((output) => [output.definition, output.name]));
  const spec = (type: TensorType): { dtype: TensorType["dtype"]; shape: readonly ExtentExpression[] } => ({ dtype: type.dtype, shape: type.shape.map(extentTree) });
  const bufferName = (tensor: string): string => outputOf.get(tensor) ?? tensor;
  const length = (type: TensorType): ExtentExpression => extentTree(productOfExtents(type.shape));
  const buffers: BufferSpec[] = [
    ...plan.program.sources.map((source): BufferSpec => ({ name: source.name, role: source.role, dtype: source.type.dtype, length: length(source.type) })),
    ...plan.program.outputs.map((output): BufferSpec => ({ name: output.name, role: "output", dtype: output.type.dtype, length: length(output.type) })),
    ...plan.kept.map((value): BufferSpec => ({ name: value.value, role: value.phase === "prepare" ? "prepared" : "temporary", dtype: value.type.dtype, length: length(value.type) })),
  ];
  const numbers = new Map<Kernel, number>();
  const kernels: ArtifactKernel[] = [];
  for (const planned of plan.kernels) {
    if (numbers.has(planned.kernel)) continue;
    numbers.set(planned.kernel, kernels.length);
    kernels.push(artifactKernel(planned.kernel, name, sourceOf ? placesOf(planned, sourceOf) : noPlaces));
  }
  const dispatches = plan.kernels.map((planned) => {
    const dispatch: Dispatch = { kernel: numbers.get(planned.kernel) ?? 0, buffers: inBindingOrder(planned, name).map(bufferName), grid: planned.kernel.grid };
    return { planned, dispatch };
  });
  const phase = (wanted: "prepare" | "run"): Dispatch[] => dispatches.filter(({ planned }) => planned.phase === wanted).map((each) => each.dispatch);
  return {
    version: artifactVersion, model: fn.name, doc: fn.doc, target: name, extents: fn.extents,
    inputs: fn.inputs.map((leaf) => ({ name: leaf.name, ...spec(leaf.node.type) })),
    parameters: fn.parameters.map((leaf) => ({ name: leaf.path, ...spec(leaf.node.type), initialiser: leaf.initialiser })),
    outputs: fn.outputs.map((output) => ({ name: output.name, ...spec(output.node.type) })),
    buffers, kernels, prepare: phase("prepare"), run: phase("run"),
  };
}

/** The tensors of a kernel as its dispatch lists them. wgsl, wasm: as declared. gpujs: arguments first, the output last. */
export function inBindingOrder(planned: PlannedKernel, name: KernelTarget): string[] {
  if (name !== "gpujs") return [...planned.tensors];
  const written = planned.kernel.buffers.map((buffer) => buffer.access === "write");
  return [...planned.tensors.filter((_, i) => !written[i]), ...planned.tensors.filter((_, i) => written[i])];
}

/** Places in the source: of a whole kernel, and of what it stores to a buffer, by the buffer's name. */
interface Places {
  readonly all: readonly Place[];
  readonly ofBuffer: ReadonlyMap<string, string>;
}

interface Place {
  /** `net.nf:4:10` */
  readonly at: string;
  /** The place and the line of text. */
  readonly note: string;
}

const noPlaces: Places = { all: [], ofBuffer: new Map() };

function placesOf(planned: PlannedKernel, sourceOf: SourceOf): Places {
  const placeOf = (origin: Origin): Place[] => {
    const library = librarySources.find(({ path }) => path === origin.path);
    const file = library ? sourceFile(library.path, library.text) : sourceOf(origin.path);
    if (!file) return [];
    const { line, column } = positionOf(file, origin.start);
    const text = file.text.slice(file.lineStarts[line - 1], file.lineStarts[line]).trim();
    const at = `${file.path}:${line}:${column}`;
    return [{ at, note: `${at}: ${text}` }];
  };
  const all = originsOf(planned).flatMap(placeOf);
  const stored = planned.region.outputs.flatMap(({ definition }): (readonly [string, string])[] => {
    const buffer = planned.kernel.buffers[planned.tensors.indexOf(definition.name)]?.name;
    const [place] = definition.origin ? placeOf(definition.origin) : [];
    return buffer !== undefined && place ? [[buffer, place.note]] : [];
  });
  return { all: [...new Map(all.map((place) => [place.note.replace(/:\d+: /, " "), place])).values()], ofBuffer: new Map(stored) };
}

export const artifactKernel = (kernel: Kernel, name: KernelTarget, places: Places = noPlaces): ArtifactKernel => ({
  ...bodyOf[name](kernel, places),
  ...(places.all.length > 0 ? { places: places.all.map(({ at }) => at) } : {}),
});

function wgslKernel(kernel: Kernel, places: Places): ArtifactKernel {
  return {
    kind: "wgsl", name: kernel.name, code: emitWgsl(kernel, { head: places.all.map(({ note }) => note), ofBuffer: places.ofBuffer }), entryPoint: "main",
    bindings: kernel.buffers.map((buffer) => ({ name: buffer.name, access: buffer.access })), extents: kernel.extents,
  };
}

function wasmKernel(kernel: Kernel): ArtifactKernel {
  const plain = emitWasm(kernel, { relaxed: false });
  return {
    kind: "wasm", name: kernel.name, code: base64(plain.bytes), sharedAt: plain.sharedAt, scratchBytes: plain.scratchBytes,
    ...(usesFma(kernel) ? { relaxedCode: base64(emitWasm(kernel, { relaxed: true }).bytes) } : {}),
    bindings: kernel.buffers.map((buffer) => ({ name: buffer.name, access: buffer.access })), extents: kernel.extents,
  };
}

const bodyOf: Readonly<Record<KernelTarget, (kernel: Kernel, places: Places) => ArtifactKernel>> = { wgsl: wgslKernel, gpujs: gpuJsKernel, wasm: wasmKernel };

function gpuJsKernel(kernel: Kernel): ArtifactKernel {
  return {
    kind: "gpujs", name: kernel.name, code: emitGpuJs(kernel),
    arguments: kernel.buffers.filter((buffer) => buffer.access === "read").map((buffer) => ({ name: buffer.name, columns: buffer.columns ?? buffer.length, length: buffer.length })),
    output: [kernel.grid[0], kernel.grid[1]], extents: kernel.extents,
  };
}
