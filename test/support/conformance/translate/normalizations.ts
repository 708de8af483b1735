/** Softmax and the normalizations of the suites, as programs: library functions where the layout is theirs, else written out. */
import { type Draft, listed, type Step } from "../draft.ts";
import type { Translate, Translations, View } from "../view.ts";

const negative = (axis: number, rank: number): number => (axis < 0 ? axis : axis - rank);

/** Opsets before 13 flatten to rows: the axes from the given one on are one. */
function flattened(view: View, x: Step): { readonly x: Step; readonly axes: readonly number[] } {
  const axis = view.numbers("axis") ?? view.numbers("dim");
  const old = view.case.domain === "ai.onnx" && (view.case.opset ?? 99) < 13;
  const fallback = old ? [1] : [-1];
  const axes = axis ?? fallback;
  const first = axes[0] ?? -1;
  if (!old || first === -1 || first === x.shape.length - 1) return { x, axes };
  const from = first < 0 ? first + x.shape.length : first;
  const rows = x.shape.slice(0, from).reduce((a, b) => a * b, 1);
  return { x: view.draft.reshape(x, [rows, x.shape.reduce((a, b) => a * b, 1) / rows]), axes: [1] };
}

/** A function along one axis; several axes become one first. */
function alongAxes(draft: Draft, x: Step, axes: readonly number[], apply: (x: Step, axis: number) => Step): Step {
  const rank = x.shape.length;
  const folded = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  if (folded.length === 1) return apply(x, folded[0] ?? 0);
  const order = [...draft.all(x).filter((axis) => !folded.includes(axis)), ...folded];
  const moved = draft.transpose(x, order);
  const rows = order.length - folded.length;
  const flat = draft.reshape(moved, [...moved.shape.slice(0, rows), moved.shape.slice(rows).reduce((a, b) => a * b, 1)]);
  const back = draft.reshape(apply(flat, rows), moved.shape);
  return draft.transpose(back, order.map((_, axis) => order.indexOf(axis)));
}

const softmax = (name: string): Translate => (view) => {
  const { draft } = view;
  const given = view.in(0);
  const { x, axes } = flattened(view, given);
  const result = alongAxes(draft, x, axes, (row, axis) => draft.map(name, row, [`axis = ${axis}`]));
  return draft.reshape(result, given.shape);
};

const maskedSoftmax: Translate = (view) => {
  const { draft } = view;
  const mask = view.optional("mask");
  const x = view.in(0);
  const scores = mask ? draft.where(draft.cast(mask, "bool"), x, draft.number(-1e9)) : x;
  return alongAxes(draft, scores, view.numbers("axis") ?? [-1], (row, axis) => draft.map("softmax", row, [`axis = ${axis}`]));
};

/** 1 at the first largest element of each row. */
const hardmax: Translate = (view) => {
  const { draft } = view;
  const given = view.in(0);
  const { x, axes } = flattened(view, given);
  const axis = axes[0] ?? -1;
  const place = draft.let(`argmax(${x.text}, axis = ${axis}, keep = true)`, x.shape.map((extent, at) => (at === (axis < 0 ? axis + x.shape.length : axis) ? 1 : extent)), "i32");
  return draft.reshape(draft.let(`cast(position(${x.text}, axis = ${axis}) == ${place.text}, f32)`, x.shape), given.shape);
};

/** (x - mean) * rsqrt(variance + eps) over axes, with the mean and the inverse deviation. */
function centred(draft: Draft, x: Step, axes: readonly number[], eps: number): { readonly y: Step; readonly mean: Step; readonly inverse: Step } {
  const mean = draft.reduce("mean", x, axes, true);
  const variance = axes.length === 0 ? draft.let(`${x.text} * 0`, x.shape) : draft.reduce("variance", x, axes, true);
  const inverse = draft.let(`rsqrt(${variance.text} + ${eps})`, variance.shape);
  return { y: draft.mul(draft.join("-", x, mean), inverse), mean, inverse };
}

