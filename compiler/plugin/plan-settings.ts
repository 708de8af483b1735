/**
 * How the build plugin plans one source: its own options, tiles that `normfuse tune` stored beside the source, and constants
 * of a file. A file that cannot be used is a diagnostic in that file. Flow: options and files -> here -> index.ts.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { PlanOptions } from "../index.ts";
import { sourceFile } from "../source/source-file.ts";
import { costFrom, type FileRefusal, tilesBeside } from "../tune/plan-files.ts";
import { tuneFileOf } from "../tune/tile-file.ts";
import type { NormfusePluginOptions } from "./options.ts";

export interface PlanSettings {
  /** Of one model of the source: kernels are named within it. */
  readonly of: (model: string) => PlanOptions;
  /** Errors; with any, there is no plan. */
  readonly diagnostics: readonly Diagnostic[];
  /** Absolute paths of the files that were looked at, whether they exist or not. */
  readonly files: readonly string[];
}

const readThere = (path: string): string | undefined => (existsSync(path) && statSync(path).isFile() ? readFileSync(path, "utf8") : undefined);

/** `path`: of the source. Reads the tune file beside it unless the options say otherwise, and the file that `cost` names. */
export function plannedWith(path: string, options: NormfusePluginOptions): PlanSettings {
  const { targets: _targets, bind: _bind, declarations: _declarations, runtime: _runtime, places: _places, untuned = false, cost, ...plan } = options;
  const tuned = untuned ? undefined : tilesBeside(path, readThere, "set untuned: true in the options of the plugin");
  // Relative to where the build runs, as every path on its command line.
  const costFile = typeof cost === "string" && cost.endsWith(".json") ? resolve(cost) : undefined;
  const constants = cost === undefined ? undefined : costFrom(costFile ?? cost, readThere);
  const refusals = [tuned, constants].flatMap((each) => (each?.kind === "refusal" ? [each] : []));
  return {
    of: (model) => {
      const tiles = plan.tiles ?? (tuned?.kind === "value" ? tuned.value[model] : undefined);
      return { ...plan, ...(constants?.kind === "value" ? { cost: constants.value } : {}), ...(tiles ? { tiles } : {}) };
    },
    diagnostics: refusals.map((refusal) => diagnosticOf(refusal, path)),
    files: [...(untuned ? [] : [tuneFileOf(path)]), ...(costFile === undefined ? [] : [costFile])],
  };
}

/** At the start of the file in question; of the source, where there is none. */
function diagnosticOf({ code, path, message, hint }: FileRefusal, source: string): Diagnostic {
  const at = path ?? source;
  return { code, severity: "error", message: code === "cost" ? `option cost: ${message}` : message, hint, notes: [], span: { file: sourceFile(at, readThere(at) ?? ""), start: 0, end: 0 } };
}
