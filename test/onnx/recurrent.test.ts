/**
 * The library's recurrent layers against onnxruntime's own RNN, LSTM and GRU operators: random sizes, lengths, directions, initial
 * states, biases, peepholes and clips, with weights in ONNX's layout through runtime/layouts.ts. The reference in float64, WebAssembly and WGSL.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeModel, type OnnxSignature } from "../../compiler/backends/onnx/encode.ts";
import { checkSource, renderDiagnostics, sourceFile, type TensorFunction } from "../../compiler/index.ts";
import { required } from "../../compiler/errors.ts";
import { integer, type OnnxAttribute, text } from "../../compiler/ops/onnx-form.ts";
import { fromOnnx, type RecurrentKind } from "../../runtime/layouts.ts";
import type { Tensor } from "../../runtime/tensor.ts";
import { type Backends, openBackends, type RunInput } from "../support/conformance/backends.ts";
import { runOnnx } from "../support/onnx-oracle.ts";
import { randomNumbers } from "../support/tensor-function.ts";

const count = Number(process.env["RECURRENT_COUNT"] ?? 36);

interface Setting {
  readonly kind: RecurrentKind;
  readonly T: number;
  readonly B: number;
  readonly I: number;
  readonly H: number;
  readonly direction: "forward" | "reverse" | "bidirectional";
  readonly biased: boolean;
  readonly started: boolean;
  readonly ragged: boolean;
  readonly peepholes: boolean;
  readonly clip: number | undefined;
  readonly resetAfter: boolean;
}

function settingOf(seed: number): Setting {
  const draw = randomNumbers(Math.imul(seed + 1, 0x9e3779b1));
  for (let i = 0; i < 5; i++) draw();
  const below = (n: number): number => Math.floor(((draw() + 1) / 2) * n);
  const chance = (): boolean => draw() > 0;
  const kind = (["rnn", "lstm", "gru"] as const)[seed % 3] ?? "rnn";
  return {
    kind, T: 1 + below(9), B: 1 + below(4), I: 1 + below(7), H: 1 + below(9), direction: (["forward", "reverse", "bidirectional"] as const)[below(3)] ?? "forward",
    biased: chance(), started: chance(), ragged: chance(), peepholes: kind === "lstm" && chance(), clip: chance() ? 0.3 : undefined, resetAfter: chance(),
  };
}

const gates: Readonly<Record<RecurrentKind, number>> = { rnn: 1, lstm: 4, gru: 3 };
const operators: Readonly<Record<RecurrentKind, string>> = { rnn: "RNN", lstm: "LSTM", gru: "GRU" };

interface Data {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly directions: number;
}

function dataOf({ kind, T, B, I, H, direction, biased, started, ragged, peepholes }: Setting, seed: number): Data {
  const draw = randomNumbers(seed + 17);
  const directions = direction === "bidirectional" ? 2 : 1;
  const random = (...shape: number[]): Tensor => ({ dtype: "f32", shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => draw() * 0.9) });
  const G = gates[kind];
  return {
    directions,
    inputs: {
      X: random(T, B, I), W: random(directions, G * H, I), R: random(directions, G * H, H),
      ...(biased ? { B: random(directions, 2 * G * H) } : {}),
      ...(ragged ? { lengths: { dtype: "i32", shape: [B], data: Int32Array.from({ length: B }, () => 1 + Math.floor(((draw() + 1) / 2) * T)) } satisfies Tensor } : {}),
      ...(started ? { initial_h: random(directions, B, H), ...(kind === "lstm" ? { initial_c: random(directions, B, H) } : {}) } : {}),
      ...(peepholes ? { P: random(directions, 3 * H) } : {}),
    },
  };
}

/** The operator in a file of its own, weights as inputs. */
function fileOf({ kind, H, direction, clip, resetAfter }: Setting, { inputs }: Data): Uint8Array {
  const attributes: Record<string, OnnxAttribute> = { hidden_size: integer(H), direction: text(direction) };
  if (clip !== undefined) attributes["clip"] = { kind: "number", value: clip };
  if (kind === "gru") attributes["linear_before_reset"] = integer(resetAfter ? 1 : 0);
  const operands = ["X", "W", "R", "B", "lengths", "initial_h", ...(kind === "lstm" ? ["initial_c", "P"] : [])].map((name) => (Object.hasOwn(inputs, name) ? name : undefined));
  while (operands.at(-1) === undefined) operands.pop();
  const outputs = ["Y", "Y_h", ...(kind === "lstm" ? ["Y_c"] : [])];
  const signature = (name: string, dtype: "f32" | "i32", shape: readonly (number | string)[]): OnnxSignature => ({ name, dtype, shape, doc: "" });
  return encodeModel({
    name: "oracle", doc: "", producer: { name: "test", version: "1" }, constants: [],
    nodes: [{ operator: operators[kind], inputs: operands, outputs, attributes }],
    inputs: Object.entries(inputs).map(([name, { dtype, shape }]) => signature(name, dtype === "i32" ? "i32" : "f32", shape)),
    outputs: outputs.map((name) => signature(name, "f32", name === "Y" ? ["t", "d", "b", "h"] : ["d", "b", "h"])),
  });
}

