/**
 * Partial results of all lanes merged by a subgroup, for devices that have them: two barriers in the place of a tree's three, and
 * a few steps where the tree has sixteen. Right for subgroups of any size and any members, full or not. Flow: merge-across.ts -> here.
 *
 * The lanes have put their partial results in workgroup memory. After a barrier the subgroup that invocation 0 is in merges them:
 * its n-th invocation takes the n-th one and every size-th one after it, then all of its invocations merge what they have. Only
 * invocation 0 writes the total, so that all invocations read the same bits, whatever the other subgroups look like.
 */
import type { Monoid } from "../folds/node.ts";
import * as k from "../kernel/build.ts";
import type { Expression, SubgroupOperation, ValueType } from "../kernel/node.ts";
import type { KernelWriter, SubgroupWalk } from "./kernel-writer.ts";
import { identityOf, merge } from "./statistics.ts";

/** `undefined`: no operation of subgroups; a tree it is. */
const operationOf: Readonly<Record<Monoid, SubgroupOperation | undefined>> = { sum: "subgroup_add", product: undefined, max: "subgroup_max", min: "subgroup_min" };

/** One fold whose partial results stand in workgroup memory. */
export interface SharedPart {
  readonly monoid: Monoid;
  readonly type: ValueType;
  readonly read: (row: Expression, lane: Expression) => Expression;
  /** In one invocation: the row's total. */
  readonly finish: (row: Expression, value: Expression) => void;
}

/** Fewer lanes are merged by two barriers of a tree too, with less arithmetic. */
const fewLanes = 8;

/** One subgroup merges every row: with more of them a tree, whose rows are merged side by side, is sooner done. */
const manyRows = 8;

/** Whether subgroups can and should merge this. */
export const fitsSubgroups = (monoids: readonly Monoid[], rowCount: number, lanes: number): boolean =>
  lanes > fewLanes && rowCount <= manyRows && monoids.every((monoid) => operationOf[monoid] !== undefined);

/** Emitted once a kernel, before its first merge and outside of loops: which part of the work is the own one. */
export function emitWalk(writer: KernelWriter): SubgroupWalk {
  const place = writer.let("place", k.subgroup("subgroup_exclusive_add", k.int(1)));
  const members = writer.let("members", k.subgroup("subgroup_add", k.int(1)));
  const lowest = writer.let("lowest", k.subgroup("subgroup_min", k.builtin("thread")));
  return { place, members, leads: k.eq(lowest, k.int(0)) };
}

/** Begins and ends with a barrier. In uniform control flow. */
export function mergeBySubgroups(writer: KernelWriter, { place, members, leads }: SubgroupWalk, rowCount: number, lanes: number, parts: readonly SharedPart[]): void {
  const rows = Array.from({ length: rowCount }, (_, row) => k.int(row));
  writer.barrier();
  const sums = parts.map(({ monoid, type }) => {
    const identity = identityOf(monoid, type.scalar);
    return rows.map(() => writer.variable("sum", k.splat(identity, type.lanes)));
  });
  const end = writer.let("end", k.select(leads, k.int(lanes), k.int(0)));
  writer.for("at", place, end, members, (at) => {
    parts.forEach(({ monoid, read }, i) => rows.forEach((row, r) => {
      const sum = sums[i]?.[r];
      sum?.assign(merge(monoid, sum.ref, read(row, at)));
    }));
  });
  const totals = parts.map(({ monoid }, i) => (sums[i] ?? []).map(({ ref }) => writer.let("total", k.subgroup(operationOf[monoid] ?? "subgroup_add", ref))));
  writer.if(k.eq(k.builtin("thread"), k.int(0)), () => parts.forEach(({ finish }, i) => rows.forEach((row, r) => finish(row, totals[i]?.[r] as Expression))));
  writer.barrier();
}
