/** `normfuse tune`: searches tiles for the kernels of a file's models on an adapter, and keeps those that are faster beside the source. */
import { existsSync } from "node:fs";
import type { TileTable } from "../compile.ts";
import { extentNames } from "../ir/extent.ts";
import type { TensorFunction } from "../ir/node.ts";
import { tunedFromJson, tunedToJson, tuneFileOf } from "../tune/tile-file.ts";
import { tileTable, tune, type TunedKernel } from "../tune/tune.ts";
import { type Arguments, oneFile } from "./arguments.ts";
import { openDevice } from "./devices.ts";
import { Failure } from "./failure.ts";
import { loadModels, oneModel, readText, writeWhole } from "./files.ts";
import { planOptions } from "./plan-options.ts";

interface TunedModel {
  readonly model: string;
  readonly kernels: readonly TunedKernel[];
}

/** What the cost model assumes of a name that the host binds, without --assume. */
const assumedLength = 64;

/** Seconds for a model when --budget is left out. */
const defaultBudget = 60;

export async function tuneCommand(args: Arguments): Promise<string> {
  const path = oneFile(args);
  const loaded = loadModels(path, args.bind, args.assume);
  const models = args.model === undefined && loaded.models.length > 0 ? loaded.models : [oneModel(loaded, args.model)];
  const budget = budgetOf(args);
  const device = await openDevice("webgpu", args);
  const tuned: TunedModel[] = [];
  try {
    for (const model of models) {
      // The search starts from the cost model's tiles, not from those of an earlier search.
      const { tiles: _, ...plan } = planOptions(args, model.name);
      const progress = (text: string): void => void (process.stderr.isTTY === true && process.stderr.write(`${model.name}.${text}\n`));
      tuned.push({ model: model.name, kernels: await tune(model, device, { plan, bindings: { ...assumedLengths(model), ...args.assume, ...args.bind }, budget: budget * 1e3, progress }) });
    }
  } finally {
    device.destroy();
  }
  const file = tuneFileOf(path);
  const others = existsSync(file) ? earlier(file) : {};
  writeWhole(file, tunedToJson({ adapter: device.description, models: { ...others, ...Object.fromEntries(tuned.map(({ model, kernels }) => [model, tileTable(kernels)])) } }));
  if (args.json) return JSON.stringify({ path: file, adapter: device.description, models: tuned });
  const lines = tuned.flatMap(({ model, kernels }) => kernels.map((kernel) => `${model}.${kernel.name}: ${kernel.millisecondsBefore.toFixed(2)} -> ${kernel.milliseconds.toFixed(2)} ms, ${kernel.tried} tiles tried${kernel.best === kernel.before ? ", the first was best" : ""}`));
  return [...lines, `wrote ${file}`].join("\n");
}

/** Extents that are not bound: as the plan assumes them. */
const assumedLengths = (model: TensorFunction): Record<string, number> =>
  Object.fromEntries([...model.inputs, ...model.parameters].flatMap(({ node }) => node.type.shape).flatMap((extent) => extentNames(extent).map((name) => [name, assumedLength])));

/** Tiles of other models of the same file, which stay; a file that cannot be read is written anew. */
function earlier(file: string): Readonly<Record<string, TileTable>> {
  try {
    return tunedFromJson(readText(file)).models;
  } catch {
    return {};
  }
}

function budgetOf(args: Arguments): number {
  const given = args.text.budget ?? String(defaultBudget);
  if (!/^[1-9]\d*$/.test(given)) throw new Failure("usage", `--budget got '${given}'`, "seconds for a model, for example --budget 60");
  return Number(given);
}
