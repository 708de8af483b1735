/**
 * From a checked entry point to a plan and an artifact, stage by stage. Start reading here: everything before is front end
 * (syntax/, check/), everything after is runtime. Pure: no file, no device, no clock.
 */
import { type Artifact, artifactVersion, type ArtifactKernel, type BufferSpec, type Dispatch, type ExtentExpression } from "../runtime/artifact.ts";
import { artifactKernel, type KernelTarget, noPlaces, type Place, type Places } from "./backends/artifact-kernel.ts";
import { required } from "./errors.ts";
import { Expressions } from "./folds/expression.ts";
import { lowerToFolds } from "./folds/lower.ts";
import type { Program } from "./folds/node.ts";
import type { CostContext, RegionCost, Tile } from "./fusion/cost.ts";
import { bySubject, derivationOf } from "./fusion/derivation.ts";
import type { PlacedRegion } from "./fusion/evaluate-placement.ts";
import { packColumns, packPanels } from "./fusion/pack-operands.ts";
import { fuse } from "./fusion/fuse.ts";
import type { Placement } from "./fusion/place.ts";
import { refusedRecurrences, slowRecurrences } from "./fusion/fuse-sequence.ts";
import type { FuseOptions } from "./fusion/fuse-segment.ts";
import { firstStepOf, type Region } from "./fusion/region.ts";
import { runMemory } from "./in-place.ts";
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

export type { KernelTarget };

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
  /** `one-kernel`: all steps of a scan in one kernel where that can be; `unrolled`: written out step by step. What costs less when left out. */
  readonly scans?: "one-kernel" | "unrolled";
  /** Steps of a scan in one dispatch; as many as take about a second at most when left out. */
  readonly stepsAtOnce?: number;
  /** `also`: WGSL kernels that merge numbers over a workgroup have a second text for devices with subgroups. `none`: one text. `also` when left out. */
  readonly subgroups?: "also" | "none";
  /** `in-place`: a result may overwrite a value that nothing needs after it, where the kernel's accesses allow it. `separate`: a buffer of its own for each. `in-place` when left out. */
  readonly memory?: "in-place" | "separate";
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
  const e = new Expressions();
  const { fn, lowered } = lowerScans(e, options.f16 === "as-f32" ? widenHalf(given) : given, name, options);
  const plan = planProgram(e, lowered, name, options);
  return { e, fn, lowered, plan, artifact: assemble(fn, plan, name, options.sourceOf) };
}

/** Scans become recurrences where these are kernels of the target, and are written out step by step elsewhere. */
function lowerScans(e: Expressions, given: TensorFunction, name: KernelTarget, options: PlanOptions): Pick<Compiled, "fn" | "lowered"> {
  const lower = (fn: TensorFunction): Program => lowerToFolds(fn, e);
  const everywhere = name === "gpujs" ? "GPU.js has no kernel that walks all steps" : options.fusion === "none" ? "each op is a kernel of its own" : options.scans === "unrolled" ? "asked for" : undefined;
  // A scan in the body of another one is written out.
  const fn = unrollScans(given, (_, around) => everywhere ?? (around.size > 0 ? "it stands in the body of another scan" : undefined));
  const lowered = lower(fn);
  const context = { target: makeTarget(name, options.cost, options.limits), assume: options.assume ?? {}, tensorOf: tensorsOf(lowered) };
  const refused = refusedRecurrences(e, lowered, context);
  if (options.scans === undefined) for (const [scan, reason] of slowRecurrences(e, lowered, context, (program) => fuse(e, program, fuseOptions(e, name, options)).placement)) refused.set(scan, reason);
  if (refused.size === 0) return { fn, lowered };
  const rest = unrollScans(fn, (scan) => refused.get(`scan${scan}`));
  return { fn: rest, lowered: lower(rest) };
}

/** Types of sources and definitions by name. */
function tensorsOf(program: Program): (tensor: string) => TensorType {
  const types = new Map<string, TensorType>(program.sources.map((source) => [source.name, source.type]));
  for (const definition of program.definitions) types.set(definition.name, { dtype: definition.dtype, shape: definition.box.map((range) => range.extent) });
  return (tensor) => required(types.get(tensor), "plan", `type of '${tensor}'`);
}

