/**
 * How a right operand lies in memory once prepare has laid it out for its product. Panels: eight columns, one element of k
 * after the other, as a processor reads them. Columns: a row of columns for each k, as long as a multiple of four, so that
 * every group of four columns is one aligned vector. Columns past the end repeat the last one. Used by pack-operands.ts.
 */
import type { Expr, Expressions, Range } from "../folds/expression.ts";
import { flattenIndex, unflattenIndex } from "../folds/index-arithmetic.ts";
import { substitute } from "../folds/inline.ts";
import type { Definition } from "../folds/node.ts";
import { constantExtent, extentValue, productOfExtents } from "../ir/extent.ts";
import { registerColumns } from "../schedule/cpu/choose-block.ts";
import type { ContractionShape } from "./contraction-shape.ts";

export type OperandShape = Pick<ContractionShape, "columns" | "inner">;

export interface OperandLayout {
  /** Of the names of what is laid out. */
  readonly ending: string;
  /** Why it is in memory. */
  readonly reason: string;
  /** The element that stands for column and k. */
  load(e: Expressions, name: string, shape: OperandShape, right: Expr): Expr;
  /** The layout as a map of its own. undefined: of unknown size. */
  definition(e: Expressions, name: string, shape: OperandShape, right: Expr, origin: Definition["origin"]): Definition | undefined;
}

const lengthOf = (ranges: readonly Range[]): number | undefined => extentValue(productOfExtents(ranges.map((range) => range.extent)));

const flatIndex = (e: Expressions, ranges: readonly Range[]): Expr => flattenIndex(e, ranges.map((range) => e.index(range)), ranges.map((range) => range.extent));

/** The right operand at a flat column and a flat k. */
function at(e: Expressions, { columns, inner }: OperandShape, right: Expr, column: Expr, k: Expr): Expr {
  const by = new Map<Range, Expr>();
  for (const [ranges, index] of [[columns, column], [inner, k]] as const) unflattenIndex(e, index, ranges.map((range) => range.extent)).forEach((part, axis) => by.set(ranges[axis] as Range, part));
  return substitute(e, right, by);
}

const withinWidth = (e: Expressions, column: Expr, width: number, multiple: number): Expr => (width % multiple === 0 ? column : e.apply("min", column, e.constant(width - 1, "i32")));

/** [column / 8, k, column % 8] */
export const panels: OperandLayout = {
  ending: ".panels",
  reason: "panels of a parameter, in the order in which the product reads them: made once, in prepare",
  load: (e, name, { columns, inner }, right) => {
    const width = e.constant(registerColumns, "i32");
    const column = flatIndex(e, columns);
    return e.load(name, [e.apply("div", column, width), flatIndex(e, inner), e.apply("rem", column, width)], right.dtype);
  },
  definition: (e, name, shape, right, origin) => {
    const [width, depth] = [lengthOf(shape.columns), lengthOf(shape.inner)];
    if (width === undefined || depth === undefined) return undefined;
    const panel = e.range("panel", constantExtent(Math.ceil(width / registerColumns)));
    const k = e.range("k", constantExtent(depth));
    const lane = e.range("lane", constantExtent(registerColumns));
    const column = e.apply("add", e.apply("mul", e.index(panel), e.constant(registerColumns, "i32")), e.index(lane));
    return { name, dtype: right.dtype, box: [panel, k, lane], fold: undefined, body: at(e, shape, right, withinWidth(e, column, width, registerColumns), e.index(k)), origin };
  },
};

const vectorLanes = 4;

/** Columns that `columns` stores of so many. */
export const storedWidth = (width: number): number => Math.ceil(width / vectorLanes) * vectorLanes;

/** [k, column] */
export const columns: OperandLayout = {
  ending: ".columns",
  reason: "a parameter with its columns side by side, in whole vectors: made once, in prepare",
  load: (e, name, shape, right) => e.load(name, [flatIndex(e, shape.inner), flatIndex(e, shape.columns)], right.dtype),
  definition: (e, name, shape, right, origin) => {
    const [width, depth] = [lengthOf(shape.columns), lengthOf(shape.inner)];
    if (width === undefined || depth === undefined) return undefined;
    const k = e.range("k", constantExtent(depth));
    const column = e.range("column", constantExtent(storedWidth(width)));
    return { name, dtype: right.dtype, box: [k, column], fold: undefined, body: at(e, shape, right, withinWidth(e, e.index(column), width, vectorLanes), e.index(k)), origin };
  },
};
