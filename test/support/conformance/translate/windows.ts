/** Convolution and pooling of the suites, as programs. Everything is brought to channels first; transposes cost no kernel. */
import { type Draft, list, listed, literal, type Step } from "../draft.ts";
import type { Translate, Translations, View } from "../view.ts";
import { activate } from "./activate.ts";

interface Geometry {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const lastToFirst = (rank: number): number[] => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
const firstToLast = (rank: number): number[] => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];

const reach = (size: number, dilation: number): number => (size - 1) * dilation + 1;

/** Padding that keeps ceil(length / stride) elements; the odd one at the end, or at the start for `lower`. */
function same(length: number, size: number, stride: number, dilation: number, lower: boolean): [number, number] {
  const total = Math.max(0, (Math.ceil(length / stride) - 1) * stride + reach(size, dilation) - length);
  const less = Math.floor(total / 2);
  return lower ? [total - less, less] : [less, total - less];
}

/** Explicit numbers, or what `same` and `valid` mean for these lengths. */
function geometry(spatial: readonly number[], kernel: readonly number[], stride: readonly number[], dilation: readonly number[], pads: "same" | "same_lower" | "valid" | { readonly before: readonly number[]; readonly after: readonly number[] }): Geometry {
  if (typeof pads === "object") return { stride, dilation, ...pads };
  const pairs = spatial.map((length, axis): [number, number] => (pads === "valid" ? [0, 0] : same(length, kernel[axis] ?? 1, stride[axis] ?? 1, dilation[axis] ?? 1, pads === "same_lower")));
  return { stride, dilation, before: pairs.map(([before]) => before), after: pairs.map(([, after]) => after) };
}

const slid = (length: number, size: number, { stride, dilation, before, after }: Geometry, axis: number): number =>
  Math.floor((length + (before[axis] ?? 0) + (after[axis] ?? 0) - reach(size, dilation[axis] ?? 1)) / (stride[axis] ?? 1)) + 1;

const options = ({ stride, dilation, before, after }: Geometry): string => `stride = ${list(stride)}, dilation = ${list(dilation)}, before = ${list(before)}, after = ${list(after)}`;

function conv(draft: Draft, x: Step, w: Step, window: Geometry, groups: number): Step {
  const lengths = x.shape.slice(2).map((length, axis) => slid(length, w.shape[axis + 2] ?? 1, window, axis));
  return draft.let(`conv(${x.text}, ${w.text}, ${options(window)}, groups = ${groups})`, [x.shape[0] ?? 1, w.shape[0] ?? 1, ...lengths]);
}

/** Transposed convolution to given lengths: what is longer than the full result is cut off or added at the end. */
function convTranspose(draft: Draft, x: Step, w: Step, stride: readonly number[], dilation: readonly number[], before: readonly number[], lengths: readonly number[], groups: number): Step {
  const surplus = lengths.map((length, axis) => ((x.shape[axis + 2] ?? 1) - 1) * (stride[axis] ?? 1) + reach(w.shape[axis + 2] ?? 1, dilation[axis] ?? 1) - (before[axis] ?? 0) - length);
  const after = surplus.map((count) => Math.max(0, count));
  const extra = surplus.map((count) => Math.max(0, -count));
  return draft.let(`conv_transpose(${x.text}, ${w.text}, ${options({ stride, dilation, before, after })}, extra = ${list(extra)}, groups = ${groups})`, [x.shape[0] ?? 1, (w.shape[1] ?? 1) * groups, ...lengths]);
}

const perChannel = (draft: Draft, bias: Step, rank: number): Step => (bias.shape.length === 1 ? draft.reshape(bias, [bias.shape[0] ?? 1, ...new Array<number>(rank - 2).fill(1)]) : bias);

const withBias = (draft: Draft, y: Step, bias: Step | undefined): Step => (bias ? draft.add(y, perChannel(draft, bias, y.shape.length)) : y);

function onnxPads(view: View, spatial: readonly number[]): Parameters<typeof geometry>[4] {
  const auto = view.text("auto_pad", "NOTSET");
  if (auto === "SAME_UPPER") return "same";
  if (auto === "SAME_LOWER") return "same_lower";
  if (auto === "VALID") return "valid";
  const pads = view.numbers("pads") ?? spatial.flatMap(() => [0, 0]);
  return { before: pads.slice(0, spatial.length), after: pads.slice(spatial.length) };
}

