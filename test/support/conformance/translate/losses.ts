/** Losses of the suites, as programs: the library's losses where they fit, with each suite's own weighting and reduction. */
import { type Draft, listed, literal, sizeOf, type Step } from "../draft.ts";
import type { Translate, Translations, View } from "../view.ts";

/** Labels are y_true, predictions y_pred; the loss is one value for each sample, the last axis folded. */
type PerSample = (draft: Draft, labels: Step, predictions: Step, view: View) => Step;

const meanLast = (draft: Draft, x: Step): Step => draft.reduce("mean", x, [-1], false);
const sumLast = (draft: Draft, x: Step): Step => draft.reduce("sum", x, [-1], false);

const kept = (draft: Draft, x: Step, epsilon = 1e-7): Step => draft.let(`clamp(${x.text}, ${epsilon}, ${1 - epsilon})`, x.shape);

/** A weight aligned with the leading axes of the loss. */
function aligned(draft: Draft, weight: Step, loss: Step): Step {
  if (weight.shape.length === loss.shape.length + 1 && weight.shape.at(-1) === 1) return draft.reshape(weight, weight.shape.slice(0, -1));
  return weight.shape.length < loss.shape.length && weight.shape.length > 0 ? draft.reshape(weight, [...weight.shape, ...new Array<number>(loss.shape.length - weight.shape.length).fill(1)]) : weight;
}

const total = (draft: Draft, x: Step): Step => draft.reduce("sum", x, draft.all(x), false);

const keras = (perSample: PerSample): Translate => (view) => {
  const { draft } = view;
  const [labels, predictions] = [view.in("y_true"), view.in("y_pred")];
  const loss = perSample(draft, labels, predictions, view);
  const weight = view.optional("sample_weight");
  const weighted = weight ? draft.mul(loss, aligned(draft, weight, loss)) : loss;
  const given = view.attribute("reduction");
  const reduction = given === undefined ? "sum_over_batch_size" : given;
  if (reduction === null || reduction === "none" || loss.shape.length === 0) return weighted;
  if (reduction === "sum") return total(draft, weighted);
  if (reduction === "mean_with_sample_weight" && weight) {
    const weights = aligned(draft, weight, loss);
    return draft.join("/", total(draft, weighted), total(draft, weights.shape.join() === loss.shape.join() ? weights : draft.expand(weights, loss.shape)));
  }
  return draft.let(`${total(draft, weighted).text} / ${sizeOf(weighted.shape)}`, []);
};

/** Probabilities: softmax of logits, or the given ones, scaled to sum 1 along the class axis. */
function probabilities(draft: Draft, predictions: Step, view: View): Step {
  if (view.flag("from_logits")) return draft.map("softmax", predictions);
  return draft.join("/", predictions, draft.reduce("sum", predictions, [-1], true));
}

const smoothed = (draft: Draft, labels: Step, view: View): Step => {
  const smoothing = view.number("label_smoothing", 0);
  return smoothing === 0 ? labels : draft.let(`${labels.text} * ${1 - smoothing} + ${smoothing / (labels.shape.at(-1) ?? 1)}`, labels.shape);
};

/** Classes along the last axis. */
const classesLast = (perSample: PerSample): PerSample => (draft, labels, predictions, view) => {
  const axis = view.number("axis", -1);
  const rank = predictions.shape.length;
  const at = axis < 0 ? axis + rank : axis;
  const order = [...draft.all(predictions).filter((each) => each !== at), at];
  return perSample(draft, draft.transpose(labels, order), draft.transpose(predictions, order), view);
};

const categorical: PerSample = classesLast((draft, labels, predictions, view) => {
  const targets = smoothed(draft, labels, view);
  if (view.flag("from_logits")) return draft.let(`soft_cross_entropy(${predictions.text}, ${targets.text})`, predictions.shape.slice(0, -1));
  const p = kept(draft, probabilities(draft, predictions, view));
  return draft.let(`-sum(${targets.text} * log(${p.text}), axis = -1)`, p.shape.slice(0, -1));
});

const sparse: PerSample = (draft, given, predictions, view) => {
  const whole = given.shape.length === predictions.shape.length ? draft.reshape(given, given.shape.slice(0, -1)) : given;
  const labels = draft.cast(whole, "i32");
  const shape = predictions.shape.slice(0, -1);
  const logits = view.flag("from_logits") ? predictions : draft.map("log", kept(draft, probabilities(draft, predictions, view)));
  const loss = view.flag("from_logits") ? draft.let(`cross_entropy(${logits.text}, ${labels.text})`, shape) : draft.let(`-sum(${logits.text} * one_hot(${labels.text}, ${predictions.shape.at(-1)}), axis = -1)`, shape);
  const ignored = view.numbers("ignore_class")?.[0];
  return ignored === undefined ? loss : draft.where(draft.join("==", labels, draft.number(ignored, "i32"), "bool"), draft.number(0), loss);
};

