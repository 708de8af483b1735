/** Matrix products, einsum and attention of the suites, as programs. */
import { type Draft, listed, literal, type Step } from "../draft.ts";
import type { Translate, Translations } from "../view.ts";
import { activate } from "./activate.ts";

const swapped = (draft: Draft, x: Step): Step => {
  const rank = x.shape.length;
  return draft.transpose(x, [...draft.all(x).slice(0, -2), rank - 1, rank - 2]);
};

const productShape = (a: Step, b: Step): number[] => {
  const lead = Math.max(a.shape.length, b.shape.length) - 2;
  const at = (step: Step, axis: number): number => step.shape[axis - lead + step.shape.length - 2] ?? 1;
  const batch = Array.from({ length: Math.max(0, lead) }, (_, axis) => Math.max(at(a, axis), at(b, axis)));
  return [...batch, ...(a.shape.length > 1 ? [a.shape.at(-2) ?? 1] : []), ...(b.shape.length > 1 ? [b.shape.at(-1) ?? 1] : [])];
};

const product = (draft: Draft, a: Step, b: Step): Step => draft.let(`${draft.cast(a, "f32").text} @ ${draft.cast(b, "f32").text}`, productShape(a, b));

const matmul: Translate = (view) => {
  const { draft } = view;
  const [a, b] = [view.in(0), view.in(1)];
  const result = product(draft, view.flag("transposeA") ? swapped(draft, a) : a, view.flag("transposeB") ? swapped(draft, b) : b);
  return a.dtype === "f32" || b.dtype === "f32" ? result : draft.cast(result, "i32");
};

const gemm: Translate = (view) => {
  const { draft } = view;
  const [a, b, c] = [view.in(0), view.in(1), view.optional(2)];
  const y = product(draft, view.flag("transA") || view.flag("aTranspose") ? swapped(draft, a) : a, view.flag("transB") || view.flag("bTranspose") ? swapped(draft, b) : b);
  const [alpha, beta] = [view.number("alpha", 1), view.number("beta", 1)];
  const scaled = alpha === 1 ? y : draft.let(`${literal(alpha)} * ${y.text}`, y.shape);
  if (!c) return scaled;
  return draft.add(scaled, beta === 1 ? c : draft.let(`${literal(beta)} * ${c.text}`, c.shape));
};

const dot: Translate = (view) => product(view.draft, view.in(0), view.in(1));

const fusedMatMul: Translate = (view) => {
  const { draft } = view;
  const y = matmul(view) as Step;
  const bias = view.optional("bias");
  return activate(view, bias ? draft.add(y, bias) : y, view.optional("prelu weights"));
};

const einsum: Translate = (view) => {
  const { draft } = view;
  const operands = view.inputs();
  return draft.let(`einsum(${JSON.stringify(view.text("equation", ""))}, ${operands.map(({ text }) => text).join(", ")})`, view.outputShape);
};

interface Heads {
  /** [batch, heads, positions, width] */
  readonly q: Step;
  readonly k: Step;
  readonly v: Step;
}

/** softmax(scale q k^T, capped, + bias) v, and its weights. */
function attend(draft: Draft, { q, k, v }: Heads, scale: number, softcap: number, bias: Step | undefined): { readonly y: Step; readonly weights: Step } {
  const scores = product(draft, q, swapped(draft, k));
  const scaled = draft.let(`${scores.text} * ${literal(scale)}`, scores.shape);
  const capped = softcap === 0 ? scaled : draft.let(`${literal(softcap)} * tanh(${scaled.text} / ${literal(softcap)})`, scores.shape);
  const weights = draft.map("softmax", bias ? draft.add(capped, bias) : capped);
  return { y: product(draft, weights, v), weights };
}

const barrier = (draft: Draft, mask: Step): Step => (mask.dtype === "bool" ? draft.where(mask, draft.number(0), draft.number(Number.NEGATIVE_INFINITY)) : mask);

