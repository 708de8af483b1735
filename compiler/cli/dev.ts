/** `normfuse dev`: any stage of the compiler as text. */
import { printProgram } from "../folds/print.ts";
import { runMemory } from "../in-place.ts";
import { printModule as printTensorModule } from "../ir/print.ts";
import { printKernel } from "../kernel/print.ts";
import { compileModel } from "../index.ts";
import { parse } from "../syntax/parse.ts";
import { type Arguments, oneFile, oneOf } from "./arguments.ts";
import { Failure } from "./failure.ts";
import { loadModels, oneModel, readSource } from "./files.ts";
import { planOptions } from "./plan-options.ts";

/** In the order of the flow. */
export const stages = ["tree", "tensor", "folds", "fused", "kernel", "code", "artifact"] as const;

type Stage = (typeof stages)[number];

export function dev(args: Arguments): string {
  const path = oneFile(args);
  const wanted = (args.text.dump ?? "all").split(",");
  for (const stage of wanted) if (stage !== "all" && !stages.some((known) => known === stage)) throw new Failure("usage", `--dump got '${stage}'`, `all, or a list of ${stages.join(", ")}`);
  const shown = stages.filter((stage) => wanted.includes("all") || wanted.includes(stage));
  const dumps = new Map<Stage, string>();
  if (shown.includes("tree")) dumps.set("tree", JSON.stringify(parse(readSource(path)).tree, (key, value: unknown) => (key === "file" ? undefined : value), 1));
  if (shown.some((stage) => stage !== "tree")) {
    const model = oneModel(loadModels(path, args.bind, args.assume), args.model);
    const target = oneOf("target", args.text.target, ["wgsl", "gpujs", "wasm"], "wgsl");
    const compiled = compileModel(model, target, planOptions(args, model.name));
    const texts: Record<Exclude<Stage, "tree">, () => string> = {
      tensor: () => printTensorModule({ functions: [model] }),
      folds: () => printProgram(compiled.lowered),
      fused: () => printProgram(compiled.plan.program),
      kernel: () => runMemory(compiled.plan).kernels.flatMap(({ kernel, withSubgroups }) => [kernel, ...(withSubgroups ? [withSubgroups] : [])]).map(printKernel).join("\n"),
      code: () => compiled.artifact.kernels.flatMap((kernel) => [kernel.code, ...(kernel.kind === "wgsl" && kernel.subgroupCode !== undefined ? [kernel.subgroupCode] : [])]).join("\n"),
      artifact: () => JSON.stringify(compiled.artifact, undefined, 1),
    };
    for (const stage of shown) if (stage !== "tree") dumps.set(stage, texts[stage]());
  }
  if (args.json) return JSON.stringify(Object.fromEntries(dumps));
  return [...dumps].map(([stage, text]) => (dumps.size === 1 ? text : `== ${stage}\n${text}`)).join("\n");
}
