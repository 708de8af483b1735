/**
 * Template "contraction": a tile of the product per workgroup. The left operand is staged in workgroup memory (its
 * prologue is evaluated once per staged element); the right one too where several rows of invocations share it. Row
 * statistics come before (prologue), during (ride) or after the main loop (epilogue: the workgroup owns whole rows).
 */
import type { Expr } from "../folds/expression.ts";
import { extentValue } from "../ir/extent.ts";
import type { ContractionRegion } from "../fusion/region.ts";
import * as k from "../kernel/build.ts";
import { type Expression, type Lanes, type ValueType } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import { emitElement, type ElementScope } from "./element.ts";
import { clamped, type ContractionState, type FlatContraction, rowCounters } from "./contraction-state.ts";
import { emitContractionEpilogue } from "./contraction-epilogue.ts";
import { Flattening } from "./flatten.ts";
import { type BoundKernel, ceilDivide, type KernelWriter } from "./kernel-writer.ts";
import { emitRowFolds, knownParts, lastPart, sourcesAt, vectorizes } from "./row-folds.ts";
import { finishRiders, type LeftStaging, placeCount, stageLeft, stagesByLoop, stagingPlaces, startRiders } from "./stage-left.ts";
import type { Team } from "./statistics.ts";
import type { ContractionTile } from "./tile.ts";

export function flattenContraction(writer: KernelWriter, region: ContractionRegion): FlatContraction {
  const flattening = new Flattening(writer.e);
  const { shape } = region;
  const batch = flattening.flat("batch", shape.batch);
  const row = flattening.flat("row", shape.rows);
  const column = flattening.flat("column", shape.columns);
  const inner = flattening.flat("k", shape.inner);
  return { region, flattening, batch, row, column, inner, left: flattening.apply(shape.left), right: flattening.apply(shape.right) };
}

/** Whether column groups are vec4: the right operand and every output run along aligned columns. */
export function columnLanes(writer: KernelWriter, flat: FlatContraction): Lanes {
  return vectorizes(writer, flat.right, flat.column, flat.column.extent) ? 4 : 1;
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
    statistics: new Map(),
  };
  if (flat.region.prologue.length > 0) emitPrologue(state, thread, threads, tileRows);
  const rowValues = stageRowValues(state, thread, threads, tileRows);
  const accumulators = emitMainLoop(state, thread, threads, rowValues);
  emitContractionEpilogue(state, accumulators);
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

/** Sums in two levels beyond this many terms: the error grows with the longer of the two, not with their product. */
const longSum = 512;
const shortSum = 64;

