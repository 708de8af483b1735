/**
 * Every normalization, activation and loss in each of its forms: with and without gain and bias, over any axes, in f32 and f16.
 * Values against formulas written here; each form also compiles for both targets.
 */
import { describe, expect, it } from "vitest";
import { checkSource, compileModel, evaluateReference, sourceFile, type TensorFunction } from "../../../compiler/index.ts";
import { required } from "../../../compiler/errors.ts";
import { printType } from "../../../compiler/ir/types.ts";
import type { ReferenceTensor } from "../../../compiler/ops/define.ts";

const shape = [2, 3, 4] as const;
const x = Array.from({ length: 24 }, (_, i) => Math.sin(i * 1.7) * 2 + (i % 5) / 3);
const y = Array.from({ length: 24 }, (_, i) => Math.cos(i * 0.9));
const p = Array.from({ length: 24 }, (_, i) => (1 + (i % 4)) / 10);
const gain = [0.5, -1, 2, 1.25];
const bias = [0.1, 0.2, -0.3, 0];
const mean4 = [0.3, -0.2, 0.1, 0];
const variance4 = [1.5, 0.5, 2, 1];
const labels = [0, 3, 1, 2, 2, 0];

const hosts: Readonly<Record<string, { readonly type: (float: string) => string; readonly shape: readonly number[]; readonly data: readonly number[] }>> = {
  x: { type: (float) => `${float}[2, 3, 4]`, shape, data: x },
  y: { type: (float) => `${float}[2, 3, 4]`, shape, data: y },
  p: { type: (float) => `${float}[2, 3, 4]`, shape, data: p },
  gain: { type: (float) => `${float}[4]`, shape: [4], data: gain },
  bias: { type: (float) => `${float}[4]`, shape: [4], data: bias },
  mean4: { type: () => "f32[4]", shape: [4], data: mean4 },
  variance4: { type: () => "f32[4]", shape: [4], data: variance4 },
  labels: { type: () => "i32[2, 3]", shape: [2, 3], data: labels },
};

function modelOf(expression: string, float: "f32" | "f16"): TensorFunction {
  const used = Object.entries(hosts).filter(([name]) => new RegExp(`\\b${name}\\b`).test(expression.replace(/\b(gain|bias) =/g, "")));
  const { models, diagnostics } = checkSource(sourceFile("a.nf", `model M(${used.map(([name, { type }]) => `${name}: ${type(float)}`).join(", ")}) { return ${expression} }`));
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  return required(models[0], "test", expression);
}

function evaluated(model: TensorFunction): readonly ReferenceTensor[] {
  const inputs = Object.fromEntries(model.inputs.map(({ name, node }) => {
    const { shape: given, data } = required(hosts[name], "test", name);
    return [name, { dtype: node.type.dtype, shape: given, data: Float64Array.from(data) }];
  }));
  return Object.values(evaluateReference(model, {}, inputs, {}));
}

type Expected = (index: readonly number[], offset: number) => number;

/** Mean, over the elements that share all other axes, of a function of them. */
function over(axes: readonly number[], of: (value: number) => number, index: readonly number[], data: readonly number[] = x): number {
  let sum = 0;
  let count = 0;
  data.forEach((value, offset) => {
    const at = [Math.floor(offset / 12), Math.floor(offset / 4) % 3, offset % 4];
    if (at.some((place, axis) => !axes.includes(axis) && place !== index[axis])) return;
    sum += of(value);
    count++;
  });
  return sum / count;
}

const countOf = (axes: readonly number[]): number => axes.reduce((product, axis) => product * (shape[axis] ?? 1), 1);
const g = (index: readonly number[]): number => gain[index[2] ?? 0] ?? 0;
const b = (index: readonly number[]): number => bias[index[2] ?? 0] ?? 0;

