/** Ops whose indices are data, or that turn places into data: gather, one_hot, iota and position. */
import type { Expr, Expressions } from "../folds/expression.ts";
import { addExtents, constantExtent, type Extent, extentValue } from "../ir/extent.ts";
import { printType, type TensorType } from "../ir/types.ts";
import { dot, eachIndex } from "./broadcast.ts";
import { anything, type JavaScriptFunction, type Op, type ReferenceTensor } from "./define.ts";
import { boundedFunction } from "./javascript.ts";
import { rowMajor } from "./movement.ts";
import { castTo, chooseIn, countTo, expandTo, integer, type OnnxAttribute, type OnnxScope, type OnnxValue, reshapeTo } from "./onnx-form.ts";

const exact = { family: "movement" as const, tolerance: { ulp: 0 }, samples: [], source: "" };

/** An index from data: negative ones count from the end, and what is still outside is taken from the nearest end. */
function bounded(e: Expressions, index: Expr, extent: Extent): Expr {
  const length = e.extent(extent, "i32");
  const zero = e.constant(0, "i32");
  const wrapped = e.apply("select", e.apply("lt", index, zero), e.apply("add", index, length), index);
  return e.apply("min", e.apply("max", wrapped, zero), e.extent(addExtents(extent, constantExtent(-1)), "i32"));
}

const boundedNumber = (index: number, length: number): number => Math.max(0, Math.min(length - 1, index < 0 ? index + length : index));

/** The indices, brought into the axis as `bounded` says. */
function boundedForm(scope: OnnxScope): OnnxValue {
  const indices = scope.operands[1] as OnnxValue;
  const extent = (scope.node.inputs[0] as { type: TensorType }).type.shape[scope.node.attributes.axis as number] as Extent;
  const [zero, length] = [scope.constant(0, "i32"), castTo(scope, scope.extent(extent), "i32")];
  const natural = chooseIn(scope, scope.apply("Less", [indices, zero], { dtype: "bool" }), scope.apply("Add", [indices, length]), indices);
  const last = castTo(scope, scope.extent(addExtents(extent, constantExtent(-1))), "i32");
  return scope.apply("Min", [scope.apply("Max", [natural, zero]), last]);
}

const axisForm = (scope: OnnxScope): { readonly axis: OnnxAttribute } => ({ axis: integer(scope.node.attributes.axis as number) });

const functions: readonly JavaScriptFunction[] = [boundedFunction];

const indexed = [{ name: "x", dtypes: anything }, { name: "indices", dtypes: ["i32" as const] }];

const wrongDType = (name: string, indices: TensorType): { constraint: string; message: string; hint: string; operands: readonly number[] } =>
  ({ constraint: "C1", message: `'${name}' takes i32 indices, not ${printType(indices)}`, hint: "convert them: cast(indices, i32)", operands: [1] });

const axisAttribute = { name: "axis", kind: "integer" as const, doc: "the axis that is indexed" };

