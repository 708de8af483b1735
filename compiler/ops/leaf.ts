/** Leaves: host data, literals, extents as numbers; and the change of dtype. */
import type { Expr, Expressions } from "../folds/expression.ts";
import { flattenIndex } from "../folds/index-arithmetic.ts";
import { bindExtent, constantExtent, type Extent, extentValue } from "../ir/extent.ts";
import { type DType, isFloat } from "../ir/types.ts";
import { InternalError } from "../errors.ts";
import { anything, type JavaScriptElement, type Op } from "./define.ts";
import { castTo, chooseIn, type OnnxScope, type OnnxValue } from "./onnx-form.ts";
import { toIntegerFunction, wrapNumber, wrapText } from "./javascript.ts";

const leaf = { family: "leaf" as const, operands: [], constraints: [], tolerance: { ulp: 0 }, samples: [], source: "" };

/** Stands for host data; the checker makes it with its type, and evaluation and lowering meet it as a source, never here. */
function hostLeaf(name: "input" | "parameter"): Op {
  const refuse = (): never => {
    throw new InternalError("ops", `'${name}' is handled where host data enters`);
  };
  return {
    ...leaf, name, summary: `a tensor that the host hands in as ${name}`,
    attributes: [{ name: "name", kind: "number", doc: "its name" }],
    infer: refuse, evaluate: refuse, lower: refuse, javascriptElement: refuse, onnx: null,
  };
}

const constant: Op = {
  ...leaf, name: "constant", summary: "literal numbers, row-major",
  attributes: [
    { name: "values", kind: "integers", doc: "the numbers" },
    { name: "shape", kind: "integers", doc: "their shape; [] for a scalar" },
    { name: "dtype", kind: "dtype", doc: "element type" },
  ],
  infer: (_, attributes) => ({ dtype: attributes.dtype as DType, shape: (attributes.shape as readonly number[]).map(constantExtent) }),
  evaluate: (_, attributes, shape, dtype) => ({ dtype, shape, data: Float64Array.from(attributes.values as readonly number[]) }),
  lower: ({ e, node, box }) => {
    const values = (node.attributes.values as readonly number[]).map((value) => e.constant(value, node.type.dtype));
    return { body: pick(e, flattenIndex(e, box.map((range) => e.index(range)), node.type.shape), values, 0) };
  },
  javascriptElement: ({ node }) => ({ kind: "literals", values: node.attributes.values as readonly number[] }),
  onnx: { op: "initializer", since: 1, build: ({ node, constant: literal }) => literal(node.attributes.values as readonly number[], node.type.dtype, node.attributes.shape as readonly number[]) },
};

/** Binary choice among literals by position: no buffer is needed for a few numbers. */
function pick(e: Expressions, offset: Expr, values: readonly Expr[], first: number): Expr {
  if (values.length <= 1) return values[0] ?? e.constant(0, "f32");
  const half = values.length >> 1;
  const inFirst = e.apply("lt", offset, e.constant(first + half, "i32"));
  return e.apply("select", inFirst, pick(e, offset, values.slice(0, half), first), pick(e, offset, values.slice(half), first + half));
}

const extent: Op = {
  ...leaf, name: "extent", summary: "the number of elements along an axis, as a scalar",
  attributes: [{ name: "extent", kind: "extent", doc: "the extent" }, { name: "dtype", kind: "dtype", doc: "element type" }],
  infer: (_, attributes) => ({ dtype: attributes.dtype as DType, shape: [] }),
  evaluate: (_, attributes, shape, dtype) => ({ dtype, shape, data: Float64Array.of(extentValue(bindExtent(attributes.extent as Extent, {})) ?? Number.NaN) }),
  lower: ({ e, node }) => ({ body: e.extent(node.attributes.extent as Extent, node.type.dtype) }),
  javascriptElement: ({ node, extent: text }) => ({ kind: "value", value: text(node.attributes.extent as Extent) }),
  onnx: { op: "Cast(Squeeze(Shape(x)))", since: 15, build: (scope) => castTo(scope, scope.extent(scope.node.attributes.extent as Extent), scope.node.type.dtype) },
};

const cast: Op = {
  name: "cast", family: "elementwise", summary: "changes the dtype; floats truncate towards zero to integers, limited to their range, NaN to 0; bool is not 0",
  operands: [{ name: "x", dtypes: anything }], attributes: [{ name: "dtype", kind: "dtype", doc: "the new dtype" }], constraints: [],
  infer: ([x], attributes) => ({ dtype: attributes.dtype as DType, shape: x?.shape ?? [] }),
  isIdentity: ([x], attributes) => x?.dtype === attributes.dtype,
  evaluate: ([x], _, shape, dtype) => ({ dtype, shape, data: Float64Array.from(x?.data ?? [], (value) => castNumber(value, x?.dtype ?? dtype, dtype)) }),
  javascriptElement: ({ node, indices, read }) => castElement(read(0, indices), node.inputs[0]?.type.dtype ?? node.type.dtype, node.type.dtype),
  lower: ({ e, node, box, read }) => ({ body: e.convert(read(0, box.map((range) => e.index(range))), node.type.dtype) }),
  tolerance: { ulp: 1 }, samples: [[0], [1.5], [-1.5], [3e5]], onnx: { op: "Cast", since: 13, build: castForm }, source: "",
};

const integerRanges: Readonly<Partial<Record<DType, readonly [number, number]>>> = { i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1] };

/** Floats are limited to the range of an integer type, integers wrap into it. f16 is not rounded: the reference is exact. */
export function castNumber(value: number, from: DType, to: DType): number {
  if (to === "bool") return value === 0 ? 0 : 1;
  const range = integerRanges[to];
  if (!range || !isFloat(from)) return wrapNumber(value, to);
  return Number.isNaN(value) ? 0 : Math.max(range[0], Math.min(range[1], Math.trunc(value))) + 0;
}

function castElement(x: string, from: DType, to: DType): JavaScriptElement {
  if (to === "bool") return { kind: "value", value: `${x} === 0 ? 0 : 1` };
  const range = integerRanges[to];
  if (!range || !isFloat(from)) return { kind: "value", value: wrapText(x, to) };
  return { kind: "value", value: `toInteger(${x}, ${range[0]}, ${range[1]})`, functions: [toIntegerFunction] };
}

/** ONNX leaves floats beyond the range of an integer, and NaN, to the machine: they are limited first, in float64, which holds the limits. */
function castForm(scope: OnnxScope): OnnxValue {
  const [x, to] = [scope.operands[0] as OnnxValue, scope.node.type.dtype];
  const range = integerRanges[to];
  const from = scope.node.inputs[0]?.type.dtype;
  if (!range || from === undefined || !isFloat(from)) return castTo(scope, x, to);
  const wide = castTo(scope, x, "f64");
  const natural = chooseIn(scope, scope.apply("IsNaN", [wide], { dtype: "bool" }), scope.constant(0, "f64"), wide);
  return castTo(scope, castTo(scope, scope.apply("Clip", [natural, scope.constant(range[0], "f64"), scope.constant(range[1], "f64")]), "i64"), to);
}

export const leafOps: readonly Op[] = [hostLeaf("input"), hostLeaf("parameter"), constant, extent, cast];
