/** Folds over a part of an axis: cumulative sums and products, and pooling windows. */
import type { Expressions, Expr } from "../folds/expression.ts";
import type { Monoid } from "../folds/node.ts";
import { constantExtent, type Extent, extentValue, productOfExtents } from "../ir/extent.ts";
import type { Attributes } from "../ir/node.ts";
import { printType, type TensorType } from "../ir/types.ts";
import { dot, eachIndex } from "./broadcast.ts";
import { floats, type Op, type ReferenceTensor } from "./define.ts";
import { atom } from "./javascript.ts";
import { rowMajor } from "./movement.ts";
import { castTo, chooseIn, integer, integers, type OnnxScope, type OnnxValue, reshapeTo } from "./onnx-form.ts";
import { chosen, onnxWindow, placeIn, placeNumber, placeText, slidLength, type Window, windowAttributes, windowOf } from "./window.ts";

interface Running {
  readonly name: string;
  readonly summary: string;
  readonly monoid: Monoid;
  readonly identity: number;
  readonly accumulator: string;
  readonly merge: (a: number, b: number) => number;
  readonly step: (accumulator: string, x: string) => string;
  readonly onnx: Op["onnx"];
}

const sum = { monoid: "sum", identity: 0, accumulator: "sum", merge: (a: number, b: number) => a + b, step: (total: string, x: string) => `${total} += ${x}` } as const;
const product = { monoid: "product", identity: 1, accumulator: "product", merge: (a: number, b: number) => a * b, step: (total: string, x: string) => `${total} *= ${x}` } as const;
const largest = { monoid: "max", identity: Number.NEGATIVE_INFINITY, accumulator: "largest", merge: (a: number, b: number) => Math.max(a, b), step: (most: string, x: string) => `${most} = Math.max(${most}, ${x})` } as const;

const shared = { family: "reduction" as const, operands: [{ name: "x", dtypes: floats }], tolerance: { ulp: 4 }, samples: [], source: "" };

/** Which element of the axis counts for which result: all up to it, or from it on. */
const relation = (attributes: Attributes): "lt" | "le" | "gt" | "ge" => (attributes.reverse ? (attributes.exclusive ? "gt" : "ge") : attributes.exclusive ? "lt" : "le");

const symbols = { lt: "<", le: "<=", gt: ">", ge: ">=" } as const;

const counts = (attributes: Attributes, at: number, result: number): boolean => (attributes.reverse ? at > result : at < result) || (!attributes.exclusive && at === result);

const cumulative = (fold: Running): Op => ({
  ...shared, name: fold.name, summary: fold.summary, onnx: fold.onnx,
  attributes: [
    { name: "axis", kind: "integer", doc: "the axis" },
    { name: "exclusive", kind: "boolean", doc: "leave the element itself out", default: false },
    { name: "reverse", kind: "boolean", doc: "from the end of the axis", default: false },
  ],
  constraints: [{ id: "C1", text: "the operand is a float" }, { id: "C2", text: "the axis exists" }],
  infer: ([x]) => (floats.includes((x as TensorType).dtype) ? (x as TensorType) : { constraint: "C1", message: `'${fold.name}' takes ${floats.join(", ")}, not ${printType(x as TensorType)}`, operands: [0] }),
  evaluate: ([x], attributes, shape, dtype) => {
    const [input, axis] = [x as ReferenceTensor, attributes.axis as number];
    const strides = rowMajor(shape);
    const data = new Float64Array(input.data.length);
    eachIndex(shape, (index, offset) => {
      let total = fold.identity;
      for (let at = 0; at < (shape[axis] as number); at++)
        if (counts(attributes, at, index[axis] as number)) total = fold.merge(total, input.data[offset + (at - (index[axis] as number)) * (strides[axis] as number)] as number);
      data[offset] = total;
    });
    return { dtype, shape, data };
  },
  lower: ({ e, node, box, read }) => {
    const axis = node.attributes.axis as number;
    const range = e.range("r", node.type.shape[axis] as Extent);
    const indices = box.map((each, i) => e.index(i === axis ? range : each));
    const element = read(0, indices);
    const inside = e.apply(relation(node.attributes), e.index(range), e.index(box[axis] as (typeof box)[number]));
    return { body: e.apply("select", inside, element, e.constant(fold.identity, element.dtype)), fold: { monoid: fold.monoid, ranges: [range] } };
  },
  javascriptElement: ({ node, indices, read, loop, local }) => {
    const axis = node.attributes.axis as number;
    const total = local(fold.accumulator);
    const element = read(0, indices.map((index, i) => (i === axis ? loop(0) : index)));
    const step = `if (${loop(0)} ${symbols[relation(node.attributes)]} ${indices[axis]}) ${fold.step(total, element)}`;
    return { kind: "fold", loops: [{ name: loop(0), extent: node.type.shape[axis] as Extent }], accumulator: total, start: String(fold.identity), step, value: total };
  },
});