const onnxConv: Translate = (view) => {
  const { draft } = view;
  const [x, w] = [view.in(0), view.in(1)];
  const n = x.shape.length - 2;
  const spatial = x.shape.slice(2);
  const window = geometry(spatial, w.shape.slice(2), view.each("strides", n, 1), view.each("dilations", n, 1), onnxPads(view, spatial));
  return withBias(draft, conv(draft, x, w, window, view.number("group", 1)), view.optional(2));
};

const onnxConvTranspose: Translate = (view) => {
  const { draft } = view;
  const [x, w] = [view.in(0), view.in(1)];
  const n = x.shape.length - 2;
  const [stride, dilation] = [view.each("strides", n, 1), view.each("dilations", n, 1)];
  const lengths = view.outputShape.slice(2);
  const full = lengths.map((_, axis) => ((x.shape[axis + 2] ?? 1) - 1) * (stride[axis] ?? 1) + reach(w.shape[axis + 2] ?? 1, dilation[axis] ?? 1) + (view.numbers("output_padding")?.[axis] ?? 0));
  const automatic = view.text("auto_pad", "NOTSET") !== "NOTSET" || view.numbers("output_shape") !== undefined;
  const before = automatic ? full.map((length, axis) => Math.floor(Math.max(0, length - (lengths[axis] ?? 0)) / 2)) : (view.numbers("pads") ?? lengths.map(() => 0)).slice(0, n);
  return withBias(draft, convTranspose(draft, x, w, stride, dilation, before, lengths, view.number("group", 1)), view.optional(2));
};

/** A convolution that sees the past only, with what came before as its padding; also the new past. */
const causalConv: Translate = (view) => {
  const { draft } = view;
  const [x, w] = [view.in("input"), view.in("weight")];
  const past = (w.shape[2] ?? 1) - 1;
  const state = view.optional("past_state");
  const long = state ? draft.concat([state, x], 2) : draft.pad("pad", x, [0, 0, past], [0, 0, 0], 0);
  const y = withBias(draft, conv(draft, long, w, { stride: [1], dilation: [1], before: [0], after: [0] }, (x.shape[1] ?? 1) / (w.shape[1] ?? 1)), view.optional("bias"));
  const activation = view.text("activation", "none");
  const active = activation === "silu" || activation === "swish" ? draft.map("silu", y) : y;
  const length = long.shape[2] ?? 1;
  return [active, draft.slice(long, [0, 0, length - past], [...long.shape.slice(0, 2), length])].slice(0, view.case.outputs.length);
};

/** The order that brings a layout such as `hwio` to `target`. */
const toLayout = (layout: string, target: string): number[] => [...target].map((letter) => layout.indexOf(letter));

const webnnConv: Translate = (view) => {
  const { draft } = view;
  const last = view.text("inputLayout", "nchw") === "nhwc";
  const x = last ? draft.transpose(view.in("input"), lastToFirst(4)) : view.in("input");
  const w = draft.transpose(view.in("filter"), toLayout(view.text("filterLayout", "oihw"), "oihw"));
  const [top, bottom, left, right] = view.numbers("padding") ?? [0, 0, 0, 0];
  const window: Geometry = { stride: view.each("strides", 2, 1), dilation: view.each("dilations", 2, 1), before: [top ?? 0, left ?? 0], after: [bottom ?? 0, right ?? 0] };
  const y = withBias(draft, conv(draft, x, w, window, view.number("groups", 1)), view.optional("bias"));
  return last ? draft.transpose(y, firstToLast(4)) : y;
};

const webnnConvTranspose: Translate = (view) => {
  const { draft } = view;
  const last = view.text("inputLayout", "nchw") === "nhwc";
  const x = last ? draft.transpose(view.in("input"), lastToFirst(4)) : view.in("input");
  const w = draft.transpose(view.in("filter"), toLayout(view.text("filterLayout", "iohw"), "iohw"));
  const [top, , left] = view.numbers("padding") ?? [0, 0, 0, 0];
  const lengths = last ? view.outputShape.slice(1, 3) : view.outputShape.slice(2);
  const y = withBias(draft, convTranspose(draft, x, w, view.each("strides", 2, 1), view.each("dilations", 2, 1), [top ?? 0, left ?? 0], lengths, view.number("groups", 1)), view.optional("bias"));
  return last ? draft.transpose(y, firstToLast(4)) : y;
};