const gather: Op = {
  ...exact, name: "gather", summary: "elements, or slices, of x at the places that indices name along an axis; negative ones count from the end, others are limited to the axis", operands: indexed,
  attributes: [axisAttribute],
  constraints: [{ id: "C1", text: "indices are i32" }, { id: "C2", text: "the axis exists" }],
  infer: ([x, indices], attributes) => {
    const [from, places, axis] = [x as TensorType, indices as TensorType, attributes.axis as number];
    return places.dtype === "i32" ? { dtype: from.dtype, shape: [...from.shape.slice(0, axis), ...places.shape, ...from.shape.slice(axis + 1)] } : wrongDType("gather", places);
  },
  evaluate: ([x, indices], attributes, shape, dtype) => {
    const [from, places, axis] = [x as ReferenceTensor, indices as ReferenceTensor, attributes.axis as number];
    const [strides, placeStrides, rank] = [rowMajor(from.shape), rowMajor(places.shape), places.shape.length];
    const data = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
    eachIndex(shape, (index, offset) => {
      const place = places.data[dot(index.slice(axis, axis + rank), placeStrides)] ?? Number.NaN;
      const at = [...index.slice(0, axis), boundedNumber(place, from.shape[axis] as number), ...index.slice(axis + rank)];
      data[offset] = from.data[dot(at, strides)] ?? Number.NaN;
    });
    return { dtype, shape, data };
  },
  lower: ({ e, node, box, read }) => {
    const [x, places] = node.inputs.map((input) => input.type) as [TensorType, TensorType];
    const [axis, rank] = [node.attributes.axis as number, places.shape.length];
    const indices = box.map((range) => e.index(range));
    const place = bounded(e, read(1, indices.slice(axis, axis + rank)), x.shape[axis] as Extent);
    return { body: read(0, [...indices.slice(0, axis), place, ...indices.slice(axis + rank)]) };
  },
  javascriptElement: ({ node, indices, read, extent }) => {
    const [x, places] = node.inputs.map((input) => input.type) as [TensorType, TensorType];
    const [axis, rank] = [node.attributes.axis as number, places.shape.length];
    const place = `bounded(${read(1, indices.slice(axis, axis + rank))}, ${extent(x.shape[axis] as Extent)})`;
    return { kind: "value", value: read(0, [...indices.slice(0, axis), place, ...indices.slice(axis + rank)]), functions };
  },
  onnx: { op: "Gather", since: 13, build: (scope) => scope.apply("Gather", [scope.operands[0] as OnnxValue, boundedForm(scope)], { attributes: axisForm(scope) }) },
};

const takeAlong: Op = {
  ...exact, name: "take_along", summary: "for each index, the element of x at the same place but for one axis, where the index says; negative ones count from the end, others are limited to the axis", operands: indexed,
  attributes: [axisAttribute],
  constraints: [{ id: "C1", text: "indices are i32" }, { id: "C2", text: "the axis exists" }, { id: "C3", text: "x and indices have one rank, and indices are nowhere longer than x but along the axis" }],
  infer: ([x, indices], attributes) => {
    const [from, places, axis] = [x as TensorType, indices as TensorType, attributes.axis as number];
    if (places.dtype !== "i32") return wrongDType("take_along", places);
    const longer = places.shape.findIndex((extent, at) => at !== axis && !((extentValue(extent) ?? Number.NaN) <= (extentValue(from.shape[at] ?? extent) ?? 0)) && extent.key !== from.shape[at]?.key);
    if (places.shape.length !== from.shape.length || longer >= 0)
      return { constraint: "C3", message: `'take_along' got ${printType(from)} and indices ${printType(places)}`, hint: "all axes but the indexed one must fit", operands: [0, 1] };
    return { dtype: from.dtype, shape: places.shape };
  },
  evaluate: ([x, indices], attributes, shape, dtype) => {
    const [from, places, axis] = [x as ReferenceTensor, indices as ReferenceTensor, attributes.axis as number];
    const strides = rowMajor(from.shape);
    const data = new Float64Array(places.data.length);
    eachIndex(shape, (index, offset) => {
      const at = index.map((position, other) => (other === axis ? boundedNumber(places.data[offset] ?? Number.NaN, from.shape[axis] as number) : position));
      data[offset] = from.data[dot(at, strides)] ?? Number.NaN;
    });
    return { dtype, shape, data };
  },
  lower: ({ e, node, box, read }) => {
    const axis = node.attributes.axis as number;
    const indices = box.map((range) => e.index(range));
    const place = bounded(e, read(1, indices), (node.inputs[0] as { type: TensorType }).type.shape[axis] as Extent);
    return { body: read(0, indices.map((index, other) => (other === axis ? place : index))) };
  },
  javascriptElement: ({ node, indices, read, extent }) => {
    const axis = node.attributes.axis as number;
    const place = `bounded(${read(1, indices)}, ${extent((node.inputs[0] as { type: TensorType }).type.shape[axis] as Extent)})`;
    return { kind: "value", value: read(0, indices.map((index, other) => (other === axis ? place : index))), functions };
  },
  onnx: { op: "GatherElements", since: 13, build: (scope) => scope.apply("GatherElements", [scope.operands[0] as OnnxValue, boundedForm(scope)], { attributes: axisForm(scope) }) },
};