/** [batch, positions, heads * width] to heads, and back. */
const toHeads = (draft: Draft, x: Step, heads: number): Step => {
  const [batch, length, width] = x.shape as [number, number, number];
  return draft.transpose(draft.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
};

const onnxAttention: Translate = (view) => {
  const { draft } = view;
  if (view.flag("is_causal") || view.case.outputs.length > 1 || view.has("past_key")) return listed("attention with a cache or a causal mask");
  const [q, k, v] = [view.in(0), view.in(1), view.in(2)];
  const flat = q.shape.length === 3;
  const [own, shared] = [view.number("q_num_heads", 1), view.number("kv_num_heads", 1)];
  const heads: Heads = flat ? { q: toHeads(draft, q, own), k: toHeads(draft, k, shared), v: toHeads(draft, v, shared) } : { q, k, v };
  if (heads.q.shape[1] !== heads.k.shape[1]) return listed("grouped heads");
  const mask = view.optional(3);
  const { y } = attend(draft, heads, view.number("scale", 1 / Math.sqrt(heads.q.shape.at(-1) ?? 1)), view.number("softcap", 0), mask && barrier(draft, mask));
  if (!flat) return y;
  const [batch, count, length, width] = y.shape as [number, number, number, number];
  return draft.reshape(draft.transpose(y, [0, 2, 1, 3]), [batch, length, count * width]);
};

/** [batch, positions, heads, width] throughout. */
const jaxAttention: Translate = (view) => {
  const { draft } = view;
  const [q, k, v] = [0, 1, 2].map((i) => draft.transpose(view.in(i), [0, 2, 1, 3])) as [Step, Step, Step];
  const scale = 1 / Math.sqrt(q.shape.at(-1) ?? 1);
  if (view.flag("is_causal")) return draft.transpose(draft.let(`attention(${q.text}, ${k.text}, ${v.text}, causal = true)`, q.shape), [0, 2, 1, 3]);
  const mask = view.optional("mask");
  return draft.transpose(attend(draft, { q, k, v }, scale, 0, mask && barrier(draft, mask)).y, [0, 2, 1, 3]);
};

/** Luong's and Bahdanau's attention of Keras: unscaled products, or sums of tanh; masked keys get -1e9, masked queries 0. */
const kerasAttention = (additive: boolean): Translate => (view) => {
  const { draft } = view;
  const [q, v] = [view.in("query"), view.in("value")];
  const k = view.optional("key") ?? v;
  const [batch, t, d] = q.shape as [number, number, number];
  const s = v.shape[1] ?? 1;
  const scores = additive
    ? draft.reduce("sum", draft.map("tanh", draft.add(draft.reshape(q, [batch, t, 1, d]), draft.reshape(k, [batch, 1, s, d]))), [-1], false)
    : product(draft, q, swapped(draft, k));
  const keys = view.optional("value_mask");
  const seen = keys ? draft.add(scores, draft.where(draft.reshape(keys, [batch, 1, s]), draft.number(0), draft.number(-1e9))) : scores;
  const weights = draft.map("softmax", seen);
  const y = product(draft, weights, v);
  const queries = view.optional("query_mask");
  const masked = queries ? draft.mul(y, draft.cast(draft.reshape(queries, [batch, t, 1]), "f32")) : y;
  return [masked, weights].slice(0, view.case.outputs.length);
};

/** Halves (or pairs) of the first rotary_dim elements, turned by angles from the caches. */
const rotary: Translate = (view) => {
  const { draft } = view;
  const given = view.in(0);
  if (given.shape.length !== 4 || view.flag("interleaved")) return listed("rotary embedding of this layout");
  const [batch, heads, length, width] = given.shape as [number, number, number, number];
  const turned = view.number("rotary_embedding_dim", 0) || width;
  const half = turned / 2;
  const positions = view.optional(3);
  const cache = (which: number): Step => {
    const table = view.in(which);
    const rows = positions ? draft.gather(table, draft.cast(positions, "i32"), 0) : table;
    return draft.reshape(rows, [batch, 1, length, half]);
  };
  const [cos, sin] = [cache(1), cache(2)];
  const part = (from: number, to: number): Step => draft.slice(given, [0, 0, 0, from], [batch, heads, length, to]);
  const [a, b] = [part(0, half), part(half, turned)];
  const parts = [draft.join("-", draft.mul(cos, a), draft.mul(sin, b)), draft.add(draft.mul(sin, a), draft.mul(cos, b))];
  return draft.concat(turned < width ? [...parts, part(turned, width)] : parts, 3);
};

export const contractionTranslations: Translations = {
  "ai.onnx:MatMul": matmul,
  "webnn:matmul": matmul,
  "tfjs:tf.matMul": matmul,
  "tfjs:tf.dot": dot,
  "tfjs:tf.fusedMatMul": fusedMatMul,
  "ai.onnx:Gemm": gemm,
  "webnn:gemm": gemm,
  "ai.onnx:Einsum": einsum,
  "tfjs:tf.einsum": einsum,
  "ai.onnx:Attention": onnxAttention,
  "ai.onnx:RotaryEmbedding": rotary,
  "jax:jax.nn.dot_product_attention": jaxAttention,
  "keras-layers:Attention": kerasAttention(false),
  "keras-layers:AdditiveAttention": kerasAttention(true),
};
