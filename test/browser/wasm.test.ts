/** The CPU target in Chromium: one thread and several, under a strict content security policy, and chosen by itself where the GPU is software. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emitModule } from "../../compiler/backends/module/emit.ts";
import { checkSource, compileModel, sourceFile } from "../../compiler/index.ts";
import { openWasm } from "../../runtime/devices/wasm.ts";
import { load } from "../../runtime/index.ts";
import { bundle } from "../support/bundle.ts";
import { chromiumMissing, launchChromium } from "../support/chromium.ts";
import { type LocalServer, serve } from "../support/local-server.ts";

const [rows, inner, columns] = [96, 256, 512];
const source = `model Layer[B](x: f32[B, ${inner}]) -> f32[B, ${columns}] {
  param w: f32[${inner}, ${columns}] = zeros
  param v: f32[${columns}, ${columns}] = zeros
  return softmax(gelu(layer_norm(x) @ w) @ v)
}`;

const artifactOf = (target: "wasm" | "wgsl") => {
  const [model] = checkSource(sourceFile("layer.nf", source), { bind: {} }).models;
  if (!model) throw new Error("the model is unsound");
  return compileModel(model, target).artifact;
};

const waveOf = (length: number, step: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.fround(Math.sin(i * step)));

const entry = `
import { load } from "./layer.js";
import { openAuto } from "./runtime/devices/auto.ts";
import { openWasm } from "./runtime/devices/wasm.ts";
import { openWasmThreads } from "./runtime/devices/wasm-browser.ts";

const wave = (length, step) => Float32Array.from({ length }, (_, i) => Math.fround(Math.sin(i * step)));
const workers = [];
const OwnWorker = globalThis.Worker;
globalThis.Worker = class extends OwnWorker {
  constructor(...given) {
    super(...given);
    workers.push(this);
  }
};
const open = {
  single: (options) => openWasm(options),
  threads: (options) => openWasmThreads({ threads: 3, worker: new URL("/worker.js", location.href), ...options }),
  auto: (options) => openAuto(options),
};
globalThis.runOn = async (kind, options, calls) => {
  const device = await open[kind](options);
  const program = await load(device);
  await program.prepare({ w: wave(${inner * columns}, 0.37), v: wave(${columns * columns}, 0.91) });
  const results = [];
  for (let i = 0; i < calls; i++) results.push((await program.run({ x: wave(${rows * inner}, 1.7) })).outputs.output.data);
  const isSame = results.every((result) => result.every((value, i) => Object.is(value, results[0][i])));
  const { target, description } = device;
  device.destroy();
  return { target, description, isSame, data: Array.from(results[0]), workers: workers.length };
};
globalThis.loseWorker = async () => {
  const device = open.threads({});
  const program = await load(device);
  await program.prepare({ w: wave(${inner * columns}, 0.37), v: wave(${columns * columns}, 0.91) });
  for (let i = 0; i < 8; i++) await program.run({ x: wave(${rows * inner}, 1.7) });
  workers.at(-1).dispatchEvent(new ErrorEvent("error", { message: "the page took it" }));
  const codes = [];
  for (let i = 0; i < 40; i++) codes.push(await program.run({ x: wave(${rows * inner}, 1.7) }).then(() => "well", (error) => error.code));
  device.destroy();
  return codes;
};
globalThis.isReady = true;
`;

interface PageResult {
  readonly target: string;
  readonly description: string;
  readonly isSame: boolean;
  readonly data: readonly number[];
  readonly workers: number;
}

const missing = chromiumMissing();
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'none'";
const isolated = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

const furthest = (actual: readonly number[], expected: ArrayLike<number>): number => Math.max(...Array.from(expected, (value, i) => Math.abs(value - (actual[i] ?? Number.NaN))));

describe.skipIf(missing !== undefined)(`the CPU target in Chromium${missing === undefined ? "" : ` (skipped: ${missing})`}`, { timeout: 120_000 }, () => {
  let browser: Browser;
  const servers: LocalServer[] = [];
  let expected: readonly number[] = [];
  let files: Record<string, string> = {};

  beforeAll(async () => {
    const device = openWasm({ relaxed: false });
    const program = await load(artifactOf("wasm"), device);
    await program.prepare({ w: waveOf(inner * columns, 0.37), v: waveOf(columns * columns, 0.91) });
    expected = Array.from((await program.run({ x: waveOf(rows * inner, 1.7) })).outputs["output"]?.data ?? []);
    device.destroy();
    const module = emitModule({ artifacts: [artifactOf("wgsl"), artifactOf("wasm")] });
    const worker = await bundle(`import "./runtime/devices/wasm-worker.ts";`);
    files = { "/index.html": '<!doctype html><script type="module" src="/entry.js"></script>', "/entry.js": (await bundle(entry, module)).code, "/worker.js": worker.code };
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    for (const server of servers) server.close();
  });

  const open = async (headers: Readonly<Record<string, string>>): Promise<Page> => {
    const server = await serve(files, headers);
    servers.push(server);
    const page = await browser.newPage();
    await page.goto(`${server.url}/index.html`);
    await page.waitForFunction("globalThis.isReady === true");
    return page;
  };
  const run = (page: Page, kind: string, options: object, calls = 3): Promise<PageResult> => page.evaluate<PageResult>(`runOn(${JSON.stringify(kind)}, ${JSON.stringify(options)}, ${calls})`);

  it("gives Node's bits on one thread under a strict policy", async () => {
    const result = await run(await open({ "content-security-policy": policy }), "single", { relaxed: false });
    expect(result).toMatchObject({ target: "wasm", description: "WebAssembly SIMD, 1 thread", isSame: true, workers: 0 });
    expect(result.data).toEqual(expected);
  });

  it("says what a policy without wasm-unsafe-eval refuses", async () => {
    const page = await open({ "content-security-policy": "default-src 'none'; script-src 'self'" });
    await expect(run(page, "single", {})).rejects.toThrow(/wasm-unsafe-eval/);
  });

  it("uses fused multiply-adds where the engine has them", async () => {
    const result = await run(await open({}), "single", {});
    expect(result.description).toBe("WebAssembly SIMD, relaxed, 1 thread");
    expect(furthest(result.data, expected)).toBeLessThan(1e-6);
  });

  it("has several threads in an isolated page, with the same bits, under the same policy", async () => {
    const result = await run(await open({ ...isolated, "content-security-policy": policy }), "threads", { relaxed: false }, 40);
    expect(result).toMatchObject({ description: "WebAssembly SIMD, 3 threads", isSame: true, workers: 2 });
    expect(result.data).toEqual(expected);
  });

  it("has one thread in a page that is not isolated", async () => {
    const result = await run(await open({}), "threads", { relaxed: false });
    expect(result).toMatchObject({ description: "WebAssembly SIMD, 1 thread", workers: 0 });
    expect(result.data).toEqual(expected);
  });

  it("says once that a worker was lost, and goes on", async () => {
    const codes = await (await open(isolated)).evaluate<string[]>("loseWorker()");
    expect(codes.filter((code) => code !== "well")).toEqual(["device-lost"]);
    expect(codes.at(-1)).toBe("well");
  });

  it("is what a module for both gets where the GPU is software", async () => {
    const result = await run(await open({}), "auto", { relaxed: false });
    expect(result).toMatchObject({ target: "wasm", isSame: true });
    expect(result.data).toEqual(expected);
  });
});
