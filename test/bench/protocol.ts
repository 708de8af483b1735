/** What the process of the run and the process of a peer say to each other. Flow: run.ts <-> child.ts. */
import type { Deviation } from "./data.ts";

export type GpuAdapter = "swiftshader" | "llvmpipe";

/** `none`: peers that compute on the processor alone. */
export type AdapterName = GpuAdapter | "none";

export type Order =
  | { readonly kind: "open"; readonly peer: string; readonly adapter: AdapterName; readonly costFile: string | undefined }
  /** Builds the workload, runs it once, compares it with the reference on both kinds of rows. */
  | { readonly kind: "prepare"; readonly workload: string }
  /** Calls until `milliseconds` are over, at least `calls`. */
  | { readonly kind: "run"; readonly calls: number; readonly milliseconds: number }
  | { readonly kind: "dispose" };

export interface Prepared {
  /** From the weights in host memory to the first result: graph, shaders, upload, run. unit: milliseconds */
  readonly cold: number;
  readonly dispatches: number | undefined;
  /** Of our own plans alone. */
  readonly plannedBytes: number | undefined;
  readonly ordinary: Deviation;
  readonly hostile: Deviation;
}

export type Answer =
  | { readonly kind: "opened"; readonly description: string; readonly milliseconds: number }
  | { readonly kind: "prepared"; readonly prepared: Prepared }
  | { readonly kind: "ran"; readonly milliseconds: readonly number[]; /** Processor time of the peer's process in each call, all threads. */ readonly processor: readonly number[] }
  | { readonly kind: "disposed" }
  | { readonly kind: "failed"; readonly why: string };
