/** Fusion as a whole on small models that are hard for it: each under every setting, against the reference. */
import { describe, expect, it } from "vitest";
import type { Bindings } from "../../../compiler/ir/extent.ts";
import { compileFunction } from "../../../compiler/compile.ts";
import { faultsOf } from "../../support/check-program.ts";
import { modelOf } from "../../support/fold-programs.ts";

const models: Readonly<Record<string, readonly [string, Bindings?]>> = {
  "a fold that reads another one at every row": ["model M(x: f32[6, 3], w: f32[3, 6], v: f32[6, 1]) -> f32[6, 1] {\n  return cumsum((x @ w) @ v, 0)\n}"],
  "a deferred product that is repeated along an axis": ["model M(x: f32[7, 8]) -> f32[6, 7, 8] {\n  param w: f32[8, 8] = ones\n  return broadcast_to(layer_norm(x), [6, 7, 8]) @ w\n}"],
  "a ride over four elements: one invocation stages a row": ["model M(x: f32[4, 4]) -> f32[4, 68] {\n  param w: f32[4, 68] = ones\n  return l2_normalize(x) @ w\n}"],
  "a ride over three elements, more columns than invocations": ["model M[B](x: f32[B, 3]) -> f32[B, 300] {\n  param w: f32[3, 300] = ones\n  return rms_norm(x) @ w\n}", { B: 5 }],
  "riders of which one needs another": ["model M(x: f32[64]) -> f32[3] {\n  param g: f32[64] = ones\n  param w: f32[64, 3] = ones\n  return l2_normalize(layer_norm(x, g)) @ w\n}"],
  "two sums with a third between them, one of them the output": ["model M(x: f32[6, 1]) -> f32[6, 1] {\n  let z = x @ [[2.0]]\n  return z * sum(z * z, axis = 0, keep = true) @ [[3.0]]\n}"],
  "the same rows read twice by a concatenation": ["model M(x: f32[4, 2], g: f32[4]) -> f32[8, 4] {\n  let z = x @ transpose(x)\n  let y = z + layer_norm(z, g)\n  return concat(y, -y, axis = 0)\n}"],
  "a norm of a norm of a norm": ["model M[B](x: f32[B, 70]) -> f32[B, 70] {\n  return layer_norm(layer_norm(layer_norm(x) + x) * x)\n}", { B: 3 }],
  "a product of a value with itself": ["model M[B](x: f32[B, 9]) -> f32[B, B] {\n  let n = layer_norm(x)\n  return n @ transpose(n)\n}", { B: 5 }],
  "attention": ["model M[B](q: f32[2, B, 8], k: f32[2, B, 8], v: f32[2, B, 8]) -> f32[2, B, 8] {\n  return softmax(l2_normalize(q) @ transpose(l2_normalize(k), [0, 2, 1])) @ v\n}", { B: 7 }],
  "a gated block with a residual": ["model M[B](x: f32[B, 12]) -> f32[B, 12] {\n  param a: f32[12, 20] = ones\n  param b: f32[12, 20] = ones\n  param c: f32[20, 12] = ones\n  let n = rms_norm(x)\n  return x + (silu(n @ a) * (n @ b)) @ c\n}", { B: 5 }],
  "statistics that are outputs too": ["model M[B](x: f32[B, 10]) -> (y: f32[B, 10], m: f32[B, 1], v: f32[B, 1]) {\n  let m = mean(x, axis = -1, keep = true)\n  let d = x - m\n  let v = mean(d * d, axis = -1, keep = true)\n  return (d * rsqrt(v + 1e-5), m, v)\n}", { B: 4 }],
  "two pairs of sums that need each other": ["model M[B](x: f32[B, 4], y: f32[B, 4]) -> f32[B] {\n  let s = sum(x, axis = 1)\n  let t = sum(y, axis = 1)\n  let a = sum(x * reshape(s + t, [B, 1]), axis = 1)\n  return a + sum(y * reshape(t + s, [B, 1]), axis = 1)\n}", { B: 3 }],
  "a row that is empty of work": ["model M[B](x: f32[B, 1]) -> f32[B, 1] {\n  return layer_norm(x) + softmax(x)\n}", { B: 3 }],
  "integers and truth values": ["model M(x: f32[5, 6]) -> f32[5, 6] {\n  let large = x > mean(x, axis = -1, keep = true)\n  return where(large, x, 0.0) / (1.0 + cast(sum(cast(large, i32), axis = -1, keep = true), f32))\n}"],
};

describe("fuse", () => {
  it.each(Object.entries(models))("%s", (_, [text, bindings = {}]) => expect(faultsOf(modelOf(text), bindings, 3)).toEqual([]), 60_000);

  it("keeps to the order of sums and to exact rules under 'strict'", () => {
    const fn = modelOf("model M[B](x: f32[B, 16]) -> f32[B, 8] {\n  param w: f32[16, 8] = ones\n  return layer_norm(x) @ w\n}");
    const [strict, usual] = [compileFunction(fn, "wgsl", { contract: "strict" }), compileFunction(fn, "wgsl")];
    expect(strict.plan.program.definitions.some((definition) => /centred|deferred|tile/.test(definition.name))).toBe(false);
    expect(usual.plan.program.definitions.some((definition) => definition.name.endsWith(".deferred"))).toBe(true);
  });
});