const binaryTerms = (draft: Draft, labels: Step, predictions: Step, view: View): Step => {
  if (view.flag("from_logits")) return draft.let(`binary_cross_entropy(${predictions.text}, ${labels.text})`, predictions.shape);
  const p = kept(draft, predictions);
  return draft.let(`-(${labels.text} * log(${p.text}) + (1 - ${labels.text}) * log(1 - ${p.text}))`, p.shape);
};

const binaryFocal: PerSample = (draft, labels, predictions, view) => {
  const p = view.flag("from_logits") ? draft.map("sigmoid", predictions) : predictions;
  const plain = draft.let(`binary_cross_entropy(log(${kept(draft, p).text} / (1 - ${kept(draft, p).text})), ${labels.text})`, p.shape);
  const hit = draft.let(`${labels.text} * ${p.text} + (1 - ${labels.text}) * (1 - ${p.text})`, p.shape);
  return meanLast(draft, draft.let(`(1 - ${hit.text}) ** ${view.number("gamma", 2)} * ${plain.text}`, p.shape));
};

const categoricalFocal: PerSample = classesLast((draft, labels, predictions, view) => {
  const targets = smoothed(draft, labels, view);
  const p = kept(draft, probabilities(draft, predictions, view));
  return sumLast(draft, draft.let(`-${literal(view.number("alpha", 0.25))} * (1 - ${p.text}) ** ${view.number("gamma", 2)} * ${targets.text} * log(${p.text})`, p.shape));
});

/** Overlap of two sets: 1 - (hits + eps) / (hits + alpha misses + beta false hits + eps), over axes or all elements. */
const overlap = (dice: boolean): PerSample => (draft, labels, predictions, view) => {
  const axes = view.numbers("axis") ?? draft.all(labels);
  const fold = (x: Step): Step => draft.reduce("sum", x, axes, false);
  const hits = fold(draft.mul(labels, predictions));
  if (dice) return draft.let(`1 - 2 * ${hits.text} / (${fold(labels).text} + ${fold(predictions).text} + 1e-7)`, hits.shape);
  const falseHits = fold(draft.let(`(1 - ${labels.text}) * ${predictions.text}`, labels.shape));
  const misses = fold(draft.let(`${labels.text} * (1 - ${predictions.text})`, labels.shape));
  return draft.let(`1 - (${hits.text} + 1e-7) / (${hits.text} + ${view.number("alpha", 0.5)} * ${falseHits.text} + ${view.number("beta", 0.5)} * ${misses.text} + 1e-7)`, hits.shape);
};

const signs = (draft: Draft, labels: Step): Step => {
  const isBinary = draft.let(`min(cast(${labels.text} == 0 or ${labels.text} == 1, i32)) == 1`, [], "bool");
  return draft.where(isBinary, draft.let(`2 * ${labels.text} - 1`, labels.shape), labels);
};

const hinged = (draft: Draft, labels: Step, predictions: Step): Step => draft.let(`hinge(${predictions.text}, ${signs(draft, labels).text})`, predictions.shape);

const unit = (draft: Draft, x: Step): Step => {
  const length = draft.let(`sqrt(maximum(sum(${x.text} * ${x.text}, axis = -1, keep = true), 1e-12))`, [...x.shape.slice(0, -1), 1]);
  return draft.join("/", x, length);
};

