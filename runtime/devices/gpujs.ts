/**
 * Runs gpujs artifacts through the gpu.js package that the caller hands in, in any of its modes. gpu.js bakes the strides
 * of arguments into a kernel, so there is one gpu.js kernel per kernel and shape; intermediate results stay on the device
 * as handles where the mode has them. Numbers travel as f32: integers beyond 2^24 are not exact.
 */
import type { ArtifactKernel, GpuJsKernel } from "../artifact.ts";
import type { BoundDispatch, BufferRequest, CompiledKernel, Device, DeviceBuffer, DispatchList } from "../device.ts";
import { RuntimeError, messageOf } from "../errors.ts";
import { evaluateExtent } from "../extents.ts";
import { type TensorData, allocate } from "../tensor.ts";

export type GpuJsMode = "cpu" | "webasm" | "webgpu" | "async" | "webgl" | "webgl2" | "headlessgl" | "gpu";

/** What gpu.js gives to a caller that runs a kernel. */
interface GpuJsRunner {
  (...args: never[]): unknown;
  destroy(removeCanvasReferences?: boolean): void;
}

interface GpuJsInstance {
  createKernel(source: string, settings: object): GpuJsRunner;
  destroy(): Promise<void> | void;
}

/**
 * The exports of gpu.js that are needed: `GPU`, and `input` or `Input` (its type declarations know the second alone). The
 * script for browsers has them on its global: `{ GPU, input: GPU.input }`.
 */
export type GpuJsModule = { readonly GPU: new (settings: { mode: GpuJsMode }) => GpuJsInstance } & (
  | { readonly input: (value: never, size: [number, number]) => object }
  | { readonly Input: new (value: never, size: [number, number]) => object }
);

type MakeInput = (value: Float32Array, size: [number, number]) => object;

// gpu.js declares the values as number[]; it takes every array of numbers.
const makeInput = (module: GpuJsModule): MakeInput =>
  "input" in module ? (value, size) => module.input(value as never, size) : (value, size) => new module.Input(value as never, size);

/** A result that stays on the device: a texture (GL) or a buffer (webgpu). */
interface Handle {
  toArray(): unknown;
  delete(): void;
  clone(): Handle;
  output: number[];
  dimensions?: number[];
}

/** Where the contents of a buffer are: in host memory, or on the device as columns by rows. */
type Contents =
  | { readonly kind: "host"; readonly data: Float32Array }
  | { readonly kind: "handle"; readonly handle: Handle; readonly columns: number };

interface Argument {
  readonly columns: number;
  readonly rows: number;
}

/** Not a limit that a program should meet: gpu.js ends loops silently at this count, and its default is 1000. */
const loopMaxIterations = 2 ** 23;

/** Shapes for which a kernel stays compiled; more would hold memory of shapes long gone. */
const keptShapes = 16;

const isHandle = (value: unknown): value is Handle =>
  typeof value === "object" && value !== null && "toArray" in value && "delete" in value;

/** gpu.js returns rows of rows; the row-major elements as one array. */
function flatten(value: unknown, length: number): Float32Array {
  const flat = new Float32Array(length);
  let at = 0;
  const append = (part: unknown): void => {
    if (ArrayBuffer.isView(part)) {
      const numbers = part as Float32Array;
      flat.set(numbers.length > length - at ? numbers.subarray(0, length - at) : numbers, at);
      at += numbers.length;
    } else if (Array.isArray(part)) for (const inner of part) append(inner);
    else if (at < length) flat[at++] = Number(part);
  };
  append(value);
  return flat;
}

class GpuJsDevice implements Device {
  readonly target = "gpujs";
  readonly description: string;
  readonly #mode: GpuJsMode;
  readonly #input: MakeInput;
  readonly #gpu: GpuJsInstance;
  readonly #runners = new Map<GpuJsKernel, Map<string, GpuJsRunner>>();
  readonly #contents = new WeakMap<DeviceBuffer, Contents>();
  #destroyed = false;

