/**
 * The memory of one run as data: pieces of device memory with the values that take turns in them, as the runtime will lay them
 * out for these extents. The plan itself is made in runtime/plan-memory.ts; which results overwrite values, in ../in-place.ts. Flow: plan -> here -> explain.ts.
 */
import { lifetimesOf, type Lifetime, planMemory, type Slot } from "../../runtime/plan-memory.ts";
import { buffersOfRun, type Overwritten, runMemory } from "../in-place.ts";
import type { Bindings } from "../ir/extent.ts";
import type { Plan, PlannedKernel } from "../plan.ts";
import { bytesOf } from "./unavoidable.ts";

export interface ExplainedSlot {
  /** unit: bytes */
  readonly bytes: number;
  /** In the order of time. `from` and `to`: places of kernels in the run; -1 and null: before and after it. */
  readonly values: readonly { readonly value: string; readonly bytes: number; readonly from: number; readonly to: number | null }[];
}

export interface ExplainedMemory {
  /** Inputs, outputs and values in between, of one run. wgsl: all slots; gpujs: what is alive at once at most. unit: bytes */
  readonly peak: number;
  /** `peak` of the same plan if no result overwrote a value. unit: bytes */
  readonly apart: number;
  /** The same with a buffer for each value. unit: bytes */
  readonly separate: number;
  /** What is alive at once at most: no plan needs less. unit: bytes */
  readonly least: number;
  /** Parameters that kernels read and what prepare makes of them: as long as the program lives. unit: bytes */
  readonly lasting: number;
  /** GPU.js frees each texture after its last use and has no slots. */
  readonly slots: readonly ExplainedSlot[];
  /** Values that the result of a kernel overwrites: both have the name of the result. In the order of the kernels. */
  readonly inPlace: readonly (Overwritten & { readonly bytes: number })[];
}

export function explainMemory(plan: Plan, bindings: Bindings): ExplainedMemory {
  const { kernels, overwritten } = runMemory(plan);
  const used = new Set(plan.kernels.flatMap((kernel) => kernel.tensors));
  const bytes = (type: Parameters<typeof bytesOf>[0]): number => bytesOf(type, bindings);
  const lifetimesIn = (all: readonly PlannedKernel[]): Lifetime[] =>
    lifetimesOf(buffersOfRun(plan, all, bytes), all.filter(({ phase }) => phase === "run").map(({ tensors }) => tensors));
  const [lifetimes, apart] = [lifetimesIn(kernels), lifetimesIn(plan.kernels)];
  const slots = planMemory(lifetimes);
  const least = leastBytes(lifetimes);
  const hasSlots = plan.target.name !== "gpujs";
  const sizes = (all: readonly Slot[]): number => total(all.map((slot) => slot.bytes));
  const sizeOf = new Map(apart.map((lifetime) => [lifetime.name, lifetime.bytes]));
  return {
    peak: hasSlots ? sizes(slots) : least,
    apart: hasSlots ? sizes(planMemory(apart)) : leastBytes(apart),
    separate: total(apart.map((lifetime) => lifetime.bytes)),
    least,
    lasting: total([
      ...plan.program.sources.filter((source) => source.role === "parameter" && used.has(source.name)).map((source) => bytes(source.type)),
      ...plan.kept.filter((value) => value.phase === "prepare").map((value) => bytes(value.type)),
    ]),
    slots: hasSlots ? slots.map((slot) => ({ bytes: slot.bytes, values: [...slot.lifetimes].sort((a, b) => a.first - b.first).map(shown) })) : [],
    inPlace: overwritten.map((each) => ({ ...each, bytes: sizeOf.get(each.value) ?? 0 })),
  };
}

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const shown = ({ name, bytes, first, last }: Lifetime): ExplainedSlot["values"][number] => ({ value: name, bytes, from: first, to: Number.isFinite(last) ? last : null });

/** unit: bytes */
function leastBytes(lifetimes: readonly Lifetime[]): number {
  const alive = (dispatch: number): number => total(lifetimes.filter(({ first, last }) => first <= dispatch && dispatch <= last).map(({ bytes }) => bytes));
  return Math.max(0, ...[...new Set(lifetimes.map(({ first }) => first))].map(alive));
}
