/** Several threads: the same bits as one, and what happens when a worker is gone. */
import { build } from "esbuild";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../../runtime/device.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { openWasmThreads } from "../../../runtime/devices/wasm-node.ts";
import { load, type Program } from "../../../runtime/index.ts";
import type { OpenWorker } from "../../../runtime/devices/wasm-threads.ts";
import { wasmModel } from "../../support/wasm-model.ts";

const { artifact } = wasmModel(`model M[B](x: f32[B, 256]) -> f32[B, 512] {
  param w: f32[256, 512] = zeros
  param v: f32[512, 512] = zeros
  return softmax(gelu(layer_norm(x) @ w) @ v)
}`);

const wave = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7));

const devices: Device[] = [];
const folder = mkdtempSync(path.join(tmpdir(), "normfuse-worker-"));
const worker = pathToFileURL(path.join(folder, "worker.mjs"));
beforeAll(async () => {
  await build({ entryPoints: [path.resolve(import.meta.dirname, "../../../runtime/devices/wasm-worker-node.ts")], outfile: path.join(folder, "worker.mjs"), bundle: true, format: "esm", platform: "node" });
});
afterAll(() => {
  devices.forEach((device) => device.destroy());
  rmSync(folder, { recursive: true, force: true });
});

async function programOn(device: Device): Promise<Program> {
  devices.push(device);
  const program = await load(artifact, device);
  await program.prepare({ w: wave(256 * 512), v: wave(512 * 512).reverse() });
  return program;
}

const bitsOf = async (program: Program, rows: number): Promise<Buffer> => Buffer.from(((await program.run({ x: wave(rows * 256) })).outputs["output"]?.data as Float32Array).buffer);

describe("threads", () => {
  it.each([2, 3])("%d give the bits of one, call after call", async (threads) => {
    const one = await programOn(openWasm());
    const device = openWasmThreads({ threads, worker });
    expect(device.description).toContain(`${threads} threads`);
    const several = await programOn(device);
    for (const rows of [300, 7, 300]) {
      const want = await bitsOf(one, rows);
      for (let i = 0; i < 20; i++) expect((await bitsOf(several, rows)).equals(want)).toBe(true);
    }
  });

  it("leaves one thread where one is asked for", () => {
    const device = openWasmThreads({ threads: 1, worker });
    devices.push(device);
    expect(device.description).toContain("1 thread");
  });

  it("says that a worker was lost, and goes on without it", async () => {
    const ends: (() => void)[] = [];
    // A worker that takes every message and does nothing.
    const open: OpenWorker = (failed) => {
      ends.push(() => failed("it was terminated"));
      return { postMessage: () => undefined, terminate: () => undefined };
    };
    const program = await programOn(openWasm({ workers: { count: 1, open } }));
    const want = await bitsOf(program, 300);
    setTimeout(() => ends.forEach((end) => end()), 50);
    await expect(bitsOf(program, 300)).rejects.toMatchObject({ code: "device-lost", message: expect.stringContaining("worker 1 ended: it was terminated") as string });
    expect((await bitsOf(program, 300)).equals(want)).toBe(true);
  });
});
