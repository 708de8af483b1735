/** The plan of one entry point for one target: kernels with their derivations, and why values are in memory. */
import type { Program } from "./folds/node.ts";
import type { RegionCost } from "./fusion/cost.ts";
import type { Region } from "./fusion/region.ts";
import type { Application } from "./fusion/rules/rule.ts";
import type { TensorType } from "./ir/types.ts";
import type { Kernel } from "./kernel/node.ts";
import type { Target } from "./target.ts";

export interface PlannedKernel {
  readonly name: string;
  readonly phase: "prepare" | "run";
  readonly region: Region;
  readonly cost: RegionCost;
  readonly kernel: Kernel;
  /** Tensor bound to each buffer of the kernel, in buffer order: sources, stored values or outputs, by program name. */
  readonly tensors: readonly string[];
  /** The derivation: rules in order of application, with what they discharged. */
  readonly derivation: readonly Application[];
}

export interface KeptValue {
  readonly value: string;
  readonly type: TensorType;
  readonly phase: "prepare" | "run";
  readonly reason: string;
}

export interface Plan {
  readonly target: Target;
  readonly program: Program;
  readonly kernels: readonly PlannedKernel[];
  /** Values in memory that are no outputs. */
  readonly kept: readonly KeptValue[];
  /** The cost model's estimate for one run. unit: microseconds */
  readonly microseconds: number;
  /** Other plans that were weighed, with their estimates, cheapest first. */
  readonly alternatives: readonly { readonly description: string; readonly dispatches: number; readonly microseconds: number }[];
}
