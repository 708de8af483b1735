/**
 * The whole road on real data: builds mnist-mlp.nf with the command line, runs the generated module over MNIST digits on
 * every backend of this machine, checks each against the float64 reference, and draws the result. Run by `npm start`.
 * `--digits N` takes fewer digits, `--out DIR` another folder than out/mnist-mlp.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type Artifact, type Device, RuntimeError, type Tensor } from "normfuse/runtime";
import { openGpuJs } from "normfuse/runtime/devices/gpujs";
import { openWasm } from "normfuse/runtime/devices/wasm";
import { openWebGpu, provideNavigatorGpu } from "normfuse/runtime/devices/webgpu-node";
import { initialParameters } from "normfuse/runtime/initialise";
import { loadDigits, pixels } from "./digits.ts";
import { page } from "./page.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const { values: given } = parseArgs({ options: { digits: { type: "string", default: "1000" }, out: { type: "string", default: join(root, "out/mnist-mlp") } } });
const { out } = given;
const source = relative(process.cwd(), join(here, "mnist-mlp.nf"));

/** Digits compared on every backend. */
const digitCount = Number(given.digits);
const batch = 125;
/** The contract: largest error relative to the rms of the output (spec/numerics.md). */
const limit = 1e-5;

interface Module {
  readonly mnistMlp: Artifact;
  load(device: Device): Promise<{ prepare(parameters: object): Promise<void>; run(inputs: object): Promise<{ outputs: { output: Tensor }; dispatches: number; milliseconds: number }>; dispose(): void }>;
  reference(): Promise<{ run(inputs: object, parameters: object): { output: { data: ArrayLike<number> } } }>;
}

interface Row {
  readonly backend: string;
  readonly dispatches: number;
  readonly median: number;
  readonly error: number;
  readonly digits: number;
  readonly agreeing: number;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const progress = (text: string): void => void (process.stderr.isTTY ? process.stderr.write(`\r\x1b[K${text}`) : undefined);

function normfuse(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "dist/compiler/cli/main.js"), ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`normfuse ${args.join(" ")} ended with code ${status}:\n${stderr}`);
  return stdout.trimEnd();
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const largest = (logits: ArrayLike<number>, row: number): number => {
  let best = 0;
  for (let i = 1; i < 10; i++) if ((logits[row * 10 + i] as number) > (logits[row * 10 + best] as number)) best = i;
  return best;
};

async function runOn(backend: string, device: Device, module: Module, parameters: Record<string, Tensor>, images: Float32Array, expected: Float64Array, digits: number): Promise<Row> {
  const program = await module.load(device);
  await program.prepare(parameters);
  const times: number[] = [];
  let [error, squares, agreeing, dispatches] = [0, 0, 0, 0];
  for (let start = 0; start < digits; start += batch) {
    progress(`${backend}: ${start} of ${digits} digits`);
    const rows = Math.min(batch, digits - start);
    const x: Tensor = { dtype: "f32", shape: [rows, pixels], data: images.subarray(start * pixels, (start + rows) * pixels) };
    const result = await program.run({ x });
    times.push(result.milliseconds);
    dispatches = result.dispatches;
    const got = result.outputs.output.data;
    const want = expected.subarray(start * 10, (start + rows) * 10);
    for (let i = 0; i < want.length; i++) {
      const difference = Math.abs((got[i] as number) - (want[i] as number));
      if (!(difference <= error)) error = difference;
      squares += (want[i] as number) ** 2;
    }
    for (let row = 0; row < rows; row++) if (largest(got, row) === largest(want, row)) agreeing++;
  }
  program.dispose();
  device.destroy();
  progress("");
  return { backend, dispatches, median: median(times), error: error / Math.sqrt(squares / (digits * 10)), digits, agreeing };
}

async function main(): Promise<number> {
  // The page shows ten.
  if (!Number.isInteger(digitCount) || digitCount < 10) {
    say(`--digits got '${given.digits}': a whole number from 10`);
    return 1;
  }
  say(`$ normfuse build ${source} --target wgsl,wasm,gpujs,reference --out ${relative(process.cwd(), out)}`);
  const built = normfuse("build", source, "--target", "wgsl,wasm,gpujs,reference", "--out", out).split("\n").map((line) => line.replace("wrote ", ""));
  const picture = join(out, "mnist-mlp.svg");
  say(`$ normfuse explain ${source} --bind B=${batch}\n`);
  say(normfuse("explain", source, "--bind", `B=${batch}`, "--svg", picture));
  const module = (await import(pathToFileURL(join(out, "mnist-mlp.ts")).href)) as Module;
  const digits = loadDigits(digitCount);
  const parameters = initialParameters(module.mnistMlp, 1);
  progress("reference in float64");
  const start = performance.now();
  const reference = await module.reference();
  const expected = Float64Array.from(reference.run({ x: { dtype: "f32", shape: [digitCount, pixels], data: digits.images } }, parameters).output.data);
  const referenceMilliseconds = (performance.now() - start) / Math.ceil(digitCount / batch);
  const rows: Row[] = [{ backend: "reference (float64, unfused JavaScript)", dispatches: 0, median: referenceMilliseconds, error: 0, digits: digitCount, agreeing: digitCount }];
  const gpujs = await import("gpu.js");
  const backends: readonly { readonly name: string; open(): Promise<Device> }[] = [
    { name: "WebAssembly", open: async () => openWasm() },
    { name: "WGSL", open: () => openWebGpu() },
    { name: "GPU.js webasm", open: async () => openGpuJs(gpujs, { mode: "webasm" }) },
    { name: "GPU.js cpu", open: async () => openGpuJs(gpujs, { mode: "cpu" }) },
    { name: "GPU.js webgpu", open: async () => provideNavigatorGpu().then(() => openGpuJs(gpujs, { mode: "webgpu" })) },
  ];
  const missing: string[] = [];
  for (const backend of backends) {
    try {
      const device = await backend.open();
      rows.push(await runOn(`${backend.name} (${device.description})`, device, module, parameters, digits.images, expected, digitCount));
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code !== "device-unavailable") throw error;
      missing.push(`${backend.name}: ${error.message}`);
    }
  }
  const pagePath = join(out, "mnist-mlp.html");
  writeWhole(pagePath, page({ picture, rows, images: digits.images, labels: digits.labels, logits: expected }));
  say(`\n${table(rows)}\n`);
  for (const line of missing) say(`not run: ${line}`);
  say(`seeded weights: the digits are not learned yet; what is compared is ${digitCount} x 10 logits\n`);
  for (const [what, path] of [["module", built[0]], ["kernels", dirname(built.find((path) => path.includes("kernels")) ?? out)], ["picture", picture], ["page", pagePath]]) say(`${what?.padEnd(8)} ${relative(process.cwd(), path ?? "")}`);
  const bad = rows.filter((row) => !(row.error <= limit) || row.agreeing !== row.digits);
  for (const row of bad) say(`FAILED: ${row.backend}: error ${row.error.toExponential(2)}, ${row.agreeing} of ${row.digits} digits agree`);
  return bad.length > 0 ? 1 : 0;
}

function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

function table(rows: readonly Row[]): string {
  const cells = [["backend", "dispatches/batch", "median ms/batch", "largest error / rms", "digits", "same answer"], ...rows.map((row) => [row.backend, String(row.dispatches), row.median.toFixed(1), row.error === 0 ? "0" : row.error.toExponential(1), String(row.digits), `${row.agreeing}`])];
  const widths = (cells[0] as string[]).map((_, column) => Math.max(...cells.map((row) => (row[column] as string).length)));
  return cells.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number))).join("  ")).join("\n");
}

process.exit(await main());
