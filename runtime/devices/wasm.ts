/**
 * Runs wasm artifacts on the CPU: kernels are WebAssembly modules over one memory, which holds all buffers. Works in Node and
 * in browsers, also under a content security policy with `wasm-unsafe-eval`; nothing is fetched. f16 is computed and kept as
 * f32; a truth value is one word.
 */
import type { ArtifactKernel, WasmKernel } from "../artifact.ts";
import type { BoundDispatch, BufferRequest, CompiledKernel, Device, DeviceBuffer, DispatchList } from "../device.ts";
import { RuntimeError, messageOf } from "../errors.ts";
import { type TensorData, allocate } from "../tensor.ts";
import { WasmBuffers, wordBytes } from "./wasm-buffers.ts";
import { SharingChoice } from "./wasm-sharing.ts";
import { type Call, controlBytes, instantiate, mailboxBytes, type Run } from "./wasm-share.ts";
import type { StartTeam, WasmTeam } from "./wasm-threads.ts";

/** A kernel that the engine has taken. */
interface Loaded {
  readonly id: number;
  readonly run: Run;
}

/** A list that is ready: everything is a number. */
interface Bound {
  readonly id: number;
  readonly calls: readonly Call[];
  readonly runs: readonly Run[];
  readonly names: readonly string[];
  /** Byte address of its control block, where there are workers. */
  readonly control: number | undefined;
  readonly choice: SharingChoice;
}

/** unit: pages of 64 KiB; the modules declare the same */
const mostPages = 65536;

const firstPages = 16;

/** A module of one function without parameters that gives a v128 by `f32x4.relaxed_madd`. */
function hasRelaxedSimd(): boolean {
  const zero = [0x43, 0, 0, 0, 0, 0xfd, 0x13];
  const body = [0, ...zero, ...zero, ...zero, 0xfd, 0x85, 0x02, 0x0b];
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0];
  return WebAssembly.validate(Uint8Array.from([...head, 10, body.length + 2, 1, body.length, ...body]));
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

export interface WasmOptions {
  /** Fused multiply-adds where the engine has them; true when left out. Without them results are the same on every engine. */
  readonly relaxed?: boolean;
  /** Further threads; see wasm-node.ts and wasm-browser.ts. */
  readonly workers?: StartTeam | undefined;
}

const stopped = (kernel: string, reason: string, cause?: unknown): RuntimeError =>
  new RuntimeError("kernel-failed", `Kernel '${kernel}' stopped: ${reason}.`, "This is a mistake of the compiler, not of the call: please report the model.", cause);

/** Of the import of a memory that threads share. */
const sharedFlags = 3;

class WasmDevice implements Device {
  readonly target = "wasm";
  readonly #relaxed: boolean;
  readonly #team: WasmTeam | undefined;
  readonly #memory: WebAssembly.Memory;
  readonly #buffers: WasmBuffers;
  readonly #loaded = new WeakMap<ArtifactKernel, Promise<Loaded>>();
  readonly #compiled = new WeakMap<CompiledKernel, Loaded>();
  readonly #bound = new WeakMap<DispatchList, Bound>();
  #lastId = 0;
  #scratch: { readonly address: number; readonly bytes: number } | undefined;
  #destroyed = false;

  constructor(memory: WebAssembly.Memory, relaxed: boolean, workers: StartTeam | undefined) {
    this.#memory = memory;
    this.#relaxed = relaxed;
    this.#buffers = new WasmBuffers(memory);
    this.#team = workers?.(memory, this.#buffers.take("the orders of the threads", mailboxBytes));
  }

