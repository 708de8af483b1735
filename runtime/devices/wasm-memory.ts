/**
 * Pieces of one WebAssembly memory: first fit, neighbours join when they are given back, the memory grows when nothing
 * fits. Used by wasm.ts alone.
 */

/** Vectors are loaded from cache lines that they share with nothing else. unit: bytes */
const alignment = 64;

const pageBytes = 65536;

interface Piece {
  readonly address: number;
  readonly bytes: number;
}

/** Memory is grown by an eighth at least, so that many small requests grow it seldom. */
const growth = 8;

export class WasmHeap {
  readonly #memory: WebAssembly.Memory;
  /** By address; no two touch. */
  #free: Piece[] = [];
  readonly #taken = new Map<number, number>();
  #end: number;

  /** The first 64 bytes stay unused, so that no address is 0. */
  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#end = alignment;
  }

  /** A multiple of 64, or undefined when the memory cannot grow as far. `bytes` may be 0. */
  allocate(bytes: number): number | undefined {
    const wanted = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    const at = this.#free.findIndex((piece) => piece.bytes >= wanted);
    const piece = this.#free[at];
    if (piece) {
      this.#free.splice(at, 1, ...(piece.bytes > wanted ? [{ address: piece.address + wanted, bytes: piece.bytes - wanted }] : []));
      this.#taken.set(piece.address, wanted);
      return piece.address;
    }
    const address = this.#end;
    if (!this.#reach(address + wanted)) return undefined;
    this.#end = address + wanted;
    this.#taken.set(address, wanted);
    return address;
  }

  /** What was not allocated, or is free already, stays so. */
  release(address: number): void {
    const bytes = this.#taken.get(address);
    if (bytes === undefined) return;
    this.#taken.delete(address);
    const sorted = [...this.#free, { address, bytes }].sort((a, b) => a.address - b.address);
    const joined: Piece[] = [];
    for (const piece of sorted) {
      const before = joined.at(-1);
      if (before && before.address + before.bytes === piece.address) joined.splice(-1, 1, { address: before.address, bytes: before.bytes + piece.bytes });
      else joined.push(piece);
    }
    const last = joined.at(-1);
    if (last && last.address + last.bytes === this.#end) {
      this.#end = last.address;
      joined.pop();
    }
    this.#free = joined;
  }

  #reach(end: number): boolean {
    const size = this.#memory.buffer.byteLength;
    if (end <= size) return true;
    const missing = Math.ceil((end - size) / pageBytes);
    for (const pages of [Math.max(missing, Math.ceil(size / pageBytes / growth)), missing]) {
      try {
        this.#memory.grow(pages);
        return true;
      } catch {
        // Less may be possible.
      }
    }
    return false;
  }
}
