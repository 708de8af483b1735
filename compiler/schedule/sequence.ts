/**
 * Template "sequence": a workgroup takes its rows through all steps of a recurrence in one kernel. What is carried and what a
 * step makes stays in registers or workgroup memory; weights are read again in every step, everything else once. Rows run
 * over the lanes of vectors where there are enough of them. Flow: schedule-region.ts -> here -> sequence-stages.ts.
 */
import { required } from "../errors.ts";
import type { Expr } from "../folds/expression.ts";
import { productOfExtents, symbolExtent } from "../ir/extent.ts";
import { firstStepOf, type SequenceRegion } from "../fusion/region.ts";
import { flattenIndex, unflattenIndex } from "../folds/index-arithmetic.ts";
import * as k from "../kernel/build.ts";
import type { ValueType } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import { emitElement, emitStore } from "./element.ts";
import type { BoundKernel, KernelWriter } from "./kernel-writer.ts";
import { lastPart } from "./row-folds.ts";
import { linearGrid } from "./rows.ts";
import { flattenSequence, groupsOf, layoutOf } from "./sequence-layout.ts";
import { emitStages } from "./sequence-stages.ts";
import { forColumns, forRowGroups, homeValue, inLanes, lanesOf, rowIndex, scopeAt, type SequenceState, setHome } from "./sequence-state.ts";
import { emitWalk, fitsSubgroups } from "./subgroup-merge.ts";
import type { SequenceTile } from "./tile.ts";

export function scheduleSequence(writer: KernelWriter, region: SequenceRegion, tile: SequenceTile, name: string): BoundKernel {
  const { e } = writer;
  const flat = flattenSequence(e, region.recurrence, region.shape, tile.rows);
  const layout = layoutOf(e, flat, tile);
  const { grid, group } = linearGrid(flat.row.extent, tile.rows);
  const thread = tile.threads === 1 ? k.int(0) : writer.let("thread", k.builtin("thread"));
  const firstRow = writer.let("first_row", k.mul(group, k.int(tile.rows)));
  const groups = tile.rows / tile.rowLanes;
  const arrays = new Map<string, { readonly name: string; readonly type: ValueType }>();
  for (const [value, home] of layout.homes) {
    if (layout.inPlace.has(value)) continue;
    const { width, definition } = flat.values.get(value) as NonNullable<ReturnType<typeof flat.values.get>>;
    const type: ValueType = { scalar: definition.dtype, lanes: tile.rowLanes };
    if (home === "workgroup") arrays.set(value, { name: writer.workgroupArray(lastPart(value), type, width * groups), type });
    else {
      const array = writer.unique(lastPart(value));
      writer.add(s.array(array, type, Math.ceil(width / (tile.threads * tile.columnLanes)) * tile.columnLanes * groups));
      arrays.set(value, { name: array, type });
    }
  }
  for (const [next, carry] of layout.inPlace) arrays.set(next, arrays.get(carry) as { name: string; type: ValueType });
  const lengthOf = (value: string): number => flat.values.get(value)?.width ?? 1;
  const outputs = new Map<string, { readonly tensor: string; readonly width: number }[]>();
  for (const { definition } of region.outputs) {
    const result = definition.recurrence && region.recurrence.results[definition.recurrence.result];
    if (result?.kind === "stack") outputs.set(result.value, [...(outputs.get(result.value) ?? []), { tensor: definition.name, width: lengthOf(result.value) }]);
  }
  const parts = Array.from({ length: layout.parts }, (_, i) => writer.workgroupArray(`parts_${i}`, { scalar: "f32", lanes: tile.rowLanes }, tile.threads * groups));
  const state: SequenceState = {
    writer, flat, layout, tile, groups, thread, firstRow, arrays, panels: region.panels, parts, outputs, step: undefined, written: new Set(), read: new Set(),
  };
  const steps = writer.extent(region.recurrence.step.extent);
  const first = tile.steps === undefined ? k.int(0) : writer.let("first_step", writer.extent(symbolExtent(firstStepOf(region.recurrence))));
  const start = (from: (carry: (typeof flat.carries)[number]) => Expr): void => {
    for (const each of flat.carries) {
      const { carry, column } = each;
      if (!arrays.has(carry.name)) continue;
      forRowGroups(state, (rowGroup) =>
        forColumns(state, carry.width, (element) => setHome(state, carry.name, element, rowGroup, inLanes(emitElement(scopeAt(state, rowGroup, element, column), from(each)), lanesOf(state, element)))),
      );
    }
  };
  writer.comment(tile.steps === undefined ? "what is carried before the first step" : "what is carried before the first step of this dispatch");
  if (tile.steps === undefined) start(({ initial }) => initial);
  else {
    const stored = new Map(region.outputs.flatMap(({ definition }) => {
      const result = definition.recurrence && region.recurrence.results[definition.recurrence.result];
      return result?.kind === "carry" ? [[result.carry, definition] as const] : [];
    }));
    for (const { name } of stored.values()) writer.writes(name);
    const before = (carry: (typeof flat.carries)[number]): Expr => {
      const { name, dtype } = required(stored.get(carry.carry.name), "schedule", carry.carry.name);
      const extents = [flat.row.extent, productOfExtents(carry.carry.columns.map((range) => range.extent))];
      const { shape } = writer.tensor(name);
      return e.load(name, unflattenIndex(e, flattenIndex(e, [rowIndex(state), e.index(carry.column)], extents), shape), dtype);
    };
    writer.add(s.when(k.eq(first, k.int(0)), writer.block(() => start(({ initial }) => initial)), writer.block(() => start(before))));
  }
  const end = tile.steps === undefined ? steps : writer.let("end_step", k.min(k.add(first, k.int(tile.steps)), steps));
  prepareMerges(state);
  writer.for("t", first, end, k.int(1), (t) => {
    const inside: SequenceState = { ...state, step: t, written: new Set(), read: new Set() };
    if (tile.threads > 1) writer.barrier();
    for (const stages of groupsOf(flat.stages)) emitStages(inside, stages);
    commit(inside);
  });
  emitCarries(state, region);
  return writer.finish({ name, mode: "workgroup", workgroupSize: tile.threads, grid });
}

