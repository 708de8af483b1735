/** The page: loads the model that the plugin compiled, runs it over four rows on the GPU, and shows the scores as a table of bars. */
import { RuntimeError } from "normfuse/runtime";
import { openWebGpu } from "normfuse/runtime/devices/webgpu-browser";
import { initialParameters } from "normfuse/runtime/initialise";
import { Gated, type GatedParameters } from "./model.nf";

const [rows, columns, classes] = [4, 48, 6];

/** A cell with a text of its own, added to `row`. */
function cell(row: HTMLTableRowElement, kind: "td" | "th", text: string): HTMLElement {
  const made = document.createElement(kind);
  made.textContent = text;
  row.append(made);
  return made;
}

/** f32[rows, classes] as a table; the exact numbers are in `data-score`. */
function show(scores: Float32Array): void {
  const head = document.querySelector("thead")?.insertRow();
  if (head) for (const name of ["row", ...Array.from({ length: classes }, (_, i) => `class ${i + 1}`)]) cell(head, "th", name);
  for (let row = 0; row < rows; row++) {
    const shown = document.querySelector("tbody")?.insertRow();
    if (!shown) return;
    const own = scores.subarray(row * classes, (row + 1) * classes);
    cell(shown, "th", String(row + 1));
    for (const score of own) {
      const made = cell(shown, "td", score.toFixed(3));
      made.dataset["score"] = String(score);
      made.style.setProperty("--score", String(score));
      made.classList.toggle("largest", score === Math.max(...own));
    }
  }
}

/** What was run and where, as a sentence. Weights are seeded, as the model's initialisers say. */
async function run(): Promise<string> {
  const device = await openWebGpu();
  const gated = await Gated.load(device);
  await gated.prepare(initialParameters<keyof GatedParameters>(Gated.artifacts.wgsl, 1));
  const { outputs, dispatches, milliseconds } = await gated.run({ x: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)) });
  show(outputs.scores.data);
  return `${dispatches} ${dispatches === 1 ? "kernel" : "kernels"}, ${milliseconds.toFixed(1)} ms on ${device.description}`;
}

const output = document.querySelector("output");
if (output)
  output.textContent = await run().catch((error: unknown) => {
    output.classList.add("failed");
    return error instanceof RuntimeError ? error.message : String(error);
  });
