/**
 * What a plan takes from files: constants that `normfuse calibrate` measured, and tiles that `normfuse tune` stored beside the
 * source. Read in one way by the command line and by the build plugin, which hand in how to read. What is wrong with a file is data.
 */
import type { TileTable } from "../compile.ts";
import { type CostConstants, type CostPreset, costPresets } from "../target.ts";
import { constantsFromJson } from "./constants.ts";
import { tunedFromJson, tuneFileOf } from "./tile-file.ts";

/** Text of a file; undefined if there is none. */
export type ReadFile = (path: string) => string | undefined;

export interface FileRefusal {
  readonly kind: "refusal";
  readonly code: "cost" | "cost-file" | "tune-file";
  /** Of the file, as it was named; absent where a value names none. */
  readonly path?: string;
  readonly message: string;
  readonly hint: string;
}

export type FromFile<Value> = { readonly kind: "value"; readonly value: Value } | FileRefusal;

const calibrateHint = "write it anew with `normfuse calibrate --out FILE.json`, or name a preset";

const isPreset = (name: string): name is CostPreset => Object.hasOwn(costPresets, name);

/** A preset by name, constants as they are, or the path of a file that `normfuse calibrate` wrote. */
export function costFrom(given: string | CostConstants, read: ReadFile): FromFile<CostPreset | CostConstants> {
  if (typeof given !== "string" || isPreset(given)) return { kind: "value", value: given };
  if (!given.endsWith(".json"))
    return { kind: "refusal", code: "cost", message: `'${given}' is no set of constants`, hint: `one of ${Object.keys(costPresets).join(", ")}, or a file that \`normfuse calibrate --out FILE.json\` wrote` };
  const refuse = (why: string): FileRefusal => ({ kind: "refusal", code: "cost-file", path: given, message: `${given} cannot be used: ${why}`, hint: calibrateHint });
  const text = read(given);
  if (text === undefined) return refuse("it does not exist");
  try {
    return { kind: "value", value: constantsFromJson(text) };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

/** Tiles by model and kernel from the file beside a source; none if there is no file. `instead`: how to go on without them. */
export function tilesBeside(source: string, read: ReadFile, instead: string): FromFile<Readonly<Record<string, TileTable>>> {
  const path = tuneFileOf(source);
  const text = read(path);
  if (text === undefined) return { kind: "value", value: {} };
  try {
    return { kind: "value", value: tunedFromJson(text).models };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "refusal", code: "tune-file", path, message: `${path} cannot be used: ${why}`, hint: `write it anew with \`normfuse tune\`, delete it, or ${instead}` };
  }
}
