/** Reductions, arg-reductions, cumulative folds and norms by power of the suites, as programs. */
import { type Draft, listed, type Step } from "../draft.ts";
import type { Translate, Translations, View } from "../view.ts";

interface Folding {
  readonly axes: readonly number[];
  readonly keep: boolean;
}

/** The axes of an ONNX reduction: an operand since opset 13 or 18, before an attribute; empty means all unless told otherwise. */
function onnxFolding(view: View, x: Step): Folding {
  const given = view.values(1) ?? view.numbers("axes");
  const none = given === undefined || given.length === 0;
  return { axes: none ? (view.flag("noop_with_empty_axes") ? [] : view.draft.all(x)) : given, keep: view.flag("keepdims", true) };
}

const webnnFolding = (view: View, x: Step): Folding => ({ axes: view.numbers("axes") ?? view.draft.all(x), keep: view.flag("keepDimensions") });

const tfjsFolding = (view: View, x: Step): Folding => ({ axes: view.numbers("axis") ?? view.draft.all(x), keep: view.flag("keepDims") });

const foldings: Readonly<Record<string, (view: View, x: Step) => Folding>> = { "ai.onnx": onnxFolding, webnn: webnnFolding, tfjs: tfjsFolding, jax: tfjsFolding };

type Fold = (draft: Draft, x: Step, folding: Folding) => Step;

const fold = (compute: Fold): Translate => (view) => {
  const x = view.in(0);
  const folding = foldings[view.case.domain] ?? listed("a domain without a rule for axes");
  const result = compute(view.draft, x, folding(view, x));
  return result.text === x.text ? view.draft.let(`${x.text} + 0`, x.shape, x.dtype) : result;
};

/** A fold by name; truth values count as integers, as in TensorFlow.js. */
const plain = (name: string): Fold => (draft, x, { axes, keep }) => draft.reduce(name, x.dtype === "bool" ? draft.cast(x, "i32") : x, axes, keep);

const sum = plain("sum");

const mean: Fold = (draft, x, folding) => plain("mean")(draft, draft.cast(x, "f32"), folding);

const truth = (name: "max" | "min"): Fold => (draft, x, { axes, keep }) => draft.cast(draft.reduce(name, draft.cast(x, "i32"), axes, keep), "bool");

const l1: Fold = (draft, x, folding) => sum(draft, draft.map("abs", x), folding);

const squares: Fold = (draft, x, folding) => sum(draft, draft.mul(x, x), folding);

const l2: Fold = (draft, x, folding) => draft.map("sqrt", squares(draft, draft.cast(x, "f32"), folding));

const logSum: Fold = (draft, x, folding) => draft.map("log", sum(draft, x, folding));

const logSumExp: Fold = (draft, x, { axes, keep }) => (axes.length === 0 ? x : draft.reduce("log_sum_exp", x, axes, keep));

const extreme = (name: "argmax" | "argmin"): Translate => (view) => {
  const { draft } = view;
  const given = draft.cast(view.in(0), "f32");
  const axis = view.numbers("axis")?.[0] ?? 0;
  const along = axis < 0 ? axis + given.shape.length : axis;
  const keep = view.case.domain === "ai.onnx" ? view.flag("keepdims", true) : view.flag("keepDimensions");
  const shape = keep ? given.shape.map((extent, at) => (at === along ? 1 : extent)) : given.shape.filter((_, at) => at !== along);
  const last = view.flag("select_last_index");
  const x = last ? draft.let(`flip(${given.text}, axis = ${along})`, given.shape) : given;
  const place = draft.let(`${name}(${x.text}, axis = ${along}, keep = ${keep})`, shape, "i32");
  return last ? draft.let(`${(given.shape[along] ?? 1) - 1} - ${place.text}`, shape, "i32") : place;
};

const cumulative = (name: "cumsum" | "cumprod"): Translate => (view) => {
  const { draft } = view;
  const x = view.in(0);
  const axis = view.values("axis")?.[0] ?? view.number("axis", 0);
  const result = draft.let(`${name}(${draft.cast(x, "f32").text}, axis = ${axis}, exclusive = ${view.flag("exclusive")}, reverse = ${view.flag("reverse")})`, x.shape);
  return draft.cast(result, x.dtype);
};