/** Padding as TensorFlow.js has it: a word, a number, or pairs for every axis of the layout. */
function tfjsPads(view: View, n: number, first: boolean): Parameters<typeof geometry>[4] {
  const given = view.attribute("pad") ?? view.attribute("padding");
  if (given === "same" || given === "valid") return given;
  if (Array.isArray(given)) {
    const pairs = (given as readonly (readonly [number, number])[]).slice(first ? 2 : 1, (first ? 2 : 1) + n);
    return { before: pairs.map(([before]) => before), after: pairs.map(([, after]) => after) };
  }
  const each = new Array<number>(n).fill(Number(given ?? 0));
  return { before: each, after: each };
}

/** x with a batch axis and channels first, and the way back. */
function channelsFirst(view: View, n: number): { readonly x: Step; readonly first: boolean; readonly back: (y: Step) => Step } {
  const { draft } = view;
  const given = view.in(0);
  const single = given.shape.length === n + 1;
  const batched = single ? draft.reshape(given, [1, ...given.shape]) : given;
  const format = view.text("dataFormat", view.text("data_format", "channels_last"));
  const first = format.startsWith("NC") || format === "channels_first";
  const x = first ? batched : draft.transpose(batched, lastToFirst(n + 2));
  const back = (y: Step): Step => {
    const turned = first ? y : draft.transpose(y, firstToLast(n + 2));
    return single ? draft.reshape(turned, turned.shape.slice(1)) : turned;
  };
  return { x, first, back };
}

/** Filters of TensorFlow.js have their two channel axes last: `[..., in, out]`. */
const filterFirst = (draft: Draft, filter: Step): Step => {
  const n = filter.shape.length - 2;
  return draft.transpose(filter, [n + 1, n, ...Array.from({ length: n }, (_, i) => i)]);
};

/** `[..., in, multiplier]` as one filter for each of in * multiplier groups. */
const depthwiseFilter = (draft: Draft, filter: Step): Step => {
  const [h, w, channels, multiplier] = filter.shape as [number, number, number, number];
  return draft.reshape(draft.transpose(filter, [2, 3, 0, 1]), [channels * multiplier, 1, h, w]);
};

const tfjsConv = (n: number, kind: "full" | "depthwise" | "separable"): Translate => (view) => {
  const { draft } = view;
  const { x, first, back } = channelsFirst(view, n);
  const filter = view.in(1);
  const w = kind === "full" ? filterFirst(draft, filter) : depthwiseFilter(draft, filter);
  const stride = view.numbers("strides") ? view.each("strides", n, 1) : view.each("stride", n, 1);
  const dilation = view.numbers("dilations") ? view.each("dilations", n, 1) : view.each("dilation", n, 1);
  const window = geometry(x.shape.slice(2), w.shape.slice(2), stride, dilation, tfjsPads(view, n, first));
  let y = conv(draft, x, w, window, kind === "full" ? (x.shape[1] ?? 1) / (w.shape[1] ?? 1) : (x.shape[1] ?? 1));
  if (kind === "separable") y = conv(draft, y, filterFirst(draft, view.in(2)), { stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] }, 1);
  y = withBias(draft, y, view.optional("bias"));
  const slope = view.optional("prelu weights");
  return back(activate(view, y, slope && slopeFirst(draft, slope, n, first)));
};

/** The slopes of PReLU: one for each channel, or a tensor in the layout of the result. */
function slopeFirst(draft: Draft, slope: Step, n: number, first: boolean): Step {
  if (slope.shape.length === 1) return perChannel(draft, slope, n + 2);
  const wide = draft.reshape(slope, [...new Array<number>(Math.max(0, n + 2 - slope.shape.length)).fill(1), ...slope.shape]);
  return first ? wide : draft.transpose(wide, lastToFirst(n + 2));
}

