/** Constructors of op records: what all ops of one family share. */
import type { Expr, Expressions } from "../folds/expression.ts";
import { type DType, isFloat, printType, type TensorType } from "../ir/types.ts";
import { broadcastShapes, broadcastStrides, dot, eachIndex } from "./broadcast.ts";
import { anything, type JavaScriptFunction, type Op, type ReferenceTensor, type Tolerance, type Violation } from "./define.ts";
import { wrapNumber, wrapText } from "./javascript.ts";

interface ElementwiseOptions {
  readonly name: string;
  readonly summary: string;
  readonly operator?: string;
  readonly operands: readonly string[];
  readonly dtypes: readonly DType[];
  /** Dtype of the result; the operands' own when absent. */
  readonly result?: DType;
  /** Operands that are bool whatever the others are. */
  readonly conditions?: readonly number[];
  readonly compute: (...operands: readonly number[]) => number;
  /** Operands are atoms; the result needs no parentheses around it. */
  readonly javascript: (...operands: readonly string[]) => string;
  /** On 32-bit integers, where the above would lose low bits of what wraps. */
  readonly integers?: { readonly compute: (...operands: readonly number[]) => number; readonly javascript: (...operands: readonly string[]) => string };
  /** What that text calls. */
  readonly functions?: readonly JavaScriptFunction[];
  readonly lower: (e: Expressions, ...operands: readonly Expr[]) => Expr;
  readonly ulp: number;
  readonly absolute?: number;
  readonly samples: readonly (readonly number[])[];
  readonly onnx: Op["onnx"];
  readonly source?: string;
}

/** An op on scalars, applied element by element over broadcast operands of one dtype. */
export function elementwise(options: ElementwiseOptions): Op {
  const conditions = new Set(options.conditions ?? []);
  const tolerance: Tolerance = options.absolute === undefined ? { ulp: options.ulp } : { ulp: options.ulp, absolute: options.absolute };
  return {
    name: options.name,
    family: "elementwise",
    summary: options.summary,
    ...(options.operator === undefined ? {} : { operator: options.operator }),
    operands: options.operands.map((name, i) => ({ name, dtypes: conditions.has(i) ? ["bool"] : options.dtypes })),
    attributes: [],
    constraints: [
      { id: "C1", text: "operands have one dtype, among those listed" },
      { id: "C2", text: "shapes broadcast" },
    ],
    infer: (types) => inferElementwise(types, options, conditions),
    evaluate: (inputs, _attributes, shape, dtype) => evaluateElementwise(inputs, shape, dtype, isFloat(dtype) ? options.compute : (options.integers ?? options).compute),
    lower: ({ e, node, box, read }) => {
      const indices = box.map((range) => e.index(range));
      return { body: options.lower(e, ...node.inputs.map((_, i) => read(i, indices))) };
    },
    javascript: options.javascript,
    javascriptElement: ({ node, indices, read }) => ({
      kind: "value",
      value: wrapText((isFloat(node.type.dtype) ? options : (options.integers ?? options)).javascript(...node.inputs.map((_, i) => read(i, indices))), node.type.dtype),
      ...(options.functions ? { functions: options.functions } : {}),
    }),
    tolerance,
    samples: options.samples,
    onnx: options.onnx,
    source: options.source ?? "",
  };
}

function inferElementwise(types: readonly TensorType[], options: ElementwiseOptions, conditions: ReadonlySet<number>): TensorType | Violation {
  let dtype: DType | undefined;
  for (const [i, type] of types.entries()) {
    const allowed: readonly DType[] = conditions.has(i) ? ["bool"] : options.dtypes;
    if (!allowed.includes(type.dtype))
      return { constraint: "C1", message: `'${options.name}' takes ${allowed.join(", ")}, not ${printType(type)}`, hint: `convert it: cast(x, ${allowed[0]})`, operands: [i] };
    if (conditions.has(i)) continue;
    if (dtype !== undefined && dtype !== type.dtype)
      return { constraint: "C1", message: `'${options.name}' got operands of two dtypes, ${dtype} and ${type.dtype}`, hint: `convert one: cast(x, ${dtype})`, operands: types.map((_, at) => at) };
    dtype = type.dtype;
  }
  const shape = broadcastShapes(types);
  if ("constraint" in shape) return { ...shape, constraint: "C2" };
  return { dtype: options.result ?? dtype ?? "bool", shape };
}

function evaluateElementwise(inputs: readonly ReferenceTensor[], shape: readonly number[], dtype: DType, compute: (...operands: readonly number[]) => number): ReferenceTensor {
  const strides = inputs.map((input) => broadcastStrides(input.shape, shape.length));
  const data = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
  eachIndex(shape, (index, offset) => {
    data[offset] = wrapNumber(compute(...inputs.map((input, i) => input.data[dot(index, strides[i] ?? [])] ?? Number.NaN)), dtype);
  });
  return { dtype, shape, data };
}

type UnaryOptions = Omit<ElementwiseOptions, "operands">;

export const unary = (options: UnaryOptions): Op => elementwise({ ...options, operands: ["x"] });

export const binary = (options: UnaryOptions): Op => elementwise({ ...options, operands: ["a", "b"] });

/** A comparison: operands of one dtype, bool result. */
export const comparison = (name: string, operator: string, summary: string, compute: (a: number, b: number) => boolean, symbol: string, onnx: Op["onnx"]): Op =>
  binary({
    name, operator, summary, dtypes: anything, result: "bool", onnx,
    compute: (a, b) => (compute(a ?? Number.NaN, b ?? Number.NaN) ? 1 : 0),
    javascript: (a, b) => `${a} ${symbol} ${b} ? 1 : 0`,
    lower: (e, a, b) => e.apply(name as "eq", a as Expr, b as Expr),
    ulp: 0,
    samples: [[1, 2], [2, 2], [3, 2], [Number.NaN, 1], [-0, 0], [Number.POSITIVE_INFINITY, 1]],
  });
