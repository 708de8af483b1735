/** The plan of one entry point for one target: kernels with their derivations, and why values are in memory. */
import type { Repeat } from "../runtime/artifact.ts";
import type { Program } from "./folds/node.ts";
import { foldsOf, type RegionCost } from "./fusion/cost.ts";
import { productsOf, type Region } from "./fusion/region.ts";
import type { Application } from "./fusion/rules/rule.ts";
import type { Bindings } from "./ir/extent.ts";
import type { Origin } from "./ir/node.ts";
import type { TensorType } from "./ir/types.ts";
import type { Kernel } from "./kernel/node.ts";
import type { Target } from "./target.ts";

export interface PlannedKernel {
  readonly name: string;
  readonly phase: "prepare" | "run";
  readonly region: Region;
  readonly cost: RegionCost;
  readonly kernel: Kernel;
  /** The same for devices with subgroups, where that is another one. The cost model prices `kernel`: a build does not know the device. */
  readonly withSubgroups?: Kernel;
  /** Tensor bound to each buffer of the kernel, in buffer order: sources, stored values or outputs, by program name. */
  readonly tensors: readonly string[];
  /** How often it is dispatched in a run, where that is not once. */
  readonly repeat?: Repeat;
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
  /** Whether results may overwrite values that nothing needs after them; see in-place.ts. */
  readonly memory: "in-place" | "separate";
  /** Lengths that it was made for, of names that the host binds. */
  readonly assume: Bindings;
  /** The cost model's estimate for one run. unit: microseconds */
  readonly microseconds: number;
  /** Other plans that were weighed, with their estimates, cheapest first. */
  readonly alternatives: readonly { readonly description: string; readonly dispatches: number; readonly microseconds: number }[];
}

/** Where the definitions of a kernel come from: what it writes first, then what it folds; those in files of the user before those in the library. */
export function originsOf({ region }: PlannedKernel): readonly Origin[] {
  const products = region.template === "contraction" ? productsOf(region).map((product) => product.definition) : region.template === "stream" ? [region.definition, region.scores.definition] : [];
  const folds = [...products, ...foldsOf(region).map((member) => member.definition)];
  const origins = [...region.outputs.map((output) => output.definition), ...folds].flatMap((definition) => definition.origin ?? []);
  const isLibrary = (origin: Origin): boolean => origin.path.startsWith("library/");
  return [...origins.filter((origin) => !isLibrary(origin)), ...origins.filter(isLibrary)];
}
