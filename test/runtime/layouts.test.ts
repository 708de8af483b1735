/**
 * Weights in PyTorch's layout: the library's layers with them compute what PyTorch's documentation says of its own. ONNX's layout is
 * tested against onnxruntime in test/onnx/recurrent.test.ts. Also the example of spec/runtime.md, run as it stands, and every refusal.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkSource, evaluateReference, renderDiagnostics, sourceFile, type TensorFunction } from "../../compiler/index.ts";
import { required } from "../../compiler/errors.ts";
import { fromOnnx, fromPyTorch, type RecurrentKind } from "../../runtime/layouts.ts";
import { readSafetensors } from "../../runtime/safetensors.ts";
import type { Tensor } from "../../runtime/tensor.ts";
import { randomNumbers, toReference } from "../support/tensor-function.ts";

const [T, I, H] = [4, 3, 4];
const gates: Readonly<Record<RecurrentKind, number>> = { rnn: 1, lstm: 4, gru: 3 };
const layers: Readonly<Record<RecurrentKind, string>> = { rnn: "Rnn", lstm: "Lstm", gru: "Gru" };

const random = randomNumbers(12);
const tensor = (...shape: number[]): Tensor => ({ dtype: "f32", shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random()) });

const stateDict = (kind: RecurrentKind, suffix: string, inputs = I): Record<string, Tensor> => ({
  [`weight_ih_${suffix}`]: tensor(gates[kind] * H, inputs), [`weight_hh_${suffix}`]: tensor(gates[kind] * H, H), [`bias_ih_${suffix}`]: tensor(gates[kind] * H), [`bias_hh_${suffix}`]: tensor(gates[kind] * H),
});

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** W x + b, as torch.nn.Linear has it. */
const linear = (w: Tensor | undefined, x: readonly number[], b: Tensor | undefined): number[] =>
  Array.from({ length: w?.shape[0] ?? 0 }, (_, row) => x.reduce((sum, value, k) => sum + value * Number(w?.data[row * x.length + k]), Number(b?.data[row] ?? 0)));

/** The formulas of PyTorch's documentation, one sequence. */
function torch(kind: RecurrentKind, weights: Readonly<Record<string, Tensor>>, suffix: string, xs: readonly (readonly number[])[]): number[][] {
  let [h, c] = [new Array<number>(H).fill(0), new Array<number>(H).fill(0)];
  return xs.map((x) => {
    const a = linear(weights[`weight_ih_${suffix}`], x, weights[`bias_ih_${suffix}`]);
    const u = linear(weights[`weight_hh_${suffix}`], h, weights[`bias_hh_${suffix}`]);
    const both = (gate: number, j: number): number => (a[gate * H + j] ?? Number.NaN) + (u[gate * H + j] ?? Number.NaN);
    const before = h;
    switch (kind) {
      case "rnn":
        h = before.map((_, j) => Math.tanh(both(0, j)));
        break;
      case "lstm":
        c = c.map((cell, j) => sigmoid(both(1, j)) * cell + sigmoid(both(0, j)) * Math.tanh(both(2, j)));
        h = c.map((cell, j) => sigmoid(both(3, j)) * Math.tanh(cell));
        break;
      case "gru":
        h = before.map((state, j) => {
          const [r, z] = [sigmoid(both(0, j)), sigmoid(both(1, j))];
          return (1 - z) * Math.tanh((a[2 * H + j] ?? Number.NaN) + r * (u[2 * H + j] ?? Number.NaN)) + z * state;
        });
        break;
      default:
        kind satisfies never;
    }
    return h;
  });
}

function modelOf(body: string): TensorFunction {
  const { models, diagnostics } = checkSource(sourceFile("layouts.nf", `model M(xs: f32[${T}, 1, ${I}]) {\n  ${body}\n}`));
  expect(renderDiagnostics(diagnostics)).toBe("");
  return required(models[0], "test", "model");
}

const sequence = tensor(T, 1, I);
const rows = Array.from({ length: T }, (_, t) => Array.from({ length: I }, (__, k) => Number(sequence.data[t * I + k])));

function outputOf(fn: TensorFunction, parameters: Readonly<Record<string, Tensor>>): number[][] {
  expect(Object.fromEntries(Object.entries(parameters).map(([path, { shape }]) => [path, shape]))).toEqual(Object.fromEntries(fn.parameters.map(({ path, node }) => [path, node.type.shape.map(({ key }) => Number(key))])));
  const { data, shape } = required(evaluateReference(fn, {}, toReference({ xs: sequence }), toReference(parameters))["output"], "test", "output");
  const width = shape[2] ?? 1;
  return Array.from({ length: T }, (_, t) => Array.from(data.slice(t * width, (t + 1) * width)));
}

function expectClose(got: readonly (readonly number[])[], want: readonly (readonly number[])[]): void {
  expect(got.map((row) => row.length)).toEqual(want.map((row) => row.length));
  expect(Math.max(...got.flatMap((row, t) => row.map((value, j) => Math.abs(value - (want[t]?.[j] ?? Number.NaN)))))).toBeLessThan(1e-6);
}

