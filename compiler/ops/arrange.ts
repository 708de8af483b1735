/** Ops that join, repeat and reverse tensors. Each is an index map; joining chooses between maps. */
import type { Expr } from "../folds/expression.ts";
import { remainderIndex } from "../folds/index-arithmetic.ts";
import { addExtents, constantExtent, type Extent, extentValue, multiplyExtents, sameExtent } from "../ir/extent.ts";
import type { Attributes } from "../ir/node.ts";
import { printType, type TensorType } from "../ir/types.ts";
import { dot, eachIndex } from "./broadcast.ts";
import { anything, type LowerScope, type Op, type ReferenceTensor, type Violation } from "./define.ts";
import { integer, type OnnxValue } from "./onnx-form.ts";
import { atom } from "./javascript.ts";
import { rowMajor } from "./movement.ts";

const exact = { family: "movement" as const, tolerance: { ulp: 0 }, samples: [], source: "" };
const operand = [{ name: "x", dtypes: anything }];

export const shapeOf = (scope: Pick<LowerScope, "node">, i = 0): readonly Extent[] => (scope.node.inputs[i] as { type: TensorType }).type.shape;

const axesOf = (attributes: Attributes): readonly number[] => attributes.axis as readonly number[];

/** Every element of the result from an index of the operand; undefined gives `otherwise`. */
export function mapped(x: ReferenceTensor, shape: readonly number[], indexOf: (index: readonly number[]) => readonly number[] | undefined, otherwise = Number.NaN): ReferenceTensor {
  const strides = rowMajor(x.shape);
  const data = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
  eachIndex(shape, (index, offset) => {
    const from = indexOf(index);
    data[offset] = from ? (x.data[dot(from, strides)] ?? Number.NaN) : otherwise;
  });
  return { dtype: x.dtype, shape, data };
}

const flip: Op = {
  ...exact, name: "flip", summary: "elements in reverse order along axes", operands: operand,
  attributes: [{ name: "axis", kind: "axes", doc: "axis or list of axes; all when left out", default: [] }],
  constraints: [{ id: "C2", text: "each axis exists, none twice" }],
  infer: ([x]) => x as TensorType,
  evaluate: ([x], attributes, shape) => mapped(x as ReferenceTensor, shape, (index) => index.map((at, axis) => (axesOf(attributes).includes(axis) ? (shape[axis] as number) - 1 - at : at))),
  lower: ({ e, node, box, read }) => {
    const indices = box.map((range, axis) => (axesOf(node.attributes).includes(axis) ? e.apply("sub", e.extent(addExtents(range.extent, constantExtent(-1)), "i32"), e.index(range)) : e.index(range)));
    return { body: read(0, indices) };
  },
  javascriptElement: ({ node, indices, read, extent }) => ({
    kind: "value",
    value: read(0, indices.map((index, axis) => (axesOf(node.attributes).includes(axis) && index !== "0" ? `${atom(extent(node.type.shape[axis] as Extent))} - 1 - ${index}` : index))),
  }),
  onnx: {
    op: "Slice with steps of -1", since: 13,
    build: (scope) => {
      const axes = axesOf(scope.node.attributes);
      const each = (value: number): OnnxValue => scope.constant(axes.map(() => value), "i64", [axes.length]);
      // The end lies before the first element, however long the axis is.
      return axes.length === 0 ? (scope.operands[0] as OnnxValue) : scope.apply("Slice", [...scope.operands, each(-1), each(-(2 ** 31)), scope.constant(axes, "i64", [axes.length]), each(-1)]);
    },
  },
};

const tile: Op = {
  ...exact, name: "tile", summary: "x repeated along each of its axes", operands: operand,
  attributes: [{ name: "repeats", kind: "integers", doc: "number of repetitions of each axis" }],
  constraints: [{ id: "C1", text: "one positive number of repetitions for each axis" }],
  infer: ([type], attributes) => {
    const x = type as TensorType;
    const repeats = attributes.repeats as readonly number[];
    if (repeats.length !== x.shape.length || repeats.some((count) => count < 1))
      return { constraint: "C1", message: `repeats [${repeats.join(", ")}] do not fit ${printType(x)}`, hint: `give ${x.shape.length} positive whole numbers`, operands: [0] };
    return { dtype: x.dtype, shape: x.shape.map((extent, axis) => multiplyExtents(extent, constantExtent(repeats[axis] as number))) };
  },
  evaluate: ([x], _attributes, shape) => mapped(x as ReferenceTensor, shape, (index) => index.map((at, axis) => at % ((x as ReferenceTensor).shape[axis] as number))),
  lower: (scope) => ({ body: scope.read(0, scope.box.map((range, axis) => remainderIndex(scope.e, scope.e.index(range), shapeOf(scope)[axis] as Extent))) }),
  javascriptElement: ({ node, indices, read, extent }) => ({
    kind: "value",
    value: read(0, indices.map((index, axis) => ((node.attributes.repeats as readonly number[])[axis] === 1 ? index : `${atom(index)} % ${atom(extent(shapeOf({ node })[axis] as Extent))}`))),
  }),
  onnx: { op: "Tile", since: 13, build: (scope) => scope.apply("Tile", [...scope.operands, scope.constant(scope.node.attributes.repeats as readonly number[], "i64", [scope.node.type.shape.length])]) },
};

