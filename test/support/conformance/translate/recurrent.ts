/**
 * Recurrent operators as scans: ONNX's RNN, LSTM and GRU, WebNN's lstm, gru and their cells, Keras' layers. Each suite's weights are
 * brought to one form, [K, gates * H] with the gates i, f, g, o and r, z, n, and the cell is written out with the case's activations.
 */
import { type Draft, listed, literal, type Step } from "../draft.ts";
import type { Translate, Translations, View } from "../view.ts";

type Kind = "rnn" | "lstm" | "gru";

/** Text of an activation of a text. */
type Activation = (x: string) => string;

/** One direction, steps first. */
interface Recurrence {
  readonly kind: Kind;
  /** [T, B, I] */
  readonly x: Step;
  /** [I, gates * H], [H, gates * H], [gates * H], [gates * H] and [3 * H] */
  readonly wx: Step;
  readonly wh: Step;
  readonly bias: Step | undefined;
  readonly stateBias: Step | undefined;
  readonly peephole: Step | undefined;
  /** [B, H] */
  readonly h0: Step | undefined;
  readonly c0: Step | undefined;
  /** bool[T, B] */
  readonly mask: Step | undefined;
  readonly backwards: boolean;
  /** Outputs of steps that the mask hides: the state before, or zeros. */
  readonly hold: boolean;
  readonly resetAfter: boolean;
  readonly coupled: boolean;
  /** Of the gates, of what they let in, and of the cell on its way out. */
  readonly activations: readonly [Activation, Activation, Activation];
}

interface Recurred {
  /** [T, B, H] */
  readonly sequence: Step;
  /** [B, H] */
  readonly h: Step;
  readonly c: Step;
}

function recur(draft: Draft, { x, wx, wh, bias, stateBias, peephole, ...recurrence }: Recurrence): Recurred {
  const { kind, h0, c0, mask, backwards, hold, resetAfter, coupled, activations: [gate, activation, cellActivation] } = recurrence;
  const [steps = 1, batch = 1] = x.shape;
  const hidden = wh.shape[0] ?? 1;
  const product = draft.let(`${x.text} @ ${wx.text}`, [steps, batch, wx.shape[1] ?? 1]);
  const projected = bias ? draft.add(product, bias) : product;
  const b = (from: number, to: number): string => (stateBias ? ` + ${stateBias.text}[${from * hidden}:${to * hidden}]` : "");
  const w = (from: number, to: number): string => `${wh.text}[:, ${from * hidden}:${to * hidden}]`;
  const part = (i: number): string => `u[:, ${i * hidden}:${(i + 1) * hidden}]`;
  const peep = (i: number, cell: string): string => (peephole ? ` + ${peephole.text}[${i * hidden}:${(i + 1) * hidden}] * ${cell}` : "");
  const kept = (now: string, before: string): string => (mask ? `where(reshape(m, [${batch}, 1]), ${now}, ${before})` : now);
  const bodies: Readonly<Record<Kind, readonly string[]>> = {
    rnn: [`let h1 = ${activation(`(x + h @ ${wh.text}${b(0, 1)})`)}`],
    gru: [
      `let r = ${gate(`(x[:, 0:${hidden}] + h @ ${w(0, 1)}${b(0, 1)})`)}`,
      `let z = ${gate(`(x[:, ${hidden}:${2 * hidden}] + h @ ${w(1, 2)}${b(1, 2)})`)}`,
      `let n = ${activation(`(x[:, ${2 * hidden}:${3 * hidden}] + ${resetAfter ? `r * (h @ ${w(2, 3)}${b(2, 3)})` : `(r * h) @ ${w(2, 3)}${b(2, 3)}`})`)}`,
      "let h1 = (1 - z) * n + z * h",
    ],
    lstm: [
      `let u = x + h @ ${wh.text}${b(0, 4)}`,
      `let i = ${gate(`(${part(0)}${peep(0, "c")})`)}`,
      `let f = ${coupled ? "1 - i" : gate(`(${part(1)}${peep(1, "c")})`)}`,
      `let c1 = f * c + i * ${activation(part(2))}`,
      `let o = ${gate(`(${part(3)}${peep(2, "c1")})`)}`,
      `let h1 = o * ${cellActivation("c1")}`,
      `next c = ${kept("c1", "c")}`,
    ],
  };
  const type = `f32[${batch}, ${hidden}]`;
  const carries = [`h: ${type} = ${h0?.text ?? "0"}`, ...(kind === "lstm" ? [`c: ${type} = ${c0?.text ?? "0"}`] : [])];
  const lines = [...bodies[kind], `next h = ${kept("h1", "h")}`, `emit ${hold ? "h" : kept("h", "0")}`, "emit last h", ...(kind === "lstm" ? ["emit last c"] : [])];
  const [names, sequences] = mask ? ["(x, m)", `(${projected.text}, ${mask.text})`] : ["x", projected.text];
  const scan = draft.let(`scan ${names} in ${sequences}${backwards ? " backwards" : ""} with (${carries.join(", ")}) {\n    ${lines.join("\n    ")}\n  }`, []);
  const result = (index: number, shape: readonly number[]): Step => draft.let(`${scan.text}[${index}]`, shape);
  const h = result(1, [batch, hidden]);
  return { sequence: result(0, [steps, batch, hidden]), h, c: kind === "lstm" ? result(2, [batch, hidden]) : h };
}

