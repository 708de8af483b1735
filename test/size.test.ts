/** What a page pays for the runtime and for a model. Budgets are part of the design: raising one needs a reason. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { buildSource } from "../compiler/plugin/index.ts";
import { bundle } from "./support/bundle.ts";

/** unit: bytes, bundled, minified, gzip */
const sizes: readonly [entry: string, most: number][] = [
  ["./runtime/index.ts", 8 * 1024],
  ["./runtime/initialise.ts", 4 * 1024],
  ["./runtime/safetensors.ts", 3 * 1024],
  ["./runtime/layouts.ts", 2 * 1024],
  ["./runtime/devices/webgpu-browser.ts", 5 * 1024],
  ["./runtime/devices/gpujs.ts", 4 * 1024],
  ["./runtime/devices/wasm.ts", 4 * 1024],
];

describe("bundle sizes", () => {
  it.each(sizes)("%s stays below %d bytes", async (entry, most) => {
    const { code, sources } = await bundle(`export * from "${entry}";`, [], true);
    expect(gzipSync(code).length).toBeLessThan(most);
    expect(code.length).toBeGreaterThan(500);
    expect(sources.filter((source) => source.startsWith("compiler/") || source.includes("node_modules"))).toEqual([]);
    if (entry === "./runtime/index.ts") expect(sources.filter((source) => source.includes("devices/"))).toEqual([]);
  });
});

/** Blocks that models repeat, as the plugin hands them to a bundler: kernels and plan, before anything is minified. */
const blocks: Readonly<Record<string, string>> = {
  "norm, linear, activation": `model Block[B](x: f32[B, 256]) -> f32[B, 512] {
  param gain: f32[256] = ones
  param bias: f32[256] = zeros
  param w: f32[256, 512] = glorot_uniform
  param b: f32[512] = zeros
  return gelu(layer_norm(x, gain, bias) @ w + b)
}`,
  "norm, gated feed-forward, residual": `model Block[B](x: f32[B, 256]) -> f32[B, 256] {
  param gain: f32[256] = ones
  param gate: f32[256, 512] = glorot_uniform
  param up: f32[256, 512] = glorot_uniform
  param down: f32[512, 256] = glorot_uniform
  let h = rms_norm(x, gain)
  return x + (silu(h @ gate) * (h @ up)) @ down
}`,
  "norm, attention, residual": `model Block[T](x: f32[T, 64]) -> f32[T, 64] {
  param q: f32[64, 64] = glorot_uniform
  param k: f32[64, 64] = glorot_uniform
  param v: f32[64, 64] = glorot_uniform
  let h = rms_norm(x)
  return x + attention(h @ q, h @ k, h @ v)
}`,
};

/** unit: bytes, gzip */
const mostOfBlock = 5 * 1024;

describe("modules of a block", () => {
  it.each(Object.entries(blocks))("%s: below 5 KB", (_, text) => {
    const code = buildSource("block.nf", text).module?.code ?? "";
    expect(code).toContain("@compute");
    expect(gzipSync(code).length).toBeLessThan(mostOfBlock);
  });
});