  constructor(module: GpuJsModule, mode: GpuJsMode) {
    this.#mode = mode;
    this.#input = makeInput(module);
    this.#gpu = new module.GPU({ mode });
    this.description = `gpu.js ${mode}`;
  }

  /** gpu.js compiles when it first sees arguments; here only the kind of the kernels is checked. */
  async compile(kernels: readonly ArtifactKernel[]): Promise<readonly CompiledKernel[]> {
    this.#refuseIfDestroyed();
    for (const kernel of kernels)
      if (kernel.kind !== "gpujs")
        throw new RuntimeError("artifact-invalid", `Kernel '${kernel.name}' is ${kernel.kind} in an artifact for gpujs.`, "Build the model again.");
    return kernels.map((kernel) => ({ kernel }));
  }

  async allocate(requests: readonly BufferRequest[]): Promise<readonly DeviceBuffer[]> {
    this.#refuseIfDestroyed();
    return requests.map((request) => ({ kind: "device-buffer", ...request }));
  }

  write(buffer: DeviceBuffer, data: TensorData): void {
    this.#set(buffer, { kind: "host", data: new Float32Array(data) });
  }

  async bind(dispatches: readonly BoundDispatch[]): Promise<DispatchList> {
    return { dispatches };
  }

  async run({ dispatches }: DispatchList, results: readonly DeviceBuffer[]): Promise<readonly TensorData[]> {
    this.#refuseIfDestroyed();
    try {
      const kept = new Set(results);
      const lastUse = new Map(dispatches.flatMap(({ buffers }, i) => buffers.map((buffer) => [buffer, i] as const)));
      for (const [i, dispatch] of dispatches.entries()) {
        await this.#dispatch(dispatch);
        // Textures go back as soon as nothing reads them any more.
        for (const buffer of dispatch.buffers) if (buffer.role === "temporary" && !kept.has(buffer) && lastUse.get(buffer) === i) this.#set(buffer, undefined);
      }
      const data: TensorData[] = [];
      for (const result of results) data.push(await this.#read(result));
      return data;
    } finally {
      // Handles hold device memory; what outlives the run is parameters and what was prepared from them.
      for (const { buffers } of dispatches)
        for (const buffer of buffers) if (buffer.role === "temporary" || buffer.role === "output") this.#set(buffer, undefined);
    }
  }

  async #dispatch({ kernel: { kernel }, buffers, grid, bindings }: BoundDispatch): Promise<void> {
    if (kernel.kind !== "gpujs") return;
    const output = buffers[kernel.arguments.length];
    if (!output || buffers.length !== kernel.arguments.length + 1)
      throw new RuntimeError("artifact-invalid", `Kernel '${kernel.name}' takes ${kernel.arguments.length} arguments and one output, the plan gives ${buffers.length} buffers.`, "Build the model again.");
    const shapes = kernel.arguments.map(({ columns, length }): Argument => {
      const across = evaluateExtent(columns, bindings);
      return { columns: across, rows: across === 0 ? 0 : evaluateExtent(length, bindings) / across };
    });
    const clones: Handle[] = [];
    try {
      const args: unknown[] = [];
      for (const [i, shape] of shapes.entries()) args.push(await this.#argument(buffers[i] ?? output, shape, clones));
      const constants = Object.fromEntries(kernel.extents.map((name) => [name, bindings[name] ?? 0]));
      const kinds = args.map((value) => (isHandle(value) ? "handle" : "input"));
      const key = JSON.stringify([grid, constants, shapes, kinds]);
      const value = await this.#runner(kernel, key, grid, constants)(...(args as never[]));
      const columns = grid[0];
      this.#set(output, isHandle(value) ? { kind: "handle", handle: value, columns } : { kind: "host", data: flatten(value, output.length) });
    } catch (thrown) {
      if (thrown instanceof RuntimeError) throw thrown;
      throw new RuntimeError("kernel-failed", `Kernel '${kernel.name}' failed in gpu.js (mode ${this.#mode}, output ${grid[0]} x ${grid[1]}): ${messageOf(thrown)}.`, "Another mode of gpu.js may run it: webasm and cpu run everywhere.", thrown);
    } finally {
      for (const clone of clones) clone.delete();
    }
  }

  #runner(kernel: GpuJsKernel, key: string, grid: BoundDispatch["grid"], constants: Readonly<Record<string, number>>): GpuJsRunner {
    const runners = this.#runners.get(kernel) ?? new Map<string, GpuJsRunner>();
    this.#runners.set(kernel, runners);
    const runner =
      runners.get(key) ??
      this.#gpu.createKernel(kernel.code, {
        output: [grid[0], grid[1]],
        constants,
        loopMaxIterations,
        // Without `immutable` the next call of the kernel overwrites the result of this one.
        pipeline: this.#keepsHandles,
        immutable: this.#keepsHandles,
        // The default of GL modes packs numbers into bytes and loses NaN, infinities and small numbers.
        precision: "single",
      });
    runners.delete(key);
    runners.set(key, runner);
    for (const [oldest, old] of runners)
      if (runners.size > keptShapes) {
        runners.delete(oldest);
        old.destroy();
      }
    return runner;
  }

  /** The modes on the CPU have no device memory: their pipelined results are plain arrays. */
  get #keepsHandles(): boolean {
    return this.#mode !== "cpu" && this.#mode !== "webasm";
  }

  /** The contents as rows by columns. A handle of another width is seen through a clone with other dimensions: no copy. */
  async #argument(buffer: DeviceBuffer, { columns, rows }: Argument, clones: Handle[]): Promise<unknown> {
    const contents = this.#contents.get(buffer);
    if (buffer.length === 0) return this.#input(new Float32Array(1), [1, 1]);
    if (contents?.kind === "handle") {
      if (contents.columns === columns) return contents.handle;
      const clone = contents.handle.clone();
      clones.push(clone);
      clone.output = [columns, rows];
      if (clone.dimensions) clone.dimensions = [columns, rows, 1];
      return clone;
    }
    return this.#input(contents?.data ?? new Float32Array(buffer.length), [columns, rows]);
  }

  async #read(buffer: DeviceBuffer): Promise<TensorData> {
    const contents = this.#contents.get(buffer);
    const flat = contents?.kind === "handle" ? flatten(await contents.handle.toArray(), buffer.length) : contents?.data;
    const data = allocate(buffer.dtype, buffer.length);
    if (flat) data.set(buffer.dtype === "f32" || buffer.dtype === "f16" ? flat : flat.map((value) => Math.round(value)));
    return data;
  }

  #set(buffer: DeviceBuffer, contents: Contents | undefined): void {
    const before = this.#contents.get(buffer);
    if (contents) this.#contents.set(buffer, contents);
    else this.#contents.delete(buffer);
    if (before?.kind === "handle") before.handle.delete();
  }

  release(buffers: readonly DeviceBuffer[]): void {
    for (const buffer of buffers) this.#set(buffer, undefined);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#runners.clear();
    void Promise.resolve(this.#gpu.destroy()).catch(() => undefined);
  }

  #refuseIfDestroyed(): void {
    if (this.#destroyed) throw new RuntimeError("device-lost", `The device (${this.description}) was destroyed.`, "Open a device again and load the artifact on it.");
  }
}

/**
 * A device over gpu.js, for example `openGpuJs(await import("gpu.js"), { mode: "webasm" })`.
 *
 * throws: RuntimeError `device-unavailable` when gpu.js does not offer the mode here
 */
export function openGpuJs(module: GpuJsModule, { mode }: { readonly mode: GpuJsMode }): Device {
  if (mode === "webgpu" && !globalThis.navigator?.gpu)
    throw new RuntimeError("device-unavailable", "gpu.js finds no navigator.gpu for its mode webgpu.", "In Node, await provideNavigatorGpu() of normfuse/runtime/devices/webgpu-node first; in a browser, use webgl2 or webasm.");
  try {
    return new GpuJsDevice(module, mode);
  } catch (thrown) {
    throw new RuntimeError("device-unavailable", `gpu.js does not offer the mode ${mode} here: ${messageOf(thrown)}.`, "The modes webasm and cpu run everywhere.", thrown);
  }
}