  get description(): string {
    const threads = this.#team?.threads ?? 1;
    return `WebAssembly SIMD${this.#relaxed ? ", relaxed" : ""}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  }

  async compile(kernels: readonly ArtifactKernel[]): Promise<readonly CompiledKernel[]> {
    this.#refuseIfDestroyed();
    return Promise.all(
      kernels.map(async (kernel) => {
        if (kernel.kind !== "wasm")
          throw new RuntimeError("artifact-invalid", `Kernel '${kernel.name}' is ${kernel.kind} in an artifact for wasm.`, "Build the model again.");
        const known = this.#loaded.get(kernel) ?? this.#load(kernel);
        this.#loaded.set(kernel, known);
        const compiled: CompiledKernel = { kernel };
        this.#compiled.set(compiled, await known);
        return compiled;
      }),
    );
  }

  async #load(kernel: WasmKernel): Promise<Loaded> {
    try {
      const bytes = bytesOf((this.#relaxed ? kernel.relaxedCode : undefined) ?? kernel.code);
      if (this.#team) bytes[kernel.sharedAt] = sharedFlags;
      const module = await WebAssembly.compile(bytes);
      const loaded: Loaded = { id: ++this.#lastId, run: instantiate(module, this.#memory) };
      this.#team?.tell({ kind: "kernel", id: loaded.id, module });
      return loaded;
    } catch (thrown) {
      throw new RuntimeError("kernel-failed", `Kernel '${kernel.name}' was refused: ${messageOf(thrown)}.`, "WebAssembly SIMD is needed: Node 16, Chrome 91, Firefox 89, Safari 16.4; with a content security policy also script-src 'wasm-unsafe-eval'.", thrown);
    }
  }

  async allocate(requests: readonly BufferRequest[]): Promise<readonly DeviceBuffer[]> {
    this.#refuseIfDestroyed();
    return this.#buffers.allocate(requests);
  }

  write(buffer: DeviceBuffer, data: TensorData): void {
    this.#buffers.write(buffer, data);
  }

  async bind(dispatches: readonly BoundDispatch[]): Promise<DispatchList> {
    this.#refuseIfDestroyed();
    const list: DispatchList = { dispatches };
    let scratch = 0;
    const runs: Run[] = [];
    const calls = dispatches.map(({ kernel: compiled, buffers, grid, bindings }): Call => {
      const { kernel } = compiled;
      const loaded = this.#compiled.get(compiled);
      if (kernel.kind !== "wasm" || !loaded || buffers.length !== kernel.bindings.length)
        throw new RuntimeError("artifact-invalid", `Kernel '${kernel.name}' does not fit its dispatch with ${buffers.length} buffers on this device.`, "Build the model again.");
      const words = [...buffers.map((buffer) => this.#buffers.address(buffer)), ...kernel.extents.map((name) => bindings[name] ?? 0)];
      const frame = this.#buffers.take(`the frame of kernel '${kernel.name}'`, wordBytes * words.length);
      new Int32Array(this.#memory.buffer, frame, words.length).set(words);
      scratch = Math.max(scratch, kernel.scratchBytes);
      runs.push(loaded.run);
      return { kernel: loaded.id, groups: grid[0] * grid[1] * grid[2], columns: grid[0], rows: grid[1], frame };
    });
    const control = this.#team && this.#buffers.take("the counters of the threads", controlBytes(calls.length));
    const bound: Bound = { id: ++this.#lastId, calls, runs, control, names: dispatches.map(({ kernel: { kernel } }) => kernel.name), choice: new SharingChoice() };
    this.#team?.tell({ kind: "list", id: bound.id, calls });
    this.#bound.set(list, bound);
    this.#reserveScratch(scratch);
    return list;
  }

  async run(list: DispatchList, results: readonly DeviceBuffer[]): Promise<readonly TensorData[]> {
    this.#refuseIfDestroyed();
    const bound = this.#bound.get(list);
    if (bound) await this.#runBound(bound);
    return results.map((buffer) => {
      const data = allocate(buffer.dtype, buffer.length);
      data.set(this.#buffers.words(buffer));
      return data;
    });
  }

  async #runBound(bound: Bound): Promise<void> {
    const { id, calls, runs, names, control, choice } = bound;
    const { address, bytes } = this.#scratch ?? { address: 0, bytes: 0 };
    this.#team?.refuseIfLost();
    const start = performance.now();
    if (this.#team && control !== undefined && this.#team.threads > 1 && choice.next() === "together") {
      const { failed, helpers } = await this.#team.run(id, calls, runs, control, address, bytes);
      if (failed !== undefined) throw stopped(names[failed] ?? "", "a trap on one of the threads");
      return choice.note(helpers > 0 ? "together" : "alone", performance.now() - start);
    }
    for (const [at, { groups, columns, rows, frame }] of calls.entries()) {
      try {
        runs[at]?.(0, groups, columns, rows, frame, address);
      } catch (thrown) {
        throw stopped(names[at] ?? "", messageOf(thrown), thrown);
      }
    }
    choice.note("alone", performance.now() - start);
  }

  release(buffers: readonly DeviceBuffer[], lists: readonly DispatchList[]): void {
    this.#buffers.release(buffers);
    for (const list of lists) {
      const bound = this.#bound.get(list);
      if (!bound) continue;
      for (const { frame } of bound.calls) this.#buffers.give(frame);
      if (bound.control !== undefined) this.#buffers.give(bound.control);
      this.#team?.tell({ kind: "drop", id: bound.id });
      this.#bound.delete(list);
    }
  }

  destroy(): void {
    this.#destroyed = true;
    this.#team?.close();
  }

  /** For each thread. Lists that are bound already keep their own numbers: the scratch memory is handed in at each run. */
  #reserveScratch(bytes: number): void {
    if (this.#scratch && this.#scratch.bytes >= bytes) return;
    if (this.#scratch) this.#buffers.give(this.#scratch.address);
    this.#scratch = undefined;
    this.#scratch = { address: this.#buffers.take("the panels of products", bytes * (this.#team?.threads ?? 1)), bytes };
  }

  #refuseIfDestroyed(): void {
    if (this.#destroyed) throw new RuntimeError("device-lost", `The device (${this.description}) was destroyed.`, "Open a device again and load the artifact on it.");
  }
}

/**
 * The CPU as a device.
 *
 * throws: RuntimeError `device-unavailable` where there is no WebAssembly with SIMD
 */
export function openWasm({ relaxed = true, workers }: WasmOptions = {}): Device {
  try {
    return new WasmDevice(new WebAssembly.Memory({ initial: firstPages, maximum: mostPages, ...(workers ? { shared: true } : {}) }), relaxed && hasRelaxedSimd(), workers);
  } catch (thrown) {
    throw new RuntimeError("device-unavailable", `WebAssembly is not available here: ${messageOf(thrown)}.`, workers ? "Without shared memory, open the device without workers." : "Use a WebGPU or GPU.js device, or allow 'wasm-unsafe-eval' in the content security policy.", thrown);
  }
}
