/**
 * What a caller sees of a model that is loaded: the types of a program, its calls and their results. Implemented in
 * execute.ts; the generated module fills in the type parameters.
 */
import type { DType } from "./artifact.ts";
import type { Bindings } from "./extents.ts";
import type { HostValue } from "./host-values.ts";
import type { GpuTensor, Tensor } from "./tensor.ts";

export interface RunResult<Outputs = Readonly<Record<string, Tensor>>, Extents = Bindings> {
  readonly outputs: Outputs;
  /** The numbers behind the model's extent names in this run. */
  readonly extents: Extents;
  /** Kernels launched by this run; those with nothing to do are left out. */
  readonly dispatches: number;
  /** From the call to the outputs in host memory, or to the submit for outputs on the GPU; waiting for earlier calls included. */
  readonly milliseconds: number;
}

export interface RunOptions<Extents = Bindings> {
  /** Extents that no input shape decides, for example the length of a generated sequence. */
  readonly extents?: Partial<Extents>;
  /**
   * `host` (when left out) reads the outputs back as typed arrays. `gpu` leaves them in GPU memory, in buffers made for this
   * call, which are the caller's: `buffer.destroy()` when they are no longer needed. Nothing waits for the GPU then. A list of
   * names leaves these outputs there, and reads the others back.
   */
  readonly output?: "host" | "gpu" | readonly string[];
}

export type GpuOutputs<Outputs> = { readonly [Name in keyof Outputs]: Outputs[Name] extends { readonly dtype: infer D extends DType } ? GpuTensor<D> : GpuTensor };

/** Some outputs in GPU memory, the others as they are. */
export type KeptOutputs<Outputs, Kept extends keyof Outputs> = Omit<Outputs, Kept> & GpuOutputs<Pick<Outputs, Kept>>;

/** A model on a device. Calls may overlap: they run one after the other, in the order of the calls. */
export interface Program<
  Inputs extends object = Readonly<Record<string, HostValue>>,
  Parameters extends object = Readonly<Record<string, HostValue>>,
  Outputs extends object = Readonly<Record<string, Tensor>>,
  Extents extends object = Bindings,
> {
  /**
   * Uploads parameters (keys are paths such as `dense_2.gain`) and does all work that depends on them alone. They are uploaded
   * again should the device be lost: a record is held until then, by reference; of a function that loads them only the
   * function is held, and called again. GPUBuffers are copied (usage COPY_SRC) and stay the caller's.
   */
  prepare(parameters: Parameters | (() => Parameters | Promise<Parameters>)): Promise<void>;
  /** Reads the inputs before it resolves; GPUBuffers are bound as they are and stay the caller's. throws: RuntimeError; see RuntimeErrorCode */
  run(inputs: Inputs, options: RunOptions<Extents> & { readonly output: "gpu" }): Promise<RunResult<GpuOutputs<Outputs>, Extents>>;
  run<Kept extends keyof Outputs>(inputs: Inputs, options: RunOptions<Extents> & { readonly output: readonly Kept[] }): Promise<RunResult<KeptOutputs<Outputs, Kept>, Extents>>;
  run(inputs: Inputs, options?: RunOptions<Extents> & { readonly output?: "host" }): Promise<RunResult<Outputs, Extents>>;
  /** Names of inputs and outputs, and whether outputs can stay on the device. */
  readonly signature: { readonly inputs: readonly string[]; readonly outputs: readonly string[]; readonly sharesBuffers: boolean };
  /** Frees device memory after the calls under way; later calls throw `disposed`. Outputs that were left on the GPU stay. */
  dispose(): void;
}
