/** Tile shapes for a region: a small table scored by the extents, the device's limits and its price of a barrier. */
import { hasLongIndices } from "../folds/index-arithmetic.ts";
import { type ContractionRegion, type RowsRegion, type StreamRegion } from "../fusion/region.ts";
import { type Extent, extentValue, productOfExtents } from "../ir/extent.ts";
import { inSoftware, type Target } from "../target.ts";
import type { ContractionTile, MapTile, RowTile, StreamTile } from "./tile.ts";

const valueOf = (extents: readonly Extent[]): number | undefined => extentValue(productOfExtents(extents));

const powerOfTwoUpTo = (value: number, most: number): number => {
  let power = 1;
  while (power * 2 <= value && power * 2 <= most) power *= 2;
  return power;
};

/** In software workgroup memory is no faster than a cache, and barriers cost: there, fewer and serial is better. */
const barriersAreDear = ({ cost }: Target): boolean => inSoftware(cost);

export function chooseRowTile(region: RowsRegion, target: Target): RowTile {
  const length = Math.max(1, ...region.folds.map((member) => valueOf(member.ranges.map((range) => range.extent)) ?? 1024));
  const most = Math.min(64, target.limits.workgroupInvocations);
  if (barriersAreDear(target)) return { rowsPerGroup: 4, lanes: 1 };
  const lanes = powerOfTwoUpTo(Math.max(1, Math.floor(length / 8)), most);
  return { lanes, rowsPerGroup: Math.max(1, Math.min(8, Math.floor(most / lanes))) };
}

export const chooseMapTile = (target: Target): MapTile => ({ threads: Math.min(64, target.limits.workgroupInvocations) });

/** Accumulators of one invocation, in scalars, that stay in registers. */
const registerBudget = 128;
/** A software adapter has sixteen vectors: beyond these it spills, and what is unrolled takes seconds to compile. */
const softwareRegisterBudget = 32;

/** Workgroups that keep the cores of a software adapter busy. */
const fewWorkgroups = 4;

/** Tiles of 64 rows by 128 columns from which on a product is large. */
const manyWideTiles = 8;

/** Elements of one row of both operands of a stream. */
const streamBudget = 256;

/** `undefined`: a row does not fit the registers of one invocation. */
export function chooseStreamTile(region: StreamRegion, target: Target): StreamTile | undefined {
  const [columns, depth] = [region.shape.columns, region.scores.shape.inner].map((ranges) => valueOf(ranges.map((range) => range.extent)));
  if (columns === undefined || depth === undefined || columns + depth > streamBudget) return undefined;
  return { threads: Math.min(32, target.limits.workgroupInvocations), step: 4 };
}