const standardized = (axes: readonly number[], eps = 1e-5): Expected => (index, offset) => {
  const m = over(axes, (value) => value, index);
  return ((x[offset] ?? 0) - m) / Math.sqrt(over(axes, (value) => (value - m) ** 2, index) + eps);
};
const withGain = (of: Expected): Expected => (index, offset) => of(index, offset) * g(index);
const withBias = (of: Expected): Expected => (index, offset) => of(index, offset) + b(index);
const rms = (axes: readonly number[], eps = 1e-6): Expected => (index, offset) => (x[offset] ?? 0) / Math.sqrt(over(axes, (value) => value ** 2, index) + eps);
const unit = (axes: readonly number[], power = 2): Expected => (index, offset) => (x[offset] ?? 0) / (over(axes, (value) => Math.abs(value) ** power, index) * countOf(axes)) ** (1 / power);
const soft = (axes: readonly number[]): Expected => (index, offset) => Math.exp(x[offset] ?? 0) / (over(axes, Math.exp, index) * countOf(axes));
const batch: Expected = (index, offset) => ((x[offset] ?? 0) - (mean4[index[2] ?? 0] ?? 0)) / Math.sqrt((variance4[index[2] ?? 0] ?? 0) + 1e-5);

const norms: readonly (readonly [string, Expected])[] = [
  ["layer_norm(x)", standardized([2])],
  ["layer_norm(x, gain)", withGain(standardized([2]))],
  ["layer_norm(x, bias = bias)", withBias(standardized([2]))],
  ["layer_norm(x, gain, bias, 0.01)", withBias(withGain(standardized([2], 0.01)))],
  ["layer_norm(x, none, bias)", withBias(standardized([2]))],
  ["layer_norm(x, gain, bias, axis = 1)", withBias(withGain(standardized([1])))],
  ["layer_norm(x, gain, bias, axis = [1, 2])", withBias(withGain(standardized([1, 2])))],
  ["mean_variance_norm(x)", standardized([2])],
  ["mean_variance_norm(x, [0, 1, 2])", standardized([0, 1, 2])],
  ["mean_variance_norm(x, [0, 2], 0.1) * gain + bias", withBias(withGain(standardized([0, 2], 0.1)))],
  ["rms_norm(x)", rms([2])],
  ["rms_norm(x, gain)", withGain(rms([2]))],
  ["rms_norm(x, gain, 0.1)", withGain(rms([2], 0.1))],
  ["rms_norm(x, gain, axis = [0, 1])", withGain(rms([0, 1]))],
  ["rms_norm(x, gain) + bias", withBias(withGain(rms([2])))],
  ["l2_normalize(x)", unit([2])],
  ["l2_normalize(x, [1, 2]) * gain", withGain(unit([1, 2]))],
  ["lp_normalize(x)", unit([2])],
  ["lp_normalize(x, 1, axis = 0)", unit([0], 1)],
  ["lp_normalize(x, p = 3, axis = [0, 2])", unit([0, 2], 3)],
  ["softmax(x)", soft([2])],
  ["softmax(x, axis = [0, 1])", soft([0, 1])],
  ["log_softmax(x)", (index, offset) => Math.log(soft([2])(index, offset))],
  ["log_softmax(x, [1, 2])", (index, offset) => Math.log(soft([1, 2])(index, offset))],
  ["batch_norm(x, mean4, variance4)", batch],
  ["batch_norm(x, mean4, variance4, gain)", withGain(batch)],
  ["batch_norm(x, mean4, variance4, bias = bias)", withBias(batch)],
  ["batch_norm(x, mean4, variance4, gain, bias)", withBias(withGain(batch))],
  ["reshape(batch_norm_train(reshape(x, [6, 4]))[0], [2, 3, 4])", standardized([0, 1])],
  ["reshape(batch_norm_train(reshape(x, [6, 4]), gain, bias)[0], [2, 3, 4])", withBias(withGain(standardized([0, 1])))],
  ["broadcast_to(batch_norm_train(reshape(x, [6, 4]))[1], [2, 3, 4])", (index) => over([0, 1], (value) => value, index)],
  ["broadcast_to(batch_norm_train(reshape(x, [6, 4]))[2], [2, 3, 4])", (index) => over([0, 1], (value) => value ** 2, index) - over([0, 1], (value) => value, index) ** 2],
  ["instance_norm(x)", standardized([1])],
  ["instance_norm(x, gain, bias)", withBias(withGain(standardized([1])))],
  ["group_norm[1](x)", standardized([1, 2])],
  ["group_norm[4](x, gain, bias)", withBias(withGain(standardized([1])))],
  ["reshape(weight_norm(reshape(x, [6, 4])), [2, 3, 4])", unit([0, 1])],
  ["reshape(weight_norm(reshape(x, [6, 4]), gain), [2, 3, 4])", withGain(unit([0, 1]))],
  ["reshape(weight_norm(reshape(x, [6, 4]), axis = 1), [2, 3, 4])", unit([2])],
  ["add_layer_norm(x, 0 * y, gain, bias)[1]", withBias(withGain(standardized([2])))],
  ["add_rms_norm(x, 0 * y, gain)[1]", withGain(rms([2]))],
  // Images: channels first, so the last axis becomes the second.
  ["reshape(transpose(image_instance_norm(reshape(transpose(x, [0, 2, 1]), [2, 4, 3, 1]), gain, bias), [0, 2, 1, 3]), [2, 3, 4])", withBias(withGain(standardized([1])))],
  ["reshape(transpose(image_batch_norm_train(reshape(transpose(x, [0, 2, 1]), [2, 4, 3, 1]), gain, bias)[0], [0, 2, 1, 3]), [2, 3, 4])", withBias(withGain(standardized([0, 1])))],
  ["reshape(transpose(image_batch_norm(reshape(transpose(x, [0, 2, 1]), [2, 4, 3, 1]), mean4, variance4), [0, 2, 1, 3]), [2, 3, 4])", batch],
  ["reshape(transpose(image_group_norm[1](reshape(transpose(x, [0, 2, 1]), [2, 4, 3, 1])), [0, 2, 1, 3]), [2, 3, 4])", standardized([1, 2])],
];

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
const softplus = (v: number): number => Math.log1p(Math.exp(v));
const relu = (v: number): number => Math.max(v, 0);
const hardSigmoid = (v: number): number => Math.min(1, Math.max(0, v / 6 + 0.5));
const erf = (v: number): number => {
  let sum = 0;
  for (let n = 0, term = v; n < 80; n++, term *= (-v * v) / n) sum += term / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * sum;
};
const selu = 1.6732632423543772;

