/** The workloads of the benchmark: dispatches of their plans for a GPU's constants, and the rules that make them few. */
import { describe, expect, it } from "vitest";
import { compileFunction, type PlanOptions } from "../../../compiler/compile.ts";
import type { Plan } from "../../../compiler/plan.ts";
import { explain } from "../../../compiler/report/explain.ts";
import { faultsOf } from "../../support/check-program.ts";
import { modelOf } from "../../support/fold-programs.ts";

const block = (t: number, d: number, heads: number, f: number): string => `model Block(x: f32[${t}, ${d}]) -> f32[${t}, ${d}] {
  param g1: f32[${d}] = ones
  param b1: f32[${d}] = zeros
  param wq: f32[${d}, ${d}] = glorot_uniform
  param wk: f32[${d}, ${d}] = glorot_uniform
  param wv: f32[${d}, ${d}] = glorot_uniform
  param wo: f32[${d}, ${d}] = glorot_uniform
  param bo: f32[${d}] = zeros
  param g2: f32[${d}] = ones
  param b2: f32[${d}] = zeros
  param w1: f32[${d}, ${f}] = glorot_uniform
  param c1: f32[${f}] = zeros
  param w2: f32[${f}, ${d}] = glorot_uniform
  param c2: f32[${d}] = zeros
  let n = layer_norm(x, g1, b1)
  let q = transpose(reshape(n @ wq, [${t}, ${heads}, ${d / heads}]), [1, 0, 2])
  let k = transpose(reshape(n @ wk, [${t}, ${heads}, ${d / heads}]), [1, 0, 2])
  let v = transpose(reshape(n @ wv, [${t}, ${heads}, ${d / heads}]), [1, 0, 2])
  let a = reshape(transpose(attention(q, k, v), [1, 0, 2]), [${t}, ${d}])
  let h = x + a @ wo + bo
  return h + gelu(layer_norm(h, g2, b2) @ w1 + c1) @ w2 + c2
}`;
const gated = (k: number, f: number): string => `model Gated[B](x: f32[B, ${k}]) -> f32[B, ${k}] {
  param g: f32[${k}] = ones
  param w: f32[${k}, ${f}] = glorot_uniform
  param u: f32[${k}, ${f}] = glorot_uniform
  param v: f32[${f}, ${k}] = glorot_uniform
  let n = rms_norm(x, g)
  return (silu(n @ w) * (n @ u)) @ v
}`;
const dense = (k: number, n: number): string => `model Dense[B](x: f32[B, ${k}]) -> f32[B, ${n}] {
  param g: f32[${k}] = ones
  param b: f32[${k}] = zeros
  param w: f32[${k}, ${n}] = glorot_uniform
  param c: f32[${n}] = zeros
  return gelu(layer_norm(x, g, b) @ w + c)
}`;
const queries = (d: number): string => `model Queries[B](x: f32[B, ${d}]) -> (q: f32[B, ${d}], k: f32[B, ${d}], v: f32[B, ${d}]) {
  param w: f32[${d}, ${d}] = glorot_uniform
  param u: f32[${d}, ${d}] = glorot_uniform
  param s: f32[${d}, ${d}] = glorot_uniform
  let n = rms_norm(x)
  return (n @ w, n @ u, n @ s)
}`;
const residual = "model Residual[B](x: f32[B, 768], r: f32[B, 768]) -> (s: f32[B, 768], y: f32[B, 768]) {\n  let s = x + r\n  return (s, layer_norm(s))\n}";

const runs = (plan: Plan): string[] => plan.kernels.filter((kernel) => kernel.phase === "run").map(({ region }) => region.template);
const planOf = (text: string, options: PlanOptions = {}): Plan => compileFunction(modelOf(text), "wgsl", { assume: { B: 128 }, ...options }).plan;

const workloads: Readonly<Record<string, readonly [text: string, templates: readonly string[], options?: PlanOptions]>> = {
  "W1 layer norm": ["model Norm[B](x: f32[B, 768]) -> f32[B, 768] {\n  return layer_norm(x)\n}", ["rows"], { assume: { B: 4096 } }],
  "W2 norm, linear, gelu": [dense(768, 3072), ["contraction"], { assume: { B: 256 } }],
  "W5 gated feed-forward": [gated(512, 1408), ["contraction", "contraction"]],
  "W6 transformer block": [block(128, 256, 4, 1024), ["contraction", "stream", "contraction", "contraction", "contraction"]],
  "W7 residual and norm, both kept": [residual, ["rows"], { assume: { B: 4096 } }],
  "W9 one row": [dense(768, 3072), ["contraction"], { assume: { B: 1 } }],
  "softmax": ["model Soft[B](x: f32[B, 1024]) -> f32[B, 1024] = softmax(x)", ["rows"]],
  "three products of one norm": [queries(256), ["contraction"]],
  "group norm": ["model Groups[B](x: f32[B, 16, 64]) -> f32[B, 16, 64] = group_norm[8](x)", ["rows"]],
  "convolution, group norm, silu": ["model Image[B](x: f32[B, 16, 16, 16]) -> f32[B, 16, 16, 16] {\n  param w: f32[16, 16, 3, 3] = glorot_uniform\n  return silu(image_group_norm[4](conv(x, w, before = [1, 1], after = [1, 1])))\n}", ["contraction", "rows"]],
  "a long sum for few results": ["model Thin(x: f32[1, 50176]) -> f32[1, 64] {\n  param w: f32[50176, 64] = glorot_uniform\n  return x @ w\n}", ["contraction", "rows"]],
};

