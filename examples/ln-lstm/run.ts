/**
 * A layer-normalised LSTM beside a plain one on real text: builds both as steps with the command line, reads 1,000 characters on every
 * backend of this machine, checks each step against the float64 reference, compares the calls with the scan over all steps, and draws
 * the size of the hidden state for weights of several sizes. `--steps N` reads fewer characters, `--out DIR` writes elsewhere.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { checkSource, evaluateReference, sourceFile } from "normfuse";
import { type Artifact, type Device, RuntimeError, type Tensor } from "normfuse/runtime";
import { openGpuJs } from "normfuse/runtime/devices/gpujs";
import { openWasm } from "normfuse/runtime/devices/wasm";
import { openWebGpu } from "normfuse/runtime/devices/webgpu-node";
import { initialParameters } from "normfuse/runtime/initialise";
import { type Panel, picture } from "./picture.ts";
import { largestStepError, rms, type StepModule, stream, type Streamed, streamOnGpu } from "./stream.ts";
import { passages, readPassages } from "./text.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const { values: given } = parseArgs({ options: { steps: { type: "string", default: "1000" }, out: { type: "string", default: join(root, "out/ln-lstm") } } });
const { out } = given;
const source = join(here, "ln-lstm.nf");
const steps = Number(given.steps);
/** The contract: largest error relative to the rms of the output (spec/numerics.md). */
const limit = 1e-5;
/** What the weights are multiplied by. */
const factors = [0.25, 1, 2, 4, 8];

const networks = [
  { title: "plain LSTM", step: "PlainStep", sequence: "PlainSequence", file: "plain-step", artifact: "plainStep" },
  { title: "layer-normalised LSTM", step: "LnStep", sequence: "LnSequence", file: "ln-step", artifact: "lnStep" },
] as const;
type Network = (typeof networks)[number];

type Module = StepModule & Readonly<Record<string, unknown>>;
type Parameters = Record<string, Tensor>;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const progress = (text: string): void => void (process.stderr.isTTY ? process.stderr.write(`\r\x1b[K${text}`) : undefined);

function normfuse(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "dist/compiler/cli/main.js"), ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`normfuse ${args.join(" ")} ended with code ${status}:\n${stderr}`);
  return stdout.trimEnd();
}

/** The weights of the LSTM times a factor; its gains, its biases and the characters as they are. */
const scaled = (parameters: Parameters, factor: number): Parameters =>
  Object.fromEntries(Object.entries(parameters).map(([path, tensor]) => [path, /\.w[xh]$/.test(path) ? { ...tensor, data: Float32Array.from(tensor.data, (value) => value * factor) } : tensor]));

/** f64[steps, passages, hidden]: the scan over all steps, in float64. */
function sequenceOf({ sequence }: Network, parameters: Parameters, text: Int32Array): Float64Array {
  const { models } = checkSource(sourceFile("ln-lstm.nf", readFileSync(source, "utf8")), { bind: { T: steps } });
  const model = models.find(({ name }) => name === sequence);
  if (!model) throw new Error(`ln-lstm.nf has no model ${sequence}`);
  const inDoubles = Object.fromEntries(Object.entries(parameters).map(([path, { shape, data }]) => [path, { dtype: "f32" as const, shape, data: Float64Array.from(data) }]));
  const h = evaluateReference(model, {}, { text: { dtype: "i32", shape: [steps, passages], data: Float64Array.from(text) } }, inDoubles)["h"];
  if (!h) throw new Error(`${sequence} has no output h`);
  return h.data;
}

/** The largest difference of the states of all steps, relative to their rms, up to a step. */
function apart({ states }: Streamed, sequence: Float64Array, upTo: number): number {
  let largest = 0;
  const size = sequence.length / steps;
  const scale = rms(Float32Array.from(sequence));
  for (let t = 0; t < upTo; t++) states[t + 1]?.h.forEach((value, i) => (largest = Math.max(largest, Math.abs(value - (sequence[t * size + i] ?? Number.NaN)) / scale)));
  return largest;
}

interface Row {
  readonly network: string;
  readonly backend: string;
  readonly dispatches: string;
  readonly milliseconds: number;
  readonly error: number;
}

