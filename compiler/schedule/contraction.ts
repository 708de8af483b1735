/**
 * Template "contraction": a tile of the product, or of several products of one left operand, per workgroup. Row statistics
 * come before (prologue), during (ride) or after the main loop (epilogue: the workgroup owns whole rows). The main loop
 * either stages its operands in workgroup memory or reads them into registers, without a barrier.
 */
import type { Expr } from "../folds/expression.ts";
import { extentValue } from "../ir/extent.ts";
import { type ContractionRegion, productsOf } from "../fusion/region.ts";
import * as k from "../kernel/build.ts";
import { type Expression, type Lanes, type ValueType } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import type { ElementScope } from "./element.ts";
import { clamped, type ContractionState, type FlatContraction, rowCounters } from "./contraction-state.ts";
import { emitContractionEpilogue } from "./contraction-epilogue.ts";
import { emitRegisterLoop } from "./contraction-register-loop.ts";
import { emitStagedLoop } from "./contraction-staged-loop.ts";
import { Flattening } from "./flatten.ts";
import { type BoundKernel, ceilDivide, type KernelWriter } from "./kernel-writer.ts";
import { emitRowFolds, knownParts, lastPart, sourcesAt, vectorizes } from "./row-folds.ts";
import type { Team } from "./merge-across.ts";
import type { ContractionTile } from "./tile.ts";

/** `nested`: the contracted ranges but the last stay loops of their own, instead of quotients of one counter. */
export function flattenContraction(writer: KernelWriter, region: ContractionRegion, nested = false): FlatContraction {
  const flattening = new Flattening(writer.e);
  const { shape } = region;
  const batch = flattening.flat("batch", shape.batch);
  const row = flattening.flat("row", shape.rows);
  const column = flattening.flat("column", shape.columns);
  const outer = nested ? shape.inner.slice(0, -1) : [];
  const inner = flattening.flat("k", shape.inner.slice(outer.length));
  return { region, flattening, batch, row, column, outer, inner, left: flattening.apply(shape.left), products: productsOf(region).map(({ definition, right }) => ({ name: definition.name, right: flattening.apply(right) })) };
}

/** Whether column groups are vec4: the right operands run along aligned columns. Outputs that do not are stored one by one. */
export function columnLanes(writer: KernelWriter, flat: FlatContraction): Lanes {
  return flat.products.every(({ right }) => vectorizes(writer, right, flat.column, flat.region.storedColumns ?? flat.column.extent)) ? 4 : 1;
}

export function scheduleContraction(writer: KernelWriter, flat: FlatContraction, tile: ContractionTile, name: string): BoundKernel {
  const lanes = columnLanes(writer, flat);
  const threads = tile.threadsX * tile.threadsY;
  const tileRows = tile.threadsY * tile.rowsPerThread;
  const tileColumns = tile.threadsX * tile.columnGroups * lanes;
  const thread = writer.let("thread", k.builtin("thread"));
  const state: ContractionState = {
    writer, flat, tile, lanes,
    threadX: tile.threadsY === 1 ? thread : writer.let("thread_x", k.rem(thread, k.int(tile.threadsX))),
    threadY: tile.threadsY === 1 ? k.int(0) : writer.let("thread_y", k.div(thread, k.int(tile.threadsX))),
    firstRow: writer.let("first_row", k.mul(k.builtin("group_y"), k.int(tileRows))),
    firstColumn: extentValue(flat.column.extent) !== undefined && (extentValue(flat.column.extent) as number) <= tileColumns ? k.int(0) : writer.let("first_column", k.mul(k.builtin("group_x"), k.int(tileColumns))),
    batchIndex: extentValue(flat.batch.extent) === 1 ? k.int(0) : k.builtin("group_z"),
    outer: new Map(), statistics: new Map(), own: new Map(), values: new Map(),
  };
  if (flat.region.prologue.length > 0) emitPrologue(state, thread, threads, tileRows);
  if (tile.staged) emitStagedLoop(state, thread, threads, stageRowValues(state, thread, threads, tileRows));
  else emitRegisterLoop(state);
  emitContractionEpilogue(state);
  return writer.finish({
    name, mode: "workgroup", workgroupSize: threads,
    grid: [ceilDivide(flat.column.extent, tileColumns), ceilDivide(flat.row.extent, tileRows), ceilDivide(flat.batch.extent, 1)],
  });
}

function emitPrologue(state: ContractionState, thread: Expression, threads: number, tileRows: number): void {
  const { writer, flat } = state;
  const teamLanes = Math.max(1, Math.floor(threads / tileRows));
  const local = writer.let("team_row", teamLanes === 1 ? k.rem(thread, k.int(tileRows)) : k.div(thread, k.int(teamLanes)));
  const lane = teamLanes === 1 ? k.int(0) : writer.let("team_lane", k.rem(thread, k.int(teamLanes)));
  const row = writer.let("team_row_read", clamped(writer, k.add(state.firstRow, local), flat.row.extent, tileRows));
  // Two rows in the team's list force the merge through workgroup memory even for one lane: other invocations read it.
  const team: Team = { rows: [local], rowCount: tileRows, lane, lanes: teamLanes };
  const values = emitRowFolds({ writer, flattening: flat.flattening, team, counters: new Map(rowCounters(state, row)) }, flat.region.prologue);
  for (const [name, read] of values) {
    if (teamLanes > 1) {
      state.statistics.set(name, read);
      continue;
    }
    const type: ValueType = read(local).type;
    const array = writer.workgroupArray(`${lastPart(name)}_rows`, type, tileRows);
    writer.add(s.set(array, local, read(local)));
    state.statistics.set(name, (at) => k.element(array, type, at));
  }
  if (teamLanes === 1) writer.barrier();
}

/** Parts of the left operand that only depend on the row: once per row in workgroup memory, not once per element. */
function stageRowValues(state: ContractionState, thread: Expression, threads: number, tileRows: number): ReadonlyMap<Expr, (row: Expression) => Expression> {
  const { writer, flat, statistics } = state;
  const staged = new Map<Expr, (row: Expression) => Expression>();
  if (flat.region.prologue.length === 0) return staged;
  const values: { part: Expr; array: string; type: ValueType }[] = [];
  const emit = (local: Expression): void => {
    const row = clamped(writer, k.add(state.firstRow, local), flat.row.extent, tileRows);
    const scope: ElementScope = { writer, counters: new Map(rowCounters(state, row)), sources: sourcesAt(statistics, local) };
    for (const [part, value] of knownParts(scope, [flat.left], new Set([flat.inner]))) {
      const array = writer.workgroupArray("row_values", value.type, tileRows);
      writer.add(s.set(array, local, value));
      values.push({ part, array, type: value.type });
    }
  };
  if (threads >= tileRows) writer.if(k.lt(thread, k.int(tileRows)), () => emit(thread));
  else writer.for("local", thread, k.int(tileRows), k.int(threads), emit);
  writer.barrier();
  for (const { part, array, type } of values) staged.set(part, (row) => k.element(array, type, row));
  return staged;
}
