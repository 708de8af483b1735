/**
 * What browsers have and Node 20 lacks, for peers that were written for browsers: `navigator.gpu` on the adapter of the run,
 * with dispatches counted, buffers written from shared memory, and iterator helpers.
 */
import { resolveObjectURL } from "node:buffer";
import os from "node:os";
import { Worker } from "node:worker_threads";
import { provideNavigatorGpu } from "../../runtime/devices/webgpu-node.ts";
import type { NodeAdapter } from "../../runtime/devices/webgpu-node.ts";
import type { AdapterName, GpuAdapter } from "./protocol.ts";

const nodeAdapters: Readonly<Record<GpuAdapter, NodeAdapter>> = { swiftshader: "swiftshader", llvmpipe: "gles" };

/** throws: Error where the run has no adapter */
export function nodeAdapter(adapter: AdapterName): NodeAdapter {
  if (adapter === "none") throw new Error("the run has no adapter");
  return nodeAdapters[adapter];
}

let dispatched = 0;

/** Dispatches of this process so far. */
export const dispatchCount = (): number => dispatched;

/** Libraries size their thread pools by it. */
export function provideNavigator(threads = os.cpus().length): void {
  if (globalThis.navigator === undefined) Object.defineProperty(globalThis, "navigator", { value: { userAgent: "node", hardwareConcurrency: threads }, configurable: true, writable: true });
  else Object.defineProperty(globalThis.navigator, "hardwareConcurrency", { value: threads, configurable: true });
}

export async function provideGpu(adapter: AdapterName): Promise<void> {
  provideNavigator();
  await provideNavigatorGpu({ prefer: nodeAdapter(adapter) });
  countDispatches();
}

export function countDispatches(): void {
  const prototype = globalThis.GPUComputePassEncoder.prototype;
  const dispatch = prototype.dispatchWorkgroups;
  prototype.dispatchWorkgroups = function counted(this: GPUComputePassEncoder, ...sizes: Parameters<typeof dispatch>) {
    dispatched++;
    return dispatch.apply(this, sizes);
  };
}

/** Dawn for Node refuses views of shared memory, which WebGPU allows and wasm builds with threads hand over. */
export function writeFromSharedMemory(): void {
  const prototype = globalThis.GPUQueue.prototype;
  const write = prototype.writeBuffer;
  prototype.writeBuffer = function copied(this: GPUQueue, buffer: GPUBuffer, offset: number, data: BufferSource | SharedArrayBuffer, start = 0, size?: number) {
    const memory = ArrayBuffer.isView(data) ? data.buffer : data;
    const unit = ArrayBuffer.isView(data) && "BYTES_PER_ELEMENT" in data ? Number(data.BYTES_PER_ELEMENT) : 1;
    const [from, length] = ArrayBuffer.isView(data) ? [data.byteOffset, data.byteLength] : [0, data.byteLength];
    const bytes = new Uint8Array(size === undefined ? length - start * unit : size * unit);
    bytes.set(new Uint8Array(memory, from + start * unit, bytes.length));
    return write.call(this, buffer, offset, bytes, 0, bytes.length);
  };
}

/** Workers of a browser out of those of Node, as far as a library needs them that starts them from the URL of a blob. */
export function provideWorkers(): void {
  const prelude = "const { parentPort } = require('node:worker_threads'); globalThis.self = globalThis; globalThis.postMessage = (message) => parentPort.postMessage(message); parentPort.on('message', (data) => globalThis.onmessage({ data }));\n";
  class BrowserWorker {
    onmessage: ((event: { data: unknown }) => void) | undefined;
    onerror: ((event: unknown) => void) | undefined;
    readonly #started: Promise<Worker>;

    constructor(url: URL | string) {
      this.#started = (async () => {
        const blob = resolveObjectURL(String(url));
        if (!blob) throw new Error(`${String(url)} is no URL of a blob`);
        const worker = new Worker(prelude + (await blob.text()), { eval: true, execArgv: [] });
        worker.unref();
        worker.on("message", (data: unknown) => this.onmessage?.({ data }));
        worker.on("error", (error) => this.onerror?.(error));
        return worker;
      })();
    }

    postMessage(message: unknown): void {
      void this.#started.then((worker) => worker.postMessage(message));
    }

    terminate(): void {
      void this.#started.then((worker) => worker.terminate());
    }
  }
  Object.defineProperty(globalThis, "Worker", { value: BrowserWorker, configurable: true });
}

/** Methods of iterators that Node has from version 22 on. */
export function provideIteratorMethods(): void {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object;
  const methods: Readonly<Record<string, (this: Iterable<unknown>, each: (value: unknown, at: number) => unknown) => unknown>> = {
    *map(each) {
      let at = 0;
      for (const value of this) yield each(value, at++);
    },
    *filter(each) {
      let at = 0;
      for (const value of this) if (each(value, at++)) yield value;
    },
    toArray() {
      return [...this];
    },
  };
  for (const [name, value] of Object.entries(methods)) if (!(name in prototype)) Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
}
