/** Several threads: the same bits as one, nothing that grows, and what happens when a worker is gone, traps or hangs. */
import { build } from "esbuild";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Device } from "../../../runtime/device.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { openWasmThreads } from "../../../runtime/devices/wasm-node.ts";
import { withWorkers } from "../../../runtime/devices/wasm-threads.ts";
import { load, type Program } from "../../../runtime/index.ts";
import { wasmModel } from "../../support/wasm-model.ts";

const { artifact } = wasmModel(`model M[B](x: f32[B, 256]) -> f32[B, 512] {
  param w: f32[256, 512] = zeros
  param v: f32[512, 512] = zeros
  return softmax(gelu(layer_norm(x) @ w) @ v)
}`);

const wave = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7));

const folder = mkdtempSync(path.join(tmpdir(), "normfuse-worker-"));
const entry = path.resolve(import.meta.dirname, "../../../runtime/devices/wasm-worker-node.ts");
const fileOf = (name: string): URL => pathToFileURL(path.join(folder, `${name}.mjs`));

/** What stands before the worker's own text. The kernels of the last two trap, or never come back. */
const faults = {
  sound: "",
  trapping: "WebAssembly.Instance = class { exports = { run: () => { throw new Error('unreachable'); } }; };",
  hanging: "WebAssembly.Instance = class { exports = { run: () => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); } }; };",
  broken: "throw new Error('it does not start');",
} as const;

const devices: Device[] = [];
beforeAll(async () => {
  for (const [name, text] of Object.entries(faults))
    await build({ stdin: { contents: `${text}\nawait import(${JSON.stringify(entry)});`, resolveDir: folder, loader: "ts" }, outfile: path.join(folder, `${name}.mjs`), bundle: true, format: "esm", platform: "node" });
});
afterEach(() => {
  vi.restoreAllMocks();
  devices.splice(0).forEach((device) => device.destroy());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A device with one worker that the test holds. */
function openWithWorker(name: keyof typeof faults): { readonly device: Device; readonly worker: Worker } {
  const worker = new Worker(fileOf(name));
  const device = openWasm({
    workers: withWorkers(1, (failed) => {
      worker.once("error", (error) => failed(error.message));
      worker.once("exit", (code) => failed(`exit code ${code}`));
      worker.unref();
      return worker;
    }),
  });
  return { device, worker };
}

async function programOn(device: Device): Promise<Program> {
  devices.push(device);
  const program = await load(artifact, device);
  await program.prepare({ w: wave(256 * 512), v: wave(512 * 512).reverse() });
  return program;
}

const bitsOf = async (program: Program, rows: number): Promise<Buffer> => Buffer.from(((await program.run({ x: wave(rows * 256) })).outputs["output"]?.data as Float32Array).buffer);

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Calls until one fails, with time for the worker to come in; undefined when none does. */
async function firstFailure(program: Program, calls = 60): Promise<unknown> {
  for (let i = 0; i < calls; i++) {
    try {
      await bitsOf(program, 300);
    } catch (thrown) {
      return thrown;
    }
    await pause(5);
  }
  return undefined;
}

describe("threads", () => {
  it.each([2, 3])("%d give the bits of one, call after call", { timeout: 30_000 }, async (threads) => {
    const one = await programOn(openWasm());
    const device = openWasmThreads({ threads, worker: fileOf("sound") });
    expect(device.description).toContain(`${threads} threads`);
    const several = await programOn(device);
    for (const rows of [300, 7, 300]) {
      const want = await bitsOf(one, rows);
      for (let i = 0; i < 30; i++) {
        expect((await bitsOf(several, rows)).equals(want)).toBe(true);
        if (i < 10) await pause(5);
      }
    }
  });

  it("share the work", { timeout: 30_000 }, async () => {
    // A worker whose kernels do nothing but fail takes part: else nothing would.
    const { device } = openWithWorker("trapping");
    expect(await firstFailure(await programOn(device))).toMatchObject({ code: "kernel-failed", message: expect.stringContaining("a trap on one of the threads") as string });
  });

  it("leaves one thread where one is asked for", () => {
    const device = openWasmThreads({ threads: 1, worker: fileOf("sound") });
    devices.push(device);
    expect(device.description).toContain("1 thread");
  });

  it("do not grow over 10,000 calls", { timeout: 120_000 }, async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const small = wasmModel("model M[B](x: f32[B, 64]) -> f32[B, 64] {\n  param w: f32[64, 64] = zeros\n  return gelu(layer_norm(x) @ w)\n}");
    const { device, worker } = openWithWorker("sound");
    devices.push(device);
    const program = await load(small.artifact, device);
    await program.prepare({ w: wave(64 * 64) });
    const inputs = [1, 5, 40].map((rows) => ({ x: wave(64 * rows) }));
    const call = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await program.run(inputs[i % inputs.length] ?? {});
      // Buffers are freed a while after the objects that hold them.
      for (let i = 0; i < 3; i++) {
        await pause(20);
        collect();
      }
    };
    const state = (): Readonly<Record<string, number>> => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return { heapUsed, arrayBuffers, listeners: worker.eventNames().reduce((sum, name) => sum + worker.listenerCount(name), 0) + process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0), resources: process.getActiveResourcesInfo().length };
    };
    await call(1000);
    const before = state();
    await call(10_000);
    const after = state();
    expect(after["listeners"]).toBe(before["listeners"]);
    expect(after["resources"]).toBeLessThanOrEqual(before["resources"] ?? 0);
    // Per call: less than 100 bytes on the heap, and 200 in buffers, of which the largest result alone takes 10,240.
    expect((after["heapUsed"] ?? 0) - (before["heapUsed"] ?? 0)).toBeLessThan(1e6);
    expect((after["arrayBuffers"] ?? 0) - (before["arrayBuffers"] ?? 0)).toBeLessThan(2e6);
  });
});

