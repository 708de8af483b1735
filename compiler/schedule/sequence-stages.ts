/** The stages of one step of a sequence kernel: maps, products and folds over the columns of the workgroup's rows. */
import type { Expr, Range } from "../folds/expression.ts";
import { flattenIndex } from "../folds/index-arithmetic.ts";
import { required } from "../errors.ts";
import { extentValue, productOfExtents } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import { registerColumns } from "./cpu/choose-block.ts";
import { emitElement, emitStore, type ElementScope } from "./element.ts";
import { knownParts } from "./row-folds.ts";
import { expressionsOf, type FlatStage } from "./sequence-layout.ts";
import { clear, type Element, forBlocksOfRuns, forOwn, forRowGroups, forRuns, homeIndex, rowIndex, type Run, scopeAt, type SequenceState, settle } from "./sequence-state.ts";
import { identityOf, merge } from "./statistics.ts";

/** Emits stages of one manner that do not need each other. */
export function emitStages(state: SequenceState, stages: readonly FlatStage[]): void {
  const reads = stages.flatMap((flat) => expressionsOf(flat).flatMap((expr) => expr.loads.map((load) => load.source))).filter((name) => state.flat.values.has(name));
  const [first] = stages;
  if (!first) return;
  state.writer.comment(stages.map(({ stage }) => `${stage.name}${stage.definition.fold ? `, ${stage.manner}` : ""}`).join("; "));
  switch (first.stage.manner) {
    case "map":
      settle(state, reads, stages.map(({ stage }) => stage.name));
      return emitMap(state, first);
    case "product":
      settle(state, reads, stages.map(({ stage }) => stage.name));
      return emitProduct(state, first);
    case "serial":
      settle(state, reads, stages.map(({ stage }) => stage.name));
      return emitSerial(state, first);
    case "shared":
      return emitShared(state, stages, reads);
    default:
      return first.stage satisfies never;
  }
}

const wide = ({ tile }: SequenceState, value: Expression): Expression => (value.type.lanes === tile.rowLanes ? value : k.splat(value, tile.rowLanes));

/** Hands a finished element to where it is kept, and to the tensors that it is emitted to. */
function keep(state: SequenceState, flat: FlatStage, rowGroup: Expression, element: Element, value: Expression): void {
  const { writer, arrays, outputs } = state;
  const { e } = writer;
  const { name } = flat.stage;
  const home = arrays.get(name);
  const tensors = outputs.get(name) ?? [];
  const named = tensors.length > 0 && home ? writer.let("value", value) : value;
  if (home) writer.add(s.set(home.name, homeIndex(state, name, element, rowGroup), named));
  for (const { tensor } of tensors) {
    const { step } = state.flat.recurrence;
    const offset = flattenIndex(e, [e.index(step), rowIndex(state), e.index(flat.column)], [step.extent, state.flat.row.extent, productOfExtents(flat.stage.columns.map((range) => range.extent))]);
    emitStore(scopeAt(state, rowGroup, element, flat.column), tensor, offset, named);
  }
}

/** What a row needs once, before the loop over its columns. Own columns are not among it. */
function knownOf(state: SequenceState, flat: FlatStage, rowGroup: Expression, body: Expr, varying: readonly Range[]): ReadonlyMap<Expr, Expression> {
  return knownParts(scopeAt(state, rowGroup, undefined, flat.column), [body], new Set(varying));
}

function emitMap(state: SequenceState, flat: FlatStage): void {
  forRowGroups(state, (rowGroup) => {
    // One invocation alone reads what its only column replaces.
    const known = flat.stage.width === 1 ? new Map<Expr, Expression>() : knownOf(state, flat, rowGroup, flat.body, [flat.column]);
    forOwn(state, flat.stage.width, (element) => keep(state, flat, rowGroup, element, wide(state, emitElement({ ...scopeAt(state, rowGroup, element, flat.column), known }, flat.body))));
  });
}

function emitSerial(state: SequenceState, flat: FlatStage): void {
  const { writer } = state;
  const { monoid } = required(flat.stage.definition.fold, "schedule", flat.stage.name);
  forRowGroups(state, (rowGroup) => {
    forOwn(state, flat.stage.width, (element) => {
      const total = writer.variable("total", wide(state, identityOf(monoid, flat.stage.definition.dtype)));
      writer.for("k", k.int(0), writer.extent(flat.folded.extent), k.int(1), (at) => {
        total.assign(merge(monoid, total.ref, wide(state, emitElement(scopeAt(state, rowGroup, element, flat.column, [[flat.folded, at]]), flat.body))));
      });
      keep(state, flat, rowGroup, element, total.ref);
    });
  });
}

/** Vectors of accumulators of a product that one invocation has at a time: on a processor eight, which leaves room for the operands. */
const accumulators = { processor: 8, others: 32 } as const;

