/**
 * The one decision maker: t = launch + max(memory, cache, arithmetic + barriers) / occupancy, per region, from extents and
 * five constants of the device. unit: microseconds. Names that the host binds later count with an assumed length.
 */
import { type Expr, loadsOf, type Range, rangesOf } from "../folds/expression.ts";
import type { Bindings, Extent } from "../ir/extent.ts";
import { byteSize, type DType } from "../ir/types.ts";
import { chooseContractionTile, chooseMapTile, chooseRowTile, chooseStreamTile, workgroupBytes } from "../schedule/choose-tile.ts";
import { chooseBlockTile, chooseChunkTile, registerColumns, registerRows } from "../schedule/cpu/choose-block.ts";
import type { BlockTile, ChunkTile, ContractionTile, MapTile, RowTile, SequenceTile, StreamTile } from "../schedule/tile.ts";
import { inSoftware, type Target } from "../target.ts";
import { loadsAlong, operationsIn } from "./count-operations.ts";
import { lengthOf, lengthOfRanges, likelyLength } from "./lengths.ts";
import { type SequenceWork, sequenceWork } from "./sequence-work.ts";
import { type ContractionRegion, type Illegal, type Member, productsOf, type Region, type RegionOutput, type RowsRegion, type StreamRegion, streamTotal, type ThreadRegion } from "./region.ts";

export type Tile =
  | { readonly template: "contraction"; readonly tile: ContractionTile }
  | { readonly template: "block"; readonly tile: BlockTile }
  | { readonly template: "chunk"; readonly tile: ChunkTile }
  | { readonly template: "rows"; readonly tile: RowTile }
  | { readonly template: "elementwise"; readonly tile: MapTile }
  | { readonly template: "stream"; readonly tile: StreamTile }
  | { readonly template: "sequence"; readonly tile: SequenceTile }
  | { readonly template: "thread" };

export interface RegionCost {
  readonly tile: Tile;
  readonly microseconds: number;
  /** Each tensor once. unit: bytes */
  readonly bytes: number;
  readonly flops: number;
  readonly bound: "launch" | "memory" | "cache" | "arithmetic";
  /** Part of the device that is busy, from 0 to 1. */
  readonly occupancy: number;
}

export interface CostContext {
  readonly target: Target;
  readonly assume: Bindings;
  readonly tensorOf: (name: string) => { readonly dtype: DType; readonly shape: readonly Extent[] };
}

/** Tensors that a region reads, with those that it makes itself left out. */
export function tensorsRead(region: Region): Set<string> {
  const own = new Set(foldsOf(region).map((member) => member.definition.name));
  const read = new Set<string>();
  const add = (expr: Expr): void => {
    for (const load of loadsOf(expr)) if (!own.has(load.source)) read.add(load.source);
  };
  for (const output of region.outputs) add(output.body);
  for (const member of foldsOf(region)) add(member.body);
  if (region.template === "contraction") {
    add(region.shape.left);
    for (const product of productsOf(region)) add(product.right);
    for (const product of productsOf(region)) read.delete(product.definition.name);
  }
  if (region.template === "stream") {
    for (const { left, right } of [region.shape, region.scores.shape]) for (const operand of [left, right]) add(operand);
    add(region.finish);
    for (const made of [region.definition.name, region.scores.definition.name, streamTotal]) read.delete(made);
  }
  return read;
}

export function foldsOf(region: Region): readonly Member[] {
  switch (region.template) {
    case "elementwise":
      return [];
    case "rows":
    case "thread":
      return region.folds;
    case "contraction":
      return [...region.prologue, ...region.ride, ...region.epilogue];
    case "stream":
      return [...region.prologue, ...(region.shift ? [region.shift] : []), ...region.folds, ...region.epilogue];
    case "sequence":
      return [];
    default:
      return region satisfies never;
  }
}

/** Part of the memory's time that arithmetic of one core does not hide: what a kernel hands to the next one is not free beside it. */
const unhidden = 1 / 16;

