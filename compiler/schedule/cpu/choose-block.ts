/**
 * Block shapes for one core with caches: rows and columns of a product that stay in the second level while they are summed
 * up and finished, and the part of the contracted axis whose panels stay in the first.
 */
import type { ContractionShape } from "../../fusion/contraction-shape.ts";
import { type ContractionRegion, productsOf } from "../../fusion/region.ts";
import { type Extent, extentValue, productOfExtents } from "../../ir/extent.ts";
import type { BlockTile, ChunkTile } from "../tile.ts";

/** Rows and columns of the register tile: eight accumulators of four lanes, which leaves room for both operands in 16 registers. */
export const registerRows = 4;
export const registerColumns = 8;

/** Panels of four rows that hold so many; the last may have fewer. */
export const panelCount = (rows: number): number => Math.ceil(rows / registerRows);

/** Finished products of one block. unit: elements */
const blockBudget = 2 ** 18;

/** What whole rows may take where something is folded along them. unit: elements */
const wholeRowBudget = 2 ** 20;

/** Beyond it the contracted axis is no window, and its parts would not fit. */
const longestWindow = 128;

const mostRows = 128;

/** Columns of a block where rows need not be whole. */
const partOfRow = 1024;

const longestInner = 800;

/** Blocks that a product is cut into at least, so that several threads have something to do. */
const blocksWanted = 8;

/** What is not worth cutting: about a tenth of a millisecond. unit: multiplications and additions */
const smallestBlock = 2 ** 22;

/** How far a block is cut down, in this order: short blocks read the right operand more often, narrow ones prepare the left one more often. */
type Cuts = readonly { readonly rows?: number; readonly columns?: number }[];
const cuts: Cuts = [{ rows: 64 }, { columns: 512 }, { rows: 32 }, { columns: 256 }, { rows: 16 }];

/** The same where the right operand is computed, again for every block of rows. */
const cutsOfComputed: Cuts = [{ columns: 128 }, { rows: 32 }];

const valueOf = (extents: readonly Extent[]): number | undefined => extentValue(productOfExtents(extents));

const upTo = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** Elements of the contracted axis that belong to one step of its first range: a window. undefined where there is none, or it is long. */
export function windowOf(shape: ContractionShape): number | undefined {
  const window = valueOf(shape.inner.slice(1).map((range) => range.extent));
  return window !== undefined && window > 1 && window <= longestWindow ? window : undefined;
}

/** `undefined`: something is folded along whole rows, and a few of them are more than a block, or of unknown length. */
export function chooseBlockTile(region: ContractionRegion): BlockTile | undefined {
  const { shape } = region;
  const columns = valueOf(shape.columns.map((range) => range.extent));
  const rows = valueOf(shape.rows.map((range) => range.extent)) ?? mostRows;
  const products = 1 + region.siblings.length;
  const inner = valueOf(shape.inner.map((range) => range.extent)) ?? longestInner;
  const parts = Math.max(1, Math.ceil(inner / longestInner));
  const whole = columns === undefined ? undefined : upTo(columns, registerColumns);
  const folded = region.epilogue.length > 0;
  if (folded && (whole === undefined || whole * registerRows * products > wholeRowBudget)) return undefined;
  // The left operand is prepared again for every part of a row.
  const isWhole = whole !== undefined && (folded || whole * registerRows * 4 * products <= blockBudget);
  const width = isWhole ? whole : partOfRow;
  const fit = Math.floor(blockBudget / (width * products * registerRows)) * registerRows;
  const most = Math.max(registerRows, Math.min(mostRows, upTo(rows, registerRows), fit));
  const even = upTo(Math.ceil(rows / Math.ceil(rows / most)), registerRows);
  const batch = valueOf(shape.batch.map((range) => range.extent)) ?? 1;
  const computed = windowOf(shape) !== undefined || productsOf(region).some(({ right }) => right.kind !== "load");
  const size = cut({ rows: even, columns: width }, { rows, columns: columns ?? width, inner: inner * products, batch, folded, computed });
  return { ...size, inner: upTo(Math.ceil(inner / parts), commonMultiple(windowOf(shape) ?? 1)) };
}

/** Of a window and of the columns that are packed at a time. */
const commonMultiple = (window: number): number => (window % 4 === 0 ? window : window % 2 === 0 ? 2 * window : 4 * window);

interface Size {
  readonly rows: number;
  readonly columns: number;
}

interface CutProduct extends Size {
  readonly inner: number;
  readonly batch: number;
  /** Something is folded along whole rows. */
  readonly folded: boolean;
  /** The right operand is no tensor as it lies. */
  readonly computed: boolean;
}

/** Halves a block until there are enough of them or they are small. */
function cut(size: Size, product: CutProduct): Size {
  const blocks = product.batch * Math.ceil(product.rows / size.rows) * Math.ceil(product.columns / size.columns);
  if (blocks >= blocksWanted || 2 * Math.min(size.rows, product.rows) * Math.min(size.columns, product.columns) * product.inner <= smallestBlock) return size;
  const shorter = upTo(Math.ceil(size.rows / 2), registerRows);
  const narrower = upTo(Math.ceil(size.columns / 2), registerColumns);
  if (product.folded) {
    if (shorter < size.rows) return cut({ ...size, rows: shorter }, product);
    // Of four rows two blocks can be made.
    return product.rows > 2 ? { ...size, rows: 2 } : size;
  }
  for (const { rows, columns } of product.computed ? cutsOfComputed : cuts) {
    if (rows !== undefined && shorter >= rows) return cut({ ...size, rows: shorter }, product);
    if (columns !== undefined && narrower >= columns) return cut({ ...size, columns: narrower }, product);
  }
  return size;
}

/** Elements that one call handles: enough to forget the call, few enough to share out. */
export const chooseChunkTile = (): ChunkTile => ({ elements: 4096 });
