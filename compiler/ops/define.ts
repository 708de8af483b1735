/**
 * The op record: everything that the project knows about one op, in one place. The checker's built-ins, the reference,
 * every backend, the op tables of the spec and the conformance tests are derived from it.
 */
import type { Expr, Expressions, Range } from "../folds/expression.ts";
import type { Fold } from "../folds/node.ts";
import type { Extent } from "../ir/extent.ts";
import type { Attribute, Attributes, TensorNode } from "../ir/node.ts";
import type { DType, TensorType } from "../ir/types.ts";
import type { OnnxForm } from "./onnx-form.ts";

/** Leaves and control have no calls in the language: its literals, declarations and statements make them. */
export type Family = "leaf" | "control" | "elementwise" | "movement" | "reduction" | "contraction";

/** Why operands are refused: the constraint's label and the actual values. `operands` marks the culprits, `axes` the clashing axis of each. */
export interface Violation {
  readonly constraint: string;
  readonly message: string;
  readonly hint?: string;
  readonly operands?: readonly number[];
  readonly axes?: readonly number[];
}

export interface Operand {
  readonly name: string;
  readonly dtypes: readonly DType[];
  /** Last operand only: stands for one or more operands of one kind. The op is associative in them, so that many may be given in groups. */
  readonly variadic?: boolean;
}

/** `axes`: an integer or a list of integers, negative from the end; kept sorted and non-negative. */
export type AttributeKind = "integer" | "axes" | "integers" | "number" | "boolean" | "dtype" | "extents" | "extent";

export interface AttributeSpec {
  readonly name: string;
  readonly kind: AttributeKind;
  readonly doc: string;
  /** Absent: the caller must give it. */
  readonly default?: Attribute;
}

export interface Constraint {
  readonly id: string;
  readonly text: string;
}

/** A float64 tensor of the reference: integers and bool are held as numbers too. */
export interface ReferenceTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** What an op's lowering may use. */
export interface LowerScope {
  readonly e: Expressions;
  readonly node: TensorNode;
  /** One range per axis of the result. */
  readonly box: readonly Range[];
  /** Element of operand `i`, which may have extent-1 axes or fewer axes than `indices` (broadcast). */
  read(i: number, indices: readonly Expr[]): Expr;
}

export interface Lowered {
  readonly body: Expr;
  readonly fold?: Fold;
  /** Applied to the finished fold. */
  readonly epilogue?: (folded: Expr) => Expr;
}

/** How far a correctly working f32 kernel may be from the float64 reference. */
export interface Tolerance {
  /** unit: ulp of f32, for the result of one element; reductions add one ulp per folded element. */
  readonly ulp: number;
  /** Absolute error that is acceptable beside it. */
  readonly absolute?: number;
}

/** A named function that an op's JavaScript calls; the emitted reference holds those that it uses, once. */
export interface JavaScriptFunction {
  readonly name: string;
  /** The whole declaration, ending in a line feed. */
  readonly text: string;
}

/** What an op may use to write one element of its result in JavaScript. Every text is an expression. */
export interface JavaScriptScope {
  readonly node: TensorNode;
  /** Position of the element: one index per axis of the result, `0` on axes of extent 1. */
  readonly indices: readonly string[];
  /** The same as a row-major offset. */
  readonly offset: string;
  /** Element of operand `i`, which may have extent-1 axes or fewer axes than `indices` (broadcast). An atom: needs no parentheses. */
  read(i: number, indices: readonly string[]): string;
  /** Element of operand `i` at a row-major offset. */
  readAt(i: number, offset: string): string;
  /** Index name of the n-th loop inside the element. */
  loop(n: number): string;
  /** A free name, `wanted` if it is. */
  local(wanted: string): string;
  extent(extent: Extent): string;
}

/** One element of an op's result in readable JavaScript, for the emitted reference. */
export type JavaScriptElement =
  | { readonly kind: "value"; readonly value: string; readonly functions?: readonly JavaScriptFunction[] }
  /** `let accumulator = start`, loops around the statement `step`, then the element is `value`. */
  | { readonly kind: "fold"; readonly loops: readonly { readonly name: string; readonly extent: Extent }[]; readonly accumulator: string; readonly start: string; readonly step: string; readonly value: string }
  /** The whole result, row-major. */
  | { readonly kind: "literals"; readonly values: readonly number[] };

export interface Op {
  readonly name: string;
  readonly family: Family;
  readonly summary: string;
  /** Operator of the language that means this op, such as `+`. Unary minus is `neg`'s `-x`. */
  readonly operator?: string;
  readonly operands: readonly Operand[];
  readonly attributes: readonly AttributeSpec[];
  readonly constraints: readonly Constraint[];
  infer(types: readonly TensorType[], attributes: Attributes): TensorType | Violation;
  /** Whether the result is operand 0 itself: then no node is made. */
  readonly isIdentity?: (types: readonly TensorType[], attributes: Attributes) => boolean;
  /** The reference: float64, slow and obvious. Independent of `lower` on purpose. */
  evaluate(inputs: readonly ReferenceTensor[], attributes: Attributes, shape: readonly number[], dtype: DType): ReferenceTensor;
  lower(scope: LowerScope): Lowered;
  /** Where the op is elementwise: an expression of operands that are atoms (names, accesses, literals). */
  readonly javascript?: (...operands: readonly string[]) => string;
  /** Readable JavaScript for the emitted reference; the text of `evaluate`, written apart from `lower`. Gives the same bits as `evaluate`. */
  javascriptElement(scope: JavaScriptScope): JavaScriptElement;
  readonly tolerance: Tolerance;
  /** Operand values for elementwise ops; must include the hard points. */
  readonly samples: readonly (readonly number[])[];
  /** How the op is written in ONNX; null for the leaves that stand for host data. */
  readonly onnx: OnnxForm | null;
  readonly source: string;
}

export const isViolation = (result: TensorType | Violation): result is Violation => "constraint" in result;

export const floats: readonly DType[] = ["f32", "f16"];
export const numbers: readonly DType[] = ["f32", "f16", "i32", "u32"];
export const anything: readonly DType[] = ["f32", "f16", "i32", "u32", "bool"];

/** Is the op a function of the language? */
export const isCallable = (op: Op): boolean => op.family !== "leaf" && op.family !== "control";
