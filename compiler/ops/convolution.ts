/** Convolution and its transpose over any number of axes, channels first: folds of a product over a window and the channels of a group. */
import type { Expr } from "../folds/expression.ts";
import { addIndex, divideIndex, remainderIndex, scaleIndex } from "../folds/index-arithmetic.ts";
import { addExtents, constantExtent, divideExtents, type Extent, extentValue, multiplyExtents, sameExtent, subtractExtents } from "../ir/extent.ts";
import type { Attributes } from "../ir/node.ts";
import { printType, type TensorType } from "../ir/types.ts";
import { dot, eachIndex } from "./broadcast.ts";
import { type AttributeSpec, floats, type JavaScriptScope, type LowerScope, type Op, type ReferenceTensor, type Violation } from "./define.ts";
import { atom } from "./javascript.ts";
import { rowMajor } from "./movement.ts";
import { integer, integers, type OnnxScope, type OnnxValue, reshapeTo } from "./onnx-form.ts";
import { chosen, masked, onnxWindow, type Place, placeIn, placeNumber, placeText, slidLength, type Window, windowAttributes, windowOf } from "./window.ts";

const groupsAttribute: AttributeSpec = { name: "groups", kind: "integer", doc: "channels are connected within groups of equal size", default: 1 };

const constraints = [
  { id: "C1", text: "both operands have one float dtype and one rank of at least 2" },
  { id: "C2", text: "stride, dilation and padding have one number for each axis of the window" },
  { id: "C3", text: "channels match and are multiples of the number of groups" },
  { id: "C4", text: "the window fits into the padded input" },
];

const extentsOf = (types: readonly TensorType[]): [readonly Extent[], readonly Extent[]] => [(types[0] as TensorType).shape, (types[1] as TensorType).shape];

/** What both directions refuse; `channels`: of x, as the weights have them in all groups together. */
function refusal(name: string, types: readonly TensorType[], attributes: Attributes, channels: (w: readonly Extent[], groups: number) => Extent): Violation | undefined {
  const [x, w] = types as readonly [TensorType, TensorType];
  const groups = attributes.groups as number;
  const shown = `${printType(x)} and ${printType(w)}`;
  if (x.dtype !== w.dtype || !floats.includes(x.dtype) || x.shape.length !== w.shape.length || x.shape.length < 2)
    return { constraint: "C1", message: `'${name}' got ${shown}`, hint: "x is [batch, channels, ...], w has the same rank", operands: [0, 1] };
  if (!windowOf(attributes, x.shape.length - 2))
    return { constraint: "C2", message: `'${name}': stride, dilation, before and after need ${x.shape.length - 2} numbers each for ${printType(x)}`, operands: [0] };
  const matches = groups >= 1 && sameExtent(channels(w.shape, groups), x.shape[1] as Extent);
  const split = (extent: Extent): boolean => groups >= 1 && sameExtent(multiplyExtents(divideExtents(extent, constantExtent(groups)), constantExtent(groups)), extent);
  if (!matches || !split(w.shape[0] as Extent)) return { constraint: "C3", message: `'${name}' of ${shown} with ${groups} groups: channels do not match`, operands: [0, 1], axes: [1, 1] };
  return undefined;
}

function inferConvolution(types: readonly TensorType[], attributes: Attributes): TensorType | Violation {
  const refused = refusal("conv", types, attributes, (w, groups) => multiplyExtents(w[1] as Extent, constantExtent(groups)));
  if (refused) return refused;
  const [x, w] = extentsOf(types);
  const window = windowOf(attributes, x.length - 2) as Window;
  const lengths = x.slice(2).map((extent, axis) => slidLength(extent, w[axis + 2] as Extent, window, axis));
  if (!lengths.every((length) => length !== undefined)) return { constraint: "C4", message: `'conv': the window of ${printType(types[1] as TensorType)} does not fit into ${printType(types[0] as TensorType)}`, operands: [0, 1] };
  return { dtype: (types[0] as TensorType).dtype, shape: [x[0] as Extent, w[0] as Extent, ...lengths] };
}

