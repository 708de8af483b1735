/** The tile of a recurrence: how many rows a workgroup takes through the steps, and how its invocations share out the columns. */
import type { SequenceRegion } from "../fusion/region.ts";
import { inSoftware, type Target } from "../target.ts";
import type { SequenceTile } from "./tile.ts";

/** Rows of a workgroup by the kind of device. More read each weight for more rows; fewer make more workgroups. */
const mostRows = { gpu: 4, software: 8, processor: 16 } as const;

/** Invocations of a workgroup: columns are shared out among them. */
const mostThreads = { gpu: 256, software: 64, processor: 1 } as const;

/** Fewer than these leave lanes idle: then nothing is kept in registers. */
const fewThreads = 16;

const greatestDivisor = (of: number, most: number): number => {
  for (let divisor = Math.min(of, most); divisor > 1; divisor--) if (of % divisor === 0) return divisor;
  return 1;
};

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** `rows`: how many there are likely to be. `undefined`: not even one row fits a workgroup. */
export function chooseSequenceTile(region: SequenceRegion, target: Target, rows: number): SequenceTile | undefined {
  const kind = target.name === "wasm" ? "processor" : inSoftware(target.cost) ? "software" : "gpu";
  const widths = [...region.shape.carries, ...region.shape.stages].map((value) => value.width).filter((width) => width > 1);
  const common = widths.reduce(gcd, 0);
  const columnLanes = kind !== "gpu" && common > 0 && common % 4 === 0 ? 4 : 1;
  const most = Math.min(mostThreads[kind], target.limits.workgroupInvocations);
  const even = greatestDivisor(Math.max(1, common / columnLanes), most);
  // Columns of one invocation lie a multiple of the workgroup apart only when it divides their number.
  const threads = kind === "processor" ? 1 : even >= fewThreads ? even : Math.min(most, 2 ** Math.ceil(Math.log2(Math.max(1, ...widths) / columnLanes)));
  const wanted = rows >= 3 ? Math.min(mostRows[kind], Math.ceil(rows / (kind === "processor" && rows > 4 ? 2 : 1) / 4) * 4) : 1;
  for (let count = wanted; count >= 1; count = Math.floor(count / 2)) {
    // A single row of one invocation has its columns in the lanes, whatever is left over of them.
    const inColumns = count === 1 && threads === 1;
    const tile: SequenceTile = { rows: count, rowLanes: count % 4 === 0 ? 4 : 1, threads, columnLanes: inColumns ? 4 : columnLanes };
    if (region.workgroupBytes(tile) <= target.limits.workgroupBytes) return tile;
  }
  return undefined;
}
