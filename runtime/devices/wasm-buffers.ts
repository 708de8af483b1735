/** The buffers of a wasm device: places in its one memory. Flow: wasm.ts -> here -> wasm-memory.ts. */
import type { BufferRequest, DeviceBuffer } from "../device.ts";
import { RuntimeError } from "../errors.ts";
import type { TensorData } from "../tensor.ts";
import { WasmHeap } from "./wasm-memory.ts";

/** Of every element, and of every word of a frame. unit: bytes */
export const wordBytes = 4;

export class WasmBuffers {
  readonly #memory: WebAssembly.Memory;
  readonly #heap: WasmHeap;
  readonly #addresses = new WeakMap<DeviceBuffer, number>();
  /** How many buffers lie at an address. */
  readonly #users = new Map<number, number>();

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#heap = new WasmHeap(memory);
  }

  /** throws: RuntimeError `out-of-memory` naming the buffer; nothing is allocated then */
  allocate(requests: readonly BufferRequest[]): readonly DeviceBuffer[] {
    const sizes = new Map<number, number>();
    for (const { slot, length } of requests) if (slot !== undefined) sizes.set(slot, Math.max(sizes.get(slot) ?? 0, length));
    const places = new Map<number, number>();
    const made: DeviceBuffer[] = [];
    for (const request of requests) {
      const { slot } = request;
      const known = slot === undefined ? undefined : places.get(slot);
      const bytes = wordBytes * (slot === undefined ? request.length : (sizes.get(slot) ?? 0));
      const address = known ?? this.#heap.allocate(bytes);
      if (address === undefined) {
        this.release(made);
        throw new RuntimeError("out-of-memory", `The buffer '${request.name}' takes ${bytes} bytes, and the memory of WebAssembly ends at 4 GiB; ${this.#memory.buffer.byteLength} bytes are in use or free in pieces.`, "Use a smaller batch, or dispose() programs that are no longer needed.");
      }
      if (slot !== undefined) places.set(slot, address);
      const buffer: DeviceBuffer = { kind: "device-buffer", ...request };
      this.#addresses.set(buffer, address);
      this.#users.set(address, (this.#users.get(address) ?? 0) + 1);
      made.push(buffer);
    }
    return made;
  }

  write(buffer: DeviceBuffer, data: TensorData): void {
    const address = this.address(buffer);
    if (buffer.dtype === "bool") new Int32Array(this.#memory.buffer, address, buffer.length).set(Array.from(data, (value) => (value === 0 ? 0 : 1)));
    else this.words(buffer).set(data);
  }

  release(buffers: readonly DeviceBuffer[]): void {
    for (const buffer of buffers) {
      const address = this.#addresses.get(buffer);
      if (address === undefined) continue;
      this.#addresses.delete(buffer);
      const left = (this.#users.get(address) ?? 1) - 1;
      if (left > 0) this.#users.set(address, left);
      else {
        this.#users.delete(address);
        this.#heap.release(address);
      }
    }
  }

  /** Its elements, as they lie in memory now: a view is good until the memory grows. */
  words(buffer: DeviceBuffer): Float32Array | Int32Array | Uint32Array {
    const address = this.address(buffer);
    if (buffer.dtype === "f32" || buffer.dtype === "f16") return new Float32Array(this.#memory.buffer, address, buffer.length);
    return buffer.dtype === "u32" ? new Uint32Array(this.#memory.buffer, address, buffer.length) : new Int32Array(this.#memory.buffer, address, buffer.length);
  }

  /** throws: RuntimeError `buffer-invalid` */
  address(buffer: DeviceBuffer): number {
    const address = this.#addresses.get(buffer);
    if (address !== undefined) return address;
    throw new RuntimeError("buffer-invalid", `The buffer '${buffer.name}' was released, or is of another device.`, "Load the artifact on this device.");
  }

  /** Memory for `what`, to be given back with `give`. throws: RuntimeError `out-of-memory` */
  take(what: string, bytes: number): number {
    const address = this.#heap.allocate(bytes);
    if (address !== undefined) return address;
    throw new RuntimeError("out-of-memory", `There is no room for ${what}, ${bytes} bytes.`, "Use a smaller batch, or dispose() programs that are no longer needed.");
  }

  give(address: number): void {
    this.#heap.release(address);
  }
}
