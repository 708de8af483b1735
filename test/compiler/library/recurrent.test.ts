/**
 * The library's recurrent cells and layers: values against loops written here from the papers' equations, masks and directions, and
 * every layer as kernels. The layers without norms are compared with onnxruntime's operators in test/onnx/recurrent.test.ts.
 */
import { describe, expect, it } from "vitest";
import { checkSource, evaluateReference, renderDiagnostics, sourceFile, type TensorFunction } from "../../../compiler/index.ts";
import { required } from "../../../compiler/errors.ts";
import { librarySources } from "../../../compiler/library/sources.ts";
import type { ReferenceTensor } from "../../../compiler/ops/define.ts";
import { faultsOf, settings } from "../../support/check-program.ts";
import { randomNumbers } from "../../support/tensor-function.ts";

const [T, B, I, H] = [5, 3, 4, 6];
const eps = 1e-5;

type Vector = readonly number[];
type Matrix = readonly Vector[];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const sum = (values: Vector): number => values.reduce((a, b) => a + b, 0);
const zip = (f: (...values: number[]) => number, ...vectors: readonly Vector[]): number[] => (vectors[0] ?? []).map((_, i) => f(...vectors.map((vector) => vector[i] ?? Number.NaN)));
const times = (x: Vector, w: Matrix): number[] => (w[0] ?? []).map((_, j) => sum(x.map((value, k) => value * (w[k]?.[j] ?? Number.NaN))));
const part = (x: Vector, i: number, size = H): number[] => x.slice(i * size, (i + 1) * size);

function standard(x: Vector): number[] {
  const mean = sum(x) / x.length;
  const variance = sum(x.map((value) => (value - mean) ** 2)) / x.length;
  return x.map((value) => (value - mean) / Math.sqrt(variance + eps));
}

const affine = (x: Vector, gain: Vector, bias: Vector): number[] => zip((value, g, b) => value * g + b, x, gain, bias);

/** Over the batch: rows are cases. */
const batchStandard = (rows: Matrix): number[][] => {
  const columns = (rows[0] ?? []).map((_, j) => standard(rows.map((row) => row[j] ?? Number.NaN)));
  return rows.map((_, b) => columns.map((column) => column[b] ?? Number.NaN));
};

interface State {
  readonly h: Vector;
  readonly c: Vector;
}

interface Given {
  readonly at: (name: string) => Vector;
  readonly matrix: (name: string) => Matrix;
}

/** The next state of one case, from its input and state. */
const cells: Readonly<Record<string, (x: Vector, state: State, given: Given) => State>> = {
  Rnn: (x, { h, c }, { at, matrix }) => ({ h: zip((a, b, d) => Math.tanh(a + b + d), times(x, matrix("wx")), times(h, matrix("wh")), at("bias")), c }),
  LnRnn: (x, { h, c }, { at, matrix }) => ({ h: affine(standard(zip((a, b) => a + b, times(x, matrix("wx")), times(h, matrix("wh")))), at("gain"), at("bias")).map(Math.tanh), c }),
  Lstm: (x, state, { at, matrix }) => gated(zip((a, b, d) => a + b + d, times(x, matrix("wx")), times(state.h, matrix("wh")), at("bias")), state),
  LnLstm: (x, state, { at, matrix }) => {
    const input = affine(standard(times(x, matrix("wx"))), at("input_gain"), at("input_bias"));
    const recurrent = affine(standard(times(state.h, matrix("wh"))), at("state_gain"), at("state_bias"));
    return gated(zip((a, b, d) => a + b + d, input, recurrent, at("bias")), state, (c) => affine(standard(c), at("cell_gain"), at("cell_bias")));
  },
  DrawLstm: (x, state, { at, matrix }) => gated(zip((a, b, d) => a + b + d, times(x, matrix("wx")), times(state.h, matrix("wh")), at("bias")), state, (c) => affine(standard(c), at("cell_gain"), at("cell_bias"))),
  Gru: (x, { h, c }, { at, matrix }) => {
    const [a, u] = [zip((p, q) => p + q, times(x, matrix("wx")), at("bias")), zip((p, q) => p + q, times(h, matrix("wh")), at("state_bias"))];
    return { h: mixed(h, zip((p, q) => sigmoid(p + q), part(a, 0), part(u, 0)), zip((p, q) => sigmoid(p + q), part(a, 1), part(u, 1)), part(a, 2), part(u, 2)), c };
  },
  LnGru: (x, { h, c }, { at, matrix }) => {
    const normed = (value: Vector, gain: Vector, bias: Vector): number[] => affine([...standard(value.slice(0, 2 * H)), ...standard(value.slice(2 * H))], gain, bias);
    const [a, u] = [normed(times(x, matrix("wx")), at("input_gain"), at("input_bias")), normed(times(h, matrix("wh")), at("state_gain"), at("state_bias"))];
    return { h: mixed(h, zip((p, q) => sigmoid(p + q), part(a, 0), part(u, 0)), zip((p, q) => sigmoid(p + q), part(a, 1), part(u, 1)), part(a, 2), part(u, 2)), c };
  },
};