const tfjsConvTranspose = (n: number): Translate => (view) => {
  const { draft } = view;
  const { x, first, back } = channelsFirst(view, n);
  const filter = view.in(1);
  // [..., out, in]: the filter of the convolution whose gradient this is.
  const w = filterFirst(draft, filter);
  const stride = view.each("strides", n, 1);
  const asked = view.numbers("outputShape") ?? [];
  const lengths = asked.slice(asked.length - n - 1, -1);
  const ones = new Array<number>(n).fill(1);
  const window = geometry(lengths, w.shape.slice(2), stride, ones, tfjsPads(view, n, first));
  return back(convTranspose(draft, x, w, stride, ones, window.before, lengths, 1));
};

const jaxConv: Translate = (view) => {
  const { draft } = view;
  const [x, w] = [view.in(0), view.in(1)];
  const n = x.shape.length - 2;
  const pads = view.attribute("padding");
  const word = pads === "VALID" ? "valid" : pads === "SAME" ? "same" : pads === "SAME_LOWER" ? "same_lower" : listed("padding of this form");
  return conv(draft, x, w, geometry(x.shape.slice(2), w.shape.slice(2), view.each("window_strides", n, 1), new Array<number>(n).fill(1), word), 1);
};

interface Pool {
  readonly kind: "max" | "average" | "power";
  readonly window: readonly number[];
  readonly geometry: Geometry;
  readonly roundUp: boolean;
  /** Average: padding counts as elements. */
  readonly countsPadding: boolean;
  readonly power: number;
  /** Lengths of the result where they are given. */
  readonly lengths?: readonly number[];
}

/** x is [batch, channels, ...]. A window may reach beyond the end when lengths are rounded up: those elements never count. */
function pooled(draft: Draft, given: Step, options_: Pool): Step {
  const { window, geometry: around, countsPadding } = options_;
  const zeros = window.map(() => 0);
  const isPadded = countsPadding && [...around.before, ...around.after].some((count) => count > 0);
  const x = isPadded ? draft.pad("pad", given, [0, 0, ...around.before], [0, 0, ...around.after], 0) : given;
  const { stride, dilation } = around;
  const [before, after] = isPadded ? [zeros, zeros] : [around.before, around.after];
  const end = window.map((size, axis) => {
    const length = x.shape[axis + 2] ?? 1;
    const [low, high, step] = [before[axis] ?? 0, after[axis] ?? 0, stride[axis] ?? 1];
    const room = (length + low + high - reach(size, dilation[axis] ?? 1)) / step;
    let count = (options_.roundUp ? Math.ceil(room) : Math.floor(room)) + 1;
    if (options_.roundUp && (count - 1) * step >= length + low) count--;
    const wanted = options_.lengths?.[axis] ?? count;
    return { count: wanted, after: Math.max(0, (wanted - 1) * step + reach(size, dilation[axis] ?? 1) - length - low) };
  });
  const shape = [...x.shape.slice(0, 2), ...end.map(({ count }) => count)];
  const slide = `${list(window)}, stride = ${list(stride)}, dilation = ${list(dilation)}, before = ${list(before)}, after = ${list(end.map((each) => each.after))}`;
  const fold = (name: string, what: Step): Step => draft.let(`${name}(${what.text}, ${slide})`, shape);
  if (options_.kind === "max") return fold("max_pool", x);
  if (options_.kind === "power") {
    const { power } = options_;
    if (power === 2) return draft.map("sqrt", fold("sum_pool", draft.mul(x, x)));
    return draft.let(`${fold("sum_pool", draft.let(`abs(${x.text}) ** ${power}`, x.shape)).text} ** ${literal(1 / power)}`, shape);
  }
  // A window of padding alone has the average 0.
  return draft.let(`${fold("sum_pool", x).text} / maximum(${fold("sum_pool", draft.expand(draft.number(1), x.shape)).text}, 1)`, shape);
}

const onnxPool = (kind: Pool["kind"]): Translate => (view) => {
  if (view.case.outputs.length > 1) return listed("positions of the largest elements as a second output");
  const x = view.in(0);
  const n = x.shape.length - 2;
  const window = view.numbers("kernel_shape") ?? x.shape.slice(2);
  const around = geometry(x.shape.slice(2), window, view.each("strides", n, 1), view.each("dilations", n, 1), onnxPads(view, x.shape.slice(2)));
  return pooled(view.draft, x, { kind, window, geometry: around, roundUp: view.flag("ceil_mode"), countsPadding: view.flag("count_include_pad"), power: view.number("p", 2) });
};

