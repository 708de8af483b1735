/** A region and its tile as a kernel: the templates by name. */
import { InternalError } from "../errors.ts";
import type { Expressions } from "../folds/expression.ts";
import type { Tile } from "../fusion/cost.ts";
import type { ContractionRegion, Region } from "../fusion/region.ts";
import { extentValue, productOfExtents } from "../ir/extent.ts";
import { simplify } from "../kernel/simplify.ts";
import { scheduleBlock } from "./cpu/block.ts";
import { scheduleChunk } from "./cpu/chunk.ts";
import { columnLanes, flattenContraction, scheduleContraction } from "./contraction.ts";
import { type BoundKernel, KernelWriter, type TensorInfo } from "./kernel-writer.ts";
import { scheduleMap, scheduleRows } from "./rows.ts";
import { scheduleSequence } from "./sequence.ts";
import { scheduleStream } from "./stream.ts";
import { scheduleThread } from "./thread.ts";

/** `subgroups`: write what merges over a workgroup for devices with subgroups too. cost: linear in the size of the kernel. */
export function scheduleRegion(e: Expressions, region: Region, tile: Tile, name: string, tensorOf: (name: string) => TensorInfo, subgroups = false): BoundKernel {
  const writer = new KernelWriter(e, tensorOf);
  const bound = emitRegion(writer, region, tile, name);
  const kernel = simplify(bound.kernel);
  // Simplification may find that a buffer is never read.
  const tensors = kernel.buffers.map((buffer) => bound.tensors[bound.kernel.buffers.findIndex((before) => before.name === buffer.name)] ?? buffer.name);
  if (!subgroups || !writer.wouldTakeSubgroups) return { kernel, tensors };
  return { kernel, tensors, withSubgroups: simplify(emitRegion(new KernelWriter(e, tensorOf, true), region, tile, name).kernel) };
}

function emitRegion(writer: KernelWriter, region: Region, tile: Tile, name: string): BoundKernel {
  if (region.template === "contraction" && tile.template === "contraction") return scheduleContraction(writer, flattenContraction(writer, region, !tile.tile.staged && isNested(region)), tile.tile, name);
  if (region.template === "contraction" && tile.template === "block") return scheduleBlock(writer, flattenContraction(writer, region), tile.tile, name);
  if (region.template === "elementwise" && tile.template === "chunk") return scheduleChunk(writer, region, tile.tile, name);
  if (region.template === "rows" && tile.template === "rows") return scheduleRows(writer, region, tile.tile, name);
  if (region.template === "elementwise" && tile.template === "elementwise") return scheduleMap(writer, region, tile.tile, name);
  if (region.template === "stream" && tile.template === "stream") return scheduleStream(writer, region, tile.tile, name);
  if (region.template === "sequence" && tile.template === "sequence") return scheduleSequence(writer, region, tile.tile, name);
  if (region.template === "thread") return scheduleThread(writer, region, name);
  throw new InternalError("schedule", `a ${tile.template} tile for a ${region.template} region`);
}

/** Windows: several contracted ranges, whose one counter would have to be taken apart again for every element. */
const isNested = ({ shape }: ContractionRegion): boolean => shape.inner.length > 1 && extentValue(productOfExtents(shape.inner.slice(0, -1).map((range) => range.extent))) !== 1;

/** Width of a column group of this contraction, for the cost model. */
export function lanesOf(e: Expressions, region: ContractionRegion, tensorOf: (name: string) => TensorInfo): number {
  const writer = new KernelWriter(e, tensorOf);
  return columnLanes(writer, flattenContraction(writer, region));
}