/** Runs of columns that share the loads of the left operand. */
const mostRuns = { processor: 8, others: 4 } as const;

/** Sums in two levels beyond this many terms. */
const longSum = 1024;
const blockLength = 256;

type Total = ReturnType<SequenceState["writer"]["variable"]>;

/** Register tiles: some rows by the columns of some runs. */
function emitProduct(state: SequenceState, flat: FlatStage): void {
  const { writer, tile, groups } = state;
  const { stage, folded } = flat;
  const device = tile.threads === 1 ? "processor" : "others";
  // With one row in a vector the columns take its lanes.
  const acrossColumns = tile.rowLanes === 1 && tile.columnLanes === 4;
  const perRun = acrossColumns ? 1 : tile.columnLanes;
  const turns = stage.width / (tile.threads * tile.columnLanes);
  const together = largestDivisor(groups, Math.max(1, Math.floor(accumulators[device] / perRun)));
  const most = Math.min(mostRuns[device], Math.floor(accumulators[device] / (perRun * together)));
  const runs = Number.isInteger(turns) ? largestDivisor(turns, Math.max(1, most)) : 1;
  const lanes = acrossColumns ? 4 : tile.rowLanes;
  const zero = lanes === 1 ? k.float(0) : k.splat(k.float(0), lanes);
  const length = extentValue(folded.extent);
  const unrolled = length !== undefined && length % 4 === 0 && device === "others" ? 4 : 1;
  forBlocksOfRuns(state, stage.width, runs, (columns) => {
    const tileAt = (base: Expression): void => {
      const rowGroups = Array.from({ length: together }, (_, g) => k.add(base, k.int(g)));
      /** Sums by row group, run, and column of the run. */
      const fresh = (prefix: string): Total[][][] => rowGroups.map(() => columns.map(() => Array.from({ length: perRun }, () => writer.variable(prefix, zero))));
      const along = (totals: Total[][][], from: Expression, to: Expression): void => writer.for("k", from, to, k.int(unrolled), (at) => {
        for (let i = 0; i < unrolled; i++) multiply(state, flat, rowGroups, columns, i === 0 ? at : writer.let("at", k.add(at, k.int(i))), totals);
      });
      const totals = fresh("total");
      const end = writer.extent(folded.extent);
      if (length !== undefined && length <= longSum) along(totals, k.int(0), end);
      else
        writer.for("block", k.int(0), end, k.int(blockLength), (block) => {
          const parts = fresh("part");
          along(parts, block, writer.let("block_end", k.min(k.add(block, k.int(blockLength)), end)));
          totals.flat(2).forEach((total, i) => total.assign(k.add(total.ref, (parts.flat(2)[i] as Total).ref)));
        });
      totals.forEach((byRun, g) => byRun.forEach((sums, r) => {
        const { first, run } = columns[r] as (typeof columns)[number];
        for (let c = 0; c < tile.columnLanes; c++) {
          const value = acrossColumns ? k.lane((sums[0] as Total).ref, c) : (sums[c] as Total).ref;
          keep(state, flat, rowGroups[g] as Expression, { at: k.add(first, k.int(c)), own: k.add(k.mul(run, k.int(tile.columnLanes)), k.int(c)) }, value);
        }
      }));
    };
    if (together === groups) tileAt(k.int(0));
    else writer.for("g", k.int(0), k.int(groups), k.int(together), tileAt);
  });
}

/** Adds the products of element `at` of the folded axis. */
function multiply(state: SequenceState, flat: FlatStage, rowGroups: readonly Expression[], columns: readonly Run[], at: Expression, totals: readonly (readonly (readonly Total[])[])[]): void {
  const { writer, tile } = state;
  const { stage, column, folded } = flat;
  const [left, right] = [required(flat.left, "schedule", stage.name), required(flat.right, "schedule", stage.name)];
  const acrossColumns = tile.rowLanes === 1 && tile.columnLanes === 4;
  const multiplyAdd = (a: Expression, b: Expression, c: Expression): Expression => (tile.threads === 1 ? k.fma(a, b, c) : k.add(c, k.mul(a, b)));
  const lefts = rowGroups.map((rowGroup) => writer.let("left", emitElement(scopeAt(state, rowGroup, undefined, column, [[folded, at]]), left)));
  columns.forEach(({ first }, r) => {
    const scope: ElementScope = { writer, counters: new Map([[column, first], [folded, at]]), vector: { range: column, lanes: tile.columnLanes }, multiples: new Map([[column, tile.columnLanes]]) };
    const panel = state.panels.get(stage.name);
    const rights = writer.let("right", panel === undefined ? emitElement(scope, right) : writer.load(panel, panelPlace(first, at, writer.extent(folded.extent)), tile.columnLanes));
    rowGroups.forEach((_, g) => {
      const own = lefts[g] as Expression;
      totals[g]?.[r]?.forEach((total, c) => {
        const [a, b] = acrossColumns ? [k.splat(k.lane(own, 0), 4), rights] : [wide(state, own), wide(state, k.lane(rights, c))];
        total.assign(multiplyAdd(a, b, total.ref));
      });
    });
  });
}

