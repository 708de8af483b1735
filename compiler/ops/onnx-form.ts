/**
 * How an op is written in ONNX: the form that its record holds, and what a form may use. backends/onnx walks the tensor IR,
 * hands each node to the form of its record and writes down the operators that the form asks for; it knows no op itself.
 */
import { constantExtent, type Extent, extentValue, sameExtent } from "../ir/extent.ts";
import type { TensorNode } from "../ir/node.ts";
import type { DType } from "../ir/types.ts";

/** Element types of values in the graph: those of the language, and wider ones for what lies between. */
export type OnnxDType = DType | "i64" | "f64" | "u8";

/** A value of the graph: the output of an operator, an input, or a constant. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: OnnxDType;
}

export type OnnxAttribute =
  | { readonly kind: "integer"; readonly value: number }
  | { readonly kind: "integers"; readonly values: readonly number[] }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "graph"; readonly graph: OnnxGraphBody };

export const integer = (value: number): OnnxAttribute => ({ kind: "integer", value });
export const integers = (values: readonly number[]): OnnxAttribute => ({ kind: "integers", values });
export const text = (value: string): OnnxAttribute => ({ kind: "text", value });

/** One operator with its operands; an operand that is left out is undefined. */
export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly (string | undefined)[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** The body of an operator that repeats. It may refer to values outside. */
export interface OnnxGraphBody {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export interface ApplyOptions {
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** Of the result; that of the first operand when left out. */
  readonly dtype?: OnnxDType;
  /** Results of the operator before the one that is meant. */
  readonly skip?: number;
}

/** What a form may use. Every function adds operators or constants to the graph and gives their value. */
export interface OnnxScope {
  readonly node: TensorNode;
  readonly operands: readonly OnnxValue[];
  apply(operator: string, inputs: readonly (OnnxValue | undefined)[], options?: ApplyOptions): OnnxValue;
  /** Literal numbers, row-major; a scalar when no shape is given. */
  constant(values: number | readonly number[], dtype: OnnxDType, shape?: readonly number[]): OnnxValue;
  /** An extent as an i64 scalar: a constant, or computed from the shapes of the graph's inputs. */
  extent(extent: Extent): OnnxValue;
  /** Extents as an i64 vector. */
  shape(extents: readonly Extent[]): OnnxValue;
  /** Operators over values of these dtypes, for an operator that repeats. Extents are asked for outside of `build`: what it adds exists within it only. */
  body(dtypes: readonly OnnxDType[], build: (values: readonly OnnxValue[]) => readonly OnnxValue[]): OnnxAttribute;
}

/** The place of an op in ONNX. Without `build` it is the operator `op` on the operands, without attributes. */
export interface OnnxForm {
  /** The operator, or a formula of operators for the op table. */
  readonly op: string;
  /** The opset that brought the newest of them in the version that is used. */
  readonly since: number;
  /** Without `build`: dtypes that are computed in 64-bit integers, since onnxruntime has no kernel for them; wraps around as the language does. */
  readonly wide?: readonly DType[];
  readonly build?: (scope: OnnxScope) => OnnxValue;
  /** Extents of a node that ONNX wants as numbers when the graph is made. */
  readonly literals?: (node: TensorNode) => readonly Extent[];
}

/** The value of a node, by its form. */
export function buildForm(form: OnnxForm, scope: OnnxScope): OnnxValue {
  if (form.build) return form.build(scope);
  return widened(scope, form.wide ?? [], (operands) => scope.apply(form.op, operands, { dtype: resultDType(scope, operands) }));
}

/** Of an operator on `operands`: bool where the node is, else theirs, which may be wider than the node's. */
const resultDType = ({ node }: OnnxScope, operands: readonly OnnxValue[]): OnnxDType => (node.type.dtype === "bool" || operands[0]?.dtype !== "i64" ? node.type.dtype : "i64");

/** Computes on operands of the `wide` dtypes in 64-bit integers, and brings a number back to the node's dtype. */
export function widened(scope: OnnxScope, wide: readonly DType[], compute: (operands: readonly OnnxValue[]) => OnnxValue): OnnxValue {
  if (!wide.some((dtype) => dtype === scope.operands[0]?.dtype)) return compute(scope.operands);
  const result = compute(scope.operands.map((operand) => castTo(scope, operand, "i64")));
  return castTo(scope, result, scope.node.type.dtype);
}

const typeCodes: Readonly<Record<OnnxDType, number>> = { f32: 1, u8: 2, i32: 6, i64: 7, bool: 9, f16: 10, f64: 11, u32: 12 };

/** Number of an element type in the file format. source: onnx.proto, TensorProto.DataType */
export const typeCode = (dtype: OnnxDType): number => typeCodes[dtype];

export const castTo = (scope: OnnxScope, value: OnnxValue, dtype: OnnxDType): OnnxValue =>
  value.dtype === dtype ? value : scope.apply("Cast", [value], { dtype, attributes: { to: integer(typeCode(dtype)) } });

/** Operators in sequence, each on the result of the one before. */
export const chain = (...operators: readonly string[]): Pick<OnnxForm, "op" | "build"> => ({
  op: operators.reduce((inner, operator) => `${operator}(${inner})`, "x"),
  build: (scope) => operators.reduce((value, operator) => scope.apply(operator, [value]), scope.operands[0] as OnnxValue),
});

/** a where the condition holds, else b; onnxruntime chooses between truth values and 32-bit unsigned integers only in wider ones. */
export function chooseIn(scope: OnnxScope, condition: OnnxValue, a: OnnxValue, b: OnnxValue): OnnxValue {
  const wider: Readonly<Partial<Record<OnnxDType, OnnxDType>>> = { bool: "u8", u32: "i64" };
  const dtype = wider[a.dtype] ?? a.dtype;
  return castTo(scope, scope.apply("Where", [condition, castTo(scope, a, dtype), castTo(scope, b, dtype)], { dtype }), a.dtype);
}

/** An integer division or remainder in 64 bits: by zero it gives 0 as in the language, instead of ending the process. */
export function divideIntegers(scope: OnnxScope, operator: (a: OnnxValue, b: OnnxValue) => OnnxValue): OnnxValue {
  const [a, b] = scope.operands.map((operand) => castTo(scope, operand, "i64")) as [OnnxValue, OnnxValue];
  const isZero = scope.apply("Equal", [b, scope.constant(0, "i64")], { dtype: "bool" });
  const quotient = operator(a, chooseIn(scope, isZero, scope.constant(1, "i64"), b));
  return castTo(scope, chooseIn(scope, isZero, scope.constant(0, "i64"), quotient), scope.node.type.dtype);
}

/** `Expand` of a value of shape `from`. Axes that keep their extent are asked for as 1, which needs no computed shape. */
export function expandTo(scope: OnnxScope, value: OnnxValue, from: readonly Extent[], to: readonly Extent[]): OnnxValue {
  const lead = to.length - from.length;
  const isKept = (extent: Extent, axis: number): boolean => axis >= lead && sameExtent(extent, from[axis - lead] as Extent);
  if (lead === 0 && to.every(isKept)) return value;
  return scope.apply("Expand", [value, scope.shape(to.map((extent, axis) => (isKept(extent, axis) ? oneExtent : extent)))]);
}

const oneExtent = constantExtent(1);

/** `Reshape`. One extent that is no number needs no computed shape either. */
export function reshapeTo(scope: OnnxScope, value: OnnxValue, to: readonly Extent[]): OnnxValue {
  const open = to.filter((extent) => extentValue(extent) === undefined).length;
  const shape = open === 1 ? scope.constant(to.map((extent) => extentValue(extent) ?? -1), "i64", [to.length]) : scope.shape(to);
  return scope.apply("Reshape", [value, shape]);
}

/** 0, 1, ... along a vector of this dtype. */
export const countTo = (scope: OnnxScope, end: Extent, dtype: "i32" | "i64"): OnnxValue =>
  scope.apply("Range", [scope.constant(0, dtype), castTo(scope, scope.extent(end), dtype), scope.constant(1, dtype)]);
