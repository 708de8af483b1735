/** What the bench asks of a library: open it, build a workload in its terms, run it. One file a library beside this one. */
import type { FloatTensor, Tensors } from "../data.ts";
import type { AdapterName, GpuAdapter } from "../protocol.ts";
import type { Workload } from "../workloads.ts";

export interface OpenOptions {
  readonly adapter: AdapterName;
  /** Measured constants for our own planner. */
  readonly costFile: string | undefined;
}

export interface Built {
  /** One call: inputs from host memory, outputs one after the other back in host memory. Parameters are on the device. */
  run(inputs: Tensors): Promise<Float32Array>;
  dispose(): void | Promise<void>;
  /** Where it is known otherwise than by counting. */
  readonly dispatches?: number;
  readonly plannedBytes?: number;
}

export interface OpenPeer {
  /** Version and device, for the report. */
  readonly description: string;
  build(workload: Workload, parameters: Tensors): Promise<Built>;
}

/** Where a peer computes: on the adapter of the run, or on the processor with so many threads. */
export type Group = "adapter" | "one thread" | "two threads";

export interface Peer {
  readonly name: string;
  /** Flags that Node needs for it. */
  readonly nodeFlags?: readonly string[];
  /** Adapters that it cannot use, with the reason. */
  readonly absentOn?: Partial<Readonly<Record<GpuAdapter, string>>>;
  /** With whom it is compared: see `ours` in all.ts. */
  readonly group: Group;
  open(options: OpenOptions): Promise<OpenPeer>;
}

export function joined(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A tensor by name, or an error that says which. */
export function tensorOf(tensors: Tensors, name: string): FloatTensor {
  const found = tensors[name];
  if (!found) throw new Error(`no tensor '${name}'`);
  return found;
}

/** Packages of the bench and of the main installation; without types, since they may be absent. */
export const loadPackage = async <T>(name: string): Promise<T> => {
  const loaded = (await import(name)) as { readonly default?: unknown };
  return loaded as T;
};