const scaled = (draft: Draft, y: Step, gain: Step | undefined, bias: Step | undefined): Step => {
  const multiplied = gain ? draft.mul(y, gain) : y;
  return bias ? draft.add(multiplied, bias) : multiplied;
};

const from = (axis: number, rank: number): number[] => Array.from({ length: rank - (axis < 0 ? axis + rank : axis) }, (_, i) => (axis < 0 ? axis + rank : axis) + i);

const onnxLayerNorm: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const axis = view.number("axis", -1);
  const [gain, bias] = [view.optional(1), view.optional(2)];
  const outputs = view.case.outputs.length;
  if (negative(axis, x.shape.length) === -1 && outputs === 1 && gain) return draft.map("layer_norm", x, [gain.text, ...(bias ? [bias.text] : []), `eps = ${view.number("epsilon", 1e-5)}`]);
  const { y, mean, inverse } = centred(draft, x, from(axis, x.shape.length), view.number("epsilon", 1e-5));
  return [scaled(draft, y, gain, bias), mean, inverse].slice(0, outputs);
};

/** Scale and bias of WebNN have the axes in the order in which they are given; one recording sorted them afterwards. */
function placed(draft: Draft, weight: Step | undefined, axes: readonly number[], extents: readonly number[]): Step | undefined {
  if (!weight) return undefined;
  const rank = extents.length;
  const sorted = [...axes].sort((a, b) => a - b);
  const given = axes.every((axis, i) => weight.shape[i] === extents[axis]) ? axes : [...axes].reverse();
  const moved = draft.transpose(weight, sorted.map((axis) => given.indexOf(axis)));
  return draft.reshape(moved, Array.from({ length: rank }, (_, axis) => (sorted.includes(axis) ? (moved.shape[sorted.indexOf(axis)] ?? 1) : 1)));
}

const webnnLayerNorm: Translate = (view) => {
  const { draft } = view;
  const x = view.in("input");
  const axes = view.numbers("axes") ?? from(Math.min(1, x.shape.length), x.shape.length);
  const { y } = centred(draft, x, axes, view.number("epsilon", 1e-5));
  return scaled(draft, y, placed(draft, view.optional("scale"), axes, x.shape), placed(draft, view.optional("bias"), axes, x.shape));
};

const rmsNorm = (draft: Draft, x: Step, axes: readonly number[], gain: Step | undefined, eps: number): Step => {
  const inverse = draft.let(`rsqrt(${draft.reduce("mean", draft.mul(x, x), axes, true).text} + ${eps})`, x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)));
  return scaled(draft, draft.mul(x, inverse), gain, undefined);
};

const onnxRmsNorm: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const axis = view.number("axis", -1);
  const gain = view.optional(1);
  const eps = view.number("epsilon", 1e-5);
  if (negative(axis, x.shape.length) === -1 && gain) return draft.map("rms_norm", x, [gain.text, `eps = ${eps}`]);
  return rmsNorm(draft, x, from(axis, x.shape.length), gain, eps);
};

const kerasRmsNorm: Translate = (view) => {
  const x = view.in(0);
  return rmsNorm(view.draft, x, from(view.number("axis", -1), x.shape.length), view.optional(1), view.number("epsilon", 1e-6));
};

const kerasLayerNorm: Translate = (view) => {
  const { draft } = view;
  const x = view.in("inputs");
  if (view.flag("rms_scaling")) {
    // Keras divides by the deviation and leaves the mean where it is.
    const { inverse } = centred(draft, x, [x.shape.length - 1], view.number("epsilon", 1e-3));
    return scaled(draft, draft.mul(x, inverse), view.optional("gamma"), undefined);
  }
  return scaled(draft, centred(draft, x, [x.shape.length - 1], view.number("epsilon", 1e-3)).y, view.optional("gamma"), view.optional("beta"));
};