function inferTransposed(types: readonly TensorType[], attributes: Attributes): TensorType | Violation {
  const refused = refusal("conv_transpose", types, attributes, (w) => w[0] as Extent);
  if (refused) return refused;
  const [x, w] = extentsOf(types);
  const window = windowOf(attributes, x.length - 2) as Window;
  const lengths = x.slice(2).map((extent, axis) => {
    const span = multiplyExtents(constantExtent(window.dilation[axis] as number), subtractExtents(w[axis + 2] as Extent, constantExtent(1)));
    const steps = multiplyExtents(subtractExtents(extent, constantExtent(1)), constantExtent(window.stride[axis] as number));
    const extra = (attributes.extra as readonly number[])[axis] ?? 0;
    return addExtents(addExtents(steps, span), constantExtent(1 + extra - (window.before[axis] as number) - (window.after[axis] as number)));
  });
  if (lengths.some((length) => (extentValue(length) ?? 1) < 1)) return { constraint: "C4", message: `'conv_transpose' of ${printType(types[0] as TensorType)}: nothing is left between the paddings`, operands: [0, 1] };
  return { dtype: (types[0] as TensorType).dtype, shape: [x[0] as Extent, multiplyExtents(w[1] as Extent, constantExtent(attributes.groups as number)), ...lengths] };
}

const windowIn = (scope: Pick<LowerScope, "node">): Window => windowOf(scope.node.attributes, scope.node.type.shape.length - 2) as Window;

function lowerConvolution(scope: LowerScope): ReturnType<Op["lower"]> {
  const { e, node, box, read } = scope;
  const [x, w] = extentsOf(node.inputs.map((input) => input.type));
  const [batch, output, ...starts] = box as [LowerScope["box"][number], LowerScope["box"][number], ...LowerScope["box"][number][]];
  const channel = e.range("c", w[1] as Extent);
  const taps = w.slice(2).map((size) => e.range("r", size));
  const places = starts.map((start, axis) => placeIn(e, start, taps[axis] as (typeof taps)[number], x[axis + 2] as Extent, windowIn(scope), axis));
  const perGroup = divideExtents(w[0] as Extent, constantExtent(node.attributes.groups as number));
  const group = node.attributes.groups === 1 ? e.constant(0, "i32") : divideIndex(e, e.index(output), perGroup);
  const from = addIndex(e, scaleIndex(e, group, w[1] as Extent), e.index(channel));
  const value = chosen(e, places, read(0, [e.index(batch), from, ...places.map(({ index }) => index)]), 0);
  return { body: e.apply("mul", value, read(1, [e.index(output), e.index(channel), ...taps.map((tap) => e.index(tap))])), fold: { monoid: "sum", ranges: [channel, ...taps] } };
}

function lowerTransposed(scope: LowerScope): ReturnType<Op["lower"]> {
  const { e, node, box, read } = scope;
  const [x, w] = extentsOf(node.inputs.map((input) => input.type));
  const window = windowIn(scope);
  const groups = node.attributes.groups as number;
  const [batch, output, ...ends] = box as [LowerScope["box"][number], LowerScope["box"][number], ...LowerScope["box"][number][]];
  const perGroup = divideExtents(w[0] as Extent, constantExtent(groups));
  const channel = e.range("c", perGroup);
  const taps = w.slice(2).map((size) => e.range("r", size));
  const places = ends.map((end, axis): Place => {
    const stride = e.constant(window.stride[axis] as number, "i32");
    const back = scaleIndex(e, e.index(taps[axis] as (typeof taps)[number]), constantExtent(-(window.dilation[axis] as number)));
    const at = addIndex(e, addIndex(e, e.index(end), e.constant(window.before[axis] as number, "i32")), back);
    const natural = e.apply("max", at, e.constant(0, "i32"));
    const { index, inside } = masked(e, e.apply("div", natural, stride), x[axis + 2] as Extent);
    const meets = e.apply("and", e.apply("ge", at, e.constant(0, "i32")), e.apply("eq", e.apply("rem", natural, stride), e.constant(0, "i32")));
    return { index, inside: inside ? e.apply("and", meets, inside) : meets };
  });
  const group: Expr = groups === 1 ? e.constant(0, "i32") : divideIndex(e, e.index(output), w[1] as Extent);
  const within = groups === 1 ? e.index(output) : remainderIndex(e, e.index(output), w[1] as Extent);
  const from = addIndex(e, scaleIndex(e, group, perGroup), e.index(channel));
  const value = chosen(e, places, read(0, [e.index(batch), from, ...places.map(({ index }) => index)]), 0);
  return { body: e.apply("mul", value, read(1, [from, within, ...taps.map((tap) => e.index(tap))])), fold: { monoid: "sum", ranges: [channel, ...taps] } };
}

