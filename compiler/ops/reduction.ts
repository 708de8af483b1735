/** Reductions over axes: a fold, and for the mean a division after it. */
import type { Expr, Expressions } from "../folds/expression.ts";
import type { Monoid } from "../folds/node.ts";
import { type Extent, constantExtent, productOfExtents } from "../ir/extent.ts";
import { printType, type TensorType } from "../ir/types.ts";
import { broadcastStrides, dot, eachIndex } from "./broadcast.ts";
import { type AttributeSpec, floats, type JavaScriptElement, type JavaScriptScope, type LowerScope, type Lowered, numbers, type Op, type ReferenceTensor } from "./define.ts";
import { atom, wrapNumber, wrapText } from "./javascript.ts";
import { integer, widened } from "./onnx-form.ts";

interface FoldText {
  readonly accumulator: string;
  readonly start: string;
  /** A statement without its semicolon. */
  readonly step: (accumulator: string, x: string) => string;
  /** Of the finished accumulator and the number of elements, an atom. */
  readonly finish?: (accumulator: string, count: string) => string;
}

interface ReductionOptions {
  readonly name: string;
  readonly summary: string;
  readonly monoid: Monoid;
  /** Of the folded value and the number of elements; used by lowering. */
  readonly epilogue?: (e: Expressions, folded: Expr, count: Extent) => Expr;
  /** The same in float64, from all elements. */
  readonly compute: (elements: readonly number[]) => number;
  readonly javascript: FoldText;
  readonly onnx: string;
}

const reductionAttributes: readonly AttributeSpec[] = [
  { name: "axis", kind: "axes", doc: "axis or list of axes to fold; negative counts from the end; all axes when left out", default: [] },
  { name: "keep", kind: "boolean", doc: "keep folded axes with extent 1", default: false },
];

function reduction(options: ReductionOptions): Op {
  const dtypes = options.epilogue ? floats : numbers;
  return {
    name: options.name,
    family: "reduction",
    summary: options.summary,
    operands: [{ name: "x", dtypes }],
    attributes: reductionAttributes,
    constraints: [{ id: "C1", text: `the operand is ${dtypes.join(", ")}` }, { id: "C2", text: "each axis exists, none twice" }],
    infer: ([type], attributes) => {
      const x = type as TensorType;
      if (!dtypes.includes(x.dtype)) return { constraint: "C1", message: `'${options.name}' takes ${dtypes.join(", ")}, not ${printType(x)}`, operands: [0] };
      const axes = new Set(attributes.axis as readonly number[]);
      const shape = attributes.keep ? x.shape.map((extent, i) => (axes.has(i) ? constantExtent(1) : extent)) : x.shape.filter((_, i) => !axes.has(i));
      return { dtype: x.dtype, shape };
    },
    evaluate: ([x], attributes, shape, dtype) => evaluateReduction(x as ReferenceTensor, attributes.axis as readonly number[], shape, dtype, options.compute),
    lower: (scope) => lowerReduction(scope, options),
    javascriptElement: (scope) => reductionElement(scope, options.javascript),
    tolerance: { ulp: 4 },
    samples: [],
    onnx: {
      op: options.onnx, since: 18,
      build: (scope) =>
        // onnxruntime adds 32-bit integers with saturation; the language wraps.
        widened(scope, options.monoid === "sum" || options.monoid === "product" ? ["i32", "u32"] : ["u32"], (operands) => {
          const axes = scope.node.attributes.axis as readonly number[];
          return scope.apply(options.onnx, [...operands, scope.constant(axes, "i64", [axes.length])], { attributes: { keepdims: integer(scope.node.attributes.keep ? 1 : 0) } });
        }),
    },
    source: "",
  };
}

