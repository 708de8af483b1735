/** Padding: by a constant, which chooses between an element and the constant, and by elements of x, which is an index map. */
import type { Expr, Expressions } from "../folds/expression.ts";
import { addIndex } from "../folds/index-arithmetic.ts";
import { addExtents, constantExtent, type Extent, extentValue, multiplyExtents } from "../ir/extent.ts";
import type { Attributes } from "../ir/node.ts";
import { printType, type TensorType } from "../ir/types.ts";
import { mapped, shapeOf } from "./arrange.ts";
import { anything, numbers, type Op, type ReferenceTensor, type Violation } from "./define.ts";
import { atom, numberText } from "./javascript.ts";
import { chooseIn, integer, type OnnxScope, type OnnxValue, text } from "./onnx-form.ts";

const exact = { family: "movement" as const, tolerance: { ulp: 0 }, samples: [], source: "" };

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

function padsForm(scope: OnnxScope): OnnxValue {
  const { before, after } = scope.node.attributes;
  return scope.constant([...(before as readonly number[]), ...(after as readonly number[])], "i64", [2 * scope.node.type.shape.length]);
}

/** ONNX repeats a border once; these repeat as often as it takes, so each padded axis is indexed. */
const borderForm = (scope: OnnxScope, border: Border): OnnxValue =>
  shapeOf(scope).reduce((value, extent, axis) => {
    if (!isPadded(scope.node.attributes, axis)) return value;
    const [before, after] = [(scope.node.attributes.before as readonly number[])[axis] as number, (scope.node.attributes.after as readonly number[])[axis] as number];
    const known = extentValue(extent);
    const indices = known === undefined
      ? borderIndices(scope, border, extent, before, after)
      : scope.constant(Array.from({ length: known + before + after }, (_, i) => borderIndex(border, i - before, known)), "i64", [known + before + after]);
    return scope.apply("Gather", [value, indices], { attributes: { axis: integer(axis) } });
  }, scope.operands[0] as OnnxValue);

/** `borderIndex` of every place along an axis whose length is known when the graph runs. */
function borderIndices(scope: OnnxScope, border: Border, extent: Extent, before: number, after: number): OnnxValue {
  const [one, length] = [scope.constant(1, "i64"), scope.extent(extent)];
  const places = scope.apply("Range", [scope.constant(-before, "i64"), scope.apply("Add", [length, scope.constant(after, "i64")]), one]);
  const period = scope.apply("Max", [scope.extent(border.period?.of(extent) ?? extent), one]);
  const phase = scope.apply("Mod", [places, period]);
  if (border.turn === undefined) return phase;
  const back = scope.apply("Sub", [scope.apply("Sub", [period, scope.constant(border.turn, "i64")]), phase]);
  return chooseIn(scope, scope.apply("Less", [phase, length], { dtype: "bool" }), phase, back);
}

const borderPad = (border: Border): Op => ({
  ...exact, name: border.name, summary: border.summary, operands: [{ name: "x", dtypes: anything }], attributes: padAttributes,
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
  onnx: border.period ? { op: "Gather by computed indices", since: 13, build: (scope) => borderForm(scope, border) } : { op: "Pad, mode edge", since: 19, build: (scope) => scope.apply("Pad", [...scope.operands, padsForm(scope)], { attributes: { mode: text("edge") } }) },
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
  onnx: { op: "Pad", since: 19, build: (scope) => scope.apply("Pad", [...scope.operands, padsForm(scope), scope.constant(scope.node.attributes.value as number, scope.node.type.dtype)]) },
};

export const paddingOps: readonly Op[] = [pad, ...borders.map(borderPad)];
