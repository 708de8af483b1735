/** Ops that join, repeat, reverse and pad tensors. Each is an index map; padding and joining choose between maps. */
import type { Expr, Expressions } from "../folds/expression.ts";
import { addIndex, remainderIndex } from "../folds/index-arithmetic.ts";
import { addExtents, constantExtent, type Extent, extentValue, multiplyExtents, sameExtent } from "../ir/extent.ts";
import type { Attributes } from "../ir/node.ts";
import { printType, type TensorType } from "../ir/types.ts";
import { dot, eachIndex } from "./broadcast.ts";
import { anything, type LowerScope, numbers, type Op, type ReferenceTensor, type Violation } from "./define.ts";
import { atom, numberText } from "./javascript.ts";
import { rowMajor } from "./movement.ts";

const exact = { family: "movement" as const, tolerance: { ulp: 0 }, samples: [], source: "" };
const operand = [{ name: "x", dtypes: anything }];

const shapeOf = (scope: Pick<LowerScope, "node">, i = 0): readonly Extent[] => (scope.node.inputs[i] as { type: TensorType }).type.shape;

const axesOf = (attributes: Attributes): readonly number[] => attributes.axis as readonly number[];

/** Every element of the result from an index of the operand; undefined gives `otherwise`. */
function mapped(x: ReferenceTensor, shape: readonly number[], indexOf: (index: readonly number[]) => readonly number[] | undefined, otherwise = Number.NaN): ReferenceTensor {
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
  onnx: null,
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
  onnx: { op: "Tile", since: 13 },
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
  onnx: { op: "Concat", since: 13 },
};

/**
 * How an index beyond the ends is brought back into 0 .. extent-1, as an expression, a number and a text. The expression
 * and the text get the index with whole periods added, so that it is not negative.
 */
interface Border {
  readonly name: string;
  readonly summary: string;
  /** Elements after which the border repeats; absent: the index is limited instead. unit: elements, for an extent */
  readonly period?: { readonly of: (extent: Extent) => Extent; readonly compute: (extent: number) => number; readonly javascript: (extent: string) => string };
  /** The second half of a period runs backwards, from this many elements less than the period. */
  readonly turn?: number;
}

const clampIndex = (e: Expressions, at: Expr, extent: Extent): Expr =>
  e.apply("min", e.apply("max", at, e.constant(0, "i32")), e.extent(addExtents(extent, constantExtent(-1)), "i32"));

const twice = (less: number): NonNullable<Border["period"]> => ({
  of: (extent) => addExtents(multiplyExtents(extent, constantExtent(2)), constantExtent(-less)),
  // One element reflects to itself.
  compute: (extent) => Math.max(1, 2 * extent - less),
  javascript: (extent) => (less === 0 ? `(2 * ${extent})` : `Math.max(1, 2 * ${extent} - ${less})`),
});

const once: NonNullable<Border["period"]> = { of: (extent) => extent, compute: (extent) => extent, javascript: (extent) => extent };

const borders: readonly Border[] = [
  { name: "pad_edge", summary: "pads with the nearest element" },
  { name: "pad_reflect", summary: "pads by reflection about the first and last element, which are not repeated", period: twice(2), turn: 0 },
  { name: "pad_symmetric", summary: "pads by reflection about the ends, so that the first and last element are repeated", period: twice(0), turn: 1 },
  { name: "pad_wrap", summary: "pads with elements from the other end", period: once },
];

/** `at` is the index in the operand, at least -before. */
function lowerBorder(e: Expressions, border: Border, at: Expr, extent: Extent, before: number): Expr {
  if (!border.period) return clampIndex(e, at, extent);
  const length = e.apply("max", e.extent(border.period.of(extent), "i32"), e.constant(1, "i32"));
  const phase = e.apply("rem", e.apply("add", at, e.apply("mul", length, e.constant(before, "i32"))), length);
  if (border.turn === undefined) return phase;
  const back = e.apply("sub", e.apply("sub", length, e.constant(border.turn, "i32")), phase);
  return clampIndex(e, e.apply("select", e.apply("lt", phase, e.extent(extent, "i32")), phase, back), extent);
}

function borderIndex(border: Border, at: number, extent: number): number {
  if (!border.period) return Math.max(0, Math.min(extent - 1, at));
  const length = border.period.compute(extent);
  const phase = ((at % length) + length) % length;
  return border.turn === undefined || phase < extent ? phase : length - border.turn - phase;
}

function borderText(border: Border, at: string, extent: string, before: number): string {
  if (!border.period) return `Math.max(0, Math.min(${extent} - 1, ${at}))`;
  const length = border.period.javascript(extent);
  const phase = `(${at} + ${before} * ${length}) % ${length}`;
  return border.turn === undefined ? phase : `${phase} < ${extent} ? ${phase} : ${length} - ${border.turn} - (${phase})`;
}

const padAttributes = [
  { name: "before", kind: "integers" as const, doc: "elements added before each axis" },
  { name: "after", kind: "integers" as const, doc: "elements added after each axis" },
];