export function costOf(region: Region, context: CostContext, lanes: (region: ContractionRegion) => number): RegionCost | Illegal {
  const { target, target: { cost } } = context;
  const reads = [...tensorsRead(region)];
  const writes = region.outputs.map((output) => output.definition.name);
  if (reads.length + writes.length > target.limits.storageBuffers) return { illegal: bindingLimit(reads.length + writes.length, target.limits.storageBuffers) };
  const bytes = [...reads, ...writes].reduce((sum, name) => sum + bytesOf(context, name), 0);
  const work = workOf(region, context, lanes);
  if ("illegal" in work) return work;
  const occupancy = Math.min(1, work.invocations / (cost.parallelWorkgroups * 64));
  const memory = bytes / cost.gigabytesPerSecond / 1e3;
  const cache = work.cacheBytes / cost.cacheGigabytesPerSecond / 1e3;
  const arithmetic = work.flops / cost.gigaflopsPerSecond / 1e3 + (work.barriers * cost.barrierNanoseconds) / 1e3;
  // In software loads and arithmetic are instructions of the same cores: nothing hides behind the other.
  const hidden = Math.max(memory, (inSoftware(cost) ? cache + arithmetic : Math.max(cache, arithmetic)) / occupancy);
  const busy = target.name === "wasm" ? hidden + memory * unhidden : hidden;
  const bound = cost.launchMicroseconds > busy ? "launch" : hidden === memory ? "memory" : cache >= arithmetic ? "cache" : "arithmetic";
  return { tile: work.tile, microseconds: cost.launchMicroseconds + busy, bytes, flops: work.flops, bound, occupancy };
}

export const bindingLimit = (buffers: number, most: number): string => `binding limit: ${buffers} buffers, the device has ${most}`;

/** Size of a tensor. unit: bytes */
export function bytesOf(context: CostContext, name: string): number {
  const { dtype, shape } = context.tensorOf(name);
  return lengthOf(context, shape) * byteSize(dtype);
}

interface Work {
  readonly tile: Tile;
  readonly flops: number;
  readonly cacheBytes: number;
  readonly invocations: number;
  /** Barrier crossings, summed over invocations. */
  readonly barriers: number;
}

function workOf(region: Region, context: CostContext, lanes: (region: ContractionRegion) => number): Work | Illegal {
  switch (region.template) {
    case "elementwise": {
      const elements = lengthOfRanges(context, region.outputs[0]?.box ?? []);
      const flops = region.outputs.reduce((sum, output) => sum + operationsIn(output.body) * elements, 0);
      const tile: Tile = context.target.name === "wasm" ? { template: "chunk", tile: chooseChunkTile() } : { template: "elementwise", tile: chooseMapTile(context.target) };
      const accesses = sum(region.outputs.map((output) => 1 + loadsOf(output.body).length));
      return { tile, flops, cacheBytes: elements * accesses * scalarAccessBytes(context.target), invocations: elements, barriers: 0 };
    }
    case "rows":
      return rowsWork(region, context);
    case "contraction":
      return context.target.name === "wasm" ? blockWork(region, context) : contractionWork(region, context, lanes(region));
    case "stream":
      return streamWork(region, context);
    case "thread":
      return threadWork(region, context);
    case "sequence":
      return asWork(sequenceWork(region, context.target, (ranges) => lengthOfRanges(context, ranges)));
    default:
      return region satisfies never;
  }
}

const asWork = (work: SequenceWork | Illegal): Work | Illegal => ("illegal" in work ? work : { ...work, tile: { template: "sequence", tile: work.tile } });

function rowsWork(region: RowsRegion, context: CostContext): Work {
  const tile = chooseRowTile(region, context.target);
  const rows = lengthOfRanges(context, region.rows);
  const perRow = region.folds.map((member) => lengthOfRanges(context, member.ranges) * (operationsIn(member.body, member.ranges) + 1));
  const withinRow = (output: RegionOutput): Range[] => output.box.filter((range) => !region.rows.includes(range));
  const outputs = region.outputs.map((output) => lengthOfRanges(context, withinRow(output)) * operationsIn(output.body, withinRow(output)));
  const passes = [
    ...region.folds.map((member) => loadsAlong(member.body, member.ranges) * lengthOfRanges(context, member.ranges) * 4),
    ...region.outputs.map((output) => lengthOfRanges(context, withinRow(output)) * 4),
    // The last pass stores them all: what several of them read, it reads once.
    new Set(region.outputs.flatMap((output) => loadsOf(output.body).filter((load) => withinRow(output).some((range) => rangesOf(load).has(range))))).size * lengthOfRanges(context, region.outputs[0] ? withinRow(region.outputs[0]) : []) * 4,
  ];
  const levels = new Set(region.folds.map((member) => loadsOf(member.body).filter((load) => region.folds.some((other) => other.definition.name === load.source)).length)).size;
  const barriers = tile.lanes === 1 ? 0 : levels * 3;
  return {
    tile: { template: "rows", tile }, flops: rows * sum([...perRow, ...outputs]), cacheBytes: rows * sum(passes),
    invocations: rows * tile.lanes, barriers: barriers * rows * tile.lanes,
  };
}

