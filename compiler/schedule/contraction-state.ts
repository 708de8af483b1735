/** What the phases of one contraction kernel share: flat ranges, tile, counters, and the statistics known so far. */
import type { Expr, Range } from "../folds/expression.ts";
import type { ContractionRegion } from "../fusion/region.ts";
import { type Extent, extentValue } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression, Lanes } from "../kernel/node.ts";
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
  readonly inner: Range;
  readonly left: Expr;
  readonly right: Expr;
}

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
  /** Statistics by local row, from prologue and epilogue. */
  readonly statistics: Map<string, (row: Expression) => Expression>;
}

/** Clamps a row or column to the last one: what is computed past the end is never stored. */
export function clamped(writer: KernelWriter, index: Expression, extent: Extent, tileSize: number, step = 1): Expression {
  const value = extentValue(extent);
  if (value !== undefined && value % tileSize === 0) return index;
  return k.min(index, k.sub(writer.extent(extent), k.int(step)));
}


export const rowCounters = (state: ContractionState, row: Expression): [Range, Expression][] => [[state.flat.row, row], [state.flat.batch, state.batchIndex]];