function inferPad(name: string, x: TensorType, attributes: Attributes): TensorType | Violation {
  const [before, after] = [attributes.before as readonly number[], attributes.after as readonly number[]];
  if (before.length !== x.shape.length || after.length !== x.shape.length || [...before, ...after].some((count) => count < 0))
    return { constraint: "C1", message: `'${name}': before [${before.join(", ")}] and after [${after.join(", ")}] do not fit ${printType(x)}`, hint: `give ${x.shape.length} whole numbers each, none negative`, operands: [0] };
  return { dtype: x.dtype, shape: x.shape.map((extent, axis) => addExtents(extent, constantExtent((before[axis] as number) + (after[axis] as number)))) };
}

const isPadded = (attributes: Attributes, axis: number): boolean => (attributes.before as readonly number[])[axis] !== 0 || (attributes.after as readonly number[])[axis] !== 0;

const sourceText = (attributes: Attributes, indices: readonly string[], axis: number): string => {
  const start = (attributes.before as readonly number[])[axis] as number;
  return start === 0 ? (indices[axis] as string) : `${indices[axis]} - ${start}`;
};

const borderPad = (border: Border): Op => ({
  ...exact, name: border.name, summary: border.summary, operands: operand, attributes: padAttributes,
  constraints: [{ id: "C1", text: "before and after have one number for each axis, none negative" }],
  infer: ([x], attributes) => inferPad(border.name, x as TensorType, attributes),
  evaluate: ([x], attributes, shape) =>
    mapped(x as ReferenceTensor, shape, (index) => index.map((at, axis) => borderIndex(border, at - ((attributes.before as readonly number[])[axis] as number), (x as ReferenceTensor).shape[axis] as number))),
  lower: (scope) => {
    const { e, node, box, read } = scope;
    const indices = box.map((range, axis) => {
      const before = (node.attributes.before as readonly number[])[axis] as number;
      const at = addIndex(e, e.index(range), e.constant(-before, "i32"));
      return isPadded(node.attributes, axis) ? lowerBorder(e, border, at, shapeOf(scope)[axis] as Extent, before) : at;
    });
    return { body: read(0, indices) };
  },
  javascriptElement: ({ node, indices, read, extent }) => ({
    kind: "value",
    value: read(0, indices.map((index, axis) => {
      if (!isPadded(node.attributes, axis)) return index;
      const before = (node.attributes.before as readonly number[])[axis] as number;
      return atom(borderText(border, sourceText(node.attributes, indices, axis), atom(extent(shapeOf({ node })[axis] as Extent)), before));
    })),
  }),
  onnx: border.name === "pad_symmetric" ? null : { op: "Pad", since: border.name === "pad_wrap" ? 19 : 13 },
});

const pad: Op = {
  ...exact, name: "pad", summary: "x surrounded by a constant", operands: [{ name: "x", dtypes: numbers }],
  attributes: [...padAttributes, { name: "value", kind: "number", doc: "the constant", default: 0 }],
  constraints: [{ id: "C1", text: "before and after have one number for each axis, none negative" }],
  infer: ([x], attributes) => inferPad("pad", x as TensorType, attributes),
  evaluate: ([x], attributes, shape) => {
    const input = x as ReferenceTensor;
    return mapped(input, shape, (index) => {
      const from = index.map((at, axis) => at - ((attributes.before as readonly number[])[axis] as number));
      return from.every((at, axis) => at >= 0 && at < (input.shape[axis] as number)) ? from : undefined;
    }, attributes.value as number);
  },
  lower: (scope) => {
    const { e, node, box, read } = scope;
    let inside: Expr | undefined;
    const indices = box.map((range, axis) => {
      const extent = shapeOf(scope)[axis] as Extent;
      if (!isPadded(node.attributes, axis)) return e.index(range);
      const at = addIndex(e, e.index(range), e.constant(-((node.attributes.before as readonly number[])[axis] as number), "i32"));
      const holds = e.apply("and", e.apply("ge", at, e.constant(0, "i32")), e.apply("lt", at, e.extent(extent, "i32")));
      inside = inside ? e.apply("and", inside, holds) : holds;
      return clampIndex(e, at, extent);
    });
    const element = read(0, indices);
    return { body: inside ? e.apply("select", inside, element, e.constant(node.attributes.value as number, element.dtype)) : element };
  },
  javascriptElement: ({ node, indices, read, extent }) => {
    const texts = indices.map((_, axis) => sourceText(node.attributes, indices, axis));
    const tests = texts.flatMap((text, axis) => (isPadded(node.attributes, axis) ? [`${text} >= 0 && ${text} < ${extent(shapeOf({ node })[axis] as Extent)}`] : []));
    const element = read(0, texts);
    return { kind: "value", value: tests.length === 0 ? element : `${tests.join(" && ")} ? ${element} : ${numberText(node.attributes.value as number)}` };
  },
  onnx: { op: "Pad", since: 13 },
};

export const arrangeOps: readonly Op[] = [flip, tile, concat, pad, ...borders.map(borderPad)];
