/**
 * How long the compiler takes from text to WGSL: transformers of 1 to 48 layers and random programs of up to 10,000 operations.
 * `npx tsx test/bench-compile/main.ts [--svg FILE] [--quick]` prints medians of warm runs, and draws the curves.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { checkSource, compileModel, sourceFile } from "../../compiler/index.ts";
import { required } from "../../compiler/errors.ts";
import { functionNodes } from "../../compiler/ir/traverse.ts";
import { curves, type Curve } from "./curves.ts";
import { randomText, transformer } from "./programs.ts";

interface Timing {
  readonly operations: number;
  readonly kernels: number;
  /** unit: milliseconds; text to checked graph, and graph to artifact */
  readonly check: number;
  readonly compile: number;
}

function compileOnce(text: string): Timing {
  const start = performance.now();
  const { models, diagnostics } = checkSource(sourceFile("bench.nf", text));
  if (diagnostics.length > 0) throw new Error(diagnostics.map((diagnostic) => diagnostic.message).join("\n"));
  const checked = performance.now();
  const { fn, artifact } = compileModel(required(models[0], "bench", "model"), "wgsl", { assume: { B: 1, T: 128 } });
  const end = performance.now();
  return { operations: functionNodes(fn).length, kernels: artifact.kernels.length, check: checked - start, compile: end - checked };
}

/** The run with the median total; the first runs warm the machine up and do not count. */
function measure(text: string, runs: number): Timing {
  const timings = Array.from({ length: runs }, () => compileOnce(text)).slice(1);
  timings.sort((a, b) => a.check + a.compile - b.check - b.compile);
  return required(timings[timings.length >> 1], "bench", "timing");
}

const { values } = parseArgs({ options: { svg: { type: "string" }, quick: { type: "boolean", default: false } } });
const programs: readonly (readonly [title: string, sizes: readonly number[], text: (size: number) => string])[] = [
  ["transformer, by layers", values.quick ? [1, 12] : [1, 2, 4, 8, 12, 24, 48], transformer],
  ["random program, by steps", values.quick ? [100, 400] : [50, 100, 200, 400, 800, 1600], (size) => randomText(size, size)],
];

for (let i = 0; i < 4; i++) compileOnce(transformer(2));
const drawn: Curve[] = [];
for (const [title, sizes, text] of programs) {
  console.log(`${title}\n  ${"size".padStart(6)} ${"ops".padStart(7)} ${"kernels".padStart(8)} ${"check".padStart(9)} ${"compile".padStart(9)} ${"total".padStart(9)}  per op`);
  const points = sizes.map((size) => {
    const found = measure(text(size), size > 20 && !values.quick ? 4 : 6);
    const sum = found.check + found.compile;
    console.log(`  ${String(size).padStart(6)} ${String(found.operations).padStart(7)} ${String(found.kernels).padStart(8)} ${found.check.toFixed(1).padStart(9)} ${found.compile.toFixed(1).padStart(9)} ${sum.toFixed(1).padStart(9)}  ${((sum / found.operations) * 1000).toFixed(0)} us`);
    return { x: found.operations, y: sum };
  });
  drawn.push({ title, points });
}
if (values.svg !== undefined) {
  writeFileSync(values.svg, curves("text to WGSL, warm", "operations", "milliseconds", drawn));
  console.log(`wrote ${values.svg}`);
}
