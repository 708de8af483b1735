/**
 * Whole models in onnxruntime against the float64 reference: every example, every model of test/cases/models, and one model
 * for each function of the library. Lengths that the host binds stay names in the file.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { required } from "../../compiler/errors.ts";
import { checkSource, renderDiagnostics, sourceFile, type SourceFile, type TensorFunction } from "../../compiler/index.ts";
import type { Bindings } from "../../compiler/ir/extent.ts";
import { librarySources } from "../../compiler/library/sources.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { parse } from "../../compiler/syntax/parse.ts";
import { compareValues } from "../../compiler/verify/compare.ts";
import type { Tensor } from "../../runtime/tensor.ts";
import { onnxFile, outputShapes, runOnnx } from "../support/onnx-oracle.ts";
import { hostData, toReference } from "../support/tensor-function.ts";

const root = path.resolve(import.meta.dirname, "../..");
const read = (file: string): SourceFile => sourceFile(path.basename(file), readFileSync(path.join(root, file), "utf8"));
const sources = (folder: string): string[] => readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".nf")).map((file) => path.posix.join(folder, file));

function modelsOf(file: SourceFile, bind: Bindings, folder = ""): readonly TensorFunction[] {
  const { models, diagnostics } = checkSource(file, { bind, resolve: (_, specifier) => read(path.join(folder, specifier)) });
  expect(renderDiagnostics(diagnostics.filter(({ severity }) => severity === "error"))).toBe("");
  return models;
}

/** A variance is none below 0. */
const sound = (tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, name.endsWith("running_variance") ? { ...tensor, data: tensor.data.map((value) => Math.abs(value) + 0.1) } : tensor]));

/** The model twice: with its parameters in the file, and with parameters as inputs. */
async function expectReference(fn: TensorFunction, bindings: Bindings): Promise<void> {
  const made = hostData(fn, bindings);
  const [inputs, parameters] = [sound(made.inputs), sound(made.parameters)];
  const want = evaluate(fn, bindings, toReference(inputs), toReference(parameters));
  const shapes = outputShapes(fn, bindings);
  for (const got of [await runOnnx(onnxFile(fn, { parameters }), inputs), await runOnnx(onnxFile(fn), { ...inputs, ...parameters })])
    for (const { name } of fn.outputs) {
      const { data, shape, dtype } = required(want[name], "test", name);
      const result = required(got[fn.inputs.some((input) => input.name === name) ? `${name}_2` : name], "test", name);
      expect(result.shape, name).toEqual(shapes[name]);
      expect(compareValues(result.data, data, shape, dtype), name).toMatchObject({ passed: true });
    }
}

describe("examples", () => {
  it.each(sources("examples"))("%s", async (file) => {
    // The steps of a scan are written out in the file: their number is known.
    const models = modelsOf(read(file), { T: 3 }, path.dirname(file));
    expect(models.length).toBeGreaterThan(0);
    for (const fn of models) await expectReference(fn, Object.fromEntries(fn.extents.map((name) => [name, 3])));
  });
});

/** Lengths that are numbers in the file, and lengths that the host binds. */
const sizes: Readonly<Record<string, { readonly bind: Bindings; readonly host: Bindings }>> = {
  "feed-forward": { bind: { K: 12, D: 16, N: 5 }, host: { B: 3 } },
  lstm: { bind: { T: 3, B: 2, I: 3, H: 4, N: 5 }, host: {} },
  rnn: { bind: { I: 5 }, host: { B: 2, H: 8 } },
  gpt2: { bind: { V: 11, S: 6, D: 8, H: 2, L: 2 }, host: { B: 2, T: 5 } },
  vit: { bind: { S: 8, P: 4, D: 8, H: 2, L: 2, N: 5 }, host: { B: 2 } },
  resnet: { bind: { S: 12, C: 4, N: 5 }, host: { B: 2 } },
  unet: { bind: { S: 4, C: 4, G: 2 }, host: { B: 2 } },
};

describe("models of the usual kinds", () => {
  const folder = "test/cases/models";

  it.each(sources(folder))("%s", async (file) => {
    const { bind, host } = sizes[path.basename(file, ".nf")] ?? { bind: {}, host: {} };
    const models = modelsOf(read(file), bind, folder);
    // A file without a model is imported by the others.
    expect(models.length).toBe(Object.hasOwn(sizes, path.basename(file, ".nf")) ? 1 : 0);
    for (const fn of models) await expectReference(fn, host);
  });
});