/** Rows of the gates in another order, and transposed: [gates * H, K] to [K, gates * H]; a vector stays one. */
function gatesOf(draft: Draft, x: Step, order: readonly number[]): Step {
  const size = (x.shape[0] ?? 1) / order.length;
  const inOrder = order.every((from, i) => from === i) ? x : draft.concat(order.map((from) => draft.let(`${x.text}[${from * size}:${(from + 1) * size}]`, [size, ...x.shape.slice(1)])), 0);
  return x.shape.length === 2 ? draft.transpose(inOrder, [1, 0]) : inOrder;
}

const at = (draft: Draft, x: Step, index: number): Step => draft.let(`${x.text}[${index}]`, x.shape.slice(1), x.dtype);

/** Where i, f, g, o, or r, z, n, stand in a suite's order of gates. */
const orders: Readonly<Record<string, readonly number[]>> = { one: [0], iofc: [0, 2, 3, 1], ifgo: [0, 1, 2, 3], zrn: [1, 0, 2], rzn: [0, 1, 2], iof: [0, 2, 1] };

const orderOf = (name: string): readonly number[] => orders[name] ?? listed(`gates in the order ${name}`);

/** Its text of x, with its two numbers. */
const activationTexts: Readonly<Record<string, (x: string, alpha: number | undefined, beta: number | undefined) => string>> = {
  tanh: (x) => `tanh(${x})`, sigmoid: (x) => `sigmoid(${x})`, relu: (x) => `relu(${x})`, linear: (x) => x,
  affine: (x, alpha = 1, beta = 0) => `(${literal(alpha)} * ${x} + ${literal(beta)})`,
  leakyrelu: (x, alpha = 0.01) => `leaky_relu(${x}, ${literal(alpha)})`,
  thresholdedrelu: (x, alpha = 1) => `where(${x} > ${literal(alpha)}, ${x}, 0)`,
  scaledtanh: (x, alpha = 1, beta = 1) => `(${literal(alpha)} * tanh(${literal(beta)} * ${x}))`,
  hardsigmoid: (x, alpha = 0.2, beta = 0.5) => `clamp(${literal(alpha)} * ${x} + ${literal(beta)}, 0, 1)`,
  elu: (x, alpha = 1) => `where(${x} > 0, ${x}, ${literal(alpha)} * (exp(minimum(${x}, 0)) - 1))`,
  softsign: (x) => `(${x} / (1 + abs(${x})))`, softplus: (x) => `softplus(${x})`,
};
const numbersTaken: Readonly<Record<string, readonly [alpha: boolean, beta: boolean]>> = { affine: [true, true], leakyrelu: [true, false], thresholdedrelu: [true, false], scaledtanh: [true, true], hardsigmoid: [true, true], elu: [true, false] };

function activationOf(name: string, alpha?: number, beta?: number, clip?: number): Activation {
  const text = activationTexts[name.toLowerCase().replaceAll(/[_ ]/g, "")] ?? listed(`activation ${name}`);
  return (x) => text(clip === undefined ? x : `clamp(${x}, ${literal(-clip)}, ${literal(clip)})`, alpha, beta);
}

const usual: Readonly<Record<Kind, readonly string[]>> = { rnn: ["Tanh"], lstm: ["Sigmoid", "Tanh", "Tanh"], gru: ["Sigmoid", "Tanh"] };

/** Three activations from a list that has as many as the kind of cell. */
function triple(kind: Kind, chosen: readonly Activation[]): readonly [Activation, Activation, Activation] {
  const [a = listed("too few activations"), b = a, c = b] = chosen;
  return kind === "rnn" ? [a, a, a] : [a, b, c];
}

/** ONNX: activations with lists of numbers that they take in their order. */
function onnxActivations(view: View, kind: Kind, directions: number): (readonly [Activation, Activation, Activation])[] {
  const names = view.attribute("activations");
  const given = Array.isArray(names) ? names.map(String) : Array.from({ length: directions }, () => usual[kind]).flat();
  const [alphas, betas] = [[...(view.numbers("activation_alpha") ?? [])], [...(view.numbers("activation_beta") ?? [])]];
  const clip = view.numbers("clip")?.[0];
  const all = given.map((name) => {
    const [alpha, beta] = numbersTaken[name.toLowerCase()] ?? [false, false];
    return activationOf(name, alpha ? alphas.shift() : undefined, beta ? betas.shift() : undefined, clip);
  });
  const each = usual[kind].length;
  return Array.from({ length: directions }, (_, d) => triple(kind, all.slice(d * each, (d + 1) * each)));
}

