/** What the stages of a sequence kernel share: who owns which column, and how a value of the step is read. */
import type { Expr, Range } from "../folds/expression.ts";
import { flatColumn } from "../fusion/sequence.ts";
import { required } from "../errors.ts";
import { extentValue } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression, ValueType } from "../kernel/node.ts";
import { emitElement, type ElementScope } from "./element.ts";
import type { KernelWriter } from "./kernel-writer.ts";
import { type FlatSequence, offsetFrom, type SequenceLayout } from "./sequence-layout.ts";
import type { SequenceTile } from "./tile.ts";

export interface SequenceState {
  readonly writer: KernelWriter;
  readonly flat: FlatSequence;
  readonly layout: SequenceLayout;
  readonly tile: SequenceTile;
  /** Vectors of rows in a workgroup. */
  readonly groups: number;
  readonly thread: Expression;
  readonly firstRow: Expression;
  /** Array of each value that is kept. */
  readonly arrays: ReadonlyMap<string, { readonly name: string; readonly type: ValueType }>;
  /** Panels of the right operand of a product, by the product. */
  readonly panels: ReadonlyMap<string, string>;
  /** Arrays for partial folds of all invocations. */
  readonly parts: readonly string[];
  /** Tensors that a value of every step goes to. */
  readonly outputs: ReadonlyMap<string, readonly { readonly tensor: string; readonly width: number }[]>;
  /** Counter of the loop over the steps, inside of it. */
  readonly step: Expression | undefined;
  /** Values in workgroup memory that were written, and read, since the last barrier. */
  readonly written: Set<string>;
  readonly read: Set<string>;
}

/** A column that an invocation owns. */
export interface Element {
  /** Number of the column. */
  readonly at: Expression;
  /** Its place among the columns of this invocation. */
  readonly own: Expression;
}

/** Turns up to which a loop over own columns is written out, so that arrays in registers have literal indices: software has no such registers. */
const fewTurns = 8;

/** Runs through the columns of a width that this invocation owns: runs of `columnLanes` neighbours. */
export function forOwn(state: SequenceState, width: number, body: (element: Element) => void): void {
  const { writer, tile } = state;
  forRuns(state, width, (first, run) => {
    const lane = (l: Expression): void => {
      const at = k.add(first, l);
      const visit = (): void => body({ at, own: k.add(k.mul(run, k.int(tile.columnLanes)), l) });
      if (width % tile.columnLanes === 0) visit();
      else writer.if(k.lt(at, k.int(width)), visit);
    };
    if (tile.columnLanes === 1) lane(k.int(0));
    else writer.for("l", k.int(0), k.int(tile.columnLanes), k.int(1), lane);
  });
}

/** The first column of each run, and the run's number. */
export function forRuns(state: SequenceState, width: number, body: (first: Expression, run: Expression) => void): void {
  const { writer, tile, thread } = state;
  const each = tile.threads * tile.columnLanes;
  const turns = Math.ceil(width / each);
  const run = (i: Expression): void => {
    const first = writer.let("first", k.mul(k.add(k.mul(i, k.int(tile.threads)), thread), k.int(tile.columnLanes)));
    if (width % each === 0) body(first, i);
    else writer.if(k.lt(first, k.int(width)), () => body(first, i));
  };
  if (turns === 1) run(k.int(0));
  else writer.for("i", k.int(0), k.int(turns), k.int(1), run, tile.columnLanes === 1 && turns <= fewTurns);
}

/** Neighbouring columns of one invocation: the first of them, and the number of the run. */
export interface Run {
  readonly first: Expression;
  readonly run: Expression;
}

