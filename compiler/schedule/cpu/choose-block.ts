/**
 * Block shapes for one core with caches: rows and columns of a product that stay in the second level while they are summed
 * up and finished, and the part of the contracted axis whose panels stay in the first.
 */
import type { ContractionRegion } from "../../fusion/region.ts";
import { type Extent, extentValue, productOfExtents } from "../../ir/extent.ts";
import type { BlockTile, ChunkTile } from "../tile.ts";

/** Rows and columns of the register tile: eight accumulators of four lanes, which leaves room for both operands in 16 registers. */
export const registerRows = 4;
export const registerColumns = 8;

/** Finished products of one block. unit: elements */
const blockBudget = 2 ** 18;

/** What whole rows may take where something is folded along them. unit: elements */
const wholeRowBudget = 2 ** 20;

const mostRows = 128;

/** Columns of a block where rows need not be whole. */
const partOfRow = 1024;

const longestInner = 800;

const valueOf = (extents: readonly Extent[]): number | undefined => extentValue(productOfExtents(extents));

const upTo = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** `undefined`: something is folded along whole rows, and a few of them are more than a block, or of unknown length. */
export function chooseBlockTile(region: ContractionRegion): BlockTile | undefined {
  const { shape } = region;
  const columns = valueOf(shape.columns.map((range) => range.extent));
  const rows = valueOf(shape.rows.map((range) => range.extent)) ?? mostRows;
  const products = 1 + region.siblings.length;
  const inner = valueOf(shape.inner.map((range) => range.extent)) ?? longestInner;
  const parts = Math.max(1, Math.ceil(inner / longestInner));
  const whole = columns === undefined ? undefined : upTo(columns, registerColumns);
  if (region.epilogue.length > 0 && (whole === undefined || whole * registerRows * products > wholeRowBudget)) return undefined;
  // The left operand is prepared again for every part of a row.
  const isWhole = whole !== undefined && (region.epilogue.length > 0 || whole * registerRows * 4 * products <= blockBudget);
  const width = isWhole ? whole : partOfRow;
  const fit = Math.floor(blockBudget / (width * products * registerRows)) * registerRows;
  return { rows: Math.max(registerRows, Math.min(mostRows, upTo(rows, registerRows), fit)), columns: width, inner: upTo(Math.ceil(inner / parts), registerRows) };
}

/** Elements that one call handles: enough to forget the call, few enough to share out. */
export const chooseChunkTile = (): ChunkTile => ({ elements: 4096 });
