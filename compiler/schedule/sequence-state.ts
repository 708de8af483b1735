/** What the stages of a sequence kernel share: who owns which column, and how a value of the step is read. */
import type { Expr, Range } from "../folds/expression.ts";
import { flatColumn } from "../fusion/sequence.ts";
import { required } from "../errors.ts";
import { isSteady } from "../folds/index-arithmetic.ts";
import { extentValue } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression, ValueType } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import { type ElementScope, offsetValue } from "./element.ts";
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

/** A column that an invocation owns, or several neighbours as the lanes of a vector. */
export interface Element {
  /** Number of the column, of the first one where there are several. */
  readonly at: Expression;
  /** Its place among the columns of this invocation. */
  readonly own: Expression;
  /** Columns in the lanes of a vector; without it one. */
  readonly lanes?: 4;
}

/** One row and one invocation: the columns take the lanes that rows leave empty. */
export const acrossColumns = ({ tile }: SequenceState): boolean => tile.rows === 1 && tile.threads === 1 && tile.columnLanes === 4;

/** Lanes of the values of an element: neighbouring columns, or else rows. */
export const lanesOf = ({ tile }: SequenceState, element?: Element): 1 | 4 => element?.lanes ?? tile.rowLanes;

/** A value in as many lanes. */
export const inLanes = (value: Expression, lanes: 1 | 4): Expression => (value.type.lanes === lanes ? value : k.splat(value, lanes));

/** Runs through the columns of a width that this invocation owns, four at a time where the columns take the lanes. */
export function forColumns(state: SequenceState, width: number, body: (element: Element) => void): void {
  if (!acrossColumns(state)) return forOwn(state, width, body);
  forVectors(state, width, body);
  forRest(width, body);
}

/** The columns four at a time, as far as they go. */
export function forVectors({ writer }: SequenceState, width: number, body: (element: Element) => void): void {
  const whole = width - (width % 4);
  if (whole === 4) body({ at: k.int(0), own: k.int(0), lanes: 4 });
  else if (whole > 0) writer.for("i", k.int(0), k.int(whole), k.int(4), (at) => body({ at, own: at, lanes: 4 }));
}

/** The vectors of a width, some of them together; the last ones are fewer. */
export function forBlocksOfVectors({ writer }: SequenceState, width: number, together: 2 | 4 | 6 | 8, body: (runs: readonly Run[]) => void): void {
  const vectors = Math.floor(width / 4);
  const blocks = Math.floor(vectors / together);
  /** From an even vector on, `panel` panels in. */
  const block = (panel: Expression, count: number): void => body(Array.from({ length: count }, (_, r): Run => {
    const run = k.add(k.mul(panel, k.int(2)), k.int(r));
    return { first: k.mul(run, k.int(4)), run, panel: { number: k.add(panel, k.int(r >> 1)), lane: r % 2 === 0 ? 0 : 4 } };
  }));
  if (blocks === 1) block(k.int(0), together);
  else if (blocks > 1) writer.for("b", k.int(0), k.int(blocks), k.int(1), (b) => block(k.mul(b, k.int(together / 2)), together));
  if (blocks * together < vectors) block(k.int((blocks * together) / 2), vectors - blocks * together);
}

/** The columns that are left over, one by one. */
export function forRest(width: number, body: (element: Element) => void): void {
  for (let at = width - (width % 4); at < width; at++) body({ at: k.int(at), own: k.int(at) });
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
  /** Its panel of eight columns and its place there, where these are known apart from `first`. */
  readonly panel?: { readonly number: Expression; readonly lane: 0 | 4 };
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
  const lanes = element?.lanes;
  const scope: ElementScope = {
    writer, ...(lanes ? { vector: { range: shared, lanes }, multiples: new Map([[shared, lanes]]) } : { vector: { range: flat.row, lanes: tile.rowLanes } }),
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
      const read = (lane: number): Expression => k.element(home.name, home.type, k.add(k.mul(offsetValue(scope, place, lane), k.int(groups)), rowGroup));
      return lanes && !isSteady(place, shared, lanes) ? k.vector(read(0), read(1), read(2), read(3)) : read(0);
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

/** Puts a value, or a vector of neighbouring columns, where it is kept. */
export function setHome(state: SequenceState, value: string, element: Element, rowGroup: Expression, given: Expression): void {
  const home = required(state.arrays.get(value), "schedule", value);
  const first = homeIndex(state, value, element, rowGroup);
  if (!element.lanes) return state.writer.add(s.set(home.name, first, given));
  const named = state.writer.let("kept", given);
  for (let lane = 0; lane < element.lanes; lane++) state.writer.add(s.set(home.name, k.add(first, k.int(lane)), k.lane(named, lane)));
}

/** What is kept of a value for an own element. */
export function homeValue(state: SequenceState, value: string, element: Element, rowGroup: Expression): Expression {
  const home = required(state.arrays.get(value), "schedule", value);
  const read = (lane: number): Expression => k.element(home.name, home.type, k.add(homeIndex(state, value, element, rowGroup), k.int(lane)));
  return element.lanes ? k.vector(read(0), read(1), read(2), read(3)) : read(0);
}

/** The row of a store: rows past the end repeat the last one, and store the same value again. */
export function rowIndex({ writer: { e }, flat, tile }: SequenceState): Expr {
  const count = extentValue(flat.row.extent);
  return count === 1 || (count !== undefined && count % tile.rows === 0) ? e.index(flat.row) : e.apply("min", e.index(flat.row), e.apply("sub", e.extent(flat.row.extent, "i32"), e.constant(1, "i32")));
}
