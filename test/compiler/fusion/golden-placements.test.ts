/**
 * How many kernels the common blocks become, which placement their norms get, and that the bytes they move are the
 * unavoidable ones. A norm of the user's own fuses like the library's.
 */
import { describe, expect, it } from "vitest";
import { compileFunction, type PlanOptions } from "../../../compiler/compile.ts";
import type { Bindings } from "../../../compiler/ir/extent.ts";
import type { Plan } from "../../../compiler/plan.ts";
import { explain } from "../../../compiler/report/explain.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { mlp } from "../../support/programs.ts";

interface Golden {
  readonly text: string;
  readonly kernels: number;
  /** Placements of folds in the kernels of a run. */
  readonly roles: readonly string[];
  readonly bindings?: Bindings;
}

function rolesOf(plan: Plan): string[] {
  const roles = new Set<string>();
  for (const { phase, region } of plan.kernels) {
    if (phase !== "run") continue;
    if (region.template === "rows" && region.folds.length > 0) roles.add("rows");
    if (region.template !== "contraction") continue;
    for (const role of ["prologue", "ride", "epilogue", "partials"] as const) if (region[role].length > 0) roles.add(role);
  }
  return [...roles].sort();
}

const dense = (body: string, declarations = ""): string => `${declarations}
model M[B](x: f32[B, 256]) -> f32[B, 256] {
  param w: f32[256, 256] = glorot_uniform
  param g: f32[256] = ones
  param b: f32[256] = zeros
  return ${body}
}`;

const ownNorms: Readonly<Record<string, string>> = {
  "d * rsqrt(mean(d * d) + eps)": "let d = x - mean(x, axis = -1, keep = true)\n  return d * rsqrt(mean(d * d, axis = -1, keep = true) + 1e-5) * g + b",
  "(x - m) / sqrt(v + eps), with sums / N": "let m = sum(x, axis = -1, keep = true) / N\n  let v = sum((x - m) * (x - m), axis = -1, keep = true) / N\n  return (x - m) / sqrt(v + 1e-5) * g + b",
  "(x - m) ** 2": "let m = mean(x, axis = -1, keep = true)\n  let v = mean((x - m) ** 2, axis = -1, keep = true)\n  return (x - m) / sqrt(v + 1e-5) * g + b",
};
const ownNorm = (body: string): string => `fn my_norm(x: f32[..., N], g: f32[N], b: f32[N]) -> f32[..., N] {\n  ${body}\n}`;

const blocks: Readonly<Record<string, Golden>> = {
  "norm, linear, gelu": { text: dense("gelu(layer_norm(x, g, b) @ w)"), kernels: 1, roles: ["prologue", "ride"] },
  "linear, norm, relu": { text: dense("relu(layer_norm(x @ w, g, b))"), kernels: 1, roles: ["epilogue"] },
  "root mean square, linear": { text: dense("rms_norm(x, g) @ w"), kernels: 1, roles: ["ride"] },
  "unit length, linear": { text: dense("l2_normalize(x) @ w"), kernels: 1, roles: ["ride"] },
  "linear with weights of unit length": { text: dense("x @ weight_norm(w, g)"), kernels: 1, roles: [] },
  "a norm between two linears": { text: dense("layer_norm(x @ w, g, b) @ u").replace("  return", "  param u: f32[256, 256] = glorot_uniform\n  return"), kernels: 2, roles: ["partials", "prologue"] },
  "the network of the readme": { text: mlp, kernels: 3, roles: ["partials", "prologue"], bindings: { B: 125 } },
  "softmax": { text: "model M[B](x: f32[B, 256]) -> f32[B, 256] {\n  return softmax(x)\n}", kernels: 1, roles: ["rows"] },
  "a norm alone": { text: "model M[B](x: f32[B, 256]) -> f32[B, 256] {\n  return layer_norm(x)\n}", kernels: 1, roles: ["rows"] },
  "a residual and its norm": { text: "model M[B](x: f32[B, 256], r: f32[B, 256]) -> (s: f32[B, 256], y: f32[B, 256]) {\n  return add_layer_norm(x, r)\n}", kernels: 1, roles: ["rows"] },
};

describe("blocks", () => {
  it.each(Object.entries(blocks))("%s", (name, { text, kernels, roles, bindings = { B: 64 } }) => {
    const options: PlanOptions = { assume: bindings };
    const { e, plan } = compileFunction(modelOf(text), "wgsl", options);
    expect(plan.kernels.filter((kernel) => kernel.phase === "run").length).toBe(kernels);
    expect(rolesOf(plan)).toEqual(roles);
    const { bytes } = explain(name, e, plan, bindings);
    expect(bytes.planned / bytes.unavoidable).toBeLessThanOrEqual(1.05);
  });
});

describe("a norm of one's own", () => {
  it.each(Object.entries(ownNorms))("fuses like the library's: %s", (_, body) => {
    for (const [own, library] of [["gelu(my_norm(x, g, b) @ w)", "gelu(layer_norm(x, g, b) @ w)"], ["relu(my_norm(x @ w, g, b))", "relu(layer_norm(x @ w, g, b))"], ["my_norm(x, g, b)", "layer_norm(x, g, b)"]] as const) {
      const [mine, theirs] = [dense(own, ownNorm(body)), dense(library)].map((text) => compileFunction(modelOf(text), "wgsl", { assume: { B: 64 } }).plan);
      expect(mine && rolesOf(mine)).toEqual(theirs && rolesOf(theirs));
      expect(mine?.kernels.length).toBe(theirs?.kernels.length);
    }
  });
});