const oneHot: Op = {
  ...exact, name: "one_hot", summary: "1 at the place that each index names along a new last axis, 0 elsewhere; an index outside gives zeros", operands: [{ name: "indices", dtypes: ["i32"] }],
  attributes: [{ name: "depth", kind: "extent", doc: "length of the new axis" }],
  constraints: [{ id: "C1", text: "indices are i32" }],
  infer: ([indices], attributes) => {
    const places = indices as TensorType;
    if (places.dtype !== "i32") return { ...wrongDType("one_hot", places), operands: [0] };
    return { dtype: "f32", shape: [...places.shape, attributes.depth as Extent] };
  },
  evaluate: ([indices], _attributes, shape, dtype) => {
    const depth = shape[shape.length - 1] as number;
    const { data } = indices as ReferenceTensor;
    return { dtype, shape, data: Float64Array.from({ length: data.length * depth }, (_, offset) => (data[Math.floor(offset / depth)] === offset % depth ? 1 : 0)) };
  },
  lower: ({ e, box, read }) => {
    const indices = box.map((range) => e.index(range));
    return { body: e.convert(e.apply("eq", read(0, indices.slice(0, -1)), indices[indices.length - 1] as Expr), "f32") };
  },
  javascriptElement: ({ indices, read }) => ({ kind: "value", value: `${read(0, indices.slice(0, -1))} === ${indices[indices.length - 1]} ? 1 : 0` }),
  onnx: {
    op: "Cast(Equal(indices, Range))", since: 13,
    build: (scope) => {
      const places = scope.apply("Unsqueeze", [...scope.operands, scope.constant([-1], "i64", [1])]);
      return castTo(scope, scope.apply("Equal", [places, countTo(scope, scope.node.attributes.depth as Extent, "i32")], { dtype: "bool" }), scope.node.type.dtype);
    },
  },
};

const iota: Op = {
  ...exact, name: "iota", summary: "0, 1, 2, ...", operands: [],
  attributes: [{ name: "count", kind: "extent", doc: "number of elements" }],
  constraints: [],
  infer: (_, attributes) => ({ dtype: "i32", shape: [attributes.count as Extent] }),
  evaluate: (_inputs, _attributes, shape, dtype) => ({ dtype, shape, data: Float64Array.from({ length: shape[0] as number }, (_, i) => i) }),
  lower: ({ e, box }) => ({ body: e.index(box[0] as (typeof box)[number]) }),
  javascriptElement: ({ indices }) => ({ kind: "value", value: indices[0] as string }),
  onnx: { op: "Range", since: 11, build: (scope) => countTo(scope, scope.node.attributes.count as Extent, "i32") },
};

const position: Op = {
  ...exact, name: "position", summary: "the index of each element of x along an axis", operands: [{ name: "x", dtypes: anything }],
  attributes: [{ name: "axis", kind: "integer", doc: "the axis", default: -1 }],
  constraints: [{ id: "C2", text: "the axis exists" }],
  infer: ([x]) => ({ dtype: "i32", shape: (x as TensorType).shape }),
  evaluate: (_inputs, attributes, shape, dtype) => {
    const data = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
    eachIndex(shape, (index, offset) => {
      data[offset] = index[attributes.axis as number] as number;
    });
    return { dtype, shape, data };
  },
  lower: ({ e, node, box }) => ({ body: e.index(box[node.attributes.axis as number] as (typeof box)[number]) }),
  javascriptElement: ({ node, indices }) => ({ kind: "value", value: indices[node.attributes.axis as number] as string }),
  onnx: {
    op: "Expand(Range)", since: 13,
    build: (scope) => {
      const { shape } = scope.node.type;
      const axis = scope.node.attributes.axis as number;
      const extent = shape[axis] as Extent;
      const along = [extent, ...shape.slice(axis + 1).map(() => constantExtent(1))];
      return expandTo(scope, reshapeTo(scope, countTo(scope, extent, "i32"), along), along, shape);
    },
  },
};

export const indexingOps: readonly Op[] = [gather, takeAlong, oneHot, iota, position];
