/** The parts of a kernel's estimated time: what the launch takes, and how long bytes and arithmetic keep the device busy. Flow: plan -> here -> page.ts. */
import type { PlannedKernel } from "../plan.ts";
import type { Target } from "../target.ts";

export interface Roofline {
  /** unit: microseconds */
  readonly launch: number;
  readonly bytes: number;
  /** Barriers included, where they are the bound. */
  readonly flops: number;
  /** Bytes that come from the cache again. Given where they are the bound. */
  readonly cache: number;
  /** launch + the largest of the others */
  readonly total: number;
  readonly bound: PlannedKernel["cost"]["bound"];
}

export function rooflineOf({ cost }: PlannedKernel, { cost: constants }: Target): Roofline {
  const busy = cost.microseconds - constants.launchMicroseconds;
  const flops = cost.flops / constants.gigaflopsPerSecond / 1e3 / cost.occupancy;
  const bytes = cost.bytes / constants.gigabytesPerSecond / 1e3;
  // The estimate knows what kept it longest; the launch may still be longer.
  const cache = bytes < busy && flops < busy * 0.999 && cost.bound === "cache" ? busy : 0;
  return { launch: constants.launchMicroseconds, bytes, flops: cost.bound === "arithmetic" ? busy : Math.min(flops, busy), cache, total: cost.microseconds, bound: cost.bound };
}