function gated(gates: Vector, state: State, shown: (c: Vector) => Vector = (c) => c): State {
  const [i, f, g, o] = [0, 1, 2, 3].map((gate) => part(gates, gate));
  const c = zip((a, b, d, before) => sigmoid(b) * before + sigmoid(a) * Math.tanh(d), i ?? [], f ?? [], g ?? [], state.c);
  return { h: zip((a, b) => sigmoid(a) * Math.tanh(b), o ?? [], shown(c)), c };
}

const mixed = (h: Vector, r: Vector, z: Vector, candidate: Vector, recurrent: Vector): number[] => zip((before, reset, keep, a, b) => (1 - keep) * Math.tanh(a + reset * b) + keep * before, h, r, z, candidate, recurrent);

function modelOf(source: string): TensorFunction {
  const { models, diagnostics } = checkSource(sourceFile("recurrent.nf", source));
  expect(renderDiagnostics(diagnostics)).toBe("");
  return required(models[0], "test", "model");
}

const extent = (fn: TensorFunction, path: string): number[] => required(fn.parameters.find((leaf) => leaf.path === path), "test", path).node.type.shape.map((each) => Number(each.key));

interface Fed {
  readonly parameters: Readonly<Record<string, ReferenceTensor>>;
  readonly given: Given;
}

function feed(fn: TensorFunction, path: string, seed: number): Fed {
  const draw = randomNumbers(seed);
  const parameters = Object.fromEntries(fn.parameters.map((leaf) => {
    const shape = extent(fn, leaf.path);
    const positive = leaf.path.endsWith("variance");
    return [leaf.path, { dtype: "f32" as const, shape, data: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (positive ? 0.5 + Math.abs(draw()) : draw() * 0.8)) }];
  }));
  const tensor = (name: string): ReferenceTensor => required(parameters[`${path}.${name}`], "test", name);
  return { parameters, given: { at: (name) => Array.from(tensor(name).data), matrix: (name) => rowsOf(tensor(name).data, tensor(name).shape[1] ?? 1) } };
}

const rowsOf = (data: ArrayLike<number>, length: number): number[][] => Array.from({ length: data.length / length }, (_, i) => Array.from({ length }, (__, j) => data[i * length + j] ?? Number.NaN));

const draw = randomNumbers(5);
const xs = Array.from({ length: T }, () => Array.from({ length: B }, () => Array.from({ length: I }, () => draw() * 2)));
const hosted = (shape: readonly number[], data: readonly number[], dtype: "f32" | "i32" = "f32"): ReferenceTensor => ({ dtype, shape, data: Float64Array.from(data) });
const xsTensor = hosted([T, B, I], xs.flat(2));

function expectClose(got: ReferenceTensor | undefined, want: readonly number[], what: string): void {
  expect(got?.data.length, what).toBe(want.length);
  expect(Math.max(...want.map((value, i) => Math.abs(value - (got?.data[i] ?? Number.NaN)))), what).toBeLessThan(1e-11);
}