describe("a worker that is lost", () => {
  it("between calls is reported once, and the device goes on without it", async () => {
    const { device, worker } = openWithWorker("sound");
    const program = await programOn(device);
    const want = await bitsOf(program, 300);
    for (let i = 0; i < 10; i++) await bitsOf(program, 300);
    await worker.terminate();
    await expect(bitsOf(program, 300)).rejects.toMatchObject({ code: "device-lost", message: expect.stringContaining("worker 1 ended: exit code") as string, hint: expect.stringContaining("one thread") as string });
    expect((await bitsOf(program, 300)).equals(want)).toBe(true);
    expect(device.description).toContain("1 thread");
  });

  it("in the midst of a call ends the call", { timeout: 30_000 }, async () => {
    const { device, worker } = openWithWorker("hanging");
    const program = await programOn(device);
    setTimeout(() => void worker.terminate(), 300);
    expect(await firstFailure(program)).toMatchObject({ code: "device-lost" });
    expect((await bitsOf(program, 300)).length).toBe(4 * 300 * 512);
  });

  it("before it began is reported too", { timeout: 30_000 }, async () => {
    const { device } = openWithWorker("broken");
    expect(await firstFailure(await programOn(device))).toMatchObject({ code: "device-lost", message: expect.stringContaining("it does not start") as string });
  });
});

describe("what is denied", () => {
  it("shared memory: says so, and what to do", () => {
    const Own = WebAssembly.Memory;
    vi.spyOn(WebAssembly, "Memory").mockImplementation(function (descriptor) {
      if (descriptor.shared === true) throw new TypeError("shared memory is not allowed here");
      return new Own(descriptor);
    });
    expect(() => openWasmThreads({ threads: 2, worker: fileOf("sound") })).toThrow(expect.objectContaining({ code: "device-unavailable", message: expect.stringContaining("shared memory is not allowed here") as string, hint: expect.stringContaining("without workers") as string }) as Error);
    expect(() => openWasm().destroy()).not.toThrow();
  });

  it.each([["one thread", 1], ["two threads", 2]])("memory beyond 4 GiB, with %s: says so, and goes on with less", async (_, threads) => {
    const wide = wasmModel("model M[B](x: f32[B, 1]) -> f32[B] {\n  param w: f32[1, 262144] = zeros\n  return mean(softmax(exp(x @ w)), axis = 1)\n}", {}, { fusion: "none" });
    const device = openWasmThreads({ threads, worker: fileOf("sound") });
    devices.push(device);
    const program = await load(wide.artifact, device);
    await program.prepare({ w: wave(262144) });
    await expect(program.run({ x: wave(5000) })).rejects.toMatchObject({ code: "out-of-memory", message: expect.stringMatching(/\d{10} bytes/) as string });
    expect((await program.run({ x: wave(2) })).outputs["output"]?.data.length).toBe(2);
  });
});
