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
  /** Workgroups of 64 invocations needed to fill the device; below 1 where fewer invocations fill it. */
  readonly parallelWorkgroups: number;
}

export type TargetName = "wgsl" | "gpujs" | "wasm" | "reference";

export interface Target {
  readonly name: TargetName;
  readonly limits: Limits;
  readonly cost: CostConstants;
}

/** WebGPU's default limits: never assume more unless the device said so. */
export const defaultLimits: Limits = { storageBuffers: 8, workgroupBytes: 16384, workgroupInvocations: 256 };

/** One invocation a workgroup, whose arrays are meant to stay in the second-level cache. */
const wasmLimits: Limits = { storageBuffers: 64, workgroupBytes: 2 ** 23, workgroupInvocations: 1 };

/** For orientation: a mid-range GPU behind WebGPU, a software rasteriser on two cores, and one core in WebAssembly with vectors of four. */
export const costPresets: Readonly<Record<"gpu" | "software" | "wasm", CostConstants>> = {
  gpu: { launchMicroseconds: 36, gigabytesPerSecond: 300, cacheGigabytesPerSecond: 1500, gigaflopsPerSecond: 6000, barrierNanoseconds: 0.02, parallelWorkgroups: 64 },
  software: { launchMicroseconds: 20, gigabytesPerSecond: 1.8, cacheGigabytesPerSecond: 1.8, gigaflopsPerSecond: 12, barrierNanoseconds: 60, parallelWorkgroups: 0.125 },
  wasm: { launchMicroseconds: 0.5, gigabytesPerSecond: 10, cacheGigabytesPerSecond: 40, gigaflopsPerSecond: 40, barrierNanoseconds: 0, parallelWorkgroups: 1 / 64 },
};

/**
 * Whether the constants are those of an adapter in software: a barrier is a coroutine switch, 1 to 70 ns against hundredths on a
 * GPU, or, as a short barrier is hard to measure, less than one workgroup fills the device. In WebAssembly there are no barriers.
 */
export const inSoftware = ({ barrierNanoseconds, parallelWorkgroups }: CostConstants): boolean => barrierNanoseconds > 0.2 || (barrierNanoseconds > 0 && parallelWorkgroups < 1);

export type CostPreset = keyof typeof costPresets;

/** The preset that a target is planned with unless told. */
const defaultCost: Readonly<Record<TargetName, CostPreset>> = { wgsl: "gpu", gpujs: "gpu", wasm: "wasm", reference: "gpu" };

/** `cost`: a preset's name, or constants that were measured. */
export const target = (name: TargetName, cost: CostPreset | CostConstants = defaultCost[name], limits: Limits = defaultLimits): Target => ({
  name,
  // GPU.js binds arguments, not storage buffers, and has no workgroups.
  limits: name === "gpujs" ? { storageBuffers: 8, workgroupBytes: 0, workgroupInvocations: 1 } : name === "wasm" ? wasmLimits : limits,
  cost: typeof cost === "string" ? costPresets[cost] : cost,
});