function evaluateConvolution(inputs: readonly ReferenceTensor[], attributes: Attributes, shape: readonly number[], dtype: ReferenceTensor["dtype"]): ReferenceTensor {
  const [x, w] = inputs as readonly [ReferenceTensor, ReferenceTensor];
  const window = windowOf(attributes, shape.length - 2) as Window;
  const [xStrides, wStrides] = [rowMajor(x.shape), rowMajor(w.shape)];
  const perGroup = (w.shape[0] as number) / (attributes.groups as number);
  const data = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
  eachIndex(shape, (index, offset) => {
    const [batch, output, ...starts] = index as readonly [number, number, ...number[]];
    let sum = 0;
    eachIndex(w.shape.slice(1), (tap) => {
      const places = starts.map((start, axis) => placeNumber(start, tap[axis + 1] as number, window, axis));
      if (places.some((place, axis) => place < 0 || place >= (x.shape[axis + 2] as number))) return;
      const channel = Math.floor(output / perGroup) * (w.shape[1] as number) + (tap[0] as number);
      sum += (x.data[dot([batch, channel, ...places], xStrides)] as number) * (w.data[dot([output, ...tap], wStrides)] as number);
    });
    data[offset] = sum;
  });
  return { dtype, shape, data };
}

/** Each element of x adds its multiple of the window to the result. */
function evaluateTransposed(inputs: readonly ReferenceTensor[], attributes: Attributes, shape: readonly number[], dtype: ReferenceTensor["dtype"]): ReferenceTensor {
  const [x, w] = inputs as readonly [ReferenceTensor, ReferenceTensor];
  const window = windowOf(attributes, shape.length - 2) as Window;
  const [strides, wStrides] = [rowMajor(shape), rowMajor(w.shape)];
  const perGroup = (w.shape[0] as number) / (attributes.groups as number);
  const data = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
  eachIndex(x.shape, (index, offset) => {
    const [batch, channel, ...starts] = index as readonly [number, number, ...number[]];
    eachIndex(w.shape.slice(1), (tap) => {
      const places = starts.map((start, axis) => placeNumber(start, tap[axis + 1] as number, window, axis));
      if (places.some((place, axis) => place < 0 || place >= (shape[axis + 2] as number))) return;
      const output = Math.floor(channel / perGroup) * (w.shape[1] as number) + (tap[0] as number);
      const at = dot([batch, output, ...places], strides);
      data[at] = (data[at] as number) + (x.data[offset] as number) * (w.data[dot([channel, ...tap], wStrides)] as number);
    });
  });
  return { dtype, shape, data };
}

function convolutionElement(scope: JavaScriptScope): ReturnType<Op["javascriptElement"]> {
  const { node, indices, read, loop, local, extent } = scope;
  const [x, w] = extentsOf(node.inputs.map((input) => input.type));
  const [batch, output, ...starts] = indices as readonly [string, string, ...string[]];
  const loops = w.slice(1).map((size, n) => ({ name: loop(n), extent: size }));
  const places = starts.map((start, axis) => placeText(start, loop(axis + 1), atom(extent(x[axis + 2] as Extent)), windowIn(scope), axis));
  const groups = node.attributes.groups as number;
  const channel = groups === 1 ? loop(0) : `Math.floor(${output} / ${atom(extent(divideExtents(w[0] as Extent, constantExtent(groups))))}) * ${atom(extent(w[1] as Extent))} + ${loop(0)}`;
  const sum = local("sum");
  const tests = places.flatMap(({ test }) => (test === undefined ? [] : [test]));
  const step = `${sum} += ${read(0, [batch, channel, ...places.map(({ index }) => index)])} * ${read(1, [output, ...loops.map(({ name }) => name)])}`;
  return { kind: "fold", loops, accumulator: sum, start: "0", step: tests.length === 0 ? step : `if (${tests.join(" && ")}) ${step}`, value: sum };
}

