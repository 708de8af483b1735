/** What the phases of one contraction kernel share: flat ranges, tile, counters, and the statistics known so far. */
import type { Expr, Range } from "../folds/expression.ts";
import type { ContractionRegion } from "../fusion/region.ts";
import { type Extent, extentValue } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression, Lanes } from "../kernel/node.ts";
import { emitElement, type ElementScope } from "./element.ts";
import type { Flattening } from "./flatten.ts";
import type { KernelWriter } from "./kernel-writer.ts";
import type { ContractionTile } from "./tile.ts";

/** The flat ranges of a contraction and the bodies over them. */
export interface FlatContraction {
  readonly region: ContractionRegion;
  readonly flattening: Flattening;
  readonly batch: Range;
  readonly row: Range;
  readonly column: Range;
  /** Contracted ranges that are loops of their own, outside of `inner`. */
  readonly outer: readonly Range[];
  readonly inner: Range;
  readonly left: Expr;
  readonly products: readonly FlatProduct[];
}

export interface FlatProduct {
  readonly name: string;
  readonly right: Expr;
}

export interface Variable {
  readonly ref: Expression;
  assign(value: Expression): void;
}

/** Accumulators of one invocation by row and column group. */
export type Grid = readonly (readonly Variable[])[];

/** What the phases of one kernel share. */
export interface ContractionState {
  readonly writer: KernelWriter;
  readonly flat: FlatContraction;
  readonly tile: ContractionTile;
  /** Lanes of a column group. */
  readonly lanes: Lanes;
  readonly threadX: Expression;
  readonly threadY: Expression;
  readonly firstRow: Expression;
  readonly firstColumn: Expression;
  readonly batchIndex: Expression;
  /** Counters of the outer contracted ranges, inside their loops. */
  readonly outer: Map<Range, Expression>;
  /** Statistics by local row, from prologue and epilogue. */
  readonly statistics: Map<string, (row: Expression) => Expression>;
  /** Statistics that every invocation has of its own rows, in order. */
  readonly own: Map<string, readonly Expression[]>;
  /** The finished products by name: value of row i, column group j of this invocation. */
  readonly values: Map<string, readonly (readonly Expression[])[]>;
}

/** Clamps a row or column to the last one: what is computed past the end is never stored. */
export function clamped(writer: KernelWriter, index: Expression, extent: Extent, tileSize: number, step = 1): Expression {
  const value = extentValue(extent);
  if (value !== undefined && value % tileSize === 0) return index;
  return k.min(index, k.sub(writer.extent(extent), k.int(step)));
}


export const rowCounters = (state: ContractionState, row: Expression): [Range, Expression][] => [[state.flat.row, row], [state.flat.batch, state.batchIndex]];

export function grid<T>(rows: number, columns: number, make: (i: number, j: number) => T): T[][] {
  return Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => make(i, j)));
}

export const refsOf = (variables: Grid): Expression[][] => variables.map((line) => line.map((variable) => variable.ref));

export function addInto(totals: Grid, parts: Grid): void {
  totals.forEach((line, i) => line.forEach((total, j) => total.assign(k.add(total.ref, (parts[i]?.[j] as Variable).ref))));
}

/** The right operand for column group `group` of this tile. */
export function rightValue(state: ContractionState, product: FlatProduct, inner: Expression, group: Expression): Expression {
  const { writer, flat, lanes, tile } = state;
  const column = clamped(writer, k.add(state.firstColumn, k.mul(group, k.int(lanes))), flat.region.storedColumns ?? flat.column.extent, tile.threadsX * tile.columnGroups * lanes, lanes);
  const scope: ElementScope = {
    // Without a name, the index is a sum whose terms leave the loop.
    writer, counters: new Map([...state.outer, [flat.batch, state.batchIndex], [flat.inner, tile.staged ? writer.let("right_k", inner) : inner], [flat.column, tile.staged ? writer.let("right_column", column) : column]]),
    vector: { range: flat.column, lanes }, sources: new Map(),
  };
  const value = emitElement(scope, product.right);
  return value.type.lanes === lanes ? value : k.splat(value, lanes);
}