const onnxOrders: Readonly<Record<Kind, string>> = { rnn: "one", lstm: "iofc", gru: "zrn" };

const onnx = (kind: Kind): Translate => (view) => {
  const { draft } = view;
  const batchFirst = view.number("layout", 0) === 1;
  const given = view.in(0);
  const x = batchFirst ? draft.transpose(given, [1, 0, 2]) : given;
  const [W, R, B, lengths, h0, c0, P] = [view.in(1), view.in(2), view.optional(3), view.optional(4), view.optional(5), kind === "lstm" ? view.optional(6) : undefined, kind === "lstm" ? view.optional(7) : undefined];
  const directions = W.shape[0] ?? 1;
  const order = orderOf(onnxOrders[kind]);
  const started = (state: Step | undefined, d: number): Step | undefined => state && at(draft, batchFirst ? draft.transpose(state, [1, 0, 2]) : state, d);
  const mask = lengths && draft.let(`length_mask[${x.shape[0]}](${lengths.text})`, x.shape.slice(0, 2), "bool");
  const activations = onnxActivations(view, kind, directions);
  const results = Array.from({ length: directions }, (_, d) => {
    const biases = B && at(draft, B, d);
    const half = (biases?.shape[0] ?? 0) / 2;
    const bias = (start: number): Step | undefined => biases && gatesOf(draft, draft.let(`${biases.text}[${start}:${start + half}]`, [half]), order);
    return recur(draft, {
      kind, x, wx: gatesOf(draft, at(draft, W, d), order), wh: gatesOf(draft, at(draft, R, d), order), bias: bias(0), stateBias: bias(half), peephole: P && gatesOf(draft, at(draft, P, d), orderOf("iof")),
      h0: started(h0, d), c0: started(c0, d), mask, hold: false, backwards: view.text("direction", "forward") === "reverse" || d === 1,
      resetAfter: view.number("linear_before_reset", 0) === 1, coupled: view.number("input_forget", 0) === 1, activations: activations[d] ?? listed("too few activations"),
    });
  });
  const byName: Readonly<Record<string, () => Step>> = {
    Y: () => turned(draft, stacked(draft, results.map(({ sequence }) => sequence), 1), batchFirst ? [2, 0, 1, 3] : undefined),
    Y_h: () => turned(draft, stacked(draft, results.map(({ h }) => h), 0), batchFirst ? [1, 0, 2] : undefined),
    Y_c: () => turned(draft, stacked(draft, results.map(({ c }) => c), 0), batchFirst ? [1, 0, 2] : undefined),
  };
  return view.case.outputs.map(({ name }, i) => (byName[name] ?? Object.values(byName)[view.case.outputs[i]?.slot ?? i] ?? listed(`output ${name}`))());
};

const turned = (draft: Draft, x: Step, order: readonly number[] | undefined): Step => (order ? draft.transpose(x, order) : x);

const stacked = (draft: Draft, parts: readonly Step[], axis: number): Step => {
  const shape = parts[0]?.shape ?? [];
  return draft.let(`stack(${parts.map(({ text }) => text).join(", ")}, axis = ${axis})`, [...shape.slice(0, axis), parts.length, ...shape.slice(axis)]);
};

function webnnActivations(view: View, kind: Kind): readonly [Activation, Activation, Activation] {
  const given = view.attribute("activations");
  const named = (item: unknown): Activation => {
    if (typeof item === "string") return activationOf(item);
    const { fn, alpha, beta, options } = item as { readonly fn: string; readonly alpha?: number; readonly beta?: number; readonly options?: { readonly alpha?: number; readonly beta?: number } };
    return activationOf(fn, alpha ?? options?.alpha, beta ?? options?.beta);
  };
  return triple(kind, Array.isArray(given) ? given.map(named) : usual[kind].map((name) => activationOf(name)));
}