/** Leading axes, which the window does not slide on. */
const leading = (x: TensorType | ReferenceTensor, attributes: Attributes): number => x.shape.length - (attributes.window as readonly Extent[]).length;

const poolPlaces = (e: Expressions, starts: Parameters<Op["lower"]>[0]["box"], taps: Parameters<Op["lower"]>[0]["box"], extents: readonly Extent[], window: Window): ReturnType<typeof placeIn>[] =>
  starts.map((start, axis) => placeIn(e, start, taps[axis] as (typeof taps)[number], extents[axis] as Extent, window, axis));

const pool = (fold: Running): Op => ({
  ...shared, name: fold.name, summary: fold.summary, onnx: fold.onnx,
  attributes: [{ name: "window", kind: "extents", doc: "lengths of the window along the last axes of x" }, ...windowAttributes],
  constraints: [{ id: "C1", text: "the operand is a float with an axis for each of the window's" }, { id: "C2", text: "stride, dilation and padding have one number for each axis of the window" }, { id: "C3", text: "the window fits into the padded input" }],
  infer: ([type], attributes) => {
    const x = type as TensorType;
    const sizes = attributes.window as readonly Extent[];
    const lead = leading(x, attributes);
    if (!floats.includes(x.dtype) || lead < 0) return { constraint: "C1", message: `'${fold.name}' with a window of ${sizes.length} axes got ${printType(x)}`, operands: [0] };
    const window = windowOf(attributes, sizes.length);
    if (!window) return { constraint: "C2", message: `'${fold.name}': stride, dilation, before and after need ${sizes.length} numbers each`, operands: [0] };
    const lengths = sizes.map((size, axis) => slidLength(x.shape[lead + axis] as Extent, size, window, axis));
    if (!lengths.every((length) => length !== undefined)) return { constraint: "C3", message: `'${fold.name}': the window [${sizes.map(({ key }) => key).join(", ")}] does not fit into ${printType(x)}`, operands: [0] };
    return { dtype: x.dtype, shape: [...x.shape.slice(0, lead), ...lengths] };
  },
  evaluate: ([x], attributes, shape, dtype) => {
    const input = x as ReferenceTensor;
    const lead = leading(input, attributes);
    const sizes = (attributes.window as readonly Extent[]).map(({ key }) => Number(key));
    const window = windowOf(attributes, sizes.length) as Window;
    const strides = rowMajor(input.shape);
    const data = new Float64Array(shape.reduce((all, extent) => all * extent, 1));
    eachIndex(shape, (index, offset) => {
      let total = fold.identity;
      eachIndex(sizes, (tap) => {
        const places = tap.map((at, axis) => placeNumber(index[lead + axis] as number, at, window, axis));
        if (places.every((place, axis) => place >= 0 && place < (input.shape[lead + axis] as number))) total = fold.merge(total, input.data[dot([...index.slice(0, lead), ...places], strides)] as number);
      });
      data[offset] = total;
    });
    return { dtype, shape, data };
  },
  lower: ({ e, node, box, read }) => {
    const x = (node.inputs[0] as { type: TensorType }).type;
    const lead = leading(x, node.attributes);
    const taps = (node.attributes.window as readonly Extent[]).map((size) => e.range("r", size));
    const places = poolPlaces(e, box.slice(lead), taps, x.shape.slice(lead), windowOf(node.attributes, taps.length) as Window);
    const element: Expr = read(0, [...box.slice(0, lead).map((range) => e.index(range)), ...places.map(({ index }) => index)]);
    return { body: chosen(e, places, element, fold.identity), fold: { monoid: fold.monoid, ranges: taps } };
  },
  javascriptElement: ({ node, indices, read, loop, local, extent }) => {
    const x = (node.inputs[0] as { type: TensorType }).type;
    const lead = leading(x, node.attributes);
    const sizes = node.attributes.window as readonly Extent[];
    const window = windowOf(node.attributes, sizes.length) as Window;
    const places = sizes.map((_, axis) => placeText(indices[lead + axis] as string, loop(axis), atom(extent(x.shape[lead + axis] as Extent)), window, axis));
    const total = local(fold.accumulator);
    const tests = places.flatMap(({ test }) => (test === undefined ? [] : [test]));
    const step = fold.step(total, read(0, [...indices.slice(0, lead), ...places.map(({ index }) => index)]));
    return { kind: "fold", loops: sizes.map((size, n) => ({ name: loop(n), extent: size })), accumulator: total, start: String(fold.identity), step: tests.length === 0 ? step : `if (${tests.join(" && ")}) ${step}`, value: total };
  },
});

