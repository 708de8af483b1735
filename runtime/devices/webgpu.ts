/**
 * Runs WGSL artifacts on a GPUDevice that the caller has opened (webgpu-browser.ts and webgpu-node.ts open one). One
 * command encoder, one compute pass and one submit per run; every error names the kernel or buffer it belongs to.
 */
import type { ArtifactKernel, WgslKernel } from "../artifact.ts";
import type { BoundDispatch, BufferRequest, CompiledKernel, Device, DeviceBuffer, DispatchList, SharedMemory } from "../device.ts";
import { RuntimeError, messageOf } from "../errors.ts";
import { type TensorData, allocate } from "../tensor.ts";
import { fromHalfBits, toHalfBits } from "./half.ts";
import { byteLength, checkGiven } from "./webgpu-given.ts";
import { type Pipeline, compileKernel, kernelLabel } from "./webgpu-pipeline.ts";

interface BoundCommand {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly grid: readonly [number, number, number];
}

interface BoundList {
  readonly commands: readonly BoundCommand[];
  readonly uniforms: readonly GPUBuffer[];
}

export interface WebGpuDeviceOptions {
  /** Shown as Device.description. */
  readonly description?: string;
  /** destroy() also destroys the GPUDevice. */
  readonly owned?: boolean;
  /** Asks for another GPUDevice once this one is lost; without it programs end with `device-lost` then. */
  readonly reopen?: () => Promise<GPUDevice>;
}

const features: readonly GPUFeatureName[] = ["shader-f16", "subgroups", "timestamp-query"];
const raisedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;

/** A device with every feature and limit of the adapter that kernels may use; artifacts never need more than the defaults. */
export function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  return adapter.requestDevice({
    requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(raisedLimits.map((limit) => [limit, adapter.limits[limit]])),
  });
}

export const describeAdapter = ({ info }: GPUAdapter): string =>
  [info.vendor, info.architecture, info.description].filter((part) => part !== "").join(" ") || "unnamed adapter";

/** Multiples of 16 bytes, at least 16: WebGPU has no empty bindings, and kernels may read whole vec4s. */
const paddedBytes = (bytes: number): number => Math.max(16, Math.ceil(bytes / 16) * 16);

export class WebGpuDevice implements Device, SharedMemory {
  readonly target = "wgsl";
  readonly description: string;
  readonly #owned: boolean;
  readonly #reopen: (() => Promise<GPUDevice>) | undefined;
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  readonly #compiled = new WeakMap<CompiledKernel, Pipeline>();
  readonly #buffers = new WeakMap<DeviceBuffer, GPUBuffer>();
  readonly #lists = new WeakMap<DispatchList, BoundList>();
  readonly #freeStaging: GPUBuffer[] = [];
  #gpu: GPUDevice;
  #generation = 0;
  #opening: Promise<boolean> | undefined;
  #destroyed = false;
  #lost: string | undefined;

  constructor(gpu: GPUDevice, options: WebGpuDeviceOptions) {
    this.#gpu = gpu;
    this.#owned = options.owned ?? false;
    this.#reopen = options.reopen;
    this.description = options.description ?? (gpu.label || "WebGPU device");
    this.#watch(gpu);
  }

  /** The GPUDevice that is open now: make the buffers here that go into a program. Another one after a loss. */
  get gpu(): GPUDevice {
    return this.#gpu;
  }

  get shared(): SharedMemory {
    return this;
  }

  get generation(): number {
    return this.#generation;
  }

  #watch(gpu: GPUDevice): void {
    void gpu.lost.then((info) => {
      if (gpu === this.#gpu) this.#lost ??= info.message || `reason: ${info.reason}`;
    });
  }

