/**
 * How near products come to what the processor can do: `npx tsx test/bench/peak.ts`, with fused multiply-adds
 * `node --experimental-wasm-relaxed-simd --import tsx test/bench/peak.ts`. Multiplications and additions in registers, native
 * (128 bits wide, where there is a C compiler) and in WebAssembly, the product 512 x 512 x 512, and a product with layer norm
 * before and GELU after beside the same without: all in one process, in rounds.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { encodeModule, FunctionBody } from "../../compiler/backends/wasm/encode.ts";
import { checkSource, compileModel, sourceFile } from "../../compiler/index.ts";
import type { Device, DispatchList } from "../../runtime/device.ts";
import { openWasm } from "../../runtime/devices/wasm.ts";
import { load } from "../../runtime/index.ts";
import { initialParameters } from "../../runtime/initialise.ts";
import { median } from "./report.ts";

const rounds = Number(process.argv[2] ?? 60);

/** Values that are under way at once. Without fused multiply-adds half of them are multiplied and half are added to, so that none waits for another. */
const chains = 12;

const flopsOfTurn = (isFused: boolean): number => (isFused ? 8 : 4) * chains;

const turns = 200_000;

/** Runs for some milliseconds; gives GFLOP/s. */
type Rate = () => number;

const nativeSource = `
#include <immintrin.h>
#include <stdio.h>
#include <time.h>
int main(int count, char **arguments) {
  __m128 a[${chains}], x = _mm_set1_ps((float)count), y = _mm_set1_ps(1e-3f);
  for (int i = 0; i < ${chains}; i++) a[i] = _mm_set1_ps(i * 0.1f);
  struct timespec from, to;
  double best = 1e9;
  for (int round = 0; round < 400; round++) {
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long k = 0; k < ${turns}; k++)
#pragma GCC unroll ${chains}
      for (int i = 0; i < ${chains}; i++) a[i] = NEXT;
    clock_gettime(CLOCK_MONOTONIC, &to);
    double seconds = to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) * 1e-9;
    if (seconds < best) best = seconds;
  }
  float sum = 0;
  for (int i = 0; i < ${chains}; i++) sum += a[i][0];
  printf("%f %f\\n", (double)FLOPS * ${turns} / best * 1e-9, sum);
}
`;

/** undefined without a C compiler, or on another processor. */
function nativePeak(isFused: boolean): number | undefined {
  const folder = mkdtempSync(path.join(tmpdir(), "normfuse-peak-"));
  try {
    writeFileSync(path.join(folder, "peak.c"), nativeSource);
    const expression = isFused ? "_mm_fmadd_ps(a[i], x, y)" : "i % 2 ? _mm_add_ps(a[i], y) : _mm_mul_ps(a[i], x)";
    const flags = ["-O3", "-mavx", isFused ? "-mfma" : "-mno-fma", `-DNEXT=(${expression})`, `-DFLOPS=${flopsOfTurn(isFused)}`];
    if (spawnSync("cc", [...flags, "peak.c", "-o", "peak"], { cwd: folder }).status !== 0) return undefined;
    const { stdout, status } = spawnSync(path.join(folder, "peak"), { encoding: "utf8" });
    return status === 0 ? Number(stdout.split(" ")[0]) : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same loop as WebAssembly. */
function wasmRate(isFused: boolean): Rate {
  const code = new FunctionBody(1);
  const sums = Array.from({ length: chains }, () => code.local("v128"));
  const [x, y] = [code.local("v128"), code.local("v128")];
  const splat = (value: number): void => {
    code.float(value);
    code.simd(0x13);
  };
  for (const [local, value] of [...sums.map((local, i) => [local, i * 0.1] as const), [x, 1] as const, [y, 1e-3] as const]) {
    splat(value);
    code.set(local);
  }
  code.op(0x03, 0x40);
  sums.forEach((sum, i) => {
    code.get(sum);
    if (isFused || i % 2 === 0) code.get(x);
    if (isFused || i % 2 === 1) code.get(y);
    code.simd(isFused ? 0x105 : i % 2 === 0 ? 0xe6 : 0xe4);
    code.set(sum);
  });
  code.get(0);
  code.int(1);
  code.op(0x6b);
  code.tee(0);
  code.op(0x0d, 0x00, 0x0b);
  code.get(sums[0] ?? 0);
  for (const sum of sums.slice(1)) {
    code.get(sum);
    code.simd(0xe4);
  }
  code.simd(0x1f, 0);
  const { bytes } = encodeModule({ types: [{ parameters: ["i32"], results: ["f32"] }], imports: [], functions: [{ type: 0, body: code }], exports: { run: 0 } });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const run = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)), { env: { memory } }).exports["run"] as (turns: number) => number;
  return () => {
    const start = performance.now();
    run(turns);
    return (flopsOfTurn(isFused) * turns) / (performance.now() - start) / 1e6;
  };
}

