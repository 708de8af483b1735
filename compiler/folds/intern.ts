/**
 * What makes equal expressions the same object without writing keys: a hash table that compares heads and operands, and a tree of
 * bindings with what was substituted by each. Used by expression.ts.
 */

interface Numbered {
  readonly id: number;
}

interface Entry<T> {
  readonly value: T;
  readonly kind: string;
  readonly head: string;
  readonly operands: readonly T[];
}

/** Values by kind, head (a source, an op) and operands, open-addressed. */
export class InternTable<T extends Numbered> {
  #slots: (Entry<T> | undefined)[] = new Array<Entry<T> | undefined>(1024).fill(undefined);
  #hashes = new Int32Array(1024);
  #size = 0;
  readonly #heads = new Map<string, number>();

  find(kind: string, head: string, operands: readonly T[]): T | undefined {
    const hash = this.#hash(head, operands);
    const mask = this.#slots.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = this.#slots[at];
      if (entry === undefined) return undefined;
      if (this.#hashes[at] === hash && entry.kind === kind && entry.head === head && sameItems(entry.operands, operands)) return entry.value;
    }
  }

  /** A value that `find` did not find. */
  add(value: T, kind: string, head: string, operands: readonly T[]): void {
    if (2 * this.#size >= this.#slots.length) this.#grow();
    this.#insert({ value, kind, head, operands }, this.#hash(head, operands));
    this.#size++;
  }

  #insert(entry: Entry<T>, hash: number): void {
    const mask = this.#slots.length - 1;
    let at = hash & mask;
    while (this.#slots[at] !== undefined) at = (at + 1) & mask;
    this.#slots[at] = entry;
    this.#hashes[at] = hash;
  }

  #grow(): void {
    const [slots, hashes] = [this.#slots, this.#hashes];
    this.#slots = new Array<Entry<T> | undefined>(2 * slots.length).fill(undefined);
    this.#hashes = new Int32Array(2 * slots.length);
    for (let at = 0; at < slots.length; at++) {
      const entry = slots[at];
      if (entry) this.#insert(entry, hashes[at] as number);
    }
  }

  #hash(head: string, operands: readonly T[]): number {
    let hash = this.#heads.get(head);
    if (hash === undefined) this.#heads.set(head, (hash = Math.imul(this.#heads.size + 1, 0x9e3779b1)));
    for (const { id } of operands) {
      hash = Math.imul(hash ^ id, 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    return hash;
  }
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

interface Binding<K, V> {
  readonly results: Map<V, V>;
  readonly further: Map<K, Map<V, Binding<K, V>>>;
}

/** Bindings of ranges to values by their entries, in order. */
export class Bindings<K, V> {
  readonly #root: Binding<K, V> = { results: new Map(), further: new Map() };

  /** What came out of each value by these bindings: to be read, and to be filled in. */
  resultsOf(by: ReadonlyMap<K, V>): Map<V, V> {
    let at = this.#root;
    for (const [key, value] of by) {
      const values = at.further.get(key) ?? new Map<V, Binding<K, V>>();
      at.further.set(key, values);
      const next = values.get(value) ?? { results: new Map(), further: new Map() };
      values.set(value, next);
      at = next;
    }
    return at.results;
  }
}