/** `together` runs at a time; more than one only where every invocation has the same number of them. */
export function forBlocksOfRuns(state: SequenceState, width: number, together: number, body: (runs: readonly Run[]) => void): void {
  const { writer, tile, thread } = state;
  if (together === 1) return forRuns(state, width, (first, run) => body([{ first, run }]));
  const blocks = width / (tile.threads * tile.columnLanes * together);
  const block = (b: Expression): void => body(Array.from({ length: together }, (_, r) => {
    const run = k.add(k.mul(b, k.int(together)), k.int(r));
    return { run, first: writer.let("first", k.mul(k.add(k.mul(run, k.int(tile.threads)), thread), k.int(tile.columnLanes))) };
  }));
  if (blocks === 1) block(k.int(0));
  else writer.for("i", k.int(0), k.int(blocks), k.int(1), block, tile.columnLanes === 1 && blocks <= fewTurns);
}

export function forRowGroups(state: SequenceState, body: (rowGroup: Expression) => void): void {
  if (state.groups === 1) body(k.int(0));
  else state.writer.for("g", k.int(0), k.int(state.groups), k.int(1), body);
}

/** The scope of one element of a stage: `shared` is the range that invocations share out, `counters` are further ones. */
export function scopeAt(state: SequenceState, rowGroup: Expression, element: Element | undefined, shared: Range, counters: readonly (readonly [Range, Expression])[] = []): ElementScope {
  const { writer, flat, tile, layout, arrays, groups } = state;
  const { e } = writer;
  const scope: ElementScope = {
    writer, vector: { range: flat.row, lanes: tile.rowLanes },
    counters: new Map([
      [flat.row, k.add(state.firstRow, k.mul(rowGroup, k.int(tile.rowLanes)))],
      ...(element ? [[shared, element.at] as const] : []), ...(state.step ? [[flat.recurrence.step, state.step] as const] : []), ...counters,
    ]),
    sources: new Map([...flat.values].map(([name, value]) => [name, (load) => {
      const home = required(arrays.get(name), "schedule", name);
      const place = flatColumn(e, value, load);
      if (layout.homes.get(name) === "private") {
        const offset = required(offsetFrom(e, place, shared), "schedule", `own column of '${name}'`);
        return k.element(home.name, home.type, k.add(k.mul(k.add(required(element, "schedule", name).own, k.int(offset / tile.threads)), k.int(groups)), rowGroup));
      }
      return k.element(home.name, home.type, k.add(k.mul(k.lane(emitElement({ ...scope, vector: { range: flat.row, lanes: 1 } }, place), 0), k.int(groups)), rowGroup));
    }])),
  };
  return scope;
}

/** A barrier where what comes next touches workgroup memory that others have touched since the last one. */
export function settle(state: SequenceState, reads: readonly string[], writes: readonly string[]): void {
  if (state.tile.threads === 1) return;
  const isShared = (name: string): boolean => state.layout.homes.get(name) === "workgroup";
  // A carry and what takes its place are one array.
  const arrayOf = (name: string): string => state.layout.inPlace.get(name) ?? name;
  const read = reads.filter(isShared).map(arrayOf);
  const written = writes.filter(isShared).map(arrayOf);
  if (read.some((name) => state.written.has(name)) || written.some((name) => state.written.has(name) || state.read.has(name))) {
    state.writer.barrier();
    clear(state);
  }
  for (const name of read) state.read.add(name);
  for (const name of written) state.written.add(name);
}

export function clear(state: SequenceState): void {
  state.read.clear();
  state.written.clear();
}

/** Place of an own element in the array of a value. */
export function homeIndex(state: SequenceState, value: string, element: Element, rowGroup: Expression): Expression {
  const at = state.layout.homes.get(value) === "private" ? element.own : element.at;
  return k.add(k.mul(at, k.int(state.groups)), rowGroup);
}

/** The row of a store: rows past the end repeat the last one, and store the same value again. */
export function rowIndex({ writer: { e }, flat, tile }: SequenceState): Expr {
  const count = extentValue(flat.row.extent);
  return count === 1 || (count !== undefined && count % tile.rows === 0) ? e.index(flat.row) : e.apply("min", e.index(flat.row), e.apply("sub", e.extent(flat.row.extent, "i32"), e.constant(1, "i32")));
}