function largestDivisor(of: number, most: number): number {
  for (let divisor = Math.min(of, most); divisor > 1; divisor--) if (of % divisor === 0) return divisor;
  return 1;
}

/** Place of column `first` and element `at` in panels of the right operand. */
const panelPlace = (first: Expression, at: Expression, length: Expression): Expression =>
  k.add(k.mul(k.add(k.mul(k.div(first, k.int(registerColumns)), length), at), k.int(registerColumns)), k.rem(first, k.int(registerColumns)));

/** Folds along an axis that the invocations share out: each folds what it owns, then they are merged in a fixed order. */
function emitShared(state: SequenceState, stages: readonly FlatStage[], reads: readonly string[]): void {
  const { writer, tile, thread, groups } = state;
  settle(state, reads, []);
  const type = { scalar: "f32", lanes: tile.rowLanes } as const;
  /** Each fold of each column, with the array of its partial results. */
  const folds = stages.flatMap((flat) => Array.from({ length: flat.stage.width }, (_, c) => ({ flat, c })));
  folds.forEach(({ flat, c }, i) => {
    const { monoid } = required(flat.stage.definition.fold, "schedule", flat.stage.name);
    const { dtype } = flat.stage.definition;
    const counters: readonly (readonly [Range, Expression])[] = [[flat.column, k.int(c)]];
    forRowGroups(state, (rowGroup) => {
      const identity = wide(state, identityOf(monoid, dtype));
      const total = writer.variable("total", identity);
      const known = knownParts(scopeAt(state, rowGroup, undefined, flat.folded, counters), [flat.body], new Set([flat.folded]));
      const term = (element: Element): Expression => wide(state, emitElement({ ...scopeAt(state, rowGroup, element, flat.folded, counters), known }, flat.body));
      const length = extentValue(flat.folded.extent);
      if (length === undefined)
        writer.for("k", thread, writer.extent(flat.folded.extent), k.int(tile.threads), (at) => total.assign(merge(monoid, total.ref, term({ at, own: at }))));
      else if (tile.columnLanes === 1) forOwn(state, length, (element) => total.assign(merge(monoid, total.ref, term(element))));
      else
        forRuns(state, length, (first, run) => {
          // A run is added up before it goes to the sum, which keeps the chain of additions short.
          const part = writer.variable("part", identity);
          writer.for("l", k.int(0), k.int(tile.columnLanes), k.int(1), (l) => {
            const at = k.add(first, l);
            const add = (): void => part.assign(merge(monoid, part.ref, term({ at, own: k.add(k.mul(run, k.int(tile.columnLanes)), l) })));
            if (length % tile.columnLanes === 0) add();
            else writer.if(k.lt(at, k.int(length)), add);
          });
          total.assign(merge(monoid, total.ref, part.ref));
        });
      if (tile.threads > 1) writer.add(s.set(required(state.parts[i], "schedule", "parts"), k.add(k.mul(thread, k.int(groups)), rowGroup), total.ref));
      else keep(state, flat, rowGroup, { at: k.int(c), own: k.int(c) }, total.ref);
    });
  });
  if (tile.threads === 1) return;
  writer.barrier();
  const partAt = (i: number, of: Expression, rowGroup: Expression): Expression => k.element(required(state.parts[i], "schedule", "parts"), type, k.add(k.mul(of, k.int(groups)), rowGroup));
  const sumOf = (i: number, first: Expression, count: number, step: number, rowGroup: Expression): Expression => {
    const { monoid } = required(folds[i]?.flat.stage.definition.fold, "schedule", "fold");
    return Array.from({ length: count }, (_, j) => partAt(i, k.add(first, k.int(j * step)), rowGroup)).reduce((a, b) => merge(monoid, a, b));
  };
  const radix = tile.threads > 8 ? largestDivisor(tile.threads, 8) : 1;
  if (radix > 1) {
    writer.if(k.eq(k.rem(thread, k.int(radix)), k.int(0)), () => folds.forEach((_, i) => forRowGroups(state, (rowGroup) => writer.add(s.set(required(state.parts[i], "schedule", "parts"), k.add(k.mul(thread, k.int(groups)), rowGroup), sumOf(i, thread, radix, 1, rowGroup))))));
    writer.barrier();
  }
  writer.if(k.eq(thread, k.int(0)), () => folds.forEach(({ flat, c }, i) => forRowGroups(state, (rowGroup) => keep(state, flat, rowGroup, { at: k.int(c), own: k.int(c) }, sumOf(i, k.int(0), tile.threads / radix, radix, rowGroup)))));
  writer.barrier();
  clear(state);
}
