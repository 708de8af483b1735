/** What the phases of one block share: where it lies, its panels, and the statistics known so far. See block.ts. */
import type { Range } from "../../folds/expression.ts";
import type { Expression, Lanes, ValueType } from "../../kernel/node.ts";
import type { FlatContraction } from "../contraction-state.ts";
import type { KernelWriter } from "../kernel-writer.ts";
import type { BlockTile } from "../tile.ts";

export interface BlockState {
  readonly writer: KernelWriter;
  readonly flat: FlatContraction;
  readonly tile: BlockTile;
  /** Of stored values and of what is read beside them: 4 where rows of the product are a multiple of it. */
  readonly lanes: Lanes;
  readonly firstRow: Expression;
  /** Rows of this block that exist. */
  readonly rows: Expression;
  readonly firstColumn: Expression;
  readonly columns: Expression;
  readonly batch: Expression;
  /** Panels of four rows: element (panel * inner + k) holds the four at k. */
  readonly left: string;
  /** A panel of eight columns: elements 2 k and 2 k + 1 hold those at k. */
  readonly right: string;
  /** Finished products by name, row-major, `tile.columns` wide, in elements of `lanes`. */
  readonly products: ReadonlyMap<string, string>;
  readonly vector: ValueType;
  /** Statistics of rows of the block, from before the product. */
  readonly statistics: Map<string, (row: Expression) => Expression>;
}

export const rowCounters = (state: BlockState, row: Expression): [Range, Expression][] => [[state.flat.row, row], [state.flat.batch, state.batch]];