/** The kernels of a model alone: nothing is copied in or out. */
async function kernelRate(device: Device, source: string, flops: number): Promise<() => Promise<number>> {
  const [model] = checkSource(sourceFile("peak.nf", source), { bind: {} }).models;
  if (!model) throw new Error(`not sound: ${source}`);
  const { artifact } = compileModel(model, "wasm");
  const lists: DispatchList[] = [];
  const recording: Device = { ...methodsOf(device), bind: async (dispatches) => {
    const list = await device.bind(dispatches);
    lists.push(list);
    return list;
  } };
  const program = await load(artifact, recording);
  await program.prepare(initialParameters(artifact, 7, {}));
  const shapes = artifact.inputs.map(({ name, shape }) => [name, new Float32Array(shape.reduce((product: number, extent) => product * Number(extent), 1)).map((_, i) => Math.sin(i))] as const);
  await program.run(Object.fromEntries(shapes));
  const last = lists.at(-1);
  if (!last) throw new Error("nothing was bound");
  return async () => {
    const used = process.cpuUsage();
    await device.run(last, []);
    const { user, system } = process.cpuUsage(used);
    return flops / ((user + system) / 1e3) / 1e6;
  };
}

const methodsOf = (device: Device): Device => ({
  target: device.target, description: device.description,
  compile: (kernels) => device.compile(kernels), allocate: (requests) => device.allocate(requests), write: (buffer, data) => device.write(buffer, data), bind: (dispatches) => device.bind(dispatches),
  run: (list, results) => device.run(list, results), release: (buffers, lists) => device.release(buffers, lists), destroy: () => device.destroy(),
});

const layer = (body: string): string => `model M(x: f32[256, 768]) -> f32[256, 3072] {\n  param w: f32[768, 3072] = glorot_uniform\n  param gain: f32[768] = ones\n  param bias: f32[768] = zeros\n  param b: f32[3072] = zeros\n  return ${body}\n}`;

const device = openWasm();
const isFused = device.description.includes("relaxed");
const layerFlops = 2 * 256 * 768 * 3072;
const rates: readonly (readonly [string, Rate | (() => Promise<number>)])[] = [
  ["registers, WebAssembly", wasmRate(isFused)],
  ["512 x 512 x 512", await kernelRate(device, "model M(x: f32[512, 512]) -> f32[512, 512] {\n  param w: f32[512, 512] = glorot_uniform\n  return x @ w\n}", 2 * 512 ** 3)],
  ["256 x 768 x 3072", await kernelRate(device, layer("x @ w"), layerFlops)],
  ["the same with layer norm, bias and GELU", await kernelRate(device, layer("gelu(layer_norm(x, gain, bias) @ w + b)"), layerFlops)],
];
const samples = rates.map((): number[] => []);
for (let round = 0; round < rounds; round++) for (const [i, [, rate]] of rates.entries()) samples[i]?.push(await rate());
const native = nativePeak(isFused);
const best = samples.map((values) => Math.max(...values));
const peak = native ?? best[0] ?? 1;
process.stdout.write(`${device.description}; GFLOP/s, best and median of ${rounds} rounds, share of the ${native === undefined ? "peak in WebAssembly (no C compiler here)" : "native peak"}\n`);
if (native !== undefined) process.stdout.write(`${"registers, native, 128 bits".padEnd(42)} ${native.toFixed(1)}\n`);
rates.forEach(([name], i) => process.stdout.write(`${name.padEnd(42)} ${(best[i] ?? 0).toFixed(1)}  ${median(samples[i] ?? []).toFixed(1)}  ${((100 * (best[i] ?? 0)) / peak).toFixed(0)} %\n`));
const ratio = (of: (values: readonly number[]) => number): string => (of(samples[2] ?? []) / of(samples[3] ?? [])).toFixed(3);
process.stdout.write(`layer over plain product, by processor time: ${ratio((values) => Math.max(...values))} (best), ${ratio(median)} (median)\n`);
