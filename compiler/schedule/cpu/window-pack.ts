/**
 * Panels of a right operand that reads windows, as convolutions do: its ranges stay loops and counters of their own, since one
 * counter for all of them would have to be taken apart again for every element. Flow: block.ts -> here instead of block-pack.ts.
 */
import type { Expr, Range } from "../../folds/expression.ts";
import { hasLongIndices } from "../../folds/index-arithmetic.ts";
import { type ContractionRegion, productsOf } from "../../fusion/region.ts";
import { extentValue } from "../../ir/extent.ts";
import * as k from "../../kernel/build.ts";
import type { Expression } from "../../kernel/node.ts";
import * as s from "../../kernel/statements.ts";
import { emitElement, type ElementScope } from "../element.ts";
import type { KernelWriter } from "../kernel-writer.ts";
import type { BlockState } from "./block-state.ts";
import { registerColumns, windowOf } from "./choose-block.ts";

type Counters = readonly (readonly [Range, Expression])[];

/** The counters of `ranges` at a place of the box that they span. */
function takenApart(writer: KernelWriter, place: Expression, ranges: readonly Range[]): Counters {
  const counters: [Range, Expression][] = [];
  let rest = place;
  for (const range of [...ranges].reverse()) {
    const extent = writer.extent(range.extent);
    const isFirst = range === ranges[0];
    counters.unshift([range, isFirst ? rest : writer.let("counter", k.rem(rest, extent))]);
    if (!isFirst) rest = writer.let("rest", k.div(rest, extent));
  }
  return counters;
}

/** Is the operand of product `at` one that is packed here? Parts of the contracted axis are whole windows then. */
export function readsWindows(region: ContractionRegion, at: number, flat: Expr, tileInner: number): boolean {
  const window = windowOf(region.shape);
  return region.panels?.[at] === undefined && window !== undefined && tileInner % window === 0 && hasLongIndices(flat);
}

/** Eight columns of product `at` from `column` of the block on. */
export function packWindows(state: BlockState, at: number, column: Expression, first: Expression, count: Expression): void {
  const { writer, flat } = state;
  const { shape } = flat.region;
  const right = productsOf(flat.region)[at]?.right;
  if (!right) return;
  const from = writer.let("column", k.add(state.firstColumn, column));
  const batch = takenApart(writer, state.batch, shape.batch);
  const along = shape.columns.at(-1);
  const width = along && extentValue(along.extent);
  // Where a row of the innermost range holds whole panels, the eight columns differ in it alone.
  const halves = along && width !== undefined && width % registerColumns === 0
    ? halfPanels(takenApart(writer, from, shape.columns), along)
    : undefined;
  const singles = halves ? [] : Array.from({ length: registerColumns }, (_, i) => takenApart(writer, writer.let("column_read", k.min(k.add(from, k.int(i)), k.sub(writer.extent(flat.column.extent), k.int(1)))), shape.columns));
  const element = (counters: Counters, vector?: ElementScope["vector"]): Expression => {
    const value = emitElement({ writer, counters: new Map(counters), sources: new Map(), ...(vector ? { vector } : {}) }, right);
    return writer.let("right", vector && value.type.lanes === 1 ? k.splat(value, vector.lanes) : value);
  };
  overInner(state, first, count, (place, inner) => {
    const whole = halves?.map((counters) => element([...batch, ...counters, ...inner], { range: along as Range, lanes: 4 }));
    const values = whole ? [] : singles.map((counters) => element([...batch, ...counters, ...inner]));
    for (const half of [0, 1]) {
      const vector = whole?.[half] ?? k.vector(...(values.slice(4 * half, 4 * half + 4) as [Expression, ...Expression[]]));
      writer.add(s.set(state.right, k.add(k.mul(place, k.int(2)), k.int(half)), vector));
    }
  });
}

const halfPanels = (counters: Counters, along: Range): readonly Counters[] =>
  [0, 4].map((offset) => counters.map(([range, counter]) => [range, range === along ? k.add(counter, k.int(offset)) : counter] as const));

/** Loops over the contracted ranges from place `first` on; `emit` gets the place from there. */
function overInner({ writer, flat, tile }: BlockState, first: Expression, count: Expression, emit: (place: Expression, counters: Counters) => void): void {
  const [outermost, ...others] = flat.region.shape.inner;
  if (!outermost) return;
  const window = windowOf(flat.region.shape) ?? tile.inner;
  const descend = (ranges: readonly Range[], place: Expression, counters: Counters): void => {
    const [range, ...rest] = ranges;
    if (!range) return emit(writer.let("place", place), counters);
    const extent = writer.extent(range.extent);
    if (k.constantValue(extent) === 1) return descend(rest, place, [...counters, [range, k.int(0)]]);
    writer.for(range.name, k.int(0), extent, k.int(1), (counter) => descend(rest, k.add(k.mul(place, extent), counter), [...counters, [range, counter]]));
  };
  writer.for(outermost.name, k.int(0), k.div(count, k.int(window)), k.int(1), (counter) => descend(others, counter, [[outermost, k.add(k.div(first, k.int(window)), counter)]]));
}
