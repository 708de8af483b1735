/** Ops that only move elements: each is an index map, so each disappears into its consumer's loads. */
import { flattenIndex, addIndex, scaleIndex, unflattenIndex } from "../folds/index-arithmetic.ts";
import { addExtents, constantExtent, divideExtents, type Extent, extentValue, productOfExtents, sameExtent, subtractExtents } from "../ir/extent.ts";
import { printShape, printType, type TensorType } from "../ir/types.ts";
import { broadcastIndices, broadcastShapes, broadcastStrides, dot, eachIndex } from "./broadcast.ts";
import { anything, type Op, type ReferenceTensor } from "./define.ts";
import { expandTo, integers, type OnnxValue, reshapeTo } from "./onnx-form.ts";

const operand = [{ name: "x", dtypes: anything }];
const exact = { tolerance: { ulp: 0 }, samples: [], source: "" };

/** Rearranges by a function from the output's index to an offset of the input. */
function gather(x: ReferenceTensor, shape: readonly number[], offsetOf: (index: readonly number[], offset: number) => number): ReferenceTensor {
  const data = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
  eachIndex(shape, (index, offset) => {
    data[offset] = x.data[offsetOf(index, offset)] ?? Number.NaN;
  });
  return { dtype: x.dtype, shape, data };
}

const broadcastTo: Op = {
  name: "broadcast_to", family: "movement", summary: "stretches x to a shape", operands: operand,
  attributes: [{ name: "shape", kind: "extents", doc: "the result's shape" }],
  constraints: [{ id: "C1", text: "x broadcasts to exactly that shape" }],
  infer: ([type], attributes) => {
    const x = type as TensorType;
    const shape = attributes.shape as readonly Extent[];
    const common = broadcastShapes([x, { dtype: x.dtype, shape }]);
    if ("constraint" in common || common.length !== shape.length || common.some((extent, i) => !sameExtent(extent, shape[i] as Extent)))
      return { constraint: "C1", message: `${printType(x)} does not broadcast to ${printShape(shape)}`, operands: [0] };
    return { dtype: x.dtype, shape };
  },
  evaluate: ([x], _attributes, shape) => {
    const strides = broadcastStrides((x as ReferenceTensor).shape, shape.length);
    return gather(x as ReferenceTensor, shape, (index) => dot(index, strides));
  },
  lower: ({ e, node, box, read }) => ({ body: read(0, broadcastIndices(e, (node.inputs[0] as { type: TensorType }).type.shape, box.map((range) => e.index(range)))) }),
  javascriptElement: ({ indices, read }) => ({ kind: "value", value: read(0, indices) }),
  onnx: { op: "Expand", since: 13, build: (scope) => expandTo(scope, scope.operands[0] as OnnxValue, scope.node.inputs[0]?.type.shape ?? [], scope.node.type.shape) }, ...exact,
};

const reshape: Op = {
  name: "reshape", family: "movement", summary: "the same elements, row-major, in another shape", operands: operand,
  attributes: [{ name: "shape", kind: "extents", doc: "the result's shape; one entry may be -1" }],
  constraints: [{ id: "C1", text: "the element counts are equal" }],
  infer: ([type], attributes) => {
    const x = type as TensorType;
    const asked = attributes.shape as readonly Extent[];
    const open = asked.findIndex((extent) => extentValue(extent) === -1);
    const have = productOfExtents(x.shape);
    const rest = productOfExtents(asked.filter((_, i) => i !== open));
    const shape = open < 0 ? asked : asked.map((extent, i) => (i === open ? divideExtents(have, rest) : extent));
    if (!sameExtent(productOfExtents(shape), have))
      return { constraint: "C1", message: `${printType(x)} has ${have.key} elements, ${printShape(asked)} has ${productOfExtents(shape).key}`, hint: "both shapes need the same number of elements", operands: [0] };
    return { dtype: x.dtype, shape };
  },
  evaluate: ([x], _attributes, shape) => gather(x as ReferenceTensor, shape, (_, offset) => offset),
  lower: ({ e, node, box, read }) => {
    const shape = (node.inputs[0] as { type: TensorType }).type.shape;
    const offset = flattenIndex(e, box.map((range) => e.index(range)), node.type.shape);
    return { body: read(0, unflattenIndex(e, offset, shape)) };
  },
  javascriptElement: ({ offset, readAt }) => ({ kind: "value", value: readAt(0, offset) }),
  onnx: { op: "Reshape", since: 19, build: (scope) => reshapeTo(scope, scope.operands[0] as OnnxValue, scope.node.type.shape) }, ...exact,
};

