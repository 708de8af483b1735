/** `normfuse export`: a model as an ONNX file, for every program that reads these. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ParameterSpec } from "../../runtime/artifact.ts";
import { inferBindings } from "../../runtime/extents.ts";
import { givenValues } from "../../runtime/host-values.ts";
import { initialParameters } from "../../runtime/initialise.ts";
import type { Tensor } from "../../runtime/tensor.ts";
import { exportOnnx, onnxOpset, type TensorFunction } from "../index.ts";
import { extentTree, extentValue } from "../ir/extent.ts";
import { printType } from "../ir/types.ts";
import { type Arguments, oneFile } from "./arguments.ts";
import { Failure } from "./failure.ts";
import { loadModels, oneModel, writeWhole } from "./files.ts";
import { readParameters } from "./parameters.ts";

export function exportCommand(args: Arguments): string {
  const model = oneModel(loadModels(oneFile(args), args.bind), args.model);
  const path = args.text.out ?? `${model.name}.onnx`;
  const parameters = args.text.params === undefined ? undefined : parametersOf(model, args.text.params, args.bind);
  const exported = exportOnnx(model, { version: ownVersion(), ...(parameters ? { parameters } : {}) });
  if (exported.kind === "refused") throw new Failure(exported.code, exported.message, exported.hint);
  const { bytes, operators } = exported;
  writeWhole(path, bytes);
  const inputs = [...model.inputs.map(({ name, node }) => ({ name, type: printType(node.type) })), ...(parameters ? [] : model.parameters.map((leaf) => ({ name: leaf.path, type: printType(leaf.node.type) })))];
  const outputs = model.outputs.map(({ name, node }, i) => ({ name: exported.outputs[i] ?? name, type: printType(node.type) }));
  if (args.json) return JSON.stringify({ path, bytes: bytes.length, opset: onnxOpset, operators, inputs, outputs });
  const list = (title: string, values: typeof inputs): string[] => values.map(({ name, type }, i) => `${i === 0 ? title : " ".repeat(title.length)} ${name}: ${type}`);
  return [`wrote ${path}: ${operators} operators of opset ${onnxOpset}, ${bytes.length} bytes`, ...list("inputs ", inputs), ...list("outputs", outputs)].join("\n");
}

/** Parameters to put into the file, checked against the model. throws: Failure; RuntimeError, as the runtime does, for tensors that do not fit */
function parametersOf(model: TensorFunction, given: string, bind: Readonly<Record<string, number>>): Readonly<Record<string, Tensor>> {
  const source = readParameters(given);
  const specs = model.parameters.map(({ path, node, initialiser }): ParameterSpec => ({ name: path, dtype: node.type.dtype, shape: node.type.shape.map(extentTree), initialiser }));
  if (source.kind === "tensors") {
    inferBindings(givenValues("parameter", specs, source.tensors), bind);
    return source.tensors;
  }
  const open = model.parameters.find(({ node }) => node.type.shape.some((extent) => extentValue(extent) === undefined));
  if (open) throw new Failure("bind", `parameter '${open.path}' is ${printType(open.node.type)}: a seed needs its extents as numbers`, "bind them with --bind NAME=NUMBER, or leave --params out: parameters then are inputs of the graph");
  return initialParameters({ parameters: specs }, source.seed);
}

/** From the package.json beside the sources, or beside dist. */
function ownVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) return (JSON.parse(readFileSync(file, "utf8")) as { readonly version?: string }).version ?? "";
  }
  return "";
}
