/**
 * The contract between compiler and runtime: a compiled model as plain JSON-able data. The one runtime file that the
 * compiler imports. Versioned: a runtime refuses an artifact of another version by name.
 */

export const artifactVersion = 1;

export type DType = "f32" | "f16" | "i32" | "u32" | "bool";

/** A number, a name bound by the host, or an operation on two of these. `/` is floor division; `ceil/` rounds up. */
export type ExtentExpression = number | string | readonly ["+" | "-" | "*" | "/" | "ceil/", ExtentExpression, ExtentExpression];

export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly ExtentExpression[];
}

export interface ParameterSpec extends TensorSpec {
  readonly initialiser: { readonly name: string; readonly value?: number };
}

export interface OutputSpec extends TensorSpec {
  /** Name of its buffer, where it is not its own: an input or parameter has that. */
  readonly buffer?: string;
}

/** The name of the buffer that an output is in. */
export const bufferName = ({ name, buffer = name }: OutputSpec): string => buffer;

/**
 * A piece of device memory. `input`, `parameter`, `output` refer to the tensor of the same name in the signature;
 * `prepared` is written by the prepare plan and lives as long as the parameters; `temporary` lives within one run.
 */
export interface BufferSpec {
  readonly name: string;
  readonly role: "input" | "parameter" | "output" | "prepared" | "temporary" | "constant";
  readonly dtype: DType;
  /** unit: elements */
  readonly length: ExtentExpression;
  /** Role `constant` only: the elements; those beyond its end are 0. */
  readonly data?: readonly number[];
}

interface KernelBase {
  readonly name: string;
  /** `net.nf:4:10`: what of the source it computes, in builds for development; shown in errors. In WGSL the comments `// net.nf:4:10: text` say it too, above what is stored. */
  readonly places?: readonly string[];
}

export interface WgslKernel extends KernelBase {
  readonly kind: "wgsl";
  readonly code: string;
  /** The same for devices with the feature `subgroups`: same bindings, extents and grid. Absent where it would be no other. */
  readonly subgroupCode?: string;
  readonly entryPoint: string;
  /** Storage bindings 0..n-1 in this order; the uniform block of extents, if any, is binding n (one vec4-padded i32 array in this order). */
  readonly bindings: readonly { readonly name: string; readonly access: "read" | "write" }[];
  readonly extents: readonly string[];
}

export interface GpuJsKernel extends KernelBase {
  readonly kind: "gpujs";
  /** `function name(a, b) { ... }`; reads `this.thread.x|y` and `this.constants.EXTENT`. */
  readonly code: string;
  /** Arguments in order; each is handed over as rows by columns. The output is not among them. */
  readonly arguments: readonly { readonly name: string; readonly columns: ExtentExpression; readonly length: ExtentExpression }[];
  /** Output [columns, rows]. */
  readonly output: readonly [ExtentExpression, ExtentExpression];
  readonly extents: readonly string[];
}

export interface WasmKernel extends KernelBase {
  readonly kind: "wasm";
  /**
   * A WebAssembly module in base64. Imports `env.memory` and functions of Math; exports `run(first, last, columns, rows,
   * frame, scratch)`, which does the workgroups first to last - 1 of the grid, x fastest. The frame is the byte address of
   * one word for each binding (the buffer's byte address), then one for each extent.
   */
  readonly code: string;
  /** The same with fused multiply-adds, for engines with relaxed SIMD. Absent where it would be no other. */
  readonly relaxedCode?: string;
  /** Place in both of the byte that is 1 for plain memory and must be 3 for shared memory. */
  readonly sharedAt: number;
  /** Memory for each caller of `run` at a time. unit: bytes */
  readonly scratchBytes: number;
  readonly bindings: readonly { readonly name: string; readonly access: "read" | "write" }[];
  readonly extents: readonly string[];
}

export type ArtifactKernel = WgslKernel | GpuJsKernel | WasmKernel;

/** Again and again with the extent at 0, `by`, 2 `by`, ... below `below`; at least once. So no dispatch of a long loop is taken for a hang. */
export interface Repeat {
  readonly extent: string;
  readonly by: number;
  readonly below: ExtentExpression;
}

export interface Dispatch {
  /** Index into `kernels`. */
  readonly kernel: number;
  /** Buffer name for each binding (wgsl, wasm: in binding order; gpujs: arguments in order, then the output). */
  readonly buffers: readonly string[];
  /** Workgroups along x, y, z (wgsl, wasm); ignored for gpujs. */
  readonly grid: readonly [ExtentExpression, ExtentExpression, ExtentExpression];
  readonly repeat?: Repeat;
}

export interface Artifact {
  readonly version: typeof artifactVersion;
  readonly model: string;
  readonly doc: string;
  readonly target: "wgsl" | "gpujs" | "wasm";
  /** Extent names that the host binds; each is inferred from the input shapes at run time. */
  readonly extents: readonly string[];
  readonly inputs: readonly TensorSpec[];
  readonly parameters: readonly ParameterSpec[];
  readonly outputs: readonly OutputSpec[];
  readonly buffers: readonly BufferSpec[];
  readonly kernels: readonly ArtifactKernel[];
  /** Parameter-only work, run once per set of parameters. */
  readonly prepare: readonly Dispatch[];
  readonly run: readonly Dispatch[];
}