/** Functions that take more than one tensor, or other axes than most. B is a length that the host binds. */
const calls: Readonly<Record<string, string>> = {
  prelu: "(x: f32[B, 4], slope: f32[4]) = prelu(x, slope)",
  threshold: "(x: f32[B, 4]) = threshold(x, 0.5, -1)",
  glu: "(a: f32[B, 4], b: f32[B, 4]) = glu(a, b)",
  swiglu: "(a: f32[B, 4], b: f32[B, 4]) = swiglu(a, b)",
  geglu: "(a: f32[B, 4], b: f32[B, 4]) = geglu(a, b)",
  reglu: "(a: f32[B, 4], b: f32[B, 4]) = reglu(a, b)",
  attention: "(q: f32[B, 2, 3, 4], k: f32[B, 2, 5, 4], v: f32[B, 2, 5, 6], mask: bool[B, 2, 3, 5], bias: f32[B, 2, 3, 5]) = (attention(q, k, v), attention(q, k, v, mask = mask, bias = bias), attention(k, k, v, causal = true))",
  split_heads: "(x: f32[B, 3, 8]) = split_heads[2](x)",
  merge_heads: "(x: f32[B, 2, 3, 4]) = merge_heads(x)",
  clamp: "(x: f32[B, 4]) = clamp(x, -1, 2)",
  floor_mod: "(a: f32[B, 4], b: f32[B, 4]) = floor_mod(a, abs(b) + 1)",
  image_batch_norm: "(x: f32[B, 4, 3, 2], m: f32[4], running_variance: f32[4], gain: f32[4], bias: f32[4]) = image_batch_norm(x, m, running_variance, gain, bias)",
  image_batch_norm_train: "(x: f32[B, 4, 3, 2], gain: f32[4], bias: f32[4]) { let (y, m, v) = image_batch_norm_train(x, gain, bias) return (y, m, v) }",
  image_instance_norm: "(x: f32[B, 4, 3, 2], gain: f32[4], bias: f32[4]) = image_instance_norm(x, gain, bias)",
  image_group_norm: "(x: f32[B, 4, 3, 2], gain: f32[4], bias: f32[4]) = image_group_norm[2](x, gain, bias)",
  up_sample: "(x: f32[B, 4, 3, 2]) = up_sample(x, 2)",
  squared_error: "(p: f32[B, 4], t: f32[B, 4]) = squared_error(p, t)",
  absolute_error: "(p: f32[B, 4], t: f32[B, 4]) = absolute_error(p, t)",
  huber: "(p: f32[B, 4], t: f32[B, 4]) = huber(p, t)",
  log_cosh: "(p: f32[B, 4], t: f32[B, 4]) = log_cosh(p, t)",
  hinge: "(p: f32[B, 4], t: f32[B, 4]) = hinge(p, sign(t))",
  cross_entropy: "(x: f32[B, 4], labels: i32[B]) = cross_entropy(x, labels)",
  soft_cross_entropy: "(x: f32[B, 4], t: f32[B, 4]) = soft_cross_entropy(x, softmax(t))",
  binary_cross_entropy: "(x: f32[B, 4], t: f32[B, 4]) = binary_cross_entropy(x, sigmoid(t))",
  kl_divergence: "(p: f32[B, 4], q: f32[B, 4]) = kl_divergence(softmax(p), softmax(q))",
  cosine_similarity: "(a: f32[B, 4], b: f32[B, 4]) = cosine_similarity(a, b)",
  layer_norm: "(x: f32[B, 3, 4], gain: f32[4], bias: f32[4]) = layer_norm(x, gain, bias)",
  rms_norm: "(x: f32[B, 3, 4], gain: f32[4]) = rms_norm(x, gain)",
  batch_norm: "(x: f32[B, 4], m: f32[4], running_variance: f32[4], gain: f32[4], bias: f32[4]) = batch_norm(x, m, running_variance, gain, bias)",
  batch_norm_train: "(x: f32[B, 4], gain: f32[4], bias: f32[4]) { let (y, m, v) = batch_norm_train(x, gain, bias) return (y, m, v) }",
  instance_norm: "(x: f32[B, 3, 4], gain: f32[4], bias: f32[4]) = instance_norm(x, gain, bias)",
  group_norm: "(x: f32[B, 3, 4], gain: f32[4], bias: f32[4]) = group_norm[2](x, gain, bias)",
  weight_norm: "(x: f32[B, 3], w: f32[3, 4], gain: f32[4]) = x @ weight_norm(w, gain)",
  add_layer_norm: "(x: f32[B, 4], r: f32[B, 4], gain: f32[4], bias: f32[4]) { let (s, y) = add_layer_norm(x, r, gain, bias) return (s, y) }",
  add_rms_norm: "(x: f32[B, 4], r: f32[B, 4], gain: f32[4]) { let (s, y) = add_rms_norm(x, r, gain) return (s, y) }",
  uniform: "(x: f32[B, 4], key: u32[2]) = uniform(x, key)",
  normal: "(x: f32[B, 4], key: u32[2]) = normal(x, key)",
  dropout: "(x: f32[B, 4], key: u32[2]) = dropout(x, 0.4, key)",
  rnn_cell: "(x: f32[B, 3], h: f32[B, 4], wx: f32[3, 4], wh: f32[4, 4], bias: f32[4]) = rnn_cell(x, h, wx, wh, bias)",
  lstm_gates: "(g: f32[B, 16], c: f32[B, 4], p: f32[12], gain: f32[4]) { let (h, n) = lstm_gates(g, c, p, gain) return (h, n) }",
  lstm_cell: "(x: f32[B, 3], h: f32[B, 4], c: f32[B, 4], wx: f32[3, 16], wh: f32[4, 16], bias: f32[16]) { let (n, m) = lstm_cell(x, h, c, wx, wh, bias) return (n, m) }",
  ln_lstm_cell: "(x: f32[B, 3], h: f32[B, 4], c: f32[B, 4], wx: f32[3, 16], wh: f32[4, 16], gain: f32[16], bias: f32[4]) { let (n, m) = ln_lstm_cell(x, h, c, wx, wh, state_gain = gain, cell_bias = bias) return (n, m) }",
  gru_step: "(x: f32[B, 12], h: f32[B, 4], wh: f32[4, 12], bias: f32[12]) = (gru_step(x, h, wh, bias), gru_step(x, h, wh, reset_after = false))",
  gru_cell: "(x: f32[B, 3], h: f32[B, 4], wx: f32[3, 12], wh: f32[4, 12], bias: f32[12]) = gru_cell(x, h, wx, wh, bias)",
  ln_gru_step: "(g: f32[B, 8], n: f32[B, 4], h: f32[B, 4], wh: f32[4, 12], gain: f32[12]) = ln_gru_step(g, n, h, wh, gain)",
  ln_gru_cell: "(x: f32[B, 3], h: f32[B, 4], wx: f32[3, 12], wh: f32[4, 12], gain: f32[12]) = ln_gru_cell(x, h, wx, wh, state_gain = gain)",
  length_mask: "(lengths: i32[B]) = length_mask[5](lengths)",
  masked_step: "(n: f32[B, 4], o: f32[B, 4], m: bool[B]) = masked_step(n, o, m)",
  masked_output: "(h: f32[B, 4], m: bool[B]) = (masked_output(h, m), masked_output(h, m, hold = true))",
  step_batch_norm: "(x: f32[B, 3, 4], m: f32[4], running_variance: f32[4], gain: f32[4]) = (step_batch_norm(x, m, running_variance, gain), step_batch_norm(x, m, running_variance, batch = true))",
  lstm_scan: "(x: f32[3, B, 16], wh: f32[4, 16]) { let (hs, h, c) = lstm_scan(x, wh) return (hs, h, c) }",
};

const functions = librarySources.flatMap(({ path: name, text }) => parse(sourceFile(name, text)).tree.declarations.flatMap((declaration) => (declaration.kind === "fn" ? [declaration.name.text] : [])));

describe("functions of the library", () => {
  it("are there", () => {
    expect(functions.length).toBeGreaterThan(50);
    expect(Object.keys(calls).filter((name) => !functions.includes(name))).toEqual([]);
  });

  it.each(functions)("%s", async (name) => {
    const text = `model Function[B]${calls[name] ?? `(x: f32[B, 3, 4]) = ${name}(x)`}\n`.replace("{ let", "{\n  let").replace(" return", "\n  return").replace(" }\n", "\n}\n");
    for (const fn of modelsOf(sourceFile("function.nf", text), {})) await expectReference(fn, { B: 2 });
  });
});
