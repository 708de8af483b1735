/** A model from source text to Chromium: checked, compiled, emitted, type-checked, bundled, run; Node and float64 agree. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compileModel, emitModule, emitReference } from "../../compiler/index.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { load } from "../../runtime/index.ts";
import type { Tensor } from "../../runtime/tensor.ts";
import { bundle } from "../support/bundle.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { modelOf } from "../support/fold-programs.ts";
import { type LocalServer, serve } from "../support/local-server.ts";
import { hostData, toReference } from "../support/tensor-function.ts";
import { typeErrors } from "../support/type-check.ts";

/** The network of the example, small. */
const source = `layer Dense[K, N](x: f32[..., K]) -> f32[..., N] {
  param w: f32[K, N] = glorot_uniform
  param gain: f32[N] = ones
  param bias: f32[N] = zeros
  return relu(layer_norm(x @ w, gain, bias))
}
/// Three layers.
model SmallMlp[B](x: f32[B, 20]) -> f32[B, 4] {
  let h = x |> Dense[20, 16] |> Dense[16, 16]
  param w: f32[16, 4] = glorot_uniform
  return softmax(h @ w)
}
`;

const fn = modelOf(source);
const compiled: Compiled = compileModel(fn, "wgsl");
const files = emitModule({ artifacts: [compiled.artifact, compileModel(fn, "gpujs").artifact], reference: emitReference(fn), source: "small-mlp.nf" });

const entry = `
import { load } from "./small-mlp.js";
import { openWebGpu } from "./runtime/devices/webgpu-browser.ts";
globalThis.runModel = async (batches, parameters) => {
  const program = await load(await openWebGpu());
  await program.prepare(Object.fromEntries(Object.entries(parameters).map(([name, data]) => [name, Float32Array.from(data)])));
  const results = [];
  for (const x of batches) {
    const { outputs, dispatches } = await program.run({ x: Float32Array.from(x) });
    results.push({ dispatches, shape: outputs.output.shape, y: Array.from(outputs.output.data) });
  }
  program.dispose();
  return results;
};
`;

interface PageResult {
  readonly dispatches: number;
  readonly shape: readonly number[];
  readonly y: readonly number[];
}

const batches = [1, 5, 33];
const data = batches.map((B) => hostData(fn, { B }, B));
const parameters: Record<string, Tensor> = data[0]?.parameters ?? {};
const expected = batches.map((B, i) => evaluate(fn, { B }, toReference(data[i]?.inputs ?? {}), toReference(parameters))["output"]?.data ?? new Float64Array());

const furthest = (actual: ArrayLike<number>, wanted: ArrayLike<number>): number =>
  actual.length === wanted.length ? Math.max(...Array.from(wanted, (value, i) => Math.abs(value - (actual[i] ?? Number.NaN)))) : Number.NaN;

const folder = mkdtempSync(path.join(os.tmpdir(), "compiled-model-"));
const missing = chromiumMissing();

describe("a compiled model", () => {
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("type-checks under strict, with its own names and shapes", { timeout: 60_000 }, () => {
    const use = (inputs: string): string => `import { load, smallMlp, type SmallMlpInputs } from "./small-mlp.ts";
import type { Device } from "normfuse/runtime";
export async function main(device: Device): Promise<Float32Array> {
  const program = await load(device);
  await program.prepare({ "dense.w": new Float32Array(320), "dense.gain": new Float32Array(16), "dense.bias": new Float32Array(16), "dense_2.w": new Float32Array(256), "dense_2.gain": new Float32Array(16), "dense_2.bias": new Float32Array(16), w: new Float32Array(64) });
  const inputs: SmallMlpInputs = ${inputs};
  return (await program.run(inputs)).dispatches > smallMlp.kernels.length ? new Float32Array(0) : (await program.run(inputs)).outputs.output.data;
}
`;
    expect(typeErrors(folder, files, use("{ x: new Float32Array(20) }"))).toEqual([]);
    expect(typeErrors(folder, files, use("{ y: new Float32Array(20) }")).length).toBeGreaterThan(0);
  });

  it("imports the runtime alone", async () => {
    const { sources } = await bundle(entry, files);
    expect(sources.filter((name) => !/^(?:memory:|entry\.ts|runtime\/)/.test(name))).toEqual([]);
  });

  it("gives float64's numbers in Node, for every batch", { timeout: 60_000 }, async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(compiled.artifact, device);
    await program.prepare(parameters);
    for (const [i, { inputs }] of data.entries()) expect(furthest((await program.run(inputs)).outputs["output"]?.data ?? [], expected[i] ?? [])).toBeLessThan(1e-5);
    device.destroy();
  });
});

describe.skipIf(missing !== undefined)(`a compiled model in Chromium${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let browser: Browser;
  let server: LocalServer;

  beforeAll(async () => {
    const { code } = await bundle(entry, files);
    server = await serve({ "/index.html": '<!doctype html><script type="module" src="/entry.js"></script>', "/entry.js": code });
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it("gives Node's numbers", { timeout: 60_000 }, async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(compiled.artifact, device);
    await program.prepare(parameters);
    const inNode: Float32Array[] = [];
    for (const { inputs } of data) inNode.push(Float32Array.from((await program.run(inputs)).outputs["output"]?.data ?? []));
    device.destroy();

    const page = await browser.newPage();
    await page.goto(`${server.url}/index.html`);
    const given = JSON.stringify([data.map(({ inputs }) => Array.from(inputs["x"]?.data ?? [])), Object.fromEntries(Object.entries(parameters).map(([name, tensor]) => [name, Array.from(tensor.data)]))]).slice(1, -1);
    const results = await page.evaluate<readonly PageResult[]>(`runModel(${given})`);
    expect(results.map(({ dispatches, shape }) => [dispatches, shape])).toEqual(batches.map((B) => [compiled.artifact.run.length, [B, 4]]));
    for (const [i, { y }] of results.entries()) {
      expect(furthest(y, expected[i] ?? [])).toBeLessThan(1e-5);
      expect(furthest(y, inNode[i] ?? [])).toBeLessThan(1e-6);
    }
  });
});