function cumulativeSumForm(scope: OnnxScope): OnnxValue {
  const { axis, exclusive, reverse } = scope.node.attributes;
  return scope.apply("CumSum", [...scope.operands, scope.constant(axis as number, "i64")], { attributes: { exclusive: integer(exclusive ? 1 : 0), reverse: integer(reverse ? 1 : 0) } });
}

/** Opset 20 has no such operator: a running product, kept from slice to slice. onnxruntime has Scan bodies in f32. */
function cumulativeProductForm(scope: OnnxScope): OnnxValue {
  const { axis, exclusive, reverse } = scope.node.attributes;
  const { shape } = scope.node.type;
  const ones = scope.apply("Expand", [scope.constant(1, "f32"), scope.shape(shape.filter((_, at) => at !== axis))]);
  const body = scope.body(["f32", "f32"], (values) => {
    const product = scope.apply("Mul", values);
    return [product, exclusive ? (values[0] as OnnxValue) : product];
  });
  const place = integers([axis as number]);
  const direction = integers([reverse ? 1 : 0]);
  const attributes = { body, num_scan_inputs: integer(1), scan_input_axes: place, scan_output_axes: place, scan_input_directions: direction, scan_output_directions: direction };
  return castTo(scope, scope.apply("Scan", [ones, castTo(scope, scope.operands[0] as OnnxValue, "f32")], { skip: 1, attributes }), scope.node.type.dtype);
}

/** Pooling with what ONNX has before the axes of the window: a batch, which holds all leading axes, and one channel. */
function poolForm(scope: OnnxScope, slide: (image: OnnxValue, window: Window) => OnnxValue): OnnxValue {
  const x = (scope.node.inputs[0] as { type: TensorType }).type;
  const lead = leading(x, scope.node.attributes);
  if (lead === x.shape.length) return scope.operands[0] as OnnxValue;
  const image = reshapeTo(scope, scope.operands[0] as OnnxValue, [productOfExtents(x.shape.slice(0, lead)), constantExtent(1), ...x.shape.slice(lead)]);
  return reshapeTo(scope, slide(image, windowOf(scope.node.attributes, x.shape.length - lead) as Window), scope.node.type.shape);
}

const sumPoolForm = (scope: OnnxScope): OnnxValue =>
  poolForm(scope, (image, window) => {
    const sizes = scope.node.attributes.window as readonly Extent[];
    const ones = scope.apply("Expand", [scope.constant(1, scope.node.type.dtype), scope.shape([constantExtent(1), constantExtent(1), ...sizes])]);
    return scope.apply("Conv", [image, ones], { attributes: onnxWindow(window) });
  });

/** MaxPool takes less padding than the window is long; more of it is added before. */
const maxPoolForm = (scope: OnnxScope): OnnxValue =>
  poolForm(scope, (image, window) => {
    const sizes = (scope.node.attributes.window as readonly Extent[]).map((size) => extentValue(size) ?? 1);
    const kernel = { kernel_shape: integers(sizes) };
    if (sizes.every((size, axis) => Math.max(window.before[axis] as number, window.after[axis] as number) < size)) return scope.apply("MaxPool", [image], { attributes: { ...kernel, ...onnxWindow(window) } });
    const none = window.before.map(() => 0);
    const pads = scope.constant([0, 0, ...window.before, 0, 0, ...window.after], "i64", [2 * (sizes.length + 2)]);
    const padded = scope.apply("Pad", [image, pads, scope.constant(Number.NEGATIVE_INFINITY, scope.node.type.dtype)]);
    const largest = scope.apply("MaxPool", [padded], { attributes: { ...kernel, ...onnxWindow({ ...window, before: none, after: none }) } });
    // Of a window that is all padding onnxruntime gives the smallest finite number.
    const isAll = scope.apply("LessOrEqual", [largest, scope.constant(-3.4028234663852886e38, scope.node.type.dtype)], { dtype: "bool" });
    return chooseIn(scope, isAll, scope.constant(Number.NEGATIVE_INFINITY, scope.node.type.dtype), largest);
  });

export const runningOps: readonly Op[] = [
  cumulative({ ...sum, name: "cumsum", summary: "sums of the elements up to each one along an axis", onnx: { op: "CumSum", since: 14, build: cumulativeSumForm } }),
  cumulative({ ...product, name: "cumprod", summary: "products of the elements up to each one along an axis", onnx: { op: "Scan of Mul", since: 19, build: cumulativeProductForm } }),
  pool({ ...sum, name: "sum_pool", summary: "sums over a window that slides along the last axes; padding counts as 0", onnx: { op: "Conv with ones", since: 11, build: sumPoolForm } }),
  pool({ ...largest, name: "max_pool", summary: "largest elements of a window that slides along the last axes; padding does not count", onnx: { op: "MaxPool", since: 12, build: maxPoolForm, literals: ({ attributes }) => attributes.window as readonly Extent[] } }),
];