function fuseOptions(e: Expressions, name: KernelTarget, options: PlanOptions): FuseOptions {
  const target = makeTarget(name, options.cost, options.limits);
  return {
    contract: options.contract ?? "reassociate",
    fusion: options.fusion ?? "all",
    ...(options.stepsAtOnce === undefined ? {} : { stepsAtOnce: options.stepsAtOnce }),
    templates: name === "gpujs" ? "thread" : "workgroup",
    context: (program): CostContext => ({ target, assume: options.assume ?? {}, tensorOf: tensorsOf(program) }),
    lanes: (program) => (region) => lanesOf(e, region, tensorsOf(program)),
  };
}

function planProgram(e: Expressions, lowered: Program, name: KernelTarget, options: PlanOptions): Plan {
  const target = makeTarget(name, options.cost, options.limits);
  const fused = fuse(e, lowered, fuseOptions(e, name, options));
  const placement = packed(e, fused.placement, name, { target, assume: options.assume ?? {}, tensorOf: tensorsOf(fused.placement.program) }, options);
  const tensorOf = tensorsOf(placement.program);
  const partial = new Set(placement.program.definitions.filter((definition) => definition.partial !== undefined).map((definition) => definition.name));
  const scheduled = new Map<PlacedRegion, BoundKernel>();
  const chosen = new Map<PlacedRegion, RegionCost>();
  const tunedCost = ({ region, cost }: PlacedRegion, tile: Tile | undefined): RegionCost => {
    const lanes = region.template === "contraction" ? lanesOf(e, region, tensorOf) : 1;
    return tile && tile.template === cost.tile.template && tileFits(region, tile, lanes, target.limits) ? { ...cost, tile } : cost;
  };
  const applied = bySubject([...fused.applications, ...(placement.applications ?? [])]);
  const kernels = placement.regions.map((placed, i): PlannedKernel => {
    // A product that emits partial statistics of its tiles gives the kernel its name.
    const main = placed.roots.filter((root) => !partial.has(root)).at(-1) ?? "";
    const kernelName = `k${i + 1}_${main.replace(/[^A-Za-z0-9]+/g, "_")}`;
    // Equal parts of a model share their kernels.
    const twin = placed.twin && scheduled.get(placed.twin.of);
    const costs = chosen.get(placed.twin?.of ?? placed) ?? tunedCost(placed, options.tiles?.[kernelName]);
    chosen.set(placed, costs);
    const bound = placed.twin && twin ? { ...twin, tensors: twin.tensors.map(placed.twin.name) } : scheduleRegion(e, placed.region, costs.tile, kernelName, tensorOf, name === "wgsl" && options.subgroups !== "none");
    scheduled.set(placed, bound);
    return { name: kernelName, phase: placed.phase, region: placed.region, cost: costs, ...bound, derivation: derivationOf(placed.region, applied), ...repeatOf(placed.region, costs.tile) };
  });
  const phaseOf = new Map(placement.regions.flatMap((placed) => placed.roots.map((root) => [root, placed.phase] as const)));
  const kept = [...placement.reasons].map(([value, reason]): KeptValue => ({
    value, type: tensorOf(value), reason,
    phase: phaseOf.get(value) ?? "run",
  }));
  return { target, program: placement.program, kernels, kept, memory: options.memory ?? "in-place", assume: options.assume ?? {}, microseconds: placement.microseconds, alternatives: fused.alternatives };
}

/** Weights as the target's products read them best; as they are where each op is a kernel of its own. */
function packed(e: Expressions, placement: Placement, name: KernelTarget, context: CostContext, { fusion }: PlanOptions): Placement {
  if (name === "wasm") return packPanels(e, placement, context);
  if (name !== "wgsl" || fusion === "none") return placement;
  return packColumns(e, placement, context, ({ tensorOf }) => (region) => lanesOf(e, region, tensorOf));
}

