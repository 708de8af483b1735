/** `normfuse explain`: kernels, rules, bytes, memory, and for each value in memory the reason; as text, JSON, picture or page. */
import { explainEdges } from "../report/edges.ts";
import { explain, type Explanation } from "../report/explain.ts";
import { explanationText } from "../report/explain-text.ts";
import { explainScans } from "../report/scans.ts";
import { compileModel } from "../index.ts";
import { type Arguments, oneFile, oneOf } from "./arguments.ts";
import { loadModels, oneModel, writeWhole } from "./files.ts";
import { planOptions } from "./plan-options.ts";
import { explainPage } from "../report/page.ts";
import { planPicture } from "../report/picture.ts";

export function explainCommand(args: Arguments): string {
  const model = oneModel(loadModels(oneFile(args), args.bind, args.assume), args.model);
  const target = oneOf("target", args.text.target, ["wgsl", "gpujs", "wasm"], "wgsl");
  const compiled = compileModel(model, target, planOptions(args, model.name));
  const explanation = explain(model.name, compiled.e, compiled.plan, args.bind);
  const { fn, lowered, plan, artifact } = compiled;
  const scans = explainScans(model, plan);
  const { svg, html } = args.text;
  const codeOf = (name: string): string => {
    const kernel = artifact.kernels.find((each) => each.name === name);
    return kernel?.kind === "wgsl" && kernel.subgroupCode !== undefined ? `${kernel.code}\n\n// On devices with subgroups:\n\n${kernel.subgroupCode}` : (kernel?.code ?? "");
  };
  if (svg !== undefined) writeWhole(svg, planPicture(fn, lowered, plan, explanation));
  if (html !== undefined) writeWhole(html, explainPage({ fn, lowered, plan, codeOf }, explanation, args.bind));
  if (args.json) return JSON.stringify({ ...stable(explanation), scans, edges: explainEdges(fn, lowered, plan, { ...explanation.assumed, ...args.bind }) });
  const written = [svg, html].flatMap((path) => (path === undefined ? [] : [`wrote ${path}`]));
  return [explanationText(explanation, scans), ...(written.length > 0 ? ["", ...written] : [])].join("\n");
}

/** The documented fields first, then what else is known. */
function stable(explanation: Explanation): object {
  const kernel = ({ name, rules, bytes, flops, ...more }: Explanation["kernels"][number]): object => ({ name, rules, bytes, flops, ...more });
  const { dispatches, bytes, flops, kernels, kept, prepare, ...more } = explanation;
  return { dispatches, bytes, flops, kernels: kernels.map(kernel), kept, prepare: prepare.map(kernel), ...more };
}