const lpNormalization: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const axis = [view.number("axis", -1)];
  const size = view.number("p", 2) === 1 ? l1(draft, x, { axes: axis, keep: true }) : l2(draft, x, { axes: axis, keep: true });
  // A vector of zeros stays one.
  const isZero = draft.join("==", size, draft.number(0), "bool");
  return draft.join("/", x, draft.where(isZero, draft.number(1), size));
};

const norm: Translate = (view) => {
  const x = view.in(0);
  const folding = tfjsFolding(view, x);
  const order = view.attribute("ord");
  if (order === "Infinity" && folding.axes.length === 2) {
    // Of matrices: the largest sum of a row.
    const [row = 0, column = 1] = folding.axes;
    const rows = view.draft.reduce("sum", view.draft.map("abs", x), [column], true);
    return view.draft.reshape(view.draft.reduce("max", rows, [row], true), view.outputShape);
  }
  if (order === "Infinity") return plain("max")(view.draft, view.draft.map("abs", x), folding);
  return order === "euclidean" || order === 2 ? l2(view.draft, x, folding) : listed(`norm of order ${String(order)}`);
};

const moments: Translate = (view) => {
  const { draft } = view;
  const x = draft.cast(view.in(0), "f32");
  const { axes, keep } = tfjsFolding(view, x);
  const average = draft.reduce("mean", x, axes, keep);
  return [average, draft.reduce("variance", x, axes, keep)];
};

export const reductionTranslations: Translations = {
  "ai.onnx:ReduceSum": fold(sum),
  "ai.onnx:ReduceMean": fold(mean),
  "ai.onnx:ReduceProd": fold(plain("prod")),
  "ai.onnx:ReduceMax": fold(plain("max")),
  "ai.onnx:ReduceMin": fold(plain("min")),
  "ai.onnx:ReduceL1": fold(l1),
  "ai.onnx:ReduceL2": fold(l2),
  "ai.onnx:ReduceSumSquare": fold(squares),
  "ai.onnx:ReduceLogSum": fold(logSum),
  "ai.onnx:ReduceLogSumExp": fold(logSumExp),
  "webnn:reduceSum": fold(sum),
  "webnn:reduceMean": fold(mean),
  "webnn:reduceProduct": fold(plain("prod")),
  "webnn:reduceMax": fold(plain("max")),
  "webnn:reduceMin": fold(plain("min")),
  "webnn:reduceL1": fold(l1),
  "webnn:reduceL2": fold(l2),
  "webnn:reduceSumSquare": fold(squares),
  "webnn:reduceLogSum": fold(logSum),
  "webnn:reduceLogSumExp": fold(logSumExp),
  "tfjs:tf.sum": fold(sum),
  "tfjs:tf.mean": fold(mean),
  "tfjs:tf.prod": fold(plain("prod")),
  "tfjs:tf.max": fold(plain("max")),
  "tfjs:tf.min": fold(plain("min")),
  "tfjs:tf.all": fold(truth("min")),
  "tfjs:tf.any": fold(truth("max")),
  "tfjs:tf.logSumExp": fold(logSumExp),
  "jax:jax.nn.logsumexp": fold(logSumExp),
  "ai.onnx:ArgMax": extreme("argmax"),
  "ai.onnx:ArgMin": extreme("argmin"),
  "webnn:argMax": extreme("argmax"),
  "webnn:argMin": extreme("argmin"),
  "tfjs:tf.argMax": extreme("argmax"),
  "tfjs:tf.argMin": extreme("argmin"),
  "ai.onnx:CumSum": cumulative("cumsum"),
  "ai.onnx:CumProd": cumulative("cumprod"),
  "webnn:cumulativeSum": cumulative("cumsum"),
  "tfjs:tf.cumsum": cumulative("cumsum"),
  "tfjs:tf.cumprod": cumulative("cumprod"),
  "ai.onnx:LpNormalization": lpNormalization,
  "tfjs:tf.norm": norm,
  "tfjs:tf.moments": moments,
};