const kerasLosses: Readonly<Record<string, PerSample>> = {
  MeanSquaredError: (draft, labels, predictions) => meanLast(draft, draft.join("squared_error", predictions, labels)),
  MeanAbsoluteError: (draft, labels, predictions) => meanLast(draft, draft.join("absolute_error", predictions, labels)),
  MeanAbsolutePercentageError: (draft, labels, predictions) => meanLast(draft, draft.let(`100 * abs((${labels.text} - ${predictions.text}) / maximum(abs(${labels.text}), 1e-7))`, labels.shape)),
  MeanSquaredLogarithmicError: (draft, labels, predictions) => meanLast(draft, draft.let(`squared_error(log1p(maximum(${predictions.text}, 1e-7)), log1p(maximum(${labels.text}, 1e-7)))`, labels.shape)),
  Hinge: (draft, labels, predictions) => meanLast(draft, hinged(draft, labels, predictions)),
  SquaredHinge: (draft, labels, predictions) => meanLast(draft, draft.map("square", hinged(draft, labels, predictions))),
  CategoricalHinge: (draft, labels, predictions) => {
    const right = sumLast(draft, draft.mul(labels, predictions));
    const wrong = draft.let(`max((1 - ${labels.text}) * ${predictions.text}, axis = -1)`, right.shape);
    return draft.let(`maximum(${wrong.text} - ${right.text} + 1, 0)`, right.shape);
  },
  CosineSimilarity: (draft, labels, predictions) => draft.let(`-${sumLast(draft, draft.mul(unit(draft, labels), unit(draft, predictions))).text}`, labels.shape.slice(0, -1)),
  Huber: (draft, labels, predictions, view) => meanLast(draft, draft.let(`huber(${predictions.text}, ${labels.text}, ${view.number("delta", 1)})`, labels.shape)),
  LogCosh: (draft, labels, predictions) => meanLast(draft, draft.join("log_cosh", predictions, labels)),
  KLDivergence: (draft, labels, predictions) => {
    const [p, q] = [labels, predictions].map((x) => draft.let(`clamp(${x.text}, 1e-7, 1)`, x.shape)) as [Step, Step];
    return draft.let(`kl_divergence(${p.text}, ${q.text})`, p.shape.slice(0, -1));
  },
  Poisson: (draft, labels, predictions) => meanLast(draft, draft.let(`${predictions.text} - ${labels.text} * log(${predictions.text} + 1e-7)`, labels.shape)),
  BinaryCrossentropy: (draft, labels, predictions, view) => meanLast(draft, binaryTerms(draft, labels, predictions, view)),
  CategoricalCrossentropy: categorical,
  SparseCategoricalCrossentropy: sparse,
  BinaryFocalCrossentropy: binaryFocal,
  CategoricalFocalCrossentropy: categoricalFocal,
  Dice: overlap(true),
  Tversky: overlap(false),
  CategoricalGeneralizedCrossEntropy: (draft, labels, predictions, view) => {
    const q = view.number("q", 0.5);
    const classes = draft.cast(labels, "i32");
    const p = draft.let(`sum(${predictions.text} * one_hot(${classes.text}, ${predictions.shape.at(-1)}), axis = -1)`, predictions.shape.slice(0, -1));
    return draft.let(`(1 - ${p.text} ** ${q}) / ${q}`, p.shape);
  },
};

/** TensorFlow.js: weights multiply, then none, mean over weights, sum, or sum over the number of weights that are not zero. */
function tfjsReduce(view: View, losses: Step): Step {
  const { draft } = view;
  const weights = view.optional("weights");
  const weighted = weights ? draft.mul(losses, weights) : losses;
  const reduction = view.number("reduction", 3);
  if (reduction === 0) return weighted.text.startsWith("in") ? draft.let(`${weighted.text} + 0`, weighted.shape) : weighted;
  const sum = total(draft, weighted);
  if (reduction === 2) return sum.text.startsWith("in") ? draft.let(`${sum.text} + 0`, []) : sum;
  if (!weights) return draft.let(`${sum.text} / ${sizeOf(losses.shape)}`, []);
  const wide = weights.shape.join() === losses.shape.join() ? weights : draft.expand(weights, losses.shape);
  if (reduction === 1) return draft.join("/", sum, total(draft, wide));
  return draft.let(`${sum.text} / ${total(draft, draft.let(`cast(${wide.text} != 0, f32)`, losses.shape)).text}`, []);
}

const tfjs = (loss: (draft: Draft, labels: Step, predictions: Step, view: View) => Step, labels = "labels", predictions = "predictions"): Translate => (view) =>
  tfjsReduce(view, loss(view.draft, view.in(labels), view.in(predictions), view));

const logLoss = (draft: Draft, labels: Step, predictions: Step, view: View): Step => {
  const eps = literal(view.number("epsilon", 1e-7));
  return draft.let(`-${labels.text} * log(${predictions.text} + ${eps}) - (1 - ${labels.text}) * log(1 - ${predictions.text} + ${eps})`, labels.shape);
};

