/** What a target offers, as data: limits, and the constants of the cost model. Leaf module. */

export interface Limits {
  readonly storageBuffers: number;
  /** unit: bytes */
  readonly workgroupBytes: number;
  readonly workgroupInvocations: number;
}

/** Five calibrated constants; units in the names. Shipped defaults stand in `costPresets`. */
export interface CostConstants {
  readonly launchMicroseconds: number;
  /** Global memory bandwidth, each tensor once per kernel. */
  readonly gigabytesPerSecond: number;
  /** Re-reads that hit a cache. */
  readonly cacheGigabytesPerSecond: number;
  readonly gigaflopsPerSecond: number;
  /** Price of one barrier for one invocation: a coroutine switch on a software adapter, almost nothing on a GPU. */
  readonly barrierNanoseconds: number;
  /** Workgroups needed to fill the device. */
  readonly parallelWorkgroups: number;
}

export type TargetName = "wgsl" | "gpujs" | "reference";

export interface Target {
  readonly name: TargetName;
  readonly limits: Limits;
  readonly cost: CostConstants;
}

/** WebGPU's default limits: never assume more unless the device said so. */
export const defaultLimits: Limits = { storageBuffers: 8, workgroupBytes: 16384, workgroupInvocations: 256 };

/** For orientation: a mid-range GPU behind WebGPU, and a software rasteriser on two cores. */
export const costPresets: Readonly<Record<"gpu" | "software", CostConstants>> = {
  gpu: { launchMicroseconds: 36, gigabytesPerSecond: 300, cacheGigabytesPerSecond: 1500, gigaflopsPerSecond: 6000, barrierNanoseconds: 0.02, parallelWorkgroups: 64 },
  software: { launchMicroseconds: 150, gigabytesPerSecond: 4, cacheGigabytesPerSecond: 8, gigaflopsPerSecond: 2, barrierNanoseconds: 60, parallelWorkgroups: 2 },
};

export type CostPreset = keyof typeof costPresets;

/** `cost`: a preset's name, or constants that were measured. */
export const target = (name: TargetName, cost: CostPreset | CostConstants = "gpu", limits: Limits = defaultLimits): Target => ({
  name,
  // GPU.js binds arguments, not storage buffers, and has no workgroups.
  limits: name === "gpujs" ? { storageBuffers: 8, workgroupBytes: 0, workgroupInvocations: 1 } : limits,
  cost: typeof cost === "string" ? costPresets[cost] : cost,
});