describe("layers", () => {
  it.each(Object.entries(cells))("%s is the scan over its equations, from given states", (layer, step) => {
    const cell = layer.endsWith("Lstm");
    const fn = modelOf(`model M(xs: f32[${T}, ${B}, ${I}], h0: f32[${B}, ${H}], c0: f32[${B}, ${H}]) {\n  let l = ${layer}[${I}, ${H}]\n  return l(xs, h0 = h0, ${cell ? "c0 = c0, " : ""}states = true)\n}`);
    const { parameters, given } = feed(fn, "l", 3);
    const h0 = Array.from({ length: B }, () => Array.from({ length: H }, () => draw()));
    const c0 = Array.from({ length: B }, () => Array.from({ length: H }, () => draw()));
    const result = evaluateReference(fn, {}, { xs: xsTensor, h0: hosted([B, H], h0.flat()), c0: hosted([B, H], c0.flat()) }, parameters);
    let states: State[] = h0.map((h, b) => ({ h, c: c0[b] ?? [] }));
    const hs = xs.map((rows) => (states = states.map((state, b) => step(rows[b] ?? [], state, given))).map(({ h }) => h));
    expectClose(result["output_0"], hs.flat(2), "states of all steps");
    expectClose(result["output_1"], states.flatMap(({ h }) => h), "last state");
    if (cell) expectClose(result["output_2"], states.flatMap(({ c }) => c), "last cell");
  });

  it("batch norm with the batch's statistics is the plain cell on normalised products", () => {
    const fn = modelOf(`model M(xs: f32[${T}, ${B}, ${I}]) {\n  let l = BnLstm[${I}, ${H}]\n  return l(xs, batch = true)\n}`);
    const { parameters, given: { at, matrix } } = feed(fn, "l", 4);
    let states: State[] = xs[0]?.map(() => ({ h: new Array<number>(H).fill(0), c: new Array<number>(H).fill(0) })) ?? [];
    const hs = xs.map((rows) => {
      const input = batchStandard(rows.map((x) => times(x, matrix("wx")))).map((row) => affine(row, at("input_gain"), at("bias")));
      const state = batchStandard(states.map(({ h }) => times(h, matrix("wh")))).map((row) => zip((a, g) => a * g, row, at("state_gain")));
      const gates = input.map((row, b) => zip((p, q) => p + q, row, state[b] ?? []));
      const plain = gates.map((row, b) => gated(row, required(states[b], "test", "state")));
      const shown = batchStandard(plain.map(({ c }) => c)).map((row) => affine(row, at("cell_gain"), at("cell_bias")));
      states = plain.map(({ c }, b) => ({ c, h: zip((o, value) => sigmoid(o) * Math.tanh(value), part(gates[b] ?? [], 3), shown[b] ?? []) }));
      return states.map(({ h }) => h);
    });
    expectClose(evaluateReference(fn, {}, { xs: xsTensor }, parameters)["output"], hs.flat(2), "states");
  });

  it("batch norm with running statistics is a plain cell with scaled weights", () => {
    const fn = modelOf(`model M(xs: f32[${T}, ${B}, ${I}]) {\n  let l = BnRnn[${I}, ${H}]\n  return l(xs)\n}`);
    const { parameters, given: { at, matrix } } = feed(fn, "l", 4);
    const normed = (x: Vector, name: string): number[] => zip((value, mean, variance, gain) => ((value - mean) / Math.sqrt(variance + eps)) * gain, x, at(`${name}_mean`), at(`${name}_variance`), at(`${name}_gain`));
    let states: number[][] = Array.from({ length: B }, () => new Array<number>(H).fill(0));
    const hs = xs.map((rows) => (states = states.map((h, b) => zip((p, q, r) => Math.tanh(p + q + r), normed(times(rows[b] ?? [], matrix("wx")), "input"), at("bias"), normed(times(h, matrix("wh")), "state")))));
    expectClose(evaluateReference(fn, {}, { xs: xsTensor }, parameters)["output"], hs.flat(2), "states");
  });

  it.each(["Rnn", "LnRnn", "BnRnn", "Lstm", "PeepholeLstm", "LnLstm", "DrawLstm", "BnLstm", "Gru", "LnGru", "BnGru"])("%s keeps its state where the mask is false, and gives zeros there or holds", (layer) => {
    const fn = modelOf(`model M(xs: f32[${T}, ${B}, ${I}], n: i32[${B}]) {
  let l = ${layer}[${I}, ${H}]
  let mask = length_mask[${T}](n)
  let a = l(xs, mask = mask, states = true)
  let b = l(xs, mask = mask, states = true, backward = true)
  return (a[0], a[1], b[0], b[1], l(xs, mask = mask, hold = true), l(xs[:2]), flip(l(flip(xs[:2], axis = 0)), axis = 0))
}`);
    const { parameters } = feed(fn, "l", 8);
    const out = evaluateReference(fn, {}, { xs: xsTensor, n: hosted([B], [2, 5, 1], "i32") }, parameters);
    const [hs, h, backs, back, held, short, shortBack] = Array.from({ length: 7 }, (_, i) => rowsOf(required(out[`output_${i}`], "test", "output").data, H));
    const row = (rows: number[][] | undefined, t: number, b: number): number[] => required(rows?.[t * B + b], "test", "row");
    const zeros = new Array<number>(H).fill(0);
    // Case 0 has two steps, both ways, whatever stands behind them.
    for (const t of [0, 1]) expect(row(hs, t, 0)).toEqual(row(short, t, 0));
    for (const t of [0, 1]) expect(row(backs, t, 0)).toEqual(row(shortBack, t, 0));
    for (const t of [2, 3, 4]) expect([row(hs, t, 0), row(backs, t, 0), row(held, t, 0)]).toEqual([zeros, zeros, row(short, 1, 0)]);
    expect(h?.[0]).toEqual(row(short, 1, 0));
    expect(back?.[0]).toEqual(row(shortBack, 0, 0));
    expect(h?.[1]).toEqual(row(hs, 4, 1));
    expect(h?.[2]).toEqual(row(hs, 0, 2));
  });

  it("runs in both directions, stacked, with a layer that is an argument", () => {
    const fn = modelOf(`layer Small[I, H](xs: f32[T, B, I], mask: bool[T, B] = none, backward: flag = false, states: flag = false) {
  param w: f32[I, H] = glorot_uniform
  let (hs, h) = scan (x, m) in (xs @ w, mask) backwards if backward with (h: f32[B, H] = 0) {
    next h = masked_step(0.5 * h + x, h, m)
    emit h
    emit last h
  }
  return if states then (hs, h) else hs
}
model M(xs: f32[${T}, ${B}, ${I}]) {
  let (ys, forward, backward) = Bidirectional[${I}, ${H}](xs, cell = Small, states = true)
  return (ys, forward[0], backward[1], xs |> repeat(2, Bidirectional[${I}, ${I / 2}]))
}`);
    expect(fn.parameters.map(({ path }) => path).filter((path) => path.startsWith("bidirectional.") || path.endsWith("wh"))).toEqual(["bidirectional.small.w", "bidirectional.small_2.w", "bidirectional_2.lstm.wh", "bidirectional_2.lstm_2.wh", "bidirectional_3.lstm.wh", "bidirectional_3.lstm_2.wh"]);
    const { parameters } = feed(fn, "bidirectional", 2);
    const out = evaluateReference(fn, {}, { xs: xsTensor }, parameters);
    const ys = rowsOf(required(out["output_0"], "test", "ys").data, 2 * H);
    const forward = rowsOf(required(out["output_1"], "test", "forward").data, H);
    const back = rowsOf(required(out["output_2"], "test", "back").data, H);
    expect(ys.map((row) => row.slice(0, H))).toEqual(forward);
    expect(ys.slice(0, B).map((row) => row.slice(H))).toEqual(back);
  });

  it("starts gains as it is told, and the paper's at 1", () => {
    const fn = modelOf(`model M(xs: f32[2, 1, 2]) {\n  return xs |> LnLstm[2, 3] |> LnGru[3, 3](initial_gain = 0.1) |> BnRnn[3, 3]\n}`);
    const gain = (path: string): unknown => fn.parameters.find((leaf) => leaf.path === path)?.initialiser;
    expect([gain("ln_lstm.cell_gain"), gain("ln_gru.state_gain"), gain("bn_rnn.input_gain"), gain("ln_lstm.bias")]).toEqual([{ name: "constant", value: 1 }, { name: "constant", value: 0.1 }, { name: "constant", value: 0.1 }, { name: "zeros" }]);
  });

  it("learns an initial state", () => {
    const fn = modelOf(`model M(xs: f32[${T}, ${B}, ${I}]) {\n  return Rnn[${I}, ${H}](xs, h0 = InitialState[${H}](xs))\n}`);
    expect(fn.parameters.map(({ path }) => path)).toEqual(["initial_state.state", "rnn.wx", "rnn.wh", "rnn.bias"]);
  });
});

