/** What the command line says about the plan: options, measured constants from a file, and tuned tiles from beside the source. */
import { existsSync } from "node:fs";
import type { PlanOptions, TileTable } from "../compile.ts";
import { type CostConstants, type CostPreset, costPresets } from "../target.ts";
import { constantsFromJson } from "../tune/constants.ts";
import { tunedFromJson, tuneFileOf } from "../tune/tile-file.ts";
import { type Arguments, oneFile, oneOf } from "./arguments.ts";
import { Failure } from "./failure.ts";
import { readText } from "./files.ts";

/** Of one model: kernels are named within it. throws: Failure */
export function planOptions(args: Arguments, model: string): PlanOptions {
  const cost = costOption(args.text.cost);
  const tiles = args.flags.untuned === true ? undefined : tilesOf(oneFile(args), model);
  return {
    // Bound at compile time they are numbers already; --assume is what the host may bind later.
    ...(cost === undefined ? {} : { cost }),
    ...(tiles ? { tiles } : {}),
    contract: oneOf("contract", args.text.contract, ["strict", "reassociate", "fast"], "reassociate"),
    ...(args.text.scans === undefined ? {} : { scans: oneOf("scans", args.text.scans, ["one-kernel", "unrolled"], "one-kernel") }),
    ...(args.text.steps === undefined ? {} : { stepsAtOnce: positive("steps", args.text.steps) }),
    fusion: oneOf("fusion", args.text.fusion, ["all", "none"], "all"),
    f16: oneOf("f16", args.text.f16, ["native", "as-f32"], "native"),
  };
}

function positive(option: string, given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1) throw new Failure("usage", `--${option} got '${given}'`, "a whole number of at least 1");
  return value;
}

/** A preset's name, or a file that `normfuse calibrate` wrote. */
function costOption(given: string | undefined): CostPreset | CostConstants | undefined {
  if (given === undefined || Object.hasOwn(costPresets, given)) return given as CostPreset | undefined;
  if (!given.endsWith(".json")) throw new Failure("usage", `--cost got '${given}'`, `one of ${Object.keys(costPresets).join(", ")}, or a file that \`normfuse calibrate --out FILE.json\` wrote`);
  const text = readText(given);
  try {
    return constantsFromJson(text);
  } catch (error) {
    throw new Failure("cost-file", `${given} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function tilesOf(source: string, model: string): TileTable | undefined {
  const file = tuneFileOf(source);
  if (!existsSync(file)) return undefined;
  const text = readText(file);
  try {
    return tunedFromJson(text).models[model];
  } catch (error) {
    throw new Failure("tune-file", `${file} cannot be used: ${error instanceof Error ? error.message : String(error)}`, "write it anew with `normfuse tune`, delete it, or pass --untuned");
  }
}