function inferConcat(types: readonly TensorType[], attributes: Attributes): TensorType | Violation {
  const axis = attributes.axis as number;
  const first = types[0] as TensorType;
  for (const [i, type] of types.entries()) {
    if (type.dtype !== first.dtype || type.shape.length !== first.shape.length)
      return { constraint: "C1", message: `'concat' got ${printType(first)} and ${printType(type)}: parts need one dtype and one rank`, operands: [0, i] };
    const other = type.shape.findIndex((extent, at) => at !== axis && !sameExtent(extent, first.shape[at] as Extent));
    if (other >= 0)
      return { constraint: "C3", message: `'concat' along axis ${axis}: ${printType(first)} and ${printType(type)} differ on axis ${other}`, hint: "all axes but the joined one are equal", operands: [0, i], axes: [other, other] };
  }
  return { dtype: first.dtype, shape: first.shape.map((extent, at) => (at === axis ? types.reduce((sum, type) => addExtents(sum, type.shape[axis] as Extent), constantExtent(0)) : extent)) };
}

const concat: Op = {
  ...exact, name: "concat", summary: "tensors joined along an axis, in order", operands: [{ name: "parts", dtypes: anything, variadic: true }],
  attributes: [{ name: "axis", kind: "integer", doc: "the axis along which they are joined" }],
  constraints: [{ id: "C1", text: "parts have one dtype and one rank" }, { id: "C2", text: "the axis exists" }, { id: "C3", text: "all other axes are equal" }],
  infer: inferConcat,
  evaluate: (inputs, attributes, shape, dtype) => {
    const axis = attributes.axis as number;
    const data = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
    eachIndex(shape, (index, offset) => {
      let [part, at] = [0, index[axis] as number];
      while (at >= ((inputs[part] as ReferenceTensor).shape[axis] as number)) at -= (inputs[part++] as ReferenceTensor).shape[axis] as number;
      const from = inputs[part] as ReferenceTensor;
      data[offset] = from.data[dot(index.map((position, i) => (i === axis ? at : position)), rowMajor(from.shape))] ?? Number.NaN;
    });
    return { dtype, shape, data };
  },
  lower: (scope) => {
    const { e, node, box, read } = scope;
    const axis = node.attributes.axis as number;
    const position = e.index(box[axis] as (typeof box)[number]);
    const zero = constantExtent(0);
    const starts = node.inputs.map((_, i) => node.inputs.slice(0, i).reduce((sum, { type }) => addExtents(sum, type.shape[axis] as Extent), zero));
    // A part that is not chosen is still read, at a place that it has.
    const from = (i: number): Expr => {
      const at = e.apply("sub", position, e.extent(starts[i] as Extent, "i32"));
      const last = e.extent(addExtents(shapeOf(scope, i)[axis] as Extent, constantExtent(-1)), "i32");
      const below = i === node.inputs.length - 1 ? at : e.apply("min", at, last);
      return read(i, box.map((range, other) => (other === axis ? (i === 0 ? below : e.apply("max", below, e.constant(0, "i32"))) : e.index(range))));
    };
    let body = from(node.inputs.length - 1);
    for (let i = node.inputs.length - 2; i >= 0; i--) body = e.apply("select", e.apply("lt", position, e.extent(starts[i + 1] as Extent, "i32")), from(i), body);
    return { body };
  },
  javascriptElement: ({ node, indices, read, extent }) => {
    const axis = node.attributes.axis as number;
    const index = indices[axis] as string;
    let [value, start] = ["", constantExtent(0)];
    for (const [i, { type }] of node.inputs.entries()) {
      const at = extentValue(start) === 0 ? index : `${index} - ${atom(extent(start))}`;
      const element = read(i, indices.map((position, other) => (other === axis ? at : position)));
      start = addExtents(start, type.shape[axis] as Extent);
      value += i === node.inputs.length - 1 ? element : `${index} < ${extent(start)} ? ${element} : `;
    }
    return { kind: "value", value };
  },
  onnx: { op: "Concat", since: 13, build: (scope) => scope.apply("Concat", scope.operands, { attributes: { axis: integer(scope.node.attributes.axis as number) } }) },
};

export const arrangeOps: readonly Op[] = [flip, tile, concat];