/** Gathers what `evaluateTransposed` scatters; channels and places of x are folded in its order, so the sums are the same. */
function transposedElement(scope: JavaScriptScope): ReturnType<Op["javascriptElement"]> {
  const { node, indices, read, loop, local, extent } = scope;
  const [x, w] = extentsOf(node.inputs.map((input) => input.type));
  const window = windowIn(scope);
  const [batch, output, ...ends] = indices as readonly [string, string, ...string[]];
  const groups = node.attributes.groups as number;
  const perGroup = divideExtents(w[0] as Extent, constantExtent(groups));
  const loops = [perGroup, ...x.slice(2)].map((size, n) => ({ name: loop(n), extent: size }));
  const width = atom(extent(w[1] as Extent));
  const channel = groups === 1 ? loop(0) : `Math.floor(${output} / ${width}) * ${atom(extent(perGroup))} + ${loop(0)}`;
  const taps = ends.map((end, axis) => {
    const dilation = window.dilation[axis] as number;
    const reach = `${end} + ${window.before[axis]} - ${loop(axis + 1)} * ${window.stride[axis]}`;
    const tap = dilation === 1 ? reach : `(${reach}) / ${dilation}`;
    const size = atom(extent(multiplyExtents(w[axis + 2] as Extent, constantExtent(dilation))));
    return { tap, test: `${reach} >= 0 && ${reach} < ${size}${dilation === 1 ? "" : ` && (${reach}) % ${dilation} === 0`}` };
  });
  const sum = local("sum");
  const step = `${sum} += ${read(0, [batch, channel, ...loops.slice(1).map(({ name }) => name)])} * ${read(1, [channel, groups === 1 ? output : `${output} % ${width}`, ...taps.map(({ tap }) => tap)])}`;
  return { kind: "fold", loops, accumulator: sum, start: "0", step: taps.length === 0 ? step : `if (${taps.map(({ test }) => test).join(" && ")}) ${step}`, value: sum };
}

/** ONNX wants an axis for the window to slide on; without one there is a window of one element. */
function slidingForm(scope: OnnxScope, operator: "Conv" | "ConvTranspose", extra: readonly number[] = []): OnnxValue {
  const group = integer(scope.node.attributes.groups as number);
  if (scope.node.type.shape.length === 2) {
    const longer = scope.operands.map((operand) => scope.apply("Unsqueeze", [operand, scope.constant([2], "i64", [1])]));
    return reshapeTo(scope, scope.apply(operator, longer, { attributes: { group } }), scope.node.type.shape);
  }
  const padding = extra.some((count) => count > 0) ? { output_padding: integers(extra) } : {};
  return scope.apply(operator, scope.operands, { attributes: { ...onnxWindow(windowIn(scope)), ...padding, group } });
}

/** ONNX adds fewer elements than a step at the end by itself; more are padding of the whole result, taken off before and put on after. */
function transposedForm(scope: OnnxScope): OnnxValue {
  const { shape } = scope.node.type;
  const window = windowIn(scope);
  const extra = shape.slice(2).map((_, axis) => (scope.node.attributes.extra as readonly number[])[axis] ?? 0);
  if (extra.every((count, axis) => count < Math.max(window.stride[axis] as number, window.dilation[axis] as number))) return slidingForm(scope, "ConvTranspose", extra);
  const none = extra.map(() => 0);
  const whole = scope.apply("ConvTranspose", scope.operands, { attributes: { ...onnxWindow({ ...window, before: none, after: none }), group: integer(scope.node.attributes.groups as number) } });
  // Negative padding cuts off.
  const ends = extra.map((count, axis) => count - (window.after[axis] as number));
  return scope.apply("Pad", [whole, scope.constant([0, 0, ...window.before.map((count) => -count), 0, 0, ...ends], "i64", [2 * shape.length])]);
}

const shared = { family: "contraction" as const, operands: [{ name: "x", dtypes: floats }, { name: "w", dtypes: floats }], constraints, tolerance: { ulp: 4 }, samples: [], source: "" };

export const convolutionOps: readonly Op[] = [
  {
    ...shared, name: "conv", summary: "convolution (cross-correlation): x [batch, channels, ...] with w [outputs, channels / groups, window ...]",
    attributes: [...windowAttributes, groupsAttribute], infer: inferConvolution, evaluate: evaluateConvolution, lower: lowerConvolution, javascriptElement: convolutionElement, onnx: { op: "Conv", since: 11, build: (scope) => slidingForm(scope, "Conv") },
  },
  {
    ...shared, name: "conv_transpose", summary: "transposed convolution: x [batch, channels, ...] with w [channels, outputs / groups, window ...]; each element of x adds a multiple of the window",
    attributes: [...windowAttributes, { name: "extra", kind: "integers", doc: "elements added at the end of each axis of the result; 0 when left out", default: [] }, groupsAttribute],
    infer: inferTransposed, evaluate: evaluateTransposed, lower: lowerTransposed, javascriptElement: transposedElement, onnx: { op: "ConvTranspose", since: 11, build: transposedForm },
  },
];