describe("PyTorch's layout", () => {
  it.each(["rnn", "lstm", "gru"] as const)("%s", (kind) => {
    const weights = stateDict(kind, "l0");
    expectClose(outputOf(modelOf(`return ${layers[kind]}[${I}, ${H}](xs)`), fromPyTorch(weights, { kind, path: kind })), torch(kind, weights, "l0", rows));
  });

  it.each(["rnn", "lstm", "gru"] as const)("%s without biases, of the second direction", (kind) => {
    const { [`bias_ih_l0_reverse`]: _a, [`bias_hh_l0_reverse`]: _b, ...weights } = stateDict(kind, "l0_reverse");
    expectClose(outputOf(modelOf(`return ${layers[kind]}[${I}, ${H}](xs, backward = true)`), fromPyTorch(weights, { kind, reverse: true, path: kind })), torch(kind, weights, "l0_reverse", rows.toReversed()).toReversed());
  });

  it("stacked layers, under a prefix", () => {
    const weights = { ...stateDict("lstm", "l0"), ...stateDict("lstm", "l1", H) };
    const stored = Object.fromEntries(Object.entries(weights).map(([name, value]) => [`net.${name}`, value]));
    const parameters = { ...fromPyTorch(stored, { kind: "lstm", prefix: "net.", path: "lstm" }), ...fromPyTorch(stored, { kind: "lstm", prefix: "net.", layer: 1, path: "lstm_2" }) };
    expectClose(outputOf(modelOf(`return xs |> Lstm[${I}, ${H}] |> Lstm[${H}, ${H}]`), parameters), torch("lstm", weights, "l1", torch("lstm", weights, "l0", rows)));
  });
});

/** A file with these tensors. */
function safetensors(tensors: Readonly<Record<string, Tensor>>): Uint8Array {
  let at = 0;
  const header = JSON.stringify(Object.fromEntries(Object.entries(tensors).map(([name, { shape, data }]) => [name, { dtype: "F32", shape, data_offsets: [at, (at += data.byteLength)] }])));
  const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
  return Uint8Array.from([...length, ...new TextEncoder().encode(header), ...Object.values(tensors).flatMap(({ data }) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)])]);
}

it("the example of the spec runs as it stands", async () => {
  const spec = readFileSync(new URL("../../spec/runtime.md", import.meta.url), "utf8");
  const code = required([...spec.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? "").find((text) => text.includes("normfuse/runtime/layouts")), "test", "example");
  const weights = { ...stateDict("lstm", "l0"), ...stateDict("lstm", "l0_reverse") };
  const file = safetensors(Object.fromEntries(Object.entries(weights).map(([name, value]) => [`encoder.${name}`, value])));
  let prepared: Record<string, Tensor> = {};
  const tagger = { prepare: async (parameters: Record<string, Tensor>) => void (prepared = parameters) };
  const body = code.split("\n").filter((line) => !line.startsWith("import ")).join("\n");
  const run = new Function("fromPyTorch", "readSafetensors", "file", "tagger", `return (async () => {\n${body}\n})()`) as (...values: unknown[]) => Promise<void>;
  await run(fromPyTorch, readSafetensors, file, tagger);
  const back = torch("lstm", weights, "l0_reverse", rows.toReversed()).toReversed();
  expectClose(outputOf(modelOf(`return xs |> Bidirectional[${I}, ${H}]`), prepared), torch("lstm", weights, "l0", rows).map((row, t) => [...row, ...(back[t] ?? [])]));
});

describe("refused with the name and what was expected:", () => {
  const weights = stateDict("lstm", "l0");
  const onnx = { W: tensor(1, 4 * H, I), R: tensor(1, 4 * H, H), B: tensor(1, 8 * H), P: tensor(1, 3 * H) };

  it.each([
    ["a tensor that is missing", () => fromPyTorch(weights, { kind: "lstm", layer: 1 }), /no tensor 'weight_ih_l1'/],
    ["another kind's weights", () => fromPyTorch(weights, { kind: "gru" }), /'weight_ih_l0' has the shape \[16, 3\], expected 12 rows: 3 gates of the 4 columns of 'weight_hh_l0'/],
    ["a bias of another length", () => fromPyTorch({ ...weights, bias_ih_l0: tensor(3) }, { kind: "lstm" }), /'bias_ih_l0' has the shape \[3\], expected \[16\]/],
    ["a projection of the state", () => fromPyTorch({ ...weights, weight_hr_l0: tensor(2, 4) }, { kind: "lstm" }), /'weight_hr_l0' projects the state/],
    ["a tensor of another rank", () => fromPyTorch({ ...weights, weight_ih_l0: tensor(1, 16, 3) }, { kind: "lstm" }), /\[1, 16, 3\], expected a matrix or a vector/],
    ["whole numbers", () => fromPyTorch({ ...weights, weight_ih_l0: { dtype: "i32", shape: [16, 3], data: new Int32Array(48) } }, { kind: "lstm" }), /'weight_ih_l0' is i32\[16, 3\]/],
    ["a direction that is not there", () => fromOnnx(onnx, { kind: "lstm", direction: 1 }), /'W' has the shape \[1, 16, 3\], expected 3 axes, of which the first has a direction 1/],
    ["a bias of one half", () => fromOnnx({ ...onnx, B: tensor(1, 4 * H) }, { kind: "lstm" }), /'B' has the shape \[16\], expected \[32\]/],
    ["peepholes of a GRU", () => fromOnnx({ W: tensor(1, 12, I), R: tensor(1, 12, H), P: tensor(1, 12) }, { kind: "gru" }), /'P' .* of an LSTM/],
  ] as const)("%s", (_, run, message) => {
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ code: "weights-invalid" }));
  });
});