function contractionWork(region: ContractionRegion, context: CostContext, lanes: number): Work | Illegal {
  const tile = chooseContractionTile(region, lanes, context.target, likelyLength(context, region.shape.rows));
  if (!tile) return { illegal: "row exceeds workgroup: whole rows of the product do not fit its registers" };
  const bytes = workgroupBytes(region, tile, lanes);
  if (bytes > context.target.limits.workgroupBytes) return { illegal: `row exceeds workgroup: ${bytes} bytes of workgroup memory, the device has ${context.target.limits.workgroupBytes}` };
  const { shape } = region;
  const [batch, rows, columns, inner] = [shape.batch, shape.rows, shape.columns, shape.inner].map((ranges) => lengthOfRanges(context, ranges)) as [number, number, number, number];
  const tileRows = tile.threadsY * tile.rowsPerThread;
  const tileColumns = tile.threadsX * tile.columnGroups * lanes;
  const [across, down] = [Math.ceil(columns / tileColumns), Math.ceil(rows / tileRows)];
  const paddedRows = down * tileRows;
  const paddedColumns = across * tileColumns;
  const threads = tile.threadsX * tile.threadsY;
  const workgroups = batch * across * down;
  const ridden = region.ride.reduce((total, member) => total + operationsIn(member.body) + 1, 0);
  const rights = productsOf(region).map((product) => product.right);
  const main = 2 * rights.length * paddedRows * paddedColumns * inner + (tile.staged ? 1 : tile.threadsX) * across * paddedRows * inner * (operationsIn(shape.left) + ridden) + down * columns * inner * sum(rights.map((right) => operationsIn(right)));
  const prologue = across * paddedRows * sum(region.prologue.map((member) => lengthOfRanges(context, member.ranges) * (operationsIn(member.body) + 1)));
  const after = paddedRows * columns * (sum(region.epilogue.map((member) => operationsIn(member.body) + 1)) + sum(region.outputs.map((output) => operationsIn(output.body))));
  const emitted = paddedRows * columns * sum(region.partials.map((partial) => operationsIn(partial.element) + 1));
  const loads = { left: loadsAlong(shape.left, shape.inner), right: sum(rights.map((right) => loadsAlong(right, shape.inner))) };
  // Into registers, each invocation reads for itself, and a load costs the same whether it brings one element or four.
  const perStep = (tile.rowsPerThread / (inner % 4 === 0 ? 4 : 1)) * loads.left + tile.columnGroups * loads.right;
  const reads = (tile.staged ? across * rows * inner * loads.left + down * columns * inner * loads.right : across * down * threads * inner * perStep * 4) + across * rows * sum(region.prologue.map((member) => lengthOfRanges(context, member.ranges)));
  const crossings = (tile.staged ? 2 * Math.ceil(inner / tile.innerBlock) : 0) + 3 * levelCount(region.prologue) + (region.prologue.length > 0 ? 1 : 0) + (region.ride.length > 0 && tile.staged ? 3 : 0) + (region.partials.length > 0 ? 4 : 0) + 3 * levelCount(region.epilogue);
  return {
    tile: { template: "contraction", tile }, flops: batch * (main + prologue + after + emitted), cacheBytes: 4 * batch * reads,
    invocations: threads * workgroups, barriers: crossings * threads * workgroups,
  };
}

