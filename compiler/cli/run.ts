/** `normfuse run`: one model on one device, tensors in and out as JSON. */
import { inferBindings } from "../../runtime/extents.ts";
import { givenValues } from "../../runtime/host-values.ts";
import { load } from "../../runtime/index.ts";
import { initialParameters } from "../../runtime/initialise.ts";
import type { Tensor } from "../../runtime/tensor.ts";
import { compileModel, evaluateReference, type TensorFunction } from "../index.ts";
import type { ReferenceTensor } from "../ops/define.ts";
import type { Artifact } from "../../runtime/artifact.ts";
import { type Arguments, oneFile } from "./arguments.ts";
import { deviceName, openDevice, targetOf } from "./devices.ts";
import { loadModels, oneModel } from "./files.ts";
import { readParameters } from "./parameters.ts";
import { planOptions } from "./plan-options.ts";
import { readTensors, tensorToJson } from "./tensor-json.ts";

export interface RunOutcome {
  readonly outputs: Readonly<Record<string, { readonly dtype: Tensor["dtype"]; readonly shape: readonly number[]; readonly data: ArrayLike<number> }>>;
  readonly dispatches: number;
  readonly milliseconds: number;
}

export async function run(args: Arguments): Promise<string> {
  const loaded = loadModels(oneFile(args), args.bind, args.assume);
  const model = oneModel(loaded, args.model);
  const device = deviceName(args);
  const inputs = args.text.inputs === undefined ? {} : readTensors(args.text.inputs);
  const compiled = compileModel(model, targetOf[device], { ...planOptions(args, model.name), sourceOf: loaded.sourceOf });
  const parameters = parametersOf(args, compiled.artifact, inputs);
  const outcome = device === "reference" ? runReference(compiled.fn, compiled.artifact, args.bind, inputs, parameters) : await runOn(compiled.artifact, device, args, inputs, parameters);
  if (args.json) return JSON.stringify({ outputs: Object.fromEntries(Object.entries(outcome.outputs).map(([name, tensor]) => [name, tensorToJson(tensor)])), dispatches: outcome.dispatches, milliseconds: outcome.milliseconds });
  const lines = Object.entries(outcome.outputs).map(([name, tensor]) => `${name}: ${tensor.dtype}[${tensor.shape.join(", ")}] ${preview(tensor.data)}`);
  return [...lines, `${outcome.dispatches} ${outcome.dispatches === 1 ? "dispatch" : "dispatches"}, ${outcome.milliseconds.toFixed(2)} ms on ${device}`].join("\n");
}

const preview = (data: ArrayLike<number>): string => {
  const shown = Array.from({ length: Math.min(8, data.length) }, (_, i) => Number((data[i] as number).toPrecision(7)).toString());
  return `[${shown.join(", ")}${data.length > 8 ? `, ... ${data.length - 8} more` : ""}]`;
};

/** `--params FILE.json`, `FILE.safetensors`, or `seed:N` for the initialisers of the source with that seed (seed 1 when left out). */
function parametersOf(args: Arguments, artifact: Artifact, inputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  const source = readParameters(args.text.params ?? "seed:1");
  if (source.kind === "tensors") return source.tensors;
  const used = artifact.parameters.some((parameter) => parameter.shape.some((extent) => typeof extent !== "number"));
  return initialParameters(artifact, source.seed, used ? bindingsOf(artifact, args.bind, inputs) : args.bind);
}

/** Extents from the shapes of the inputs; checks them too. throws: RuntimeError, as the runtime does */
function bindingsOf(artifact: Artifact, bind: Readonly<Record<string, number>>, inputs: Readonly<Record<string, Tensor>>): Readonly<Record<string, number>> {
  return inferBindings(givenValues("input", artifact.inputs, inputs), bind);
}

async function runOn(artifact: Artifact, name: "webgpu" | "gpujs" | "wasm", args: Arguments, inputs: Readonly<Record<string, Tensor>>, parameters: Readonly<Record<string, Tensor>>): Promise<RunOutcome> {
  const device = await openDevice(name, args);
  try {
    const program = await load(artifact, device);
    await program.prepare(parameters);
    return await program.run(inputs, { extents: args.bind });
  } finally {
    device.destroy();
  }
}

function runReference(model: TensorFunction, artifact: Artifact, bind: Readonly<Record<string, number>>, inputs: Readonly<Record<string, Tensor>>, parameters: Readonly<Record<string, Tensor>>): RunOutcome {
  const bindings = inferBindings(givenValues("parameter", artifact.parameters, parameters), bindingsOf(artifact, bind, inputs));
  const wide = (tensors: Readonly<Record<string, Tensor>>): Record<string, ReferenceTensor> => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, { dtype: tensor.dtype, shape: tensor.shape, data: Float64Array.from(tensor.data) }]));
  const start = performance.now();
  const outputs = evaluateReference(model, bindings, wide(inputs), wide(parameters));
  return { outputs, dispatches: 0, milliseconds: performance.now() - start };
}