const sigmoidCrossEntropy: Translate = (view) => {
  const { draft } = view;
  const labels = view.has("multiClassLabels") ? view.in("multiClassLabels") : view.in("labels");
  const smoothing = view.number("labelSmoothing", 0);
  const smooth = smoothing === 0 ? labels : draft.let(`${labels.text} * ${1 - smoothing} + ${0.5 * smoothing}`, labels.shape);
  return tfjsReduce(view, draft.let(`binary_cross_entropy(${view.in("logits").text}, ${smooth.text})`, labels.shape));
};

const softmaxCrossEntropy: Translate = (view) => {
  const labels = view.in("onehotLabels");
  return tfjsReduce(view, view.draft.let(`soft_cross_entropy(${view.in("logits").text}, ${labels.text})`, labels.shape.slice(0, -1)));
};

/** ONNX: the negative logarithm at the target class of axis 1, weighted by class, with a class that does not count. */
function negativeLog(view: View, logs: Step): Step {
  const { draft } = view;
  const targets = draft.cast(view.in(1), "i32");
  const [n, classes] = [logs.shape[0] ?? 1, logs.shape[1] ?? 1];
  const last = draft.transpose(logs, [0, ...draft.all(logs).slice(2), 1]);
  const hot = draft.let(`one_hot(${targets.text}, ${classes})`, [...targets.shape, classes]);
  const picked = draft.let(`-sum(${last.text} * ${hot.text}, axis = -1)`, targets.shape);
  const given = view.optional(2);
  const ignored = view.numbers("ignore_index")?.[0];
  let weights: Step | undefined = given && draft.let(`sum(${hot.text} * ${given.text}, axis = -1)`, targets.shape);
  if (ignored !== undefined) {
    const counts = draft.let(`cast(${targets.text} != ${draft.number(ignored).text}, f32)`, targets.shape);
    weights = weights ? draft.mul(weights, counts) : counts;
  }
  const loss = weights ? draft.mul(picked, weights) : picked;
  const reduction = view.text("reduction", "mean");
  if (reduction === "none") return loss;
  if (reduction === "sum") return total(draft, loss);
  if (n === 0) return listed("no samples");
  return weights ? draft.join("/", total(draft, loss), total(draft, weights)) : draft.let(`${total(draft, loss).text} / ${sizeOf(targets.shape)}`, []);
}

const onnxCrossEntropy: Translate = (view) => {
  const { draft } = view;
  const logs = draft.map("log_softmax", view.in(0), ["axis = 1"]);
  return [negativeLog(view, logs), logs].slice(0, view.case.outputs.length);
};

export const lossTranslations: Translations = {
  ...Object.fromEntries(Object.entries(kerasLosses).map(([name, loss]) => [`keras-losses:${name}`, keras(loss)])),
  "tfjs:tf.absoluteDifference": tfjs((draft, labels, predictions) => draft.join("absolute_error", predictions, labels)),
  "tfjs:tf.meanSquaredError": tfjs((draft, labels, predictions) => draft.join("squared_error", predictions, labels)),
  "tfjs:tf.huberLoss": tfjs((draft, labels, predictions, view) => draft.let(`huber(${predictions.text}, ${labels.text}, ${view.number("delta", 1)})`, labels.shape)),
  "tfjs:tf.hingeLoss": tfjs((draft, labels, predictions) => draft.let(`hinge(${predictions.text}, 2 * ${labels.text} - 1)`, labels.shape)),
  "tfjs:tf.logLoss": tfjs(logLoss),
  "tfjs:tf.cosineDistance": tfjs((draft, labels, predictions, view) => draft.let(`1 - sum(${labels.text} * ${predictions.text}, axis = ${view.number("axis", 0)}, keep = true)`, labels.shape.map((extent, axis) => (axis === view.number("axis", 0) ? 1 : extent)))),
  "tfjs:tf.computeWeightedLoss": (view) => tfjsReduce(view, view.in("losses")),
  "tfjs:tf.sigmoidCrossEntropy": sigmoidCrossEntropy,
  "tfjs:tf.softmaxCrossEntropy": softmaxCrossEntropy,
  "ai.onnx:NegativeLogLikelihoodLoss": (view) => negativeLog(view, view.in(0)),
  "ai.onnx:SoftmaxCrossEntropyLoss": onnxCrossEntropy,
  "torch:binary_cross_entropy_with_logits": (view) => view.draft.let(`mean(binary_cross_entropy(${view.in("input").text}, ${view.in("target").text}))`, []),
  "torch:huber_loss": (view) => view.draft.let(`mean(huber(${view.in("input").text}, ${view.in("target").text}, ${view.number("delta", 1)}))`, []),
};