  async reopen(): Promise<boolean> {
    const open = this.#reopen;
    if (!open || this.#destroyed) return false;
    if (this.#lost === undefined) return true;
    // Several programs may find the device lost at the same time.
    this.#opening ??= this.#replace(open).finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #replace(open: () => Promise<GPUDevice>): Promise<boolean> {
    let gpu: GPUDevice;
    try {
      gpu = await open();
    } catch (thrown) {
      throw new RuntimeError("device-lost", `The device (${this.description}) is lost: ${this.#lost}; no other could be opened: ${messageOf(thrown)}`, "A later call tries again.", thrown);
    }
    if (this.#destroyed) {
      gpu.destroy();
      return false;
    }
    this.#gpu = gpu;
    this.#generation++;
    this.#lost = undefined;
    this.#pipelines.clear();
    this.#freeStaging.splice(0);
    this.#watch(gpu);
    return true;
  }

  async compile(kernels: readonly ArtifactKernel[]): Promise<readonly CompiledKernel[]> {
    this.#refuseIfLost();
    return Promise.all(
      kernels.map(async (kernel) => {
        if (kernel.kind !== "wgsl")
          throw new RuntimeError("artifact-invalid", `Kernel '${kernel.name}' is ${kernel.kind} in an artifact for wgsl.`, "Build the model again.");
        const compiled: CompiledKernel = { kernel };
        this.#compiled.set(compiled, await this.#orLost(this.#pipeline(kernel)));
        return compiled;
      }),
    );
  }

  #pipeline({ subgroupCode, ...plain }: WgslKernel): Promise<Pipeline> {
    const kernel = subgroupCode && this.#gpu.features.has("subgroups") ? { ...plain, code: subgroupCode } : plain;
    const key = JSON.stringify([kernel.code, kernel.entryPoint, kernel.bindings.map(({ access }) => access), kernel.extents.length > 0]);
    const known = this.#pipelines.get(key);
    if (known) return known;
    const made = compileKernel(this.#gpu, kernel);
    this.#pipelines.set(key, made);
    made.catch(() => this.#pipelines.delete(key));
    return made;
  }

  async allocate(requests: readonly BufferRequest[]): Promise<readonly DeviceBuffer[]> {
    this.#refuseIfLost();
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#gpu.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    for (const request of requests)
      if (paddedBytes(byteLength(request)) > limit) throw outOfMemory(request, `one buffer of this device may have ${limit} bytes`);
    // What shares a slot is one buffer, as large as the largest; each is bound as far as its own elements go.
    const largest = new Map(requests.toSorted((a, b) => byteLength(a) - byteLength(b)).map((request) => [request.slot ?? request, request]));
    const made = [...largest].map(([slot, request]) => {
      this.#gpu.pushErrorScope("out-of-memory");
      const buffer = this.#gpu.createBuffer({
        label: request.name,
        size: paddedBytes(byteLength(request)),
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      return { slot, request, buffer, error: this.#gpu.popErrorScope() };
    });
    const errors = await this.#orLost(Promise.all(made.map(({ error }) => error)));
    const failed = errors.findIndex((error) => error !== null);
    if (failed >= 0) {
      for (const { buffer } of made) buffer.destroy();
      throw outOfMemory(made[failed]?.request ?? requests[0], errors[failed]?.message ?? "");
    }
    return requests.map((request) => {
      const token: DeviceBuffer = { kind: "device-buffer", ...request };
      this.#buffers.set(token, (made.find(({ slot }) => slot === (request.slot ?? request)) as (typeof made)[number]).buffer);
      return token;
    });
  }

  write(buffer: DeviceBuffer, data: TensorData): void {
    if (buffer.length === 0) return;
    const bytes = buffer.dtype === "f16" ? Uint16Array.from(data, toHalfBits) : buffer.dtype === "bool" ? Uint32Array.from(data) : data;
    const target = this.#gpuBuffer(buffer);
    const whole = bytes.byteLength & ~3;
    // writeBuffer takes multiples of 4 bytes; an odd number of f16 leaves two.
    if (whole > 0) this.#gpu.queue.writeBuffer(target, 0, bytes.buffer as ArrayBuffer, bytes.byteOffset, whole);
    if (bytes.byteLength > whole) {
      const last = new Uint16Array([bytes[bytes.length - 1] ?? 0, 0]);
      this.#gpu.queue.writeBuffer(target, whole, last);
    }
  }

  async adopt(request: BufferRequest, label: string, buffer: GPUBuffer): Promise<DeviceBuffer> {
    this.#refuseIfLost();
    await this.#orLost(checkGiven(this.#gpu, request, label, buffer));
    const token: DeviceBuffer = { kind: "device-buffer", ...request };
    this.#buffers.set(token, buffer);
    return token;
  }

  handOver(token: DeviceBuffer): GPUBuffer {
    const buffer = this.#gpuBuffer(token);
    this.#buffers.delete(token);
    return buffer;
  }

  copy(from: DeviceBuffer, to: DeviceBuffer): void {
    const encoder = this.#gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#gpuBuffer(from), 0, this.#gpuBuffer(to), 0, Math.ceil(byteLength(to) / 4) * 4);
    this.#gpu.queue.submit([encoder.finish()]);
  }

  async bind(dispatches: readonly BoundDispatch[]): Promise<DispatchList> {
    this.#refuseIfLost();
    const uniforms: GPUBuffer[] = [];
    const errors: Promise<void>[] = [];
    const commands = dispatches.map(({ kernel: compiled, buffers, grid, bindings }): BoundCommand => {
      const { kernel } = compiled;
      const pipeline = this.#compiled.get(compiled);
      if (!pipeline) throw foreignToken(`kernel '${kernel.name}'`);
      const most = this.#gpu.limits.maxComputeWorkgroupsPerDimension;
      if (grid.some((count) => count > most))
        throw new RuntimeError("kernel-failed", `Kernel ${kernelLabel(kernel)} needs ${grid.join(" x ")} workgroups; this device allows ${most} along an axis.`, "Use a smaller batch.");
      const entries = buffers.map((buffer, binding): GPUBindGroupEntry => ({ binding, resource: this.#binding(buffer) }));
      if (kernel.extents.length > 0) {
        const uniform = this.#uniform(kernel.name, kernel.extents.map((name) => bindings[name] ?? 0));
        uniforms.push(uniform);
        entries.push({ binding: buffers.length, resource: { buffer: uniform } });
      }
      this.#gpu.pushErrorScope("validation");
      const bindGroup = this.#gpu.createBindGroup({ label: kernel.name, layout: pipeline.bindGroupLayout, entries });
      errors.push(
        this.#gpu.popErrorScope().then((error) => {
          if (error) throw kernelFailed(`The buffers of kernel ${kernelLabel(kernel)} do not fit its bindings: ${error.message}`);
        }),
      );
      return { pipeline: pipeline.pipeline, bindGroup, grid };
    });
    const list: DispatchList = { dispatches };
    this.#lists.set(list, { commands, uniforms });
    try {
      await this.#orLost(Promise.all(errors));
    } catch (thrown) {
      this.release([], [list]);
      throw thrown;
    }
    return list;
  }

  /** A caller's buffer may be larger than the tensor, and larger than what may be bound. */
  #binding(token: DeviceBuffer): GPUBufferBinding {
    const buffer = this.#gpuBuffer(token);
    return { buffer, size: Math.min(buffer.size & ~3, paddedBytes(byteLength(token))) };
  }

  /** The extents as one packed i32 array, padded to whole vec4s. */
  #uniform(name: string, values: readonly number[]): GPUBuffer {
    const data = new Int32Array(paddedBytes(values.length * 4) / 4);
    data.set(values);
    const buffer = this.#gpu.createBuffer({ label: `${name} extents`, size: data.byteLength, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    this.#gpu.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  async run(list: DispatchList, results: readonly DeviceBuffer[]): Promise<readonly TensorData[]> {
    this.#refuseIfLost();
    const bound = this.#lists.get(list);
    if (!bound) throw foreignToken("dispatch list");
    const offsets: number[] = [];
    let total = 0;
    for (const result of results) {
      offsets.push(total);
      total += result.length === 0 ? 0 : paddedBytes(byteLength(result));
    }
    if (total > this.#gpu.limits.maxBufferSize) throw outOfMemory(results[0], `reading ${total} bytes back needs one buffer, and this device allows ${this.#gpu.limits.maxBufferSize}`);

    this.#gpu.pushErrorScope("validation");
    const encoder = this.#gpu.createCommandEncoder();
    if (bound.commands.length > 0) {
      const pass = encoder.beginComputePass();
      for (const { pipeline, bindGroup, grid } of bound.commands) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup);
        pass.dispatchWorkgroups(...grid);
      }
      pass.end();
    }
    const staging = total > 0 ? this.#staging(total) : undefined;
    if (staging)
      results.forEach((result, i) => {
        if (result.length > 0) encoder.copyBufferToBuffer(this.#gpuBuffer(result), 0, staging, offsets[i] ?? 0, paddedBytes(byteLength(result)));
      });
    this.#gpu.queue.submit([encoder.finish()]);
    const mapped = staging?.mapAsync(GPUMapMode.READ, 0, total);
    const [error] = await this.#orLost(Promise.all([this.#gpu.popErrorScope(), mapped]));
    if (error) {
      staging?.destroy();
      throw kernelFailed(`One of the kernels ${list.dispatches.map(({ kernel: { kernel } }) => kernelLabel(kernel)).join(", ")} was refused when it was to run: ${error.message}`);
    }
    if (!staging) return results.map(({ dtype }) => allocate(dtype, 0));
    const bytes = staging.getMappedRange(0, total);
    const data = results.map((result, i) => readResult(result, bytes, offsets[i] ?? 0));
    staging.unmap();
    this.#freeStaging.push(staging);
    while (this.#freeStaging.length > 2) this.#freeStaging.shift()?.destroy();
    return data;
  }

  #staging(size: number): GPUBuffer {
    const at = this.#freeStaging.findIndex((buffer) => buffer.size >= size && buffer.size <= 4 * size);
    const [found] = at < 0 ? [] : this.#freeStaging.splice(at, 1);
    return found ?? this.#gpu.createBuffer({ label: "results", size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }

  release(buffers: readonly DeviceBuffer[], lists: readonly DispatchList[]): void {
    for (const buffer of buffers) this.#buffers.get(buffer)?.destroy();
    for (const list of lists) for (const uniform of this.#lists.get(list)?.uniforms ?? []) uniform.destroy();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#lost ??= "destroy() was called on it";
    for (const buffer of this.#freeStaging.splice(0)) buffer.destroy();
    this.#pipelines.clear();
    if (this.#owned) this.#gpu.destroy();
  }

  #gpuBuffer(token: DeviceBuffer): GPUBuffer {
    const buffer = this.#buffers.get(token);
    if (!buffer) throw foreignToken(`buffer '${token.name}'`);
    return buffer;
  }

  #refuseIfLost(): void {
    if (this.#lost !== undefined)
      throw new RuntimeError("device-lost", `The device (${this.description}) is lost: ${this.#lost}.`, "Open a device again, load the artifact on it and prepare the parameters.");
  }

  /** Promises of a lost device reject or resolve to nothing, with texts that do not say why. */
  async #orLost<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      this.#refuseIfLost();
      return result;
    } catch (thrown) {
      // `lost` settles in a later task than the promises that fail because of it.
      await Promise.race([this.#gpu.lost, new Promise((resolve) => setTimeout(resolve, 0))]);
      this.#refuseIfLost();
      if (thrown instanceof RuntimeError) throw thrown;
      throw new RuntimeError("kernel-failed", `The device (${this.description}) failed: ${messageOf(thrown)}.`, "See the cause.", thrown);
    }
  }
}

function readResult({ dtype, length }: BufferRequest, bytes: ArrayBuffer, offset: number): TensorData {
  const data = allocate(dtype, length);
  if (dtype === "f16") data.set(Array.from(new Uint16Array(bytes, offset, length), fromHalfBits));
  else if (dtype === "i32") data.set(new Int32Array(bytes, offset, length));
  else if (dtype === "f32") data.set(new Float32Array(bytes, offset, length));
  else data.set(new Uint32Array(bytes, offset, length));
  return data;
}

const kernelFailed = (problem: string): RuntimeError =>
  new RuntimeError("kernel-failed", problem, "This is a fault of the artifact, not of the call; please report it with the model.");

const foreignToken = (what: string): RuntimeError =>
  new RuntimeError("artifact-invalid", `The ${what} belongs to another device.`, "Load the artifact on each device that runs it.");

const outOfMemory = (request: BufferRequest | undefined, why: string): RuntimeError =>
  new RuntimeError(
    "out-of-memory",
    `Buffer '${request?.name}' of ${request?.length} ${request?.dtype} elements (${request ? byteLength(request) : 0} bytes) was refused: ${why}.`,
    "Use a smaller batch, or dispose of programs that are no longer used.",
  );

/** A runtime device on an open GPUDevice, which may be shared with other code. */
export const webGpuDevice = (gpu: GPUDevice, options: WebGpuDeviceOptions = {}): WebGpuDevice => new WebGpuDevice(gpu, options);
