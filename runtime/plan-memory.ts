/**
 * The memory plan of a run: which buffers may lie in the same piece of memory, from the order of the dispatches alone. Solved
 * when the extents are numbers. A piece is one buffer of the device, bound whole: WebGPU refuses a dispatch that reads and
 * writes one buffer, whatever the ranges are. Used by execution.ts, and by the compiler's report.
 */

/** Dispatches in which the contents of a buffer matter, by their place in the run, both included. */
export interface Lifetime {
  readonly name: string;
  /** unit: bytes */
  readonly bytes: number;
  /** The dispatch that writes it first; -1: the host does, before the run. */
  readonly first: number;
  /** The last one that uses it; infinity: it is read back. */
  readonly last: number;
}

/** A piece of memory as large as the largest of its buffers. */
export interface Slot {
  /** unit: bytes */
  readonly bytes: number;
  readonly lifetimes: readonly Lifetime[];
}

export interface PlannedBuffer {
  readonly name: string;
  /** unit: bytes */
  readonly bytes: number;
  readonly role: "input" | "output" | "temporary";
}

/** `dispatches`: names of the buffers of each dispatch, in order. Buffers that none of them uses live through the run. */
export function lifetimesOf(buffers: readonly PlannedBuffer[], dispatches: readonly (readonly string[])[]): Lifetime[] {
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  dispatches.forEach((names, i) => {
    for (const name of names) {
      if (!first.has(name)) first.set(name, i);
      last.set(name, i);
    }
  });
  return buffers.map(({ name, bytes, role }) => ({
    name, bytes,
    first: role === "input" ? -1 : (first.get(name) ?? -1),
    last: role === "output" ? Number.POSITIVE_INFINITY : (last.get(name) ?? Number.POSITIVE_INFINITY),
  }));
}

/**
 * Largest first, each into the smallest slot that is free throughout its lifetime. Two buffers of one dispatch are never in one slot.
 *
 * order: the same for the same lifetimes
 * cost: lifetimes times slots
 */
export function planMemory(lifetimes: readonly Lifetime[]): Slot[] {
  const slots: { readonly bytes: number; readonly lifetimes: Lifetime[] }[] = [];
  for (const lifetime of [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    // Slots are in the order of their sizes.
    const free = [...slots].reverse().find((slot) => slot.lifetimes.every((other) => other.last < lifetime.first || lifetime.last < other.first));
    if (free) free.lifetimes.push(lifetime);
    else slots.push({ bytes: lifetime.bytes, lifetimes: [lifetime] });
  }
  return slots;
}