/** `undefined`: whole rows do not fit one workgroup. `likelyRows`: what to expect of rows that the host binds, where somebody said. */
export function chooseContractionTile(region: ContractionRegion, lanes: number, target: Target, likelyRows?: number): ContractionTile | undefined {
  const { shape } = region;
  const rows = valueOf(shape.rows.map((range) => range.extent)) ?? likelyRows;
  const columns = valueOf(shape.columns.map((range) => range.extent));
  const inner = valueOf(shape.inner.map((range) => range.extent)) ?? 1024;
  // Every product has a tile of its right operand in workgroup memory.
  const innerBlock = inner > 8 && region.siblings.length < 2 ? 16 : inner > 4 ? 8 : 4;
  const most = Math.min(64, target.limits.workgroupInvocations);
  const products = 1 + region.siblings.length;
  // Long indices are computed once per element when the operand is staged, and by every invocation when it is not.
  const staged = !barriersAreDear(target) || hasLongIndices(shape.left);
  if (region.epilogue.length > 0) {
    if (columns === undefined) return undefined;
    const groups = Math.ceil(columns / lanes);
    // Staging a row of the left tile takes up to 16 invocations.
    const threadsX = Math.max(16, powerOfTwoUpTo(groups, most));
    const columnGroups = Math.ceil(groups / threadsX);
    const fit = Math.floor(registerBudget / (columnGroups * lanes * products));
    if (fit < 1) return undefined;
    const comfortable = staged ? fit : Math.max(1, Math.floor(softwareRegisterBudget / (columnGroups * lanes * products)));
    return { threadsX, threadsY: 1, rowsPerThread: Math.min(8, powerOfTwoUpTo(comfortable, 8), rowsWorthwhile(rows)), columnGroups, innerBlock, staged };
  }
  const width = region.partials[0]?.width;
  if (width !== undefined) {
    // The tile is as wide as the partial statistics say.
    const threadsX = 16;
    const threadsY = Math.max(1, powerOfTwoUpTo(Math.floor((barriersAreDear(target) ? 64 : target.limits.workgroupInvocations) / threadsX), 8));
    return { threadsX, threadsY, rowsPerThread: rows !== undefined && rows <= threadsY ? 1 : 4, columnGroups: width / (threadsX * lanes), innerBlock, staged };
  }
  if (!staged && rows !== undefined && rows <= 8) {
    // Every element of the right operand is loaded once. Few invocations with many columns each: those of a wide workgroup walk down
    // the operand one group after the other, and find none of it in the cache.
    const rowsPerThread = rowsWorthwhile(rows);
    const threadsX = 8;
    const busy = Math.floor((columns ?? 1024) / lanes / threadsX / fewWorkgroups);
    const columnGroups = Math.max(1, powerOfTwoUpTo(Math.min(8, busy, Math.floor((lanes === 4 ? 32 : 64) / rowsPerThread / products)), 8));
    return { threadsX, threadsY: 1, rowsPerThread, columnGroups, innerBlock, staged };
  }
  if (rows !== undefined && rows <= 4) {
    const threadsX = most;
    return { threadsX, threadsY: 1, rowsPerThread: Math.max(1, powerOfTwoUpTo(rows * 2 - 1, 4)), columnGroups: 1, innerBlock, staged };
  }
  if (!staged) {
    const groups = Math.ceil((columns ?? 64) / lanes);
    const tiles = (valueOf(shape.batch.map((range) => range.extent)) ?? 1) * Math.ceil((rows ?? 64) / 64);
    // Wide tiles load less for each product, and take half a second longer to compile: for large products.
    const isWide = lanes === 4 && tiles * Math.ceil(groups / 4 / 8) >= manyWideTiles;
    const columnGroups = Math.max(1, Math.floor((lanes === 1 || isWide ? 4 : 2) / products));
    const threadsX = Math.min(8, Math.max(1, powerOfTwoUpTo(Math.ceil(groups / columnGroups), 8)));
    const threadsY = powerOfTwoUpTo(Math.floor(most / threadsX), 8);
    // One invocation folds a row before the product: there must be as many as rows.
    const tallest = region.prologue.length > 0 ? threadsX : 8;
    const rowsPerThread = powerOfTwoUpTo(rows !== undefined && rows < 8 * threadsY ? Math.max(1, Math.ceil(rows / threadsY)) : 8, tallest);
    return { threadsX, threadsY, rowsPerThread, columnGroups, innerBlock, staged };
  }
  if (!barriersAreDear(target) && target.limits.workgroupInvocations >= 256 && lanes === 4 && (rows ?? 64) >= 64 && (columns ?? 64) >= 64)
    return { threadsX: 16, threadsY: 16, rowsPerThread: 4, columnGroups: 1, innerBlock, staged };
  const threadsX = Math.min(8, Math.max(4, powerOfTwoUpTo(Math.ceil((columns ?? 64) / lanes), 8)));
  const threadsY = Math.max(1, Math.floor(most / threadsX / (barriersAreDear(target) ? 2 : 1)));
  return { threadsX, threadsY: powerOfTwoUpTo(threadsY, 16), rowsPerThread: 4, columnGroups: lanes === 4 ? (barriersAreDear(target) ? 2 : 1) : 4, innerBlock: barriersAreDear(target) && inner >= 32 ? 32 : innerBlock, staged };
}

const rowsWorthwhile = (rows: number | undefined): number => (rows === undefined ? 8 : Math.max(1, powerOfTwoUpTo(rows * 2 - 1, 8)));

/** unit: bytes of workgroup memory that the tile takes, statistics included. */
export function workgroupBytes(region: ContractionRegion, tile: ContractionTile, lanes: number): number {
  const tileRows = tile.threadsY * tile.rowsPerThread;
  const left = tile.staged ? tileRows * tile.innerBlock : 0;
  const right = tile.staged && tile.threadsY > 1 ? (1 + region.siblings.length) * tile.innerBlock * tile.threadsX * tile.columnGroups * lanes : 0;
  const prologue = region.prologue.length * (tile.threadsX * tile.threadsY + tileRows) + (region.prologue.length > 0 ? 4 * tileRows : 0);
  // One part for each invocation that stages a row: by four elements where rows are aligned.
  const inner = valueOf(region.shape.inner.map((range) => range.extent));
  const stagers = inner !== undefined && inner % 4 === 0 ? tile.innerBlock / 4 : tile.innerBlock;
  const ride = tile.staged ? region.ride.length * tileRows * (stagers + 1) : 0;
  const epilogue = region.epilogue.length * (tileRows * tile.threadsX + tileRows);
  const partials = region.partials.length > 0 ? (region.partials.length + 1) * tileRows * (tile.threadsX + 1) : 0;
  return 4 * (left + right + prologue + ride + epilogue + partials);
}
