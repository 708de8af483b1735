/** The panels of a block: both operands in the order in which the register loop reads them. Rows and columns past the end repeat the last one. */
import type { Expr, Range } from "../../folds/expression.ts";
import { rangesOf } from "../../folds/expression.ts";
import * as k from "../../kernel/build.ts";
import type { Expression, Lanes } from "../../kernel/node.ts";
import * as s from "../../kernel/statements.ts";
import { emitElement, type ElementScope } from "../element.ts";
import { knownParts, sourcesAt, vectorizes } from "../row-folds.ts";
import { type BlockState, rowCounters } from "./block-state.ts";
import { registerColumns, registerRows } from "./choose-block.ts";

const four = [0, 1, 2, 3] as const;

/** A vector of four out of a value of the lane range, repeated if it does not vary. */
function wide(value: Expression, lanes: Lanes): Expression {
  return value.type.lanes === lanes ? value : k.splat(value, lanes);
}

/** Column i of four rows of four. */
const transposed = (rows: readonly Expression[], i: number): Expression => k.vector(...(rows.map((row) => k.lane(row, i)) as [Expression, ...Expression[]]));

/** Can the operand be read four at a time along `range`, with nothing in it that is known for one row only? */
function readsAlong(state: BlockState, body: Expr, range: Range): boolean {
  return rangesOf(body).has(range) && vectorizes(state.writer, body, range, range.extent);
}

/** The left operand, from `first` on, for all rows of the block. */
export function packLeft(state: BlockState, first: Expression, count: Expression): void {
  const { writer, flat, tile } = state;
  const alongInner = readsAlong(state, flat.left, flat.inner);
  const alongRows = !alongInner && flat.region.prologue.length === 0 && readsAlong(state, flat.left, flat.row);
  const step = alongInner ? 4 : 1;
  writer.comment("panels of the left operand");
  writer.for("panel_row", k.int(0), state.rows, k.int(registerRows), (local) => {
    const place = writer.let("panel", k.mul(k.div(local, k.int(registerRows)), k.int(tile.inner)));
    if (alongRows) {
      writer.for("k", k.int(0), count, k.int(1), (at) => {
        const scope: ElementScope = { writer, counters: new Map([...rowCounters(state, k.add(state.firstRow, local)), [flat.inner, k.add(first, at)]]), vector: { range: flat.row, lanes: 4 } };
        writer.add(s.set(state.left, k.add(place, at), wide(emitElement(scope, flat.left), 4)));
      });
      return;
    }
    // Rows that are known not to exist are lanes that nothing reads.
    const present = Math.min(registerRows, k.constantValue(state.rows) ?? registerRows);
    const rows = four.slice(0, present).map((i) => {
      const row = writer.let("row_local", k.min(k.add(local, k.int(i)), k.sub(state.rows, k.int(1))));
      const scope: ElementScope = { writer, counters: new Map(rowCounters(state, writer.let("row_read", k.add(state.firstRow, row)))), sources: sourcesAt(state.statistics, row) };
      return { ...scope, known: knownParts(scope, [flat.left], new Set([flat.inner])) };
    });
    writer.for("k", k.int(0), count, k.int(step), (at) => {
      const inner = writer.let("inner", k.add(first, at));
      const values = rows.map((scope) => writer.let("left", wide(emitElement({ ...scope, counters: new Map([...scope.counters, [flat.inner, inner]]), vector: { range: flat.inner, lanes: step } }, flat.left), step)));
      for (let i = 0; i < step; i++) writer.add(s.set(state.left, k.add(k.add(place, at), k.int(i)), transposed(four.map((row) => values[Math.min(row, present - 1)] as Expression), i)));
    });
  });
}

/** Eight columns of a right operand from `column` of the block on. */
export function packRight(state: BlockState, right: Expr, column: Expression, first: Expression, count: Expression): void {
  const { writer, flat, lanes } = state;
  const from = writer.let("column", k.add(state.firstColumn, column));
  const last = (step: number): Expression => k.sub(writer.extent(flat.column.extent), k.int(step));
  const scopeOf = (at: Expression, inner: Expression): ElementScope => ({ writer, counters: new Map([[flat.batch, state.batch], [flat.inner, inner], [flat.column, at]]), sources: new Map() });
  const place = (at: Expression, half: number): Expression => k.add(k.mul(at, k.int(2)), k.int(half));
  const alongColumns = lanes === 4 && readsAlong(state, right, flat.column);
  const alongInner = !alongColumns && readsAlong(state, right, flat.inner);
  if (alongColumns) {
    const halves = [0, 4].map((offset) => writer.let("column_read", k.min(k.add(from, k.int(offset)), last(4))));
    writer.for("k", k.int(0), count, k.int(1), (at) => {
      const inner = writer.let("inner", k.add(first, at));
      halves.forEach((read, half) => writer.add(s.set(state.right, place(at, half), wide(emitElement({ ...scopeOf(read, inner), vector: { range: flat.column, lanes: 4 } }, right), 4))));
    });
    return;
  }
  const reads = Array.from({ length: registerColumns }, (_, i) => writer.let("column_read", k.min(k.add(from, k.int(i)), last(1))));
  const step = alongInner ? 4 : 1;
  writer.for("k", k.int(0), count, k.int(step), (at) => {
    const inner = writer.let("inner", k.add(first, at));
    const values = reads.map((read) => writer.let("right", wide(emitElement({ ...scopeOf(read, inner), vector: { range: flat.inner, lanes: step } }, right), step)));
    for (let i = 0; i < step; i++) for (const half of [0, 1]) writer.add(s.set(state.right, place(k.add(at, k.int(i)), half), transposed(values.slice(4 * half, 4 * half + 4), i)));
  });
}
