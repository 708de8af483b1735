/**
 * What browsers have and Node 20 lacks, for peers that were written for browsers: `navigator.gpu` on the adapter of the run,
 * with dispatches counted, buffers written from shared memory, and iterator helpers.
 */
import os from "node:os";
import { provideNavigatorGpu } from "../../runtime/devices/webgpu-node.ts";
import type { NodeAdapter } from "../../runtime/devices/webgpu-node.ts";
import type { AdapterName } from "./protocol.ts";

export const nodeAdapters: Readonly<Record<AdapterName, NodeAdapter>> = { swiftshader: "swiftshader", llvmpipe: "gles" };

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
  await provideNavigatorGpu({ prefer: nodeAdapters[adapter] });
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
