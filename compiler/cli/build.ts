/** `normfuse build`: a typed module per model, with the kernels and the reference as readable files beside it. */
import { compileModel, emitModule, emitReference } from "../index.ts";
import type { KernelTarget } from "../index.ts";
import { docsOf } from "../ir/node.ts";
import { basename } from "node:path";
import { type Arguments, oneFile } from "./arguments.ts";
import { Failure } from "./failure.ts";
import { joinPath, loadModels, oneModel, writeWhole } from "./files.ts";
import { planOptions } from "./plan-options.ts";

const targets = ["wgsl", "gpujs", "wasm", "reference"] as const;

export function build(args: Arguments): string {
  const path = oneFile(args);
  const loaded = loadModels(path, args.bind, args.assume);
  const chosen = args.text.model === undefined ? loaded.models : [oneModel(loaded, args.text.model)];
  if (chosen.length === 0) oneModel(loaded, undefined);
  // `auto`: whatever device the program finds.
  const wanted = (args.text.target ?? "wgsl").split(",").flatMap((target) => (target === "auto" ? ["wgsl", "wasm"] : [target]));
  for (const target of wanted) if (!targets.some((known) => known === target)) throw new Failure("usage", `--target got '${target}'`, `auto, or a list of ${targets.join(", ")}`);
  const kernelTargets = wanted.filter((target): target is KernelTarget => target !== "reference");
  const [first, ...others] = kernelTargets;
  if (first === undefined) throw new Failure("usage", "--target reference alone makes no module", "add wgsl, gpujs or wasm: --target wgsl,reference");
  const out = args.text.out ?? "out";
  const written = chosen.flatMap((model) => {
    const options = { ...planOptions(args, model.name), ...(args.flags["no-places"] === true ? {} : { sourceOf: loaded.sourceOf }) };
    const [{ fn, artifact }, ...more] = [compileModel(model, first, options), ...others.map((target) => compileModel(model, target, options))] as const;
    const docs = docsOf(model);
    return emitModule({
      artifacts: [artifact, ...more.map((compiled) => compiled.artifact)], docs, source: basename(path),
      ...(wanted.includes("reference") ? { reference: emitReference(fn) } : {}),
    });
  });
  // Everything is compiled before anything is written: a mistake leaves the old files.
  for (const file of written) writeWhole(joinPath(out, file.path), file.text);
  const paths = written.map((file) => joinPath(out, file.path));
  return args.json ? JSON.stringify({ files: paths }) : paths.map((each) => `wrote ${each}`).join("\n");
}
