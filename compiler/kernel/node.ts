/**
 * Kernel IR: a typed, ordered statement tree for one GPU (or CPU) kernel. Knows no tensor op. Backends see only this
 * and target data. All index arithmetic is in i32; buffers are indexed in scalar elements.
 */
import type { ExtentTree } from "../ir/extent.ts";
import type { DType } from "../ir/types.ts";

export type Lanes = 1 | 2 | 4;

export interface ValueType {
  readonly scalar: DType;
  readonly lanes: Lanes;
}

/** The closed instruction set. Element-wise over lanes. Every backend has one table entry for each. */
export type Instruction =
  | "add" | "sub" | "mul" | "div" | "rem" | "neg" | "abs" | "sign"
  | "min" | "max" | "fma"
  | "floor" | "ceil" | "round" | "trunc"
  | "sqrt" | "inverse_sqrt" | "exp" | "exp2" | "log" | "log2" | "sin" | "cos" | "pow"
  | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "is_nan" | "is_inf"
  | "and" | "or" | "not"
  | "bit_and" | "bit_or" | "bit_xor" | "shift_left" | "shift_right"
  /** select(condition, whenTrue, whenFalse) */
  | "select";

/**
 * What the invocations of a subgroup work out together: one value for all of them, and for `subgroup_exclusive_add` the sum of
 * those before it. How large a subgroup is, and which invocations are in it, is the device's choice; see subgroups.ts.
 */
export type SubgroupOperation = "subgroup_add" | "subgroup_max" | "subgroup_min" | "subgroup_exclusive_add";

export type Builtin = "group_x" | "group_y" | "group_z" | "thread"
  /** workgroup kernels only: invocations of a full subgroup */
  | "subgroup_size"
  /** thread kernels only: the coordinates of the output element, x fastest */
  | "thread_x" | "thread_y" | "thread_z";

export type Expression =
  | { readonly kind: "const"; readonly type: ValueType; readonly value: number }
  | { readonly kind: "ref"; readonly type: ValueType; readonly name: string }
  /** An i32 computed from the extents that the host binds at run time. */
  | { readonly kind: "extent"; readonly type: ValueType; readonly extent: ExtentTree }
  | { readonly kind: "builtin"; readonly type: ValueType; readonly builtin: Builtin }
  /** Global memory. `index` has one entry per axis of the buffer (see Buffer.columns); lanes consecutive elements. */
  | { readonly kind: "load"; readonly type: ValueType; readonly buffer: string; readonly index: readonly Expression[] }
  /** Private or workgroup array declared in this kernel; unit of the index: array elements (which may have lanes). */
  | { readonly kind: "element"; readonly type: ValueType; readonly array: string; readonly index: Expression }
  | { readonly kind: "instruction"; readonly type: ValueType; readonly op: Instruction; readonly args: readonly Expression[] }
  /** Over the invocations of a subgroup, lane by lane; only as the whole value of a `let`, in uniform control flow (the verifier checks). */
  | { readonly kind: "subgroup"; readonly type: ValueType; readonly op: SubgroupOperation; readonly arg: Expression }
  | { readonly kind: "convert"; readonly type: ValueType; readonly arg: Expression }
  | { readonly kind: "bitcast"; readonly type: ValueType; readonly arg: Expression }
  /** One scalar repeated over the lanes. */
  | { readonly kind: "splat"; readonly type: ValueType; readonly arg: Expression }
  /** A vector from scalars, one per lane. */
  | { readonly kind: "vector"; readonly type: ValueType; readonly args: readonly Expression[] }
  /** One lane of a vector; `lane` is a literal. */
  | { readonly kind: "lane"; readonly type: ValueType; readonly arg: Expression; readonly lane: number };

export type Statement =
  /** Immutable name. Names are unique within a kernel (GPU.js's wasm mode has no block scope). */
  | { readonly kind: "let"; readonly name: string; readonly value: Expression }
  | { readonly kind: "var"; readonly name: string; readonly value: Expression }
  | { readonly kind: "assign"; readonly name: string; readonly value: Expression }
  /** A private array, zeroed. */
  | { readonly kind: "array"; readonly name: string; readonly type: ValueType; readonly length: number }
  | { readonly kind: "set"; readonly array: string; readonly index: Expression; readonly value: Expression }
  | { readonly kind: "store"; readonly buffer: string; readonly index: readonly Expression[]; readonly value: Expression }
  /** for (name = start; name < end; name += step); `unroll` is advice to the printer. */
  | { readonly kind: "for"; readonly name: string; readonly start: Expression; readonly end: Expression; readonly step: Expression; readonly unroll: boolean; readonly body: readonly Statement[] }
  | { readonly kind: "if"; readonly condition: Expression; readonly then: readonly Statement[]; readonly otherwise: readonly Statement[] }
  /** Workgroup barrier; only in uniform control flow (the verifier checks). */
  | { readonly kind: "barrier" }
  | { readonly kind: "comment"; readonly text: string };

export interface Buffer {
  readonly name: string;
  readonly dtype: DType;
  readonly access: "read" | "write";
  /** Declared width of the binding. 4: the element count is a multiple of 4 and every vector access is aligned. */
  readonly lanes: Lanes;
  /** unit: scalar elements */
  readonly length: ExtentTree;
  /** Thread kernels address buffers as rows by columns: the column count. Absent: one axis, linear index. */
  readonly columns?: ExtentTree;
}

export interface WorkgroupArray {
  readonly name: string;
  readonly type: ValueType;
  readonly length: number;
}

export interface Kernel {
  readonly name: string;
  /**
   * `workgroup`: invocations share memory and barriers; statements store anywhere.
   * `thread`: one output element per invocation; exactly one `store`, the last statement, at [thread_y, thread_x].
   */
  readonly mode: "workgroup" | "thread";
  /** Invocations in a workgroup (x only); 1 for thread kernels. */
  readonly workgroupSize: number;
  /** Number of workgroups (mode workgroup) or of output columns, rows, 1 (mode thread), along x, y, z. */
  readonly grid: readonly [ExtentTree, ExtentTree, ExtentTree];
  /** Names of host-bound extents that the body reads, sorted. */
  readonly extents: readonly string[];
  readonly buffers: readonly Buffer[];
  readonly workgroupArrays: readonly WorkgroupArray[];
  readonly body: readonly Statement[];
}

export interface KernelModule {
  readonly kernels: readonly Kernel[];
}

export const scalarType = (scalar: DType): ValueType => ({ scalar, lanes: 1 });

export const i32: ValueType = scalarType("i32");
export const f32: ValueType = scalarType("f32");
export const bool: ValueType = scalarType("bool");
