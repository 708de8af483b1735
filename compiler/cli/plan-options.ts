/** What the command line says about the plan: options, measured constants from a file, and tuned tiles from beside the source. */
import { existsSync } from "node:fs";
import type { PlanOptions, TileTable } from "../compile.ts";
import type { CostConstants, CostPreset } from "../target.ts";
import { costFrom, type FileRefusal, tilesBeside } from "../tune/plan-files.ts";
import { type Arguments, oneFile, oneOf } from "./arguments.ts";
import { Failure } from "./failure.ts";
import { readText } from "./files.ts";

/** Of one model: kernels are named within it. throws: Failure */
export function planOptions(args: Arguments, model: string): PlanOptions {
  const cost = costOption(args.text.cost);
  const tiles = args.flags.untuned === true ? undefined : tilesOf(oneFile(args), model);
  return {
    ...(cost === undefined ? {} : { cost }),
    ...(tiles ? { tiles } : {}),
    // Names that are bound at compile time are numbers already; these are those that the host binds.
    ...(Object.keys(args.assume).length > 0 ? { assume: args.assume } : {}),
    ...(args.text.memory === undefined ? {} : { memory: oneOf("memory", args.text.memory, ["in-place", "separate"], "in-place") }),
    contract: oneOf("contract", args.text.contract, ["strict", "reassociate", "fast"], "reassociate"),
    ...(args.text.scans === undefined ? {} : { scans: oneOf("scans", args.text.scans, ["one-kernel", "unrolled"], "one-kernel") }),
    ...(args.text.steps === undefined ? {} : { stepsAtOnce: positive("steps", args.text.steps) }),
    fusion: oneOf("fusion", args.text.fusion, ["all", "none"], "all"),
    ...(args.flags["no-subgroups"] === true ? { subgroups: "none" as const } : {}),
    f16: oneOf("f16", args.text.f16, ["native", "as-f32"], "native"),
  };
}

function positive(option: string, given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1) throw new Failure("usage", `--${option} got '${given}'`, "a whole number of at least 1");
  return value;
}

const readThere = (path: string): string | undefined => (existsSync(path) ? readText(path) : undefined);

const failureOf = ({ code, message, hint }: FileRefusal): Failure => new Failure(code, message, hint);

/** A preset's name, or a file that `normfuse calibrate` wrote. */
function costOption(given: string | undefined): CostPreset | CostConstants | undefined {
  if (given === undefined) return undefined;
  const found = costFrom(given, readThere);
  if (found.kind === "value") return found.value;
  throw found.code === "cost" ? new Failure("usage", `--cost got '${given}'`, found.hint) : failureOf(found);
}

function tilesOf(source: string, model: string): TileTable | undefined {
  const found = tilesBeside(source, readThere, "pass --untuned");
  if (found.kind === "refusal") throw failureOf(found);
  return found.value[model];
}
