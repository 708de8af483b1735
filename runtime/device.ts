/**
 * What a device must offer to run an artifact. One implementation a file in devices/; the runtime itself knows only this.
 * Buffers, kernels and dispatch lists are opaque tokens of the device that made them.
 */
import type { Artifact, ArtifactKernel, BufferSpec } from "./artifact.ts";
import type { Bindings } from "./extents.ts";
import type { TensorData } from "./tensor.ts";

/** A buffer with its length known. `role` tells the device how long the contents must live. */
export interface BufferRequest {
  readonly name: string;
  readonly role: BufferSpec["role"];
  readonly dtype: BufferSpec["dtype"];
  /** unit: elements; may be 0 */
  readonly length: number;
  /** Requests of one call with the same number may lie in the same memory: the contents of one are gone before another is written. */
  readonly slot?: number;
}

export interface DeviceBuffer extends BufferRequest {
  /** Brands the token: only a device makes one. */
  readonly kind: "device-buffer";
}

export interface CompiledKernel {
  readonly kernel: ArtifactKernel;
}

export interface BoundDispatch {
  readonly kernel: CompiledKernel;
  /** As in Dispatch.buffers. */
  readonly buffers: readonly DeviceBuffer[];
  /** Workgroups along x, y, z (wgsl), output columns, rows, 1 (gpujs); none is 0. */
  readonly grid: readonly [number, number, number];
  readonly bindings: Bindings;
}

/** Dispatches made ready to run many times. */
export interface DispatchList {
  readonly dispatches: readonly BoundDispatch[];
}

/** What a device offers whose memory the caller can use directly: GPUBuffers in and out. */
export interface SharedMemory {
  /**
   * The caller's buffer as one to bind; it stays the caller's. `label` is for messages: `input 'x'`.
   * throws: `buffer-invalid` for a size, usage or device that does not fit
   */
  adopt(request: BufferRequest, label: string, buffer: GPUBuffer): Promise<DeviceBuffer>;
  /** The memory of a buffer that was allocated here, which is the caller's from now on. */
  handOver(buffer: DeviceBuffer): GPUBuffer;
  /** In the order of the queue: later dispatches see the copy, and `from` may be destroyed at once. */
  copy(from: DeviceBuffer, to: DeviceBuffer): void;
}

export interface Device {
  /** Which artifacts it runs. */
  readonly target: Artifact["target"];
  /** For people: adapter, driver, mode. */
  readonly description: string;
  /** Compiles all kernels in parallel; a kernel compiled before is found again. throws: `kernel-failed` naming the kernel */
  compile(kernels: readonly ArtifactKernel[]): Promise<readonly CompiledKernel[]>;
  /** throws: `out-of-memory` naming the buffer */
  allocate(requests: readonly BufferRequest[]): Promise<readonly DeviceBuffer[]>;
  /** Copies `data` at once; the caller may change it afterwards. `data` has `buffer.length` elements. */
  write(buffer: DeviceBuffer, data: TensorData): void;
  bind(dispatches: readonly BoundDispatch[]): Promise<DispatchList>;
  /** Runs the list in order, in one submit, and reads `results` back as fresh arrays. throws: `kernel-failed`, `device-lost` */
  run(list: DispatchList, results: readonly DeviceBuffer[]): Promise<readonly TensorData[]>;
  release(buffers: readonly DeviceBuffer[], lists: readonly DispatchList[]): void;
  /** Ends the device; later calls throw `device-lost`. */
  destroy(): void;
  readonly shared?: SharedMemory;
  /** Counts how often the device was opened anew: what was compiled, allocated or bound at another count is gone. */
  readonly generation?: number;
  /**
   * Opens a device in the place of one that was lost; does nothing when that is done already. False: it cannot be, or
   * destroy() was called.
   */
  reopen?(): Promise<boolean>;
}