async function main(): Promise<number> {
  if (!Number.isInteger(steps) || steps < 2) {
    say(`--steps got '${given.steps}': a whole number from 2`);
    return 1;
  }
  const text = readPassages(steps);
  const gpujs = await import("gpu.js");
  const backends: readonly { readonly name: string; open(): Promise<Device> }[] = [
    { name: "WebAssembly", open: async () => openWasm() },
    { name: "WGSL", open: () => openWebGpu() },
    { name: "GPU.js cpu", open: async () => openGpuJs(gpujs, { mode: "cpu" }) },
  ];
  const rows: Row[] = [];
  const panels: Panel[] = [];
  const missing = new Set<string>();
  for (const network of networks) {
    const target = ["--target", "wgsl,wasm,gpujs,reference", "--bind", `T=${steps}`];
    say(`$ normfuse build ${relative(process.cwd(), source)} --model ${network.step} ${target.join(" ")}`);
    normfuse("build", source, "--model", network.step, ...target, "--out", out);
    const module = (await import(pathToFileURL(join(out, `${network.file}.ts`)).href)) as Module;
    const parameters = initialParameters(module[network.artifact] as Artifact, 1) as Parameters;
    const sequence = sequenceOf(network, parameters, text);
    for (const backend of backends) {
      try {
        progress(`${network.title} on ${backend.name}`);
        const device = await backend.open();
        const streamed = await stream(module, device, parameters, text);
        const error = await largestStepError(module, parameters, text, streamed);
        rows.push({ network: network.title, backend: `${backend.name} (${device.description})`, dispatches: String(streamed.dispatches), milliseconds: streamed.milliseconds, error });
        if (backend.name === "WGSL") {
          const { last, milliseconds } = await streamOnGpu(module, device, parameters, text);
          const host = streamed.states[steps];
          const same = host !== undefined && last.h.every((value, i) => value === host.h[i]) && last.c.every((value, i) => value === host.c[i]);
          rows.push({ network: network.title, backend: `${backend.name}, states left on the GPU: ${same ? "the same bits" : "OTHER STATES"}`, dispatches: String(streamed.dispatches), milliseconds, error: same ? error : Number.NaN });
        }
        device.destroy();
        if (backend.name !== "WebAssembly") continue;
        const early = Math.min(30, steps);
        say(`${network.title}: ${steps} calls in f32 beside one scan in float64, apart by ${apart(streamed, sequence, early).toExponential(1)} of rms after ${early} characters, ${apart(streamed, sequence, steps).toExponential(1)} after all`);
      } catch (error) {
        if (!(error instanceof RuntimeError) || error.code !== "device-unavailable") throw error;
        missing.add(`${backend.name}: ${error.message}`);
      }
    }
    panels.push({ title: network.title, curves: await curvesOf(module, parameters, text) });
    progress("");
  }
  mkdirSync(out, { recursive: true });
  const image = join(out, "hidden-state.svg");
  writeFileSync(image, picture(panels, steps));
  say(`\n${table(rows)}\n`);
  for (const line of missing) say(`not run: ${line}`);
  for (const { title, curves } of panels) {
    const ends = curves.map(({ values }) => values.reduce((sum, value) => sum + value, 0) / values.length);
    say(`${title}: rms of h ${Math.min(...ends).toFixed(3)} to ${Math.max(...ends).toFixed(3)} for weights times ${factors[0]} to ${factors[factors.length - 1]}`);
  }
  say(`picture  ${relative(process.cwd(), image)}`);
  const bad = rows.filter(({ error }) => !(error <= limit));
  for (const { network, backend, error } of bad) say(`FAILED: ${network} on ${backend}: error ${error.toExponential(2)}`);
  return bad.length > 0 ? 1 : 0;
}

/** The size of h after each character, for each factor, from the WebAssembly kernels. */
async function curvesOf(module: StepModule, parameters: Parameters, text: Int32Array): Promise<Panel["curves"]> {
  const device = openWasm();
  const curves: { label: string; values: number[] }[] = [];
  for (const factor of factors) {
    progress(`weights times ${factor}`);
    const { states } = await stream(module, device, scaled(parameters, factor), text);
    curves.push({ label: `weights × ${factor}`, values: states.slice(1).map(({ h }) => rms(h)) });
  }
  device.destroy();
  return curves;
}

function table(rows: readonly Row[]): string {
  const cells = [["network", "backend", "dispatches/step", "median ms/step", "largest step error / rms"], ...rows.map((row) => [row.network, row.backend, row.dispatches, row.milliseconds.toFixed(2), row.error.toExponential(1)])];
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) => row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ").trimEnd()).join("\n");
}

process.exit(await main());
