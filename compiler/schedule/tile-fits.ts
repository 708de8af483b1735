/**
 * Whether a region can be scheduled with a tile that somebody else chose: what the templates take for granted, and the
 * device's limits. choose-tile.ts makes tiles that fit; a tuner and a file of tuned tiles ask here first.
 */
import type { Tile } from "../fusion/cost.ts";
import type { ContractionRegion, Region } from "../fusion/region.ts";
import { extentValue, productOfExtents } from "../ir/extent.ts";
import type { Limits } from "../target.ts";
import { workgroupBytes } from "./choose-tile.ts";
import type { ContractionTile } from "./tile.ts";

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;

const isPower = (value: number): boolean => isCount(value) && Number.isInteger(Math.log2(value));

/** `lanes`: width of a column group of this contraction, 1 or 4. */
export function tileFits(region: Region, tile: Tile, lanes: number, limits: Limits): boolean {
  switch (tile.template) {
    case "contraction":
      return region.template === "contraction" && contractionFits(region, tile.tile, lanes, limits);
    case "rows":
      return region.template === "rows" && isPower(tile.tile.lanes) && isPower(tile.tile.rowsPerGroup) && tile.tile.lanes * tile.tile.rowsPerGroup <= limits.workgroupInvocations;
    case "elementwise":
      return region.template === "elementwise" && isPower(tile.tile.threads) && tile.tile.threads <= limits.workgroupInvocations;
    case "stream":
      return region.template === "stream" && isPower(tile.tile.threads) && tile.tile.threads <= limits.workgroupInvocations && tile.tile.step === 4;
    case "sequence": {
      const { rows, rowLanes, threads } = tile.tile;
      return region.template === "sequence" && isCount(rows) && rows % rowLanes === 0 && isCount(threads) && threads <= limits.workgroupInvocations && region.workgroupBytes(tile.tile) <= limits.workgroupBytes;
    }
    // These have nothing that is worth searching.
    case "block":
    case "chunk":
    case "thread":
      return false;
    default:
      return tile satisfies never;
  }
}

function contractionFits(region: ContractionRegion, tile: ContractionTile, lanes: number, limits: Limits): boolean {
  const { threadsX, threadsY, rowsPerThread, columnGroups, innerBlock } = tile;
  const threads = threadsX * threadsY;
  if (![threadsX, threadsY, rowsPerThread].every(isPower) || !isCount(columnGroups) || !isCount(innerBlock) || innerBlock % 4 !== 0) return false;
  if (threads > limits.workgroupInvocations || workgroupBytes(region, tile, lanes) > limits.workgroupBytes) return false;
  const width = threadsX * columnGroups * lanes;
  const columns = extentValue(productOfExtents(region.shape.columns.map((range) => range.extent)));
  // The workgroup owns whole rows, and one row of invocations holds them.
  if (region.epilogue.length > 0 && (threadsY !== 1 || threadsX < 16 || columns === undefined || columns > width)) return false;
  if (region.partials.some((partial) => partial.width !== width)) return false;
  // One invocation or more folds a row before the product.
  return region.prologue.length === 0 || threads >= threadsY * rowsPerThread;
}