/** A product on one core: both operands are computed once for every block that they go into. */
function blockWork(region: ContractionRegion, context: CostContext): Work | Illegal {
  if (region.partials.length > 0) return { illegal: "whole rows are at hand: tiles of the product have no partial statistics" };
  const tile = chooseBlockTile(region);
  if (!tile) return { illegal: "row exceeds block: whole rows of the product do not fit the cache" };
  const { shape } = region;
  const [batch, rows, columns, inner] = [shape.batch, shape.rows, shape.columns, shape.inner].map((ranges) => lengthOfRanges(context, ranges)) as [number, number, number, number];
  const [across, down] = [Math.ceil(columns / tile.columns), Math.ceil(rows / tile.rows)];
  const padded = (length: number, multiple: number): number => Math.ceil(length / multiple) * multiple;
  const rights = productsOf(region).map((product) => product.right);
  const main = 2 * rights.length * padded(rows, registerRows) * padded(columns, registerColumns) * inner;
  const packed = across * rows * inner * (1 + operationsIn(shape.left, shape.inner)) + down * columns * inner * sum(rights.map((right) => 1 + operationsIn(right, [...shape.columns, ...shape.inner])));
  const before = across * rows * sum([...region.prologue, ...region.ride].map((member) => lengthOfRanges(context, member.ranges) * (operationsIn(member.body, member.ranges) + 1)));
  // Products vary along the columns, and what is made of them.
  const after = rows * columns * (sum(region.epilogue.map((member) => operationsIn(member.body, shape.columns) + 1)) + sum(region.outputs.map((output) => operationsIn(output.body, shape.columns))));
  return { tile: { template: "block", tile }, flops: batch * (main + packed + before + after), cacheBytes: 4 * batch * (across * rows * inner + down * columns * inner * rights.length), invocations: batch * across * down, barriers: 0 };
}

/** Invocations of a workgroup that read one element of k together, as one access; in software each reads for itself. */
const sharedReads = ({ cost }: Target): number => (inSoftware(cost) ? 1 : 32);

function streamWork(region: StreamRegion, context: CostContext): Work | Illegal {
  const { shape, scores } = region;
  const tile = chooseStreamTile(region, context.target);
  if (!tile) return { illegal: "row exceeds registers: a row of both operands does not fit one invocation" };
  const rows = lengthOfRanges(context, [...shape.batch, ...shape.rows]);
  const [columns, inner, depth] = [shape.columns, shape.inner, scores.shape.inner].map((ranges) => lengthOfRanges(context, ranges)) as [number, number, number];
  const perStep = 2 * depth + 2 * columns + depth * operationsIn(scores.shape.right) + columns * operationsIn(shape.right) + operationsIn(shape.left) + sum(region.folds.map((fold) => operationsIn(fold.body) + 1)) + 2;
  const before = sum(region.prologue.map((member) => lengthOfRanges(context, member.ranges) * (operationsIn(member.body) + 1))) + depth * operationsIn(scores.shape.left);
  const after = columns * sum([...region.outputs, ...region.epilogue].map((each) => operationsIn(each.body) + 1));
  return { tile: { template: "stream", tile }, flops: rows * (inner * perStep + before + after), cacheBytes: (4 * rows * inner * (depth + columns)) / sharedReads(context.target), invocations: rows, barriers: 0 };
}

/** What loading or storing one f32 by itself takes of the cache's bandwidth: in software its width hardly matters. */
const scalarAccessBytes = ({ cost }: Target): number => (inSoftware(cost) ? 8 : 4);

/** Length of the longest chain of folds that need each other. */
function levelCount(members: readonly Member[]): number {
  const level = new Map<string, number>();
  for (const member of members) level.set(member.definition.name, 1 + Math.max(0, ...loadsOf(member.body).map((load) => level.get(load.source) ?? 0)));
  return Math.max(0, ...level.values());
}

function threadWork(region: ThreadRegion, context: CostContext): Work {
  const elements = lengthOfRanges(context, region.outputs[0]?.box ?? []);
  const perElement = sum(region.folds.map((member) => lengthOfRanges(context, member.ranges) * (operationsIn(member.body) + 1 + loadsOf(member.body).length))) + sum(region.outputs.map((output) => operationsIn(output.body)));
  const reads = sum(region.folds.map((member) => lengthOfRanges(context, member.ranges) * loadsOf(member.body).length));
  return { tile: { template: "thread" }, flops: elements * perElement, cacheBytes: elements * reads * 4, invocations: elements, barriers: 0 };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
