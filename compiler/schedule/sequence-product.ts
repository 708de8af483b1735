/** The products of a step: register tiles of some rows by the columns of some runs, or by vectors of columns of a single row. Flow: sequence-stages.ts -> here. */
import { required } from "../errors.ts";
import { extentValue } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression } from "../kernel/node.ts";
import { registerColumns } from "./cpu/choose-block.ts";
import { emitElement, type ElementScope } from "./element.ts";
import { foldColumn, keep, wide } from "./sequence-columns.ts";
import type { FlatStage } from "./sequence-layout.ts";
import { acrossColumns, forBlocksOfRuns, forBlocksOfVectors, forRest, forRowGroups, inLanes, type Run, scopeAt, type SequenceState } from "./sequence-state.ts";

/** Vectors of accumulators of a product that one invocation has at a time: on a processor eight, which leaves room for the operands. */
const accumulators = { processor: 8, others: 32 } as const;

/** Runs of columns that share the loads of the left operand. */
const mostRuns = { processor: 8, others: 4 } as const;

/**
 * The same for a single row, whose right operands are all different: engines load all of a turn before they use it, and six sums,
 * six operands and the left one are what 16 registers hold. With eight a step waits for memory, and takes twice the time.
 */
const mostRunsOfRow = 6 as const;

/** Sums in two levels beyond this many terms, of so many each. Steps hand errors on: a processor, which has one chain a sum, keeps it short. */
const longSum = { processor: 64, others: 1024 } as const;
const blockLength = { processor: 64, others: 256 } as const;

type Total = ReturnType<SequenceState["writer"]["variable"]>;

/** Register tiles: some rows by the columns of some runs. */
export function emitProduct(state: SequenceState, flat: FlatStage): void {
  const { writer, tile, groups } = state;
  const { stage, folded } = flat;
  const device = tile.threads === 1 ? "processor" : "others";
  const inColumns = columnsTakeLanes(state);
  const perRun = inColumns ? 1 : tile.columnLanes;
  const turns = stage.width / (tile.threads * tile.columnLanes);
  const together = largestDivisor(groups, Math.max(1, Math.floor(accumulators[device] / perRun)));
  const most = Math.min(mostRuns[device], Math.floor(accumulators[device] / (perRun * together)));
  const runs = Number.isInteger(turns) ? largestDivisor(turns, Math.max(1, most)) : 1;
  const lanes = inColumns ? 4 : tile.rowLanes;
  const zero = lanes === 1 ? k.float(0) : k.splat(k.float(0), lanes);
  const length = extentValue(folded.extent);
  const unrolled = length !== undefined && length % 4 === 0 && device === "others" ? 4 : 1;
  const block = (columns: readonly Run[]): void => {
    const tileAt = (base: Expression): void => {
      const rowGroups = Array.from({ length: together }, (_, g) => k.add(base, k.int(g)));
      /** Sums by row group, run, and column of the run. */
      const fresh = (prefix: string): Total[][][] => rowGroups.map(() => columns.map(() => Array.from({ length: perRun }, () => writer.variable(prefix, zero))));
      const along = (totals: Total[][][], from: Expression, to: Expression): void => writer.for("k", from, to, k.int(unrolled), (at) => {
        for (let i = 0; i < unrolled; i++) multiply(state, flat, rowGroups, columns, i === 0 ? at : writer.let("at", k.add(at, k.int(i))), totals);
      });
      const totals = fresh("total");
      const end = writer.extent(folded.extent);
      if (length !== undefined && length <= longSum[device]) along(totals, k.int(0), end);
      else
        writer.for("block", k.int(0), end, k.int(blockLength[device]), (block) => {
          const parts = fresh("part");
          along(parts, block, writer.let("block_end", k.min(k.add(block, k.int(blockLength[device])), end)));
          totals.flat(2).forEach((total, i) => total.assign(k.add(total.ref, (parts.flat(2)[i] as Total).ref)));
        });
      totals.forEach((byRun, g) => byRun.forEach((sums, r) => {
        const { first, run } = columns[r] as (typeof columns)[number];
        if (acrossColumns(state)) return keep(state, flat, rowGroups[g] as Expression, { at: first, own: first, lanes: 4 }, (sums[0] as Total).ref);
        for (let c = 0; c < tile.columnLanes; c++) {
          const value = inColumns ? k.lane((sums[0] as Total).ref, c) : (sums[c] as Total).ref;
          keep(state, flat, rowGroups[g] as Expression, { at: k.add(first, k.int(c)), own: k.add(k.mul(run, k.int(tile.columnLanes)), k.int(c)) }, value);
        }
      }));
    };
    if (together === groups) tileAt(k.int(0));
    else writer.for("g", k.int(0), k.int(groups), k.int(together), tileAt);
  };
  if (!acrossColumns(state)) return forBlocksOfRuns(state, stage.width, runs, block);
  forBlocksOfVectors(state, stage.width, mostRunsOfRow, block);
  forRowGroups(state, (rowGroup) => forRest(stage.width, (element) => foldColumn(state, flat, rowGroup, element)));
}

/** With one row in a vector the columns of a product take its lanes. */
const columnsTakeLanes = ({ tile }: SequenceState): boolean => tile.rowLanes === 1 && tile.columnLanes === 4;

/** Adds the products of element `at` of the folded axis. */
function multiply(state: SequenceState, flat: FlatStage, rowGroups: readonly Expression[], columns: readonly Run[], at: Expression, totals: readonly (readonly (readonly Total[])[])[]): void {
  const { writer, tile } = state;
  const { stage, column, folded } = flat;
  const [left, right] = [required(flat.left, "schedule", stage.name), required(flat.right, "schedule", stage.name)];
  const inColumns = columnsTakeLanes(state);
  const multiplyAdd = (a: Expression, b: Expression, c: Expression): Expression => (tile.threads === 1 ? k.fma(a, b, c) : k.add(c, k.mul(a, b)));
  const lefts = rowGroups.map((rowGroup) => {
    const value = emitElement(scopeAt(state, rowGroup, undefined, column, [[folded, at]]), left);
    return writer.let("left", inColumns ? inLanes(value, 4) : value);
  });
  columns.forEach(({ first, panel: place }, r) => {
    const scope: ElementScope = { writer, counters: new Map([[column, first], [folded, at]]), vector: { range: column, lanes: tile.columnLanes }, multiples: new Map([[column, tile.columnLanes]]) };
    const panel = state.panels.get(stage.name);
    const rights = writer.let("right", panel === undefined ? emitElement(scope, right) : writer.load(panel, panelPlace(place ?? { number: k.div(first, k.int(registerColumns)), lane: k.rem(first, k.int(registerColumns)) }, at, writer.extent(folded.extent)), tile.columnLanes));
    rowGroups.forEach((_, g) => {
      const own = lefts[g] as Expression;
      totals[g]?.[r]?.forEach((total, c) => {
        const [a, b] = inColumns ? [own, rights] : [wide(state, own), wide(state, k.lane(rights, c))];
        total.assign(multiplyAdd(a, b, total.ref));
      });
    });
  });
}

function largestDivisor(of: number, most: number): number {
  for (let divisor = Math.min(of, most); divisor > 1; divisor--) if (of % divisor === 0) return divisor;
  return 1;
}

/** Place of element `at` in a panel of the right operand, at one of its columns. */
const panelPlace = ({ number, lane }: { readonly number: Expression; readonly lane: Expression | number }, at: Expression, length: Expression): Expression =>
  k.add(k.mul(k.add(k.mul(number, length), at), k.int(registerColumns)), typeof lane === "number" ? k.int(lane) : lane);