/** What merges by subgroups need is found out once, not in every step. */
function prepareMerges({ writer, flat, tile, groups }: SequenceState): void {
  const merges = flat.stages.some(({ stage: { manner, definition } }) => manner === "shared" && definition.fold && fitsSubgroups([definition.fold.monoid], groups, tile.threads));
  if (merges) writer.walkOfSubgroups(emitWalk);
}

/** Carries whose place was still needed get their next values. */
function commit(state: SequenceState): void {
  const { writer, flat, layout, arrays } = state;
  for (const { carry } of flat.carries) {
    if (layout.inPlace.has(carry.next)) continue;
    if (!arrays.has(carry.next) || !arrays.has(carry.name)) continue;
    if (state.tile.threads > 1 && layout.homes.get(carry.name) === "workgroup" && state.read.has(carry.name)) {
      writer.barrier();
      state.read.clear();
      state.written.clear();
    }
    forRowGroups(state, (rowGroup) =>
      forColumns(state, carry.width, (element) => setHome(state, carry.name, element, rowGroup, homeValue(state, carry.next, element, rowGroup))),
    );
  }
}

/** What is carried out of the last step. */
function emitCarries(state: SequenceState, region: SequenceRegion): void {
  const { writer, flat, arrays } = state;
  for (const { definition } of region.outputs) {
    const result = definition.recurrence && region.recurrence.results[definition.recurrence.result];
    if (result?.kind !== "carry") continue;
    const carry = flat.carries.find((each) => each.carry.name === result.carry);
    if (!carry || !arrays.has(result.carry)) continue;
    writer.comment(`store ${definition.name}`);
    const { e } = writer;
    const offset = flattenIndex(e, [rowIndex(state), e.index(carry.column)], [flat.row.extent, productOfExtents(carry.carry.columns.map((range) => range.extent))]);
    forRowGroups(state, (rowGroup) =>
      forColumns(state, carry.carry.width, (element) => emitStore(scopeAt(state, rowGroup, element, carry.column), definition.name, offset, homeValue(state, result.carry, element, rowGroup))),
    );
  }
}
