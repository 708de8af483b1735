/**
 * How long the compiler takes from text to WGSL: transformers of 1 to 48 layers and random programs of up to 10,000 operations.
 * `npx tsx test/bench-compile/main.ts [--svg FILE] [--quick]` prints the best of several warm runs, wall clock and processor time, and
 * draws the curves. The compiler is bundled first: tsx names every closure anew each time it is made, which packages do not.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { required } from "../../compiler/errors.ts";
import { curves, type Curve } from "./curves.ts";
import { randomText, transformer } from "./programs.ts";

type Compiler = Pick<typeof import("../../compiler/index.ts"), "checkSource" | "compileModel" | "sourceFile"> & Pick<typeof import("../../compiler/ir/traverse.ts"), "functionNodes">;

interface Timing {
  readonly operations: number;
  readonly kernels: number;
  /** unit: milliseconds; text to checked graph, and graph to artifact */
  readonly check: number;
  readonly compile: number;
  /** Of all threads, those that collect garbage among them. unit: milliseconds */
  readonly processor: number;
}

const repository = path.resolve(import.meta.dirname, "../..");

async function bundledCompiler(): Promise<Compiler> {
  const outfile = path.join(repository, ".cache/bench-compile/compiler.mjs");
  mkdirSync(path.dirname(outfile), { recursive: true });
  const contents = `export { checkSource, compileModel, sourceFile } from "./compiler/index.ts"; export { functionNodes } from "./compiler/ir/traverse.ts";`;
  await build({ stdin: { contents, resolveDir: repository, loader: "ts" }, bundle: true, platform: "node", format: "esm", target: "es2022", packages: "external", logLevel: "error", outfile });
  const compiler: Compiler = await import(pathToFileURL(outfile).href);
  return compiler;
}

function compileOnce({ checkSource, compileModel, sourceFile, functionNodes }: Compiler, text: string): Timing {
  const [start, used] = [performance.now(), process.cpuUsage()];
  const { models, diagnostics } = checkSource(sourceFile("bench.nf", text));
  if (diagnostics.length > 0) throw new Error(diagnostics.map((diagnostic) => diagnostic.message).join("\n"));
  const checked = performance.now();
  const { fn, artifact } = compileModel(required(models[0], "bench", "model"), "wgsl", { assume: { B: 1, T: 128 } });
  const end = performance.now();
  const { user, system } = process.cpuUsage(used);
  return { operations: functionNodes(fn).length, kernels: artifact.kernels.length, check: checked - start, compile: end - checked, processor: (user + system) / 1000 };
}

/** The best of each figure; the first of several runs warms the machine up and does not count. */
function measure(compiler: Compiler, text: string, runs: number): Timing {
  const timings = Array.from({ length: runs }, () => compileOnce(compiler, text)).slice(runs > 1 ? 1 : 0);
  const least = (of: (timing: Timing) => number): number => Math.min(...timings.map(of));
  const first = required(timings[0], "bench", "timing");
  return { ...first, check: least((timing) => timing.check), compile: least((timing) => timing.compile), processor: least((timing) => timing.processor) };
}

const { values } = parseArgs({ options: { svg: { type: "string" }, quick: { type: "boolean", default: false } } });
const programs: readonly (readonly [title: string, sizes: readonly number[], text: (size: number) => string])[] = [
  ["transformer, by layers", values.quick ? [1, 12] : [1, 2, 4, 8, 12, 24, 48], transformer],
  ["random program, by steps", values.quick ? [100, 400] : [50, 100, 200, 400, 800, 1600, 3400], (size) => randomText(size, size)],
  ["random program whose steps read any value before them", values.quick ? [100] : [50, 100, 200, 400, 800], (size) => randomText(size, size, size)],
];

const compiler = await bundledCompiler();
for (let i = 0; i < 12; i++) compileOnce(compiler, transformer(2));
const drawn: Curve[] = [];
for (const [title, sizes, text] of programs) {
  console.log(`${title}\n  ${"size".padStart(6)} ${"ops".padStart(7)} ${"kernels".padStart(8)} ${"check".padStart(9)} ${"compile".padStart(9)} ${"total".padStart(9)} ${"processor".padStart(10)}  per op`);
  const points = sizes.map((size) => {
    const found = measure(compiler, text(size), size > 400 ? 2 : size > 20 ? 4 : 20);
    const sum = found.check + found.compile;
    console.log(`  ${String(size).padStart(6)} ${String(found.operations).padStart(7)} ${String(found.kernels).padStart(8)} ${found.check.toFixed(1).padStart(9)} ${found.compile.toFixed(1).padStart(9)} ${sum.toFixed(1).padStart(9)} ${found.processor.toFixed(1).padStart(10)}  ${((sum / found.operations) * 1000).toFixed(0)} us`);
    return { x: found.operations, y: sum };
  });
  drawn.push({ title, points });
}
if (values.svg !== undefined) {
  writeFileSync(values.svg, curves("text to WGSL, warm", "operations", "milliseconds", drawn));
  console.log(`wrote ${values.svg}`);
}