describe("kernels of a run", () => {
  it.each(Object.entries(workloads))("%s", (_, [text, templates, options]) => expect(runs(planOf(text, options))).toEqual(templates));

  it("read and write little more than they must", () => {
    for (const [name, [text, , options]] of Object.entries(workloads)) {
      // These two write and read what a single kernel cannot hold.
      if (name === "a long sum for few results" || name.startsWith("convolution")) continue;
      const { e, plan } = compileFunction(modelOf(text), "wgsl", { assume: { B: 128 }, ...options });
      const { bytes } = explain(name, e, plan, options?.assume ?? { B: 128 });
      expect(bytes.planned / bytes.unavoidable, name).toBeLessThanOrEqual(1.05);
    }
  });
});

describe("values", () => {
  const small: Readonly<Record<string, readonly [string, Record<string, number>?]>> = {
    "a transformer block": [block(6, 8, 2, 12)],
    "a gated feed-forward": [gated(8, 12), { B: 5 }],
    "three products of one norm": [queries(8), { B: 5 }],
    "a residual and its norm": [residual.replaceAll("768", "12"), { B: 3 }],
    "a norm at inference": ["model Batch[B](x: f32[B, 6]) -> f32[B, 6] {\n  param w: f32[6, 6] = glorot_uniform\n  param m: f32[6] = zeros\n  param v: f32[6] = ones\n  param g: f32[6] = ones\n  return relu((x @ w - m) * rsqrt(v + 1e-5) * g)\n}", { B: 3 }],
    "groups of channels": ["model Groups[B](x: f32[B, 3, 12]) -> f32[B, 3, 12] = group_norm[3](x)", { B: 2 }],
    "a convolution, normalised": ["model Image[B](x: f32[B, 4, 5, 6]) -> f32[B, 6, 5, 6] {\n  param w: f32[6, 4, 3, 3] = glorot_uniform\n  return silu(image_group_norm[3](conv(x, w, before = [1, 1], after = [1, 1])))\n}", { B: 2 }],
    "a long sum": ["model Thin(x: f32[1, 1024]) -> f32[1, 3] {\n  param w: f32[1024, 3] = glorot_uniform\n  return x @ w\n}"],
  };
  it.each(Object.entries(small))("%s", (_, [text, bindings = {}]) => expect(faultsOf(modelOf(text), bindings, 2)).toEqual([]), 60_000);
});

describe("rules", () => {
  const rulesOf = (text: string, options?: PlanOptions): string[] => planOf(text, options).kernels.flatMap((kernel) => kernel.derivation.map((application) => application.rule));

  it("join products of one left operand only where the operands are parameters", () => {
    expect(rulesOf(block(128, 256, 4, 1024))).toContain("R5 join products");
    const given = "model Given(x: f32[64, 64], w: f32[64, 64], u: f32[64, 64]) -> (a: f32[64, 64], b: f32[64, 64]) {\n  return (x @ w, x @ u)\n}";
    expect(rulesOf(given)).not.toContain("R5 join products");
    // Two outputs of one left operand share a kernel all the same.
    expect(runs(planOf(given))).toEqual(["contraction"]);
  });

  it("hoist what depends on parameters alone, factors of a product gathered", () => {
    const text = small("x @ w");
    const { kernels } = planOf(text);
    expect(kernels.filter((kernel) => kernel.phase === "prepare").map((kernel) => kernel.tensors.at(-1))).toEqual([expect.stringContaining("parameter")]);
    expect(kernels.find((kernel) => kernel.phase === "run")?.tensors).not.toContain("v");
    const strict = planOf(text, { contract: "strict" }).kernels.flatMap((kernel) => kernel.derivation).find((application) => application.rule === "R7 hoist");
    expect(strict?.class).toBe("exact");
  });

  it("rescale sums with a growing maximum, but not under a strict contract", () => {
    const text = "model A(q: f32[64, 32], k: f32[64, 32], v: f32[64, 32]) -> f32[64, 32] {\n  return attention(q, k, v)\n}";
    expect(rulesOf(text)).toContain("R9 rescale");
    expect(planOf(text, { contract: "strict" }).kernels.every(({ region }) => region.template !== "stream")).toBe(true);
  });

  it("plan equal layers once: their kernels are the same objects", () => {
    const tower = (layers: number, d = 192): string => `layer Layer(x: f32[8, ${d}]) -> f32[8, ${d}] {\n  param w: f32[${d}, ${d + 4}] = glorot_uniform\n  param u: f32[${d + 4}, ${d}] = glorot_uniform\n  return x + gelu(layer_norm(x) @ w) @ u\n}\nmodel Tower(x: f32[8, ${d}]) -> f32[8, ${d}] {\n  return x |> repeat(${layers}, Layer)\n}`;
    const { plan, artifact } = compileFunction(modelOf(tower(6)), "wgsl");
    expect(runs(plan).length).toBe(12);
    expect(new Set(plan.kernels.map((kernel) => kernel.kernel)).size).toBeLessThan(plan.kernels.length / 2);
    expect(artifact.kernels.length).toBe(new Set(plan.kernels.map((kernel) => kernel.kernel)).size);
    expect(artifact.run.length).toBe(12);
    expect(faultsOf(modelOf(tower(3, 8)), {}, 1)).toEqual([]);
  });

  function small(product: string): string {
    return `model Batch[B](x: f32[B, 6]) -> f32[B, 6] {\n  param w: f32[6, 6] = glorot_uniform\n  param m: f32[6] = zeros\n  param v: f32[6] = ones\n  param g: f32[6] = ones\n  return relu((${product} - m) * rsqrt(v + 1e-5) * g)\n}`;
  }
});
