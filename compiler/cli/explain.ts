/** `normfuse explain`: kernels, rules, bytes, and for each value in memory the reason. */
import { explain, type Explanation } from "../report/explain.ts";
import { explanationText } from "../report/explain-text.ts";
import { compileModel } from "../index.ts";
import { type Arguments, oneFile, oneOf, planOptions } from "./arguments.ts";
import { loadModels, oneModel, writeWhole } from "./files.ts";
import { planPicture } from "../report/picture.ts";

export function explainCommand(args: Arguments): string {
  const model = oneModel(loadModels(oneFile(args), args.bind), args.model);
  const target = oneOf("target", args.text.target, ["wgsl", "gpujs"], "wgsl");
  const compiled = compileModel(model, target, planOptions(args));
  const explanation = explain(model.name, compiled.e, compiled.plan, args.bind);
  if (args.text.svg !== undefined) writeWhole(args.text.svg, planPicture(model, compiled.lowered, compiled.plan, explanation));
  if (args.json) return JSON.stringify(stable(explanation));
  return args.text.svg === undefined ? explanationText(explanation) : `${explanationText(explanation)}\n\nwrote ${args.text.svg}`;
}

/** The documented fields first, then what else is known. */
function stable(explanation: Explanation): object {
  const kernel = ({ name, rules, bytes, flops, ...more }: Explanation["kernels"][number]): object => ({ name, rules, bytes, flops, ...more });
  const { dispatches, bytes, flops, kernels, kept, prepare, ...more } = explanation;
  return { dispatches, bytes, flops, kernels: kernels.map(kernel), kept, prepare: prepare.map(kernel), ...more };
}