describe("cells", () => {
  const step = (call: string): string => `model M(x: f32[${B}, ${I}], h: f32[${B}, ${H}], c: f32[${B}, ${H}], wx: f32[${I}, K], wh: f32[${H}, K]) { return ${call} }`;
  const one = (call: string, gates: number): Readonly<Record<string, ReferenceTensor>> => {
    const random = randomNumbers(gates);
    const fn = modelOf(step(call).replaceAll("K", String(gates * H)));
    const data = (...shape: number[]): ReferenceTensor => hosted(shape, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random()));
    return evaluateReference(fn, {}, { x: data(B, I), h: data(B, H), c: data(B, H), wx: data(I, gates * H), wh: data(H, gates * H) }, {});
  };

  it.each([
    ["lstm_cell(x, h, c, wx, wh)", "lstm_gates(x @ wx + h @ wh, c)", 4],
    ["ln_lstm_cell(x, h, c, wx, wh)", "lstm_gates(layer_norm(x @ wx) + layer_norm(h @ wh), c, cell_gain = broadcast_to(1, [6]))", 4],
    ["gru_cell(x, h, wx, wh)", "gru_step(x @ wx, h, wh)", 3],
    ["rnn_cell(x, h, wx, wh)", "tanh(x @ wx + h @ wh)", 1],
    ["lstm_gates(x @ wx + h @ wh, c, coupled = true)[1]", "(1 - sigmoid((x @ wx + h @ wh)[:, :6])) * c + sigmoid((x @ wx + h @ wh)[:, :6]) * tanh((x @ wx + h @ wh)[:, 12:18])", 4],
  ] as const)("%s is %s", (call, same, gates) => {
    const [a, b] = [one(call, gates), one(same, gates)];
    expect(Object.keys(a)).toEqual(Object.keys(b));
    for (const [name, { data }] of Object.entries(a)) expectClose(b[name], Array.from(data), name);
  });

  it("ln_gru_cell is one step of LnGru", () => {
    const fn = modelOf(`model M(x: f32[${B}, ${I}], h: f32[${B}, ${H}]) {
  param wx: f32[${I}, ${3 * H}] = glorot_uniform
  param wh: f32[${H}, ${3 * H}] = orthogonal
  return ln_gru_cell(x, h, wx, wh)
}`);
    const layer = modelOf(`model M(x: f32[${B}, ${I}], h: f32[${B}, ${H}]) {\n  return LnGru[${I}, ${H}](reshape(x, [1, ${B}, ${I}]), h0 = h)[0]\n}`);
    const { parameters } = feed(fn, "", 6);
    const ones = hosted([3 * H], new Array<number>(3 * H).fill(1));
    const zeros = hosted([3 * H], new Array<number>(3 * H).fill(0));
    const x = { x: hosted([B, I], xs[0]?.flat() ?? []), h: hosted([B, H], Array.from({ length: B * H }, (_, i) => Math.sin(i))) };
    const want = evaluateReference(layer, {}, x, { "ln_gru.wx": required(parameters["wx"], "test", "wx"), "ln_gru.wh": required(parameters["wh"], "test", "wh"), "ln_gru.input_gain": ones, "ln_gru.input_bias": zeros, "ln_gru.state_gain": ones, "ln_gru.state_bias": zeros });
    expectClose(evaluateReference(fn, {}, x, parameters)["output"], Array.from(required(want["output"], "test", "output").data), "state");
  });
});

describe("the library's recurrent files", { timeout: 120_000 }, () => {
  it("check on their own, in f32 and f16, with and without optional arguments", () => {
    const texts = librarySources.filter(({ path }) => path.includes("recurrent")).map(({ text }) => text);
    expect(texts).toHaveLength(3);
    expect(renderDiagnostics(checkSource(sourceFile("library.nf", texts.join("\n"))).diagnostics)).toBe("");
  });

  const layers = ["Rnn", "LnRnn", "BnRnn", "Lstm", "PeepholeLstm", "LnLstm", "DrawLstm", "BnLstm", "Gru", "LnGru", "BnGru", "Bidirectional"];
  it.each(layers)("%s becomes right kernels", (layer) => {
    const fn = modelOf(`model M(xs: f32[3, 2, 3], n: i32[2]) { return ${layer}[3, 4](xs, mask = length_mask[3](n), states = true)[0] }`);
    expect(faultsOf(fn, {}, 1, settings.filter(({ title }) => title === "wgsl, gpu" || title === "gpujs, gpu" || title === "wasm"))).toEqual([]);
  });
});