/** A vector along one axis of a tensor of `rank` axes. */
const along = (draft: Draft, x: Step | undefined, axis: number, rank: number): Step | undefined => (x && x.shape.length === 1 ? draft.reshape(x, Array.from({ length: rank }, (_, at) => (at === axis ? (x.shape[0] ?? 1) : 1))) : x);

const normalised = (draft: Draft, x: Step, mean: Step, variance: Step, gain: Step | undefined, bias: Step | undefined, eps: number): Step =>
  scaled(draft, draft.mul(draft.join("-", x, mean), draft.let(`rsqrt(${variance.text} + ${eps})`, variance.shape)), gain, bias);

const batchNorm = (names: readonly [string | number, string | number, string | number, string | number], axis: (view: View, rank: number) => number, eps: (view: View) => number): Translate => (view) => {
  const { draft } = view;
  const x = view.in(0);
  const rank = x.shape.length;
  const at = axis(view, rank);
  const [mean, variance, gain, bias] = names.map((name) => along(draft, view.optional(name), at, rank)) as [Step | undefined, Step | undefined, Step | undefined, Step | undefined];
  if (!mean || !variance) return listed("statistics are absent");
  return normalised(draft, x, mean, variance, gain, bias, eps(view));
};

/** Training: statistics of the batch, and the running ones moved towards them. */
const batchNormTraining: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const rank = x.shape.length;
  const axes = draft.all(x).filter((axis) => axis !== 1);
  const mean = draft.reduce("mean", x, axes, true);
  const variance = draft.reduce("variance", x, axes, true);
  const y = normalised(draft, x, mean, variance, along(draft, view.in(1), 1, rank), along(draft, view.in(2), 1, rank), view.number("epsilon", 1e-5));
  const momentum = view.number("momentum", 0.9);
  const moved = (running: Step, own: Step): Step => draft.let(`${running.text} * ${momentum} + ${draft.reshape(own, running.shape).text} * ${1 - momentum}`, running.shape);
  return [y, moved(view.in(3), mean), moved(view.in(4), variance)].slice(0, view.case.outputs.length);
};

const onnxBatchNorm = batchNorm([3, 4, 1, 2], () => 1, (view) => view.number("epsilon", 1e-5));

/** Each channel of each sample by itself; `channel` is its axis. */
const instanceNorm = (gainName: string | number, biasName: string | number, channel: (view: View, rank: number) => number): Translate => (view) => {
  const { draft } = view;
  const x = view.in(0);
  const rank = x.shape.length;
  const at = channel(view, rank);
  const { y } = centred(draft, x, draft.all(x).filter((axis) => axis !== 0 && axis !== at), view.number("epsilon", 1e-5));
  return scaled(draft, y, along(draft, view.optional(gainName), at, rank), along(draft, view.optional(biasName), at, rank));
};

/** Groups of neighbouring channels; `channel` is their axis. */
function groupNorm(draft: Draft, x: Step, channel: number, groups: number, eps: number): Step {
  const channels = x.shape[channel] ?? 1;
  const split = draft.reshape(x, [...x.shape.slice(0, channel), groups, channels / groups, ...x.shape.slice(channel + 1)]);
  const axes = draft.all(split).filter((axis) => axis !== 0 && axis !== channel);
  return draft.reshape(centred(draft, split, axes, eps).y, x.shape);
}

const onnxGroupNorm: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const [gain, bias] = [view.in(1), view.in(2)];
  const groups = view.number("num_groups", 1);
  const channels = x.shape[1] ?? 1;
  // Opset 18 has one gain a group, 21 one a channel.
  const wide = (weight: Step): Step => {
    const each = weight.shape[0] ?? 1;
    const full = each === channels ? weight : draft.reshape(draft.expand(draft.reshape(weight, [each, 1]), [each, channels / each]), [channels]);
    return along(draft, full, 1, x.shape.length) ?? full;
  };
  return scaled(draft, groupNorm(draft, x, 1, groups, view.number("epsilon", 1e-5)), wide(gain), wide(bias));
};