function emitMainLoop(state: ContractionState, thread: Expression, threads: number, rowValues: ReadonlyMap<Expr, (row: Expression) => Expression>): readonly (readonly Expression[])[] {
  const { writer, flat, tile, lanes } = state;
  const { innerBlock, rowsPerThread, columnGroups } = tile;
  const dtype = flat.region.definition.dtype;
  const tileRows = tile.threadsY * rowsPerThread;
  const multiples = new Map([[flat.inner, 4]]);
  const innerLanes: Lanes = innerBlock % 4 === 0 && vectorizes(writer, flat.left, flat.inner, flat.inner.extent, multiples) && flat.region.ride.every((member) => vectorizes(writer, flat.flattening.apply(member.body), flat.inner, flat.inner.extent, multiples)) ? 4 : 1;
  const leftType: ValueType = { scalar: dtype, lanes: innerLanes };
  const leftTile = writer.workgroupArray("left_tile", leftType, (tileRows * innerBlock) / innerLanes);
  const groupType: ValueType = { scalar: dtype, lanes };
  const shared = tile.threadsY > 1;
  const rightTile = shared ? writer.workgroupArray("right_tile", groupType, innerBlock * tile.threadsX * columnGroups) : undefined;
  const zero = lanes === 1 ? k.constant(dtype, 0) : k.splat(k.constant(dtype, 0), lanes);
  const totals = grid(rowsPerThread, columnGroups, (i, j) => writer.variable(`sum_${i}_${j}`, zero));
  const inner = writer.extent(flat.inner.extent);
  const known = extentValue(flat.inner.extent);
  const exact = known !== undefined && known % innerBlock === 0;
  // Where registers are plenty, shorter sums get the second level too.
  const twoLevels = known === undefined || known > (rowsPerThread * columnGroups * lanes <= 32 ? shortSum : longSum);
  const asLoop = stagesByLoop(flat.left, placeCount(state, threads, innerLanes), flat.region.ride.length);
  const staging: LeftStaging = { thread, threads, leftTile, innerLanes, asLoop, exact, rowValues, places: asLoop ? [] : stagingPlaces(state, thread, threads, innerLanes) };
  const riders = startRiders(state, staging);
  writer.for("block", k.int(0), inner, k.int(innerBlock), (block) => {
    stageLeft(state, staging, block, riders);
    if (rightTile !== undefined) stageRight(state, { thread, threads, block, rightTile, exact });
    writer.barrier();
    const sums = twoLevels ? grid(rowsPerThread, columnGroups, (i, j) => writer.variable(`part_${i}_${j}`, zero)) : totals;
    const count = exact ? k.int(innerBlock) : writer.let("count", k.min(k.int(innerBlock), k.sub(inner, block)));
    writer.for("step", k.int(0), count, k.int(innerLanes), (step) => {
      const lefts = Array.from({ length: rowsPerThread }, (_, i) => {
        const row = k.add(k.mul(state.threadY, k.int(rowsPerThread)), k.int(i));
        return writer.let(`left_${i}`, k.element(leftTile, leftType, k.div(k.add(k.mul(row, k.int(innerBlock)), step), k.int(innerLanes))));
      });
      for (let c = 0; c < innerLanes; c++) {
        const inBlock = k.add(step, k.int(c));
        for (let j = 0; j < columnGroups; j++) {
          const right = writer.let(`right_${j}`, rightTile !== undefined ? k.element(rightTile, groupType, k.add(k.mul(inBlock, k.int(tile.threadsX * columnGroups)), k.add(state.threadX, k.int(j * tile.threadsX)))) : rightValue(state, k.add(block, inBlock), k.add(state.threadX, k.int(j * tile.threadsX))));
          for (let i = 0; i < rowsPerThread; i++) {
            const left = k.lane(lefts[i] as Expression, c);
            const sum = (sums[i] as (typeof sums)[number])[j] as (typeof totals)[number][number];
            sum.assign(k.add(sum.ref, k.mul(lanes === 1 ? left : k.splat(left, lanes), right)));
          }
        }
      }
    });
    if (twoLevels) totals.forEach((line, i) => line.forEach((total, j) => total.assign(k.add(total.ref, ((sums[i] as typeof line)[j] as typeof total).ref))));
    writer.barrier();
  });
  if (riders.length > 0) finishRiders(state, staging, riders);
  return totals.map((line) => line.map((total) => total.ref));
}

function grid<T>(rows: number, columns: number, make: (i: number, j: number) => T): T[][] {
  return Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => make(i, j)));
}

function stageRight(state: ContractionState, options: { readonly thread: Expression; readonly threads: number; readonly block: Expression; readonly exact: boolean; readonly rightTile: string }): void {
  const { writer, flat, tile } = state;
  const width = tile.threadsX * tile.columnGroups;
  writer.for("right_at", options.thread, k.int(tile.innerBlock * width), k.int(options.threads), (at) => {
    const wanted = k.add(options.block, k.div(at, k.int(width)));
    const inner = options.exact ? wanted : k.min(wanted, k.sub(writer.extent(flat.inner.extent), k.int(1)));
    writer.add(s.set(options.rightTile, at, rightValue(state, inner, k.rem(at, k.int(width)))));
  });
}

/** The right operand for column group `group` of this tile. */
function rightValue(state: ContractionState, inner: Expression, group: Expression): Expression {
  const { writer, flat, lanes, tile } = state;
  const column = clamped(writer, k.add(state.firstColumn, k.mul(group, k.int(lanes))), flat.column.extent, tile.threadsX * tile.columnGroups * lanes, lanes);
  const scope: ElementScope = {
    writer, counters: new Map([[flat.batch, state.batchIndex], [flat.inner, writer.let("right_k", inner)], [flat.column, writer.let("right_column", column)]]),
    vector: { range: flat.column, lanes }, sources: new Map(),
  };
  const value = emitElement(scope, flat.right);
  return value.type.lanes === lanes ? value : k.splat(value, lanes);
}