const transpose: Op = {
  name: "transpose", family: "movement", summary: "permutes axes; reverses them when no order is given", operands: operand,
  attributes: [{ name: "order", kind: "integers", doc: "input axis of each output axis; all axes reversed when left out", default: [] }],
  constraints: [{ id: "C1", text: "the order is a permutation of the axes" }, { id: "C2", text: "each axis exists" }],
  infer: ([type], attributes) => {
    const x = type as TensorType;
    const order = orderOf(attributes.order as readonly number[], x.shape.length);
    if ([...order].sort((a, b) => a - b).some((axis, i) => axis !== i) || order.length !== x.shape.length)
      return { constraint: "C1", message: `order [${order.join(", ")}] is no permutation of the ${x.shape.length} axes of ${printType(x)}`, operands: [0] };
    return { dtype: x.dtype, shape: order.map((axis) => x.shape[axis] as Extent) };
  },
  evaluate: ([x], attributes, shape) => {
    const input = x as ReferenceTensor;
    const order = orderOf(attributes.order as readonly number[], shape.length);
    const strides = rowMajor(input.shape);
    return gather(input, shape, (index) => order.reduce((sum, axis, i) => sum + (index[i] as number) * (strides[axis] as number), 0));
  },
  lower: ({ e, node, box, read }) => {
    const order = orderOf(node.attributes.order as readonly number[], box.length);
    const indices = order.map((_, axis) => e.index(box[order.indexOf(axis)] as (typeof box)[number]));
    return { body: read(0, indices) };
  },
  javascriptElement: ({ node, indices, read }) => {
    const order = orderOf(node.attributes.order as readonly number[], indices.length);
    return { kind: "value", value: read(0, order.map((_, axis) => indices[order.indexOf(axis)] as string)) };
  },
  onnx: { op: "Transpose", since: 13, build: (scope) => scope.apply("Transpose", scope.operands, { attributes: { perm: integers(orderOf(scope.node.attributes.order as readonly number[], scope.node.type.shape.length)) } }) }, ...exact,
};

const slice: Op = {
  name: "slice", family: "movement", summary: "elements start, start + step, ... before stop along one axis", operands: operand,
  attributes: [
    { name: "axis", kind: "integer", doc: "the axis" },
    { name: "start", kind: "extent", doc: "first index, not negative" },
    { name: "stop", kind: "extent", doc: "end, exclusive" },
    { name: "step", kind: "integer", doc: "positive step", default: 1 },
  ],
  constraints: [{ id: "C1", text: "0 <= start <= stop <= extent, step at least 1" }, { id: "C2", text: "the axis exists" }],
  infer: ([type], attributes) => {
    const x = type as TensorType;
    const [axis, step] = [attributes.axis as number, attributes.step as number];
    const extent = x.shape[axis];
    if (extent === undefined) return { constraint: "C2", message: `axis ${axis} of ${printType(x)} does not exist`, operands: [0] };
    const [start, stop] = [attributes.start as Extent, attributes.stop as Extent];
    const known = [extentValue(start), extentValue(stop), extentValue(extent)].map((value) => value ?? Number.NaN) as [number, number, number];
    if (known[0] < 0 || known[0] > known[1] || known[1] > known[2] || step < 1)
      return { constraint: "C1", message: `slice ${start.key}:${stop.key}:${step} leaves axis ${axis} of ${printType(x)}`, hint: `0 <= start <= stop <= ${extent.key}`, operands: [0], axes: [axis] };
    const length = divideExtents(addExtents(subtractExtents(stop, start), constantExtent(step - 1)), constantExtent(step));
    return { dtype: x.dtype, shape: x.shape.map((known_, i) => (i === axis ? length : known_)) };
  },
  evaluate: ([x], attributes, shape) => {
    const input = x as ReferenceTensor;
    const [axis, step] = [attributes.axis as number, attributes.step as number];
    const strides = rowMajor(input.shape);
    const start = extentValue(attributes.start as Extent) ?? Number.NaN;
    return gather(input, shape, (index) => dot(index, strides) + (strides[axis] as number) * (start + (index[axis] as number) * (step - 1)));
  },
  lower: ({ e, node, box, read }) => {
    const indices = box.map((range) => e.index(range));
    const axis = node.attributes.axis as number;
    const scaled = scaleIndex(e, indices[axis] as (typeof indices)[number], constantExtent(node.attributes.step as number));
    indices[axis] = addIndex(e, scaled, e.extent(node.attributes.start as Extent, "i32"));
    // A one-element result still has to read at its start.
    return { body: read(0, indices) };
  },
  javascriptElement: ({ node, indices, read, extent }) => {
    const [axis, step, start] = [node.attributes.axis as number, node.attributes.step as number, extent(node.attributes.start as Extent)];
    const scaled = step === 1 ? (indices[axis] as string) : `${step} * ${indices[axis]}`;
    return { kind: "value", value: read(0, indices.map((index, i) => (i !== axis ? index : index === "0" ? start : start === "0" ? scaled : `${start} + ${scaled}`))) };
  },
  onnx: {
    op: "Slice", since: 13,
    build: (scope) => {
      const { axis, start, stop, step } = scope.node.attributes;
      return scope.apply("Slice", [...scope.operands, scope.shape([start as Extent]), scope.shape([stop as Extent]), scope.constant([axis as number], "i64", [1]), scope.constant([step as number], "i64", [1])]);
    },
  }, ...exact,
};

export const orderOf = (order: readonly number[], rank: number): readonly number[] =>
  order.length === 0 ? Array.from({ length: rank }, (_, i) => rank - 1 - i) : order;

export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = (strides[axis + 1] as number) * (shape[axis + 1] as number);
  return strides;
}

export const movementOps: readonly Op[] = [broadcastTo, reshape, transpose, slice];
