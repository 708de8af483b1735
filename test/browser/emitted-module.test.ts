/** An emitted module as a page would use it: bundled by esbuild, run by Chromium, compared with Node and with float64. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emitModule } from "../../compiler/backends/module/emit.ts";
import { openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { load } from "../../runtime/index.ts";
import { bundle, repository } from "../support/bundle.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { type LocalServer, serve } from "../support/local-server.ts";
import { columns, expectedOutput, gpuJsSample, outputs, reshapeOutputs, reshapeSample, sampleNumbers, sampleParameters, wgslSample } from "../support/sample-artifacts.ts";

const entry = `
import { load } from "./norm-linear.js";
import { openWebGpu } from "./runtime/devices/webgpu-browser.ts";
import { openGpuJs } from "./runtime/devices/gpujs.ts";
import { load as loadArtifact } from "normfuse/runtime";

async function runOn(device, x, parameters) {
  const program = await load(device);
  await program.prepare({ "norm.gain": Float32Array.from(parameters["norm.gain"]), w: Float32Array.from(parameters.w) });
  const first = await program.run({ x: Float32Array.from(x) });
  const empty = await program.run({ x: new Float32Array(0) });
  const again = await program.run({ x: Float32Array.from(x) });
  program.dispose();
  return { description: device.description, dispatches: first.dispatches, shape: first.outputs.y.shape, y: Array.from(first.outputs.y.data), again: Array.from(again.outputs.y.data), empty: empty.outputs.y.shape };
}
globalThis.runWebGpu = async (x, parameters) => runOn(await openWebGpu(), x, parameters);
globalThis.runGpuJs = async (mode, x, parameters) => runOn(openGpuJs({ GPU: globalThis.GPU, input: globalThis.GPU.input }, { mode }), x, parameters);
globalThis.runReshape = async (mode, artifact, rows) => {
  const program = await loadArtifact(artifact, openGpuJs({ GPU: globalThis.GPU, input: globalThis.GPU.input }, { mode }));
  const { outputs } = await program.run({ n: Int32Array.from({ length: rows * 6 }, (_, i) => i) });
  return { sum: Array.from(outputs.sum.data), large: Array.from(outputs.large.data) };
};
globalThis.openWithoutGpu = async () => {
  Object.defineProperty(Navigator.prototype, "gpu", { value: undefined });
  return openWebGpu().then(() => "opened", (error) => error.code + ": " + error.message);
};
`;

interface PageResult {
  readonly description: string;
  readonly dispatches: number;
  readonly shape: number[];
  readonly y: number[];
  readonly again: number[];
  readonly empty: number[];
}

const missing = chromiumMissing();
const rows = 5;
const x = sampleNumbers(rows * columns, 42);
const parameters = sampleParameters();
const given = JSON.stringify([Array.from(x), { "norm.gain": Array.from(parameters["norm.gain"]), w: Array.from(parameters.w) }]).slice(1, -1);

const furthest = (actual: ArrayLike<number>, expected: ArrayLike<number>): number =>
  actual.length === expected.length ? Math.max(...Array.from(expected, (value, i) => Math.abs(value - (actual[i] ?? Number.NaN)))) : Number.NaN;

describe.skipIf(missing !== undefined)(`an emitted module in Chromium${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let browser: Browser;
  let server: LocalServer;
  let page: Page;

  beforeAll(async () => {
    const { code } = await bundle(entry, emitModule({ artifacts: [wgslSample, gpuJsSample] }));
    const gpuJs = readFileSync(path.join(repository, "node_modules/gpu.js/dist/gpu-browser.min.js"), "utf8");
    server = await serve({ "/index.html": '<!doctype html><script src="/gpu.js"></script><script type="module" src="/entry.js"></script>', "/entry.js": code, "/gpu.js": gpuJs });
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const open = async (): Promise<Page> => {
    page = await browser.newPage();
    await page.goto(`${server.url}/index.html`);
    return page;
  };

  it("runs WGSL and gives Node's numbers", { timeout: 60_000 }, async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    const inNode = (await program.run({ x })).outputs["y"]?.data ?? [];
    device.destroy();

    const result = await (await open()).evaluate<PageResult>(`runWebGpu(${given})`);
    expect(result).toMatchObject({ dispatches: 2, shape: [rows, outputs], empty: [0, outputs], again: result.y });
    expect(furthest(result.y, expectedOutput(x, parameters))).toBeLessThan(1e-5);
    expect(furthest(result.y, inNode)).toBeLessThan(1e-6);
  });

  it.each(["webgl2", "webgl", "webgpu", "webasm", "cpu"])("runs gpu.js in mode %s", { timeout: 60_000 }, async (mode) => {
    const result = await (await open()).evaluate<PageResult>(`runGpuJs("${mode}", ${given})`);
    expect(result).toMatchObject({ description: `gpu.js ${mode}`, dispatches: 2, shape: [rows, outputs], empty: [0, outputs], again: result.y });
    expect(furthest(result.y, expectedOutput(x, parameters))).toBeLessThan(2e-5);
    expect(await page.evaluate(`runReshape("${mode}", ${JSON.stringify(reshapeSample)}, 3)`)).toEqual(reshapeOutputs(3));
  });

  it("says clearly that a browser has no WebGPU", { timeout: 60_000 }, async () => {
    expect(await (await open()).evaluate<string>("openWithoutGpu()")).toMatch(/^device-unavailable: This browser has no WebGPU/);
  });
});