const activations: Readonly<Record<string, (v: number, w: number) => number>> = {
  "relu(x)": relu, "relu6(x * 4)": (v) => Math.min(relu(v * 4), 6), "relu_squared(x)": (v) => relu(v) ** 2,
  "leaky_relu(x)": (v) => (v > 0 ? v : 0.01 * v), "leaky_relu(x, 0.2)": (v) => (v > 0 ? v : 0.2 * v),
  "elu(x)": (v) => (v > 0 ? v : Math.expm1(v)), "elu(x, 0.5)": (v) => (v > 0 ? v : 0.5 * Math.expm1(v)),
  "celu(x, 2)": (v) => relu(v) + Math.min(0, 2 * Math.expm1(v / 2)),
  "selu(x)": (v) => 1.0507009873554805 * (v > 0 ? v : selu * Math.expm1(v)),
  "gelu(x)": (v) => 0.5 * v * (1 + erf(v / Math.SQRT2)),
  "gelu_tanh(x)": (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  "gelu_sigmoid(x)": (v) => v * sigmoid(1.702 * v),
  "silu(x)": (v) => v * sigmoid(v), "swish(x, 2)": (v) => v * sigmoid(2 * v), "mish(x)": (v) => v * Math.tanh(softplus(v)),
  "sigmoid(x)": sigmoid, "log_sigmoid(x)": (v) => Math.log(sigmoid(v)), "tanh(x)": Math.tanh, "erf(x)": erf,
  "hard_sigmoid(x)": hardSigmoid, "hard_swish(x)": (v) => v * hardSigmoid(v), "hard_tanh(x)": (v) => Math.min(1, Math.max(-1, v)),
  "softplus(x)": softplus, "softsign(x)": (v) => v / (1 + Math.abs(v)), "tanh_shrink(x)": (v) => v - Math.tanh(v),
  "shrink(x)": (v) => (Math.abs(v) > 0.5 ? v : 0), "threshold(x, 0.5, -1)": (v) => (v > 0.5 ? v : -1),
  "glu(x, y)": (v, w) => v * sigmoid(w), "swiglu(x, y)": (v, w) => v * sigmoid(v) * w, "reglu(x, y)": (v, w) => relu(v) * w,
  "geglu(x, y)": (v, w) => 0.5 * v * (1 + erf(v / Math.SQRT2)) * w, "clamp(x, -0.5, 1)": (v) => Math.min(1, Math.max(-0.5, v)),
};

const rowSum = (of: (offset: number) => number): Expected => (index) => [0, 1, 2, 3].reduce((sum, i) => sum + of(((index[0] ?? 0) * 3 + (index[1] ?? 0)) * 4 + i), 0);
const logSoft = (offset: number): number => Math.log(soft([2])([Math.floor(offset / 12), Math.floor(offset / 4) % 3, offset % 4], offset));
const at = (data: readonly number[], offset: number): number => data[offset] ?? Number.NaN;

const losses: readonly (readonly [string, Expected])[] = [
  ["cross_entropy(x, labels)", rowSum((offset) => (labels[Math.floor(offset / 4)] === offset % 4 ? -logSoft(offset) : 0))],
  ["soft_cross_entropy(x, p)", rowSum((offset) => -at(p, offset) * logSoft(offset))],
  ["squared_error(x, y)", (_, offset) => (at(x, offset) - at(y, offset)) ** 2],
  ["absolute_error(x, y)", (_, offset) => Math.abs(at(x, offset) - at(y, offset))],
  ["huber(x, y, 0.5)", (_, offset) => ((d) => (d <= 0.5 ? (d * d) / 2 : 0.5 * (d - 0.25)))(Math.abs(at(x, offset) - at(y, offset)))],
  ["log_cosh(x, y)", (_, offset) => Math.log(Math.cosh(at(x, offset) - at(y, offset)))],
  ["binary_cross_entropy(x, p)", (_, offset) => -at(p, offset) * Math.log(sigmoid(at(x, offset))) - (1 - at(p, offset)) * Math.log(1 - sigmoid(at(x, offset)))],
  ["hinge(x, sign(y))", (_, offset) => relu(1 - Math.sign(at(y, offset)) * at(x, offset))],
  ["kl_divergence(p, softmax(x))", rowSum((offset) => at(p, offset) * (Math.log(at(p, offset)) - logSoft(offset)))],
];

function expectValues(tensor: ReferenceTensor | undefined, expected: Expected, tolerance: number): void {
  const { shape: got, data } = required(tensor, "test", "output");
  data.forEach((value, offset) => {
    const index = got.length === 3 ? [Math.floor(offset / 12), Math.floor(offset / 4) % 3, offset % 4] : [Math.floor(offset / 3), offset % 3];
    expect(Math.abs(value - expected(index, offset)), `element ${offset}: ${value}, not ${expected(index, offset)}`).toBeLessThan(tolerance);
  });
}

const rows: readonly (readonly [string, Expected])[] = [
  ...norms,
  ...Object.entries(activations).map(([expression, of]) => [expression, (_: readonly number[], offset: number) => of(at(x, offset), at(y, offset))] as const),
  ...losses,
];

describe("in f32", () => {
  it.each(rows)("%s", (expression, expected) => {
    const model = modelOf(expression, "f32");
    expectValues(evaluated(model)[0], expected, 2e-6);
    for (const target of ["wgsl", "gpujs"] as const) expect(compileModel(model, target).plan.kernels.length).toBeGreaterThan(0);
  });
});

describe("in f16", () => {
  it.each(rows)("%s", (expression, expected) => {
    const model = modelOf(expression, "f16");
    const { type } = required(model.outputs[0], "test", "output").node;
    // The statistics that batch normalization returns are f32.
    expect(printType(type)).toMatch(/batch_norm_train.*\[[12]\], \[2/.test(expression) ? /^f32/ : /^f16/);
    expectValues(evaluated(model)[0], expected, 2e-6);
    expect(compileModel(model, "wgsl").plan.kernels.length).toBeGreaterThan(0);
  });
});