function evaluateReduction(x: ReferenceTensor, axes: readonly number[], shape: readonly number[], dtype: ReferenceTensor["dtype"], compute: (elements: readonly number[]) => number): ReferenceTensor {
  const kept = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const strides = broadcastStrides(kept, kept.length);
  const groups: number[][] = Array.from({ length: kept.reduce((product, extent) => product * extent, 1) }, () => []);
  eachIndex(x.shape, (index, offset) => {
    groups[dot(index, strides)]?.push(x.data[offset] ?? Number.NaN);
  });
  return { dtype, shape, data: Float64Array.from(groups, (group) => wrapNumber(compute(group), dtype)) };
}

function reductionElement({ node, indices, read, loop, local, extent }: JavaScriptScope, text: FoldText): JavaScriptElement {
  const shape = (node.inputs[0] as { type: TensorType }).type.shape;
  const axes = node.attributes.axis as readonly number[];
  const loops = axes.map((axis, n) => ({ name: loop(n), extent: shape[axis] as Extent }));
  const kept = indices.filter((_, axis) => !node.attributes.keep || !axes.includes(axis));
  const at = shape.map((_, axis) => (axes.includes(axis) ? loop(axes.indexOf(axis)) : (kept.shift() as string)));
  const accumulator = local(text.accumulator);
  const count = atom(extent(productOfExtents(loops.map((range) => range.extent))));
  const value = text.finish ? text.finish(accumulator, count) : accumulator;
  return { kind: "fold", loops, accumulator, start: text.start, step: text.step(accumulator, read(0, at)), value: wrapText(value, node.type.dtype) };
}

function lowerReduction({ e, node, box, read }: LowerScope, options: ReductionOptions): Lowered {
  const x = node.inputs[0] as { type: TensorType };
  const axes = node.attributes.axis as readonly number[];
  const folded = axes.map((axis) => e.range("r", x.type.shape[axis] as Extent));
  let next = 0;
  const indices = x.type.shape.map((_, axis) => {
    const at = axes.indexOf(axis);
    if (at >= 0) {
      if (node.attributes.keep) next++;
      return e.index(folded[at] as (typeof folded)[number]);
    }
    return e.index(box[next++] as (typeof box)[number]);
  });
  const count = productOfExtents(folded.map((range) => range.extent));
  const { epilogue } = options;
  return {
    body: read(0, indices),
    fold: { monoid: options.monoid, ranges: folded },
    ...(epilogue ? { epilogue: (value: Expr) => epilogue(e, value, count) } : {}),
  };
}

const total = (elements: readonly number[]): number => elements.reduce((a, b) => a + b, 0);

const summation: FoldText = { accumulator: "sum", start: "0", step: (sum, x) => `${sum} += ${x}` };

export const reductionOps: readonly Op[] = [
  reduction({ name: "sum", summary: "sum over axes", monoid: "sum", compute: total, javascript: summation, onnx: "ReduceSum" }),
  reduction({ name: "prod", summary: "product over axes", monoid: "product", compute: (all) => all.reduce((a, b) => a * b, 1), javascript: { accumulator: "product", start: "1", step: (product, x) => `${product} *= ${x}` }, onnx: "ReduceProd" }),
  reduction({
    name: "mean", summary: "arithmetic mean over axes", monoid: "sum",
    epilogue: (e, folded, count) => e.apply("div", folded, e.extent(count, folded.dtype)),
    compute: (all) => total(all) / all.length,
    javascript: { ...summation, finish: (sum, count) => `${sum} / ${count}` },
    onnx: "ReduceMean",
  }),
  reduction({ name: "max", summary: "largest over axes; NaN if any is NaN", monoid: "max", compute: (all) => all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY), javascript: { accumulator: "largest", start: "-Infinity", step: (largest, x) => `${largest} = Math.max(${largest}, ${x})` }, onnx: "ReduceMax" }),
  reduction({ name: "min", summary: "smallest over axes; NaN if any is NaN", monoid: "min", compute: (all) => all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY), javascript: { accumulator: "smallest", start: "Infinity", step: (smallest, x) => `${smallest} = Math.min(${smallest}, ${x})` }, onnx: "ReduceMin" }),
];
