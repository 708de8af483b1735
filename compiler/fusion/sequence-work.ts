/** What a recurrence costs as one kernel, and the tile that it gets. Flow: cost.ts -> here. */
import { loadsOf, type Range } from "../folds/expression.ts";
import { chooseSequenceTile } from "../schedule/choose-sequence.ts";
import type { SequenceTile } from "../schedule/tile.ts";
import { inSoftware, type Target } from "../target.ts";
import { operationsIn } from "./count-operations.ts";
import type { Illegal, SequenceRegion } from "./region.ts";

/** Bandwidth of the cache that one workgroup alone can have on a GPU. unit: GB/s */
const workgroupBandwidth = 75;

/** Barriers of one merge of partial folds. */
const mergeBarriers = 3;

export interface SequenceWork {
  readonly tile: SequenceTile;
  readonly flops: number;
  readonly cacheBytes: number;
  readonly invocations: number;
  /** Barrier crossings, summed over invocations. */
  readonly barriers: number;
}

export function sequenceWork(region: SequenceRegion, target: Target, lengthOf: (ranges: readonly Range[]) => number): SequenceWork | Illegal {
  const { recurrence, shape } = region;
  const rows = lengthOf(shape.rows);
  const steps = lengthOf([recurrence.step]);
  const tile = chooseSequenceTile(region, target, rows);
  if (!tile) return { illegal: "row exceeds workgroup: the values of one row and step do not fit its memory" };
  const { cost } = target;
  const groups = Math.ceil(rows / tile.rows);
  const terms = shape.stages.map((stage) => ({ stage, folded: lengthOf(stage.definition.fold?.ranges ?? []) }));
  const flops = terms.reduce((sum, { stage, folded }) => sum + stage.width * folded * (stage.manner === "product" ? 2 : operationsIn(stage.body) + 1), 0);
  // Weights are read again by every workgroup in every step: in software each invocation reads for itself, with a load for its rows too.
  const weights = terms.reduce((sum, { stage, folded }) => sum + (stage.manner === "product" ? stage.width * folded * loadsOf(stage.right).length : 0), 0);
  const rowVectors = tile.rows / tile.rowLanes;
  const perWeight = inSoftware(cost) ? (4 / tile.columnLanes) * (1 + rowVectors) : 1;
  const shared = Math.max(1, (workgroupBandwidth * groups) / cost.cacheGigabytesPerSecond);
  const slowed = inSoftware(cost) || target.name === "wasm" ? 1 : 1 / Math.min(1, shared);
  const crossings = tile.threads === 1 ? 0 : 1 + terms.reduce((sum, { stage }) => sum + (stage.manner === "shared" ? mergeBarriers : 1), 0);
  return {
    tile, flops: steps * groups * tile.rows * flops, cacheBytes: steps * groups * weights * 4 * perWeight * slowed,
    invocations: groups * tile.threads, barriers: steps * groups * tile.threads * crossings,
  };
}