const webnnPool = (kind: Pool["kind"]): Translate => (view) => {
  const { draft } = view;
  const last = view.text("layout", "nchw") === "nhwc";
  const x = last ? draft.transpose(view.in(0), lastToFirst(4)) : view.in(0);
  const window = view.numbers("windowDimensions") ?? x.shape.slice(2);
  const [top, bottom, left, right] = view.numbers("padding") ?? [0, 0, 0, 0];
  const around: Geometry = { stride: view.each("strides", 2, 1), dilation: view.each("dilations", 2, 1), before: [top ?? 0, left ?? 0], after: [bottom ?? 0, right ?? 0] };
  const lengths = view.numbers("outputSizes");
  const y = pooled(draft, x, { kind, window, geometry: around, roundUp: view.text("roundingType", "floor") === "ceil", countsPadding: false, power: 2, ...(lengths ? { lengths } : {}) });
  return last ? draft.transpose(y, firstToLast(4)) : y;
};

const tfjsPool = (n: number, kind: (view: View) => Pool["kind"], size: string): Translate => (view) => {
  const { x, first, back } = channelsFirst(view, n);
  const window = view.each(size, n, 1);
  const around = geometry(x.shape.slice(2), window, view.each("strides", n, size === "windowShape" ? 1 : (window[0] ?? 1)), view.each("dilations", n, 1), tfjsPads(view, n, first));
  return back(pooled(view.draft, x, { kind: kind(view), window, geometry: around, roundUp: view.text("dimRoundingMode", "floor") === "ceil", countsPadding: false, power: 2 }));
};

export const windowTranslations: Translations = {
  "ai.onnx:Conv": onnxConv,
  "ai.onnx:ConvTranspose": onnxConvTranspose,
  "ai.onnx:CausalConvWithState": causalConv,
  "webnn:conv2d": webnnConv,
  "webnn:convTranspose2d": webnnConvTranspose,
  "tfjs:tf.conv1d": tfjsConv(1, "full"),
  "tfjs:tf.conv2d": tfjsConv(2, "full"),
  "tfjs:tf.conv3d": tfjsConv(3, "full"),
  "tfjs:tf.fusedConv2d": tfjsConv(2, "full"),
  "tfjs:tf.depthwiseConv2d": tfjsConv(2, "depthwise"),
  "tfjs:tf.fusedDepthwiseConv2d": tfjsConv(2, "depthwise"),
  "tfjs:tf.separableConv2d": tfjsConv(2, "separable"),
  "tfjs:tf.conv2dTranspose": tfjsConvTranspose(2),
  "tfjs:tf.conv3dTranspose": tfjsConvTranspose(3),
  "jax:jax.lax.conv_general_dilated": jaxConv,
  "ai.onnx:AveragePool": onnxPool("average"),
  "ai.onnx:MaxPool": onnxPool("max"),
  "ai.onnx:LpPool": onnxPool("power"),
  "ai.onnx:GlobalAveragePool": (view) => view.draft.reduce("mean", view.in(0), view.draft.all(view.in(0)).slice(2), true),
  "webnn:averagePool2d": webnnPool("average"),
  "webnn:maxPool2d": webnnPool("max"),
  "webnn:l2Pool2d": webnnPool("power"),
  "tfjs:tf.avgPool": tfjsPool(2, () => "average", "filterSize"),
  "tfjs:tf.maxPool": tfjsPool(2, () => "max", "filterSize"),
  "tfjs:tf.avgPool3d": tfjsPool(3, () => "average", "filterSize"),
  "tfjs:tf.maxPool3d": tfjsPool(3, () => "max", "filterSize"),
  "tfjs:tf.pool": tfjsPool(2, (view) => (view.text("poolingType", "max") === "max" ? "max" : "average"), "windowShape"),
  ...Object.fromEntries([1, 2, 3].map((n) => [`keras-layers:AveragePooling${n}D`, tfjsPool(n, () => "average", "pool_size")])),
};