/** The same as a program of the library: one layer for each direction. */
function programOf({ kind, T, B, I, H, direction, started, ragged, peepholes, clip, resetAfter }: Setting, directions: number): string {
  const layer = kind === "lstm" ? (peepholes ? "PeepholeLstm" : "Lstm") : kind === "gru" ? "Gru" : "Rnn";
  const states = kind === "lstm" ? ["h", "c"] : ["h"];
  const options = (d: number): string => [
    "states = true", `backward = ${direction === "reverse" || d === 1}`,
    ...(ragged ? [`mask = length_mask[${T}](lengths)`] : []),
    ...(started ? states.map((name) => `${name}0 = initial_${name}[${d}]`) : []),
    ...(clip === undefined ? [] : ["activation = clipped_tanh", ...(kind === "rnn" ? [] : ["gate = clipped_sigmoid"])]),
    ...(kind === "gru" ? [`reset_after = ${resetAfter}`] : []),
  ].join(", ");
  const all = Array.from({ length: directions }, (_, d) => d);
  const stacked = (index: number, axis: number): string => `stack(${all.map((d) => `d${d}[${index}]`).join(", ")}, axis = ${axis})`;
  const inputs = [`X: f32[${T}, ${B}, ${I}]`, ...(ragged ? [`lengths: i32[${B}]`] : []), ...(started ? states.map((name) => `initial_${name}: f32[${directions}, ${B}, ${H}]`) : [])];
  return `fn clipped_tanh(x: float[...]) -> float[...] = tanh(clamp(x, ${-(clip ?? 1)}, ${clip ?? 1}))
fn clipped_sigmoid(x: float[...]) -> float[...] = sigmoid(clamp(x, ${-(clip ?? 1)}, ${clip ?? 1}))
model M(${inputs.join(", ")}) {
${all.map((d) => `  let l${d} = ${layer}[${I}, ${H}]\n  let d${d} = l${d}(X, ${options(d)})`).join("\n")}
  return (${[stacked(0, 1), ...states.map((_, i) => stacked(i + 1, 0))].join(", ")})
}`;
}

function modelOf(source: string): TensorFunction {
  const { models, diagnostics } = checkSource(sourceFile("recurrent.nf", source));
  expect(renderDiagnostics(diagnostics)).toBe("");
  return required(models[0], "test", "model");
}

/** Parameters as inputs: the backends of the conformance suite take inputs only. */
function withoutParameters(fn: TensorFunction): TensorFunction {
  return { ...fn, inputs: [...fn.inputs, ...fn.parameters.map(({ path, node }) => ({ name: path, node, doc: "" }))], parameters: [] };
}

describe("recurrent layers equal onnxruntime's", { timeout: 240_000 }, () => {
  let backends: Backends | undefined;
  beforeAll(async () => {
    backends = await openBackends();
  });
  afterAll(() => backends?.close());

  const settings = Array.from({ length: count }, (_, seed) => [seed, settingOf(seed)] as const);

  it.each(settings)("case %i: %o", async (seed, setting) => {
    const data = dataOf(setting, seed);
    const want = await runOnnx(fileOf(setting, data), data.inputs);
    const { W, R, B, P } = data.inputs;
    const weights = { W: required(W, "test", "W"), R: required(R, "test", "R"), B, P };
    const parameters = Object.assign({}, ...Array.from({ length: data.directions }, (_, direction) => fromOnnx(weights, { kind: setting.kind, direction, path: `l${direction}` }))) as Record<string, Tensor>;
    const fn = modelOf(programOf(setting, data.directions));
    const given = { ...data.inputs, ...parameters };
    expect(fn.parameters.map(({ path }) => path).toSorted()).toEqual(Object.keys(parameters).toSorted());
    const inputs = [...fn.inputs.map(({ name }) => name), ...fn.parameters.map(({ path }) => path)].map((name): RunInput => {
      const { dtype, shape, data: values } = required(given[name], "test", name);
      return { name, dtype, shape, data: Float64Array.from(values) };
    });
    const { runs } = required(backends, "test", "backends");
    for (const backend of seed % 4 === 0 ? (["reference", "wasm", "wgsl"] as const) : seed % 2 === 0 ? (["reference", "wasm"] as const) : (["reference"] as const)) {
      const results = await required(runs.get(backend), "test", backend)(withoutParameters(fn), inputs);
      for (const [i, name] of ["Y", "Y_h", "Y_c"].slice(0, results.length).entries()) {
        const expected = required(want[name], "test", name);
        expect(results[i]?.shape, `${backend} ${name}`).toEqual(expected.shape);
        const worst = Math.max(...Array.from(expected.data, (value, at) => Math.abs(value - Number(results[i]?.data[at] ?? Number.NaN))));
        expect(worst, `${backend} ${name}`).toBeLessThan(3e-6);
      }
    }
  });

  it("covers what it says", () => {
    const all = settings.map(([, setting]) => setting);
    for (const kind of ["rnn", "lstm", "gru"]) for (const direction of ["forward", "reverse", "bidirectional"]) expect(all.some((one) => one.kind === kind && one.direction === direction), `${kind} ${direction}`).toBe(true);
    for (const key of ["ragged", "started", "biased", "peepholes"] as const) expect(all.some((one) => one[key]), key).toBe(true);
    expect(all.some((one) => one.kind === "gru" && !one.resetAfter)).toBe(true);
    expect(all.some((one) => one.ragged && one.direction === "reverse")).toBe(true);
  });
});