const kerasGroupNorm: Translate = (view) => {
  const { draft } = view;
  const x = view.in("inputs");
  const axis = view.number("axis", -1);
  const channel = axis < 0 ? axis + x.shape.length : axis;
  const y = groupNorm(draft, x, channel, view.number("groups", 32), view.number("epsilon", 1e-3));
  return scaled(draft, y, along(draft, view.optional("gamma"), channel, x.shape.length), along(draft, view.optional("beta"), channel, x.shape.length));
};

const meanVariance: Translate = (view) => centred(view.draft, view.in(0), view.numbers("axes") ?? [0, 2, 3], 1e-9).y;

/** x over a power of the sum of squares of neighbouring channels. */
function localResponse(draft: Draft, x: Step, channel: number, before: number, after: number, bias: number, alpha: number, beta: number): Step {
  const last = x.shape.length - 1;
  const order = [...draft.all(x).filter((axis) => axis !== channel), channel];
  const moved = draft.transpose(x, order);
  const squares = draft.mul(moved, moved);
  const sums = draft.let(`sum_pool(${squares.text}, [${before + after + 1}], before = [${before}], after = [${after}])`, moved.shape);
  const y = draft.let(`${moved.text} / (${bias} + ${alpha} * ${sums.text}) ** ${beta}`, moved.shape);
  return last === channel ? y : draft.transpose(y, order.map((_, axis) => order.indexOf(axis)));
}

export const normalizationTranslations: Translations = {
  "ai.onnx:Softmax": softmax("softmax"),
  "webnn:softmax": softmax("softmax"),
  "tfjs:tf.softmax": softmax("softmax"),
  "keras-activations:softmax": softmax("softmax"),
  "keras-layers:Softmax": maskedSoftmax,
  "ai.onnx:LogSoftmax": softmax("log_softmax"),
  "tfjs:tf.logSoftmax": softmax("log_softmax"),
  "keras-activations:log_softmax": softmax("log_softmax"),
  "ai.onnx:Hardmax": hardmax,
  "ai.onnx:LayerNormalization": onnxLayerNorm,
  "webnn:layerNormalization": webnnLayerNorm,
  "keras-layers:LayerNormalization": kerasLayerNorm,
  "ai.onnx:RMSNormalization": onnxRmsNorm,
  "keras-layers:RMSNormalization": kerasRmsNorm,
  "ai.onnx:BatchNormalization": (view) => (view.flag("training_mode") ? batchNormTraining(view) : onnxBatchNorm(view)),
  "webnn:batchNormalization": batchNorm(["mean", "variance", "scale", "bias"], (view) => view.number("axis", 1), (view) => view.number("epsilon", 1e-5)),
  ...Object.fromEntries([2, 3, 4].map((rank) => [`tfjs:tf.batchNorm${rank}d`, batchNorm(["mean", "variance", "scale", "offset"], (_, axes) => axes - 1, (view) => view.number("varianceEpsilon", 1e-3))])),
  "ai.onnx:InstanceNormalization": instanceNorm(1, 2, () => 1),
  "webnn:instanceNormalization": instanceNorm("scale", "bias", (view, rank) => (view.text("layout", "nchw") === "nhwc" ? rank - 1 : 1)),
  "ai.onnx:GroupNormalization": onnxGroupNorm,
  "keras-layers:GroupNormalization": kerasGroupNorm,
  "ai.onnx:MeanVarianceNormalization": meanVariance,
  "ai.onnx:LRN": (view) => {
    const size = view.number("size", 1);
    return localResponse(view.draft, view.in(0), 1, Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2), view.number("bias", 1), view.number("alpha", 1e-4) / size, view.number("beta", 0.75));
  },
  "tfjs:tf.localResponseNormalization": (view) => {
    const x = view.in(0);
    const radius = view.number("depthRadius", 5);
    return localResponse(view.draft, x, x.shape.length - 1, radius, radius, view.number("bias", 1), view.number("alpha", 1), view.number("beta", 0.5));
  },
};
