/** Random numbers in Chromium: GPU.js on WebGL, where bit operations are loops over floats, gives the bits of the reference. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileModel, evaluateReference } from "../../compiler/index.ts";
import { required } from "../../compiler/errors.ts";
import { bundle, repository } from "../support/bundle.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { modelOf } from "../support/conformance/backends.ts";
import { type LocalServer, serve } from "../support/local-server.ts";

const entry = `
import { openGpuJs } from "./runtime/devices/gpujs.ts";
import { load } from "normfuse/runtime";
globalThis.runModel = async (mode, artifact) => {
  const program = await load(artifact, openGpuJs({ GPU: globalThis.GPU, input: globalThis.GPU.input }, { mode }));
  const { outputs } = await program.run({ x: new Float32Array(300), key: Uint32Array.of(3, 0xabcdef) });
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data)]));
};
`;

const model = modelOf("model M(x: f32[12, 25], key: u32[2]) -> (bits: u32[12, 25], kept: f32[12, 25]) { return (random_bits(x, key, word = 1), dropout(x + 1, 0.5, key, 3)) }");
const { artifact } = compileModel(model, "gpujs");
const key = { dtype: "u32", shape: [2], data: Float64Array.of(3, 0xabcdef) } as const;
const exact = evaluateReference(model, {}, { x: { dtype: "f32", shape: [12, 25], data: new Float64Array(300) }, key }, {});
const missing = chromiumMissing();

describe.skipIf(missing !== undefined)(`random numbers in Chromium${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  let browser: Browser;
  let server: LocalServer;

  beforeAll(async () => {
    const { code } = await bundle(entry, []);
    const gpuJs = readFileSync(path.join(repository, "node_modules/gpu.js/dist/gpu-browser.min.js"), "utf8");
    server = await serve({ "/index.html": '<!doctype html><script src="/gpu.js"></script><script type="module" src="/entry.js"></script>', "/entry.js": code, "/gpu.js": gpuJs });
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it.each(["webgl2", "webgl"])("gpu.js in mode %s", { timeout: 60_000 }, async (mode) => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/index.html`);
    const outputs = await page.evaluate<Readonly<Record<string, number[]>>>(`runModel("${mode}", ${JSON.stringify(artifact)})`);
    for (const name of ["bits", "kept"]) expect(outputs[name]).toEqual(Array.from(required(exact[name], "test", name).data));
  });
});