/** A recurrence that takes too long for one dispatch is dispatched for so many steps at a time. */
function repeatOf(region: Region, tile: Tile): Pick<PlannedKernel, "repeat"> {
  if (region.template !== "sequence" || tile.template !== "sequence" || tile.tile.steps === undefined) return {};
  return { repeat: { extent: firstStepOf(region.recurrence), by: tile.tile.steps, below: extentTree(region.recurrence.step.extent) } };
}

/** The artifact: signature, buffers, kernels, and the two plans that refer to them. A plan may come with other kernels than planned. */
export function assemble(fn: TensorFunction, plan: Plan, name: KernelTarget, sourceOf?: SourceOf): Artifact {
  const memory = runMemory(plan);
  const overwritten = new Set(memory.overwritten.map(({ value }) => value));
  const given = new Set(plan.program.sources.map((source) => source.name));
  /** An output may have the name of an input, as the states of a step have; its buffer then has another. */
  const outputBuffer = (output: string): string => (given.has(output) ? `output ${output}` : output);
  const outputOf = new Map(plan.program.outputs.map((output) => [output.definition, outputBuffer(output.name)]));
  const spec = (type: TensorType): { dtype: TensorType["dtype"]; shape: readonly ExtentExpression[] } => ({ dtype: type.dtype, shape: type.shape.map(extentTree) });
  const bufferName = (tensor: string): string => outputOf.get(tensor) ?? tensor;
  const length = (type: TensorType): ExtentExpression => extentTree(productOfExtents(type.shape));
  const buffers: BufferSpec[] = [
    ...plan.program.sources.map((source): BufferSpec => ({ name: source.name, role: source.role, dtype: source.type.dtype, length: length(source.type) })),
    ...plan.program.outputs.map((output): BufferSpec => ({ name: outputBuffer(output.name), role: "output", dtype: output.type.dtype, length: length(output.type) })),
    ...plan.kept.filter(({ value }) => !overwritten.has(value)).map((value): BufferSpec => ({ name: value.value, role: value.phase === "prepare" ? "prepared" : "temporary", dtype: value.type.dtype, length: length(value.type) })),
  ];
  const numbers = new Map<Kernel, number>();
  const kernels: ArtifactKernel[] = [];
  for (const [i, planned] of memory.kernels.entries()) {
    if (numbers.has(planned.kernel)) continue;
    numbers.set(planned.kernel, kernels.length);
    // What a kernel stores has its place under its own name, not under that of what overwrites it later.
    kernels.push(artifactKernel(planned, name, sourceOf ? placesOf(plan.kernels[i] ?? planned, sourceOf) : noPlaces));
  }
  const dispatches = memory.kernels.map((planned) => {
    const dispatch: Dispatch = { kernel: numbers.get(planned.kernel) ?? 0, buffers: inBindingOrder(planned, name).map(bufferName), grid: planned.kernel.grid, ...(planned.repeat ? { repeat: planned.repeat } : {}) };
    return { planned, dispatch };
  });
  const phase = (wanted: "prepare" | "run"): Dispatch[] => dispatches.filter(({ planned }) => planned.phase === wanted).map((each) => each.dispatch);
  return {
    version: artifactVersion, model: fn.name, doc: fn.doc, target: name, extents: fn.extents,
    inputs: fn.inputs.map((leaf) => ({ name: leaf.name, ...spec(leaf.node.type) })),
    parameters: fn.parameters.map((leaf) => ({ name: leaf.path, ...spec(leaf.node.type), initialiser: leaf.initialiser })),
    outputs: fn.outputs.map(({ name: output, node }) => ({ name: output, ...spec(node.type), ...(given.has(output) ? { buffer: outputBuffer(output) } : {}) })),
    buffers, kernels, prepare: phase("prepare"), run: phase("run"),
  };
}

/** The tensors of a kernel as its dispatch lists them. wgsl, wasm: as declared. gpujs: arguments first, the output last. */
export function inBindingOrder(planned: PlannedKernel, name: KernelTarget): string[] {
  if (name !== "gpujs") return [...planned.tensors];
  const written = planned.kernel.buffers.map((buffer) => buffer.access === "write");
  return [...planned.tensors.filter((_, i) => !written[i]), ...planned.tensors.filter((_, i) => written[i])];
}

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
