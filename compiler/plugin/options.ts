/** What the build plugin can be told. Whatever says how to plan, beside the command line's own words for it, is in PlanOptions. */
import type { KernelTarget, PlanOptions } from "../index.ts";
import type { CostConstants, CostPreset } from "../target.ts";

export interface NormfusePluginOptions extends Omit<PlanOptions, "sourceOf" | "cost"> {
  /** What the cost model plans with: a preset, constants, or the path of a file that `normfuse calibrate` wrote, from the folder that the build runs in. */
  readonly cost?: CostPreset | CostConstants | `${string}.json`;
  /** Leaves `NAME.tune.json` beside `NAME.nf`, tiles that `normfuse tune` stored, unread. Default: false. */
  readonly untuned?: boolean;
  /** Which kernels go into the bundle, the preferred one first. Default: wgsl alone. */
  readonly targets?: readonly [KernelTarget, ...KernelTarget[]];
  /** Extents that are numbers at compile time, by name. */
  readonly bind?: Readonly<Record<string, number>>;
  /** Writes `NAME.d.nf.ts` beside each source. Default: true. */
  readonly declarations?: boolean;
  /** Where the runtime is imported from. Default: normfuse/runtime. */
  readonly runtime?: string;
  /**
   * Whether kernels carry the lines of the source that they compute, as comments and for errors at run time. Default: in
   * development, that is Vite's mode and webpack's `mode`, and in other bundlers NODE_ENV=development.
   */
  readonly places?: boolean;
}
