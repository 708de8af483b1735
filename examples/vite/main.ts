/** The page: loads the model that the plugin compiled, runs it over four rows on the GPU, and writes the scores. */
import { RuntimeError } from "normfuse/runtime";
import { openWebGpu } from "normfuse/runtime/devices/webgpu-browser";
import { initialParameters } from "normfuse/runtime/initialise";
import { Gated, type GatedParameters } from "./model.nf";

const [rows, columns, classes] = [4, 48, 6];

/** A line of scores for each row. Weights are seeded, as the model's initialisers say. */
async function scores(): Promise<string> {
  const gated = await Gated.load(await openWebGpu());
  await gated.prepare(initialParameters<keyof GatedParameters>(Gated.artifacts.wgsl, 1));
  const { outputs } = await gated.run({ x: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)) });
  return Array.from({ length: rows }, (_, row) => outputs.scores.data.slice(row * classes, (row + 1) * classes).join(" ")).join("\n");
}

const output = document.querySelector("output");
if (output) output.textContent = await scores().catch((error: unknown) => (error instanceof RuntimeError ? error.message : String(error)));