/** WebNN: one operator for all steps, whose first results are the last states. */
const webnn = (kind: "lstm" | "gru"): Translate => (view) => {
  const { draft } = view;
  const x = view.in("input");
  const [W, R] = [view.in("weight"), view.in("recurrentWeight")];
  const order = orderOf({ iofg: "iofc", ifgo: "ifgo", zrn: "zrn", rzn: "rzn" }[view.text("layout", kind === "lstm" ? "iofg" : "zrn")] ?? "");
  const direction = view.text("direction", "forward");
  const slice = (name: string, d: number, gates: readonly number[] = order): Step | undefined => {
    const step = view.optional(name);
    return step && gatesOf(draft, at(draft, step, d), gates);
  };
  const state = (name: string, d: number): Step | undefined => {
    const step = view.optional(name);
    return step && at(draft, step, d);
  };
  const results = Array.from({ length: W.shape[0] ?? 1 }, (_, d) => recur(draft, {
    kind, x, wx: gatesOf(draft, at(draft, W, d), order), wh: gatesOf(draft, at(draft, R, d), order), bias: slice("bias", d), stateBias: slice("recurrentBias", d),
    peephole: slice("peepholeWeight", d, orderOf("iof")), h0: state("initialHiddenState", d), c0: state("initialCellState", d), mask: undefined, hold: false,
    backwards: direction === "backward" || d === 1, resetAfter: view.flag("resetAfter", true), coupled: false, activations: webnnActivations(view, kind),
  }));
  const outputs = [stacked(draft, results.map(({ h }) => h), 0), ...(kind === "lstm" ? [stacked(draft, results.map(({ c }) => c), 0)] : []), ...(view.flag("returnSequence") ? [stacked(draft, results.map(({ sequence }) => sequence), 1)] : [])];
  return outputs.slice(0, view.case.outputs.length);
};

/** WebNN: a single step. */
const webnnCell = (kind: "lstm" | "gru"): Translate => (view) => {
  const { draft } = view;
  const x = view.in("input");
  const order = orderOf({ iofg: "iofc", ifgo: "ifgo", zrn: "zrn", rzn: "rzn" }[view.text("layout", kind === "lstm" ? "iofg" : "zrn")] ?? "");
  const vector = (name: string, gates: readonly number[] = order): Step | undefined => {
    const step = view.optional(name);
    return step && gatesOf(draft, step, gates);
  };
  const { h, c } = recur(draft, {
    kind, x: draft.reshape(x, [1, ...x.shape]), wx: gatesOf(draft, view.in("weight"), order), wh: gatesOf(draft, view.in("recurrentWeight"), order), bias: vector("bias"), stateBias: vector("recurrentBias"),
    peephole: vector("peepholeWeight", orderOf("iof")), h0: view.in("hiddenState"), c0: view.optional("cellState"), mask: undefined, hold: false, backwards: false,
    resetAfter: view.flag("resetAfter", true), coupled: false, activations: webnnActivations(view, kind),
  });
  return kind === "lstm" ? [h, c] : h;
};

/** Keras: batches first; masked steps repeat the output before; a layer that goes backwards gives its outputs in that order. */
const keras = (kind: Kind): Translate => (view) => {
  const { draft } = view;
  const sequence = view.in("sequence");
  const x = draft.transpose(sequence, [1, 0, 2]);
  const order = orderOf({ rnn: "one", lstm: "ifgo", gru: "zrn" }[kind]);
  const columns = (step: Step): Step => (order.every((from, i) => from === i) ? step : gatesOf(draft, draft.transpose(step, [1, 0]), order));
  const bias = view.optional("bias");
  const pair = bias?.shape.length === 2;
  const mask = view.optional("mask");
  const backwards = view.flag("go_backwards");
  const [inner, gate] = [activationOf(view.text("activation", "tanh")), activationOf(view.text("recurrent_activation", "sigmoid"))];
  const [first, second] = [view.optional("initial_state[0]"), view.optional("initial_state[1]")];
  const result = recur(draft, {
    kind, x, wx: columns(view.in("kernel")), wh: columns(view.in("recurrent_kernel")), bias: bias && gatesOf(draft, pair ? at(draft, bias, 0) : bias, order), stateBias: bias && pair ? gatesOf(draft, at(draft, bias, 1), order) : undefined,
    peephole: undefined, h0: first, c0: second, mask: mask && draft.transpose(mask, [1, 0]), hold: true, backwards,
    resetAfter: view.flag("reset_after", true), coupled: false, activations: kind === "rnn" ? [inner, inner, inner] : [gate, inner, inner],
  });
  if (!view.flag("return_sequences")) return result.h;
  const inTime = backwards ? draft.map("flip", result.sequence, ["axis = 0"]) : result.sequence;
  return draft.transpose(inTime, [1, 0, 2]);
};

export const recurrentTranslations: Translations = {
  "ai.onnx:RNN": onnx("rnn"), "ai.onnx:LSTM": onnx("lstm"), "ai.onnx:GRU": onnx("gru"),
  "webnn:lstm": webnn("lstm"), "webnn:gru": webnn("gru"), "webnn:lstmCell": webnnCell("lstm"), "webnn:gruCell": webnnCell("gru"),
  "keras-layers:SimpleRNN": keras("rnn"), "keras-layers:LSTM": keras("lstm"), "keras-layers:GRU": keras("gru"),
};

