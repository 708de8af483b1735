/** The ways in which a case is run: the float64 reference, WebAssembly, WGSL on a WebGPU device, and GPU.js in two modes. One device each for all cases. */
import * as gpujs from "gpu.js";
import { checkSource, compileModel, evaluateReference, sourceFile, type TensorFunction } from "../../../compiler/index.ts";
import type { DType } from "../../../compiler/ir/types.ts";
import type { Device } from "../../../runtime/device.ts";
import { type GpuJsModule, openGpuJs } from "../../../runtime/devices/gpujs.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { openWebGpu } from "../../../runtime/devices/webgpu-node.ts";
import { load } from "../../../runtime/index.ts";
import { allocate, type Tensor } from "../../../runtime/tensor.ts";
import type { DraftInput } from "./draft.ts";

export type BackendName = "reference" | "wasm" | "wgsl" | "gpujs cpu" | "gpujs webasm";

export const backendNames: readonly BackendName[] = ["reference", "wasm", "wgsl", "gpujs cpu", "gpujs webasm"];

export interface Result {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** A host tensor of a case, of any dtype. */
export interface RunInput extends Omit<DraftInput, "dtype"> {
  readonly dtype: DType;
}

/** Inputs are float64 numbers; devices round them. */
export type Run = (model: TensorFunction, inputs: readonly RunInput[]) => Promise<readonly Result[]>;

/** The checked model of a source text. Throws with the diagnostics when it does not check. */
export function modelOf(source: string): TensorFunction {
  const { models, diagnostics } = checkSource(sourceFile("case.nf", source));
  const wrong = diagnostics.filter(({ severity }) => severity === "error");
  const model = models[0];
  if (wrong.length > 0 || !model) throw new Error(wrong.map(({ code, message }) => `${code}: ${message}`).join("; "));
  return model;
}

const onReference: Run = async (model, inputs) => {
  const outputs = evaluateReference(model, {}, Object.fromEntries(inputs.map(({ name, dtype, shape, data }) => [name, { dtype, shape, data }])), {});
  return model.outputs.map(({ name }) => outputs[name] ?? { shape: [], data: [] });
};

const onDevice = (target: Device["target"], device: Device): Run => async (model, inputs) => {
  const { artifact } = compileModel(model, target);
  const program = await load(artifact, device);
  try {
    const tensors = inputs.map(({ name, dtype, shape, data }): [string, Tensor] => {
      const values = allocate(dtype, data.length);
      values.set(data);
      return [name, { dtype, shape, data: values }];
    });
    const { outputs } = await program.run(Object.fromEntries(tensors));
    return model.outputs.map(({ name }) => outputs[name] ?? { shape: [], data: [] });
  } finally {
    program.dispose();
  }
};

export interface Backends {
  readonly runs: ReadonlyMap<BackendName, Run>;
  /** Backends that are not here, with the reason. */
  readonly missing: readonly string[];
  close(): void;
}

export async function openBackends(): Promise<Backends> {
  const runs = new Map<BackendName, Run>([["reference", onReference]]);
  const missing: string[] = [];
  const devices: Device[] = [];
  const open = async (name: BackendName, target: Device["target"], make: () => Device | Promise<Device>): Promise<void> => {
    try {
      const device = await make();
      devices.push(device);
      runs.set(name, onDevice(target, device));
    } catch (thrown) {
      missing.push(`${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  };
  await open("wasm", "wasm", () => openWasm());
  await open("wgsl", "wgsl", () => openWebGpu({ prefer: "auto" }));
  await open("gpujs cpu", "gpujs", () => openGpuJs(gpujs as unknown as GpuJsModule, { mode: "cpu" }));
  await open("gpujs webasm", "gpujs", () => openGpuJs(gpujs as unknown as GpuJsModule, { mode: "webasm" }));
  return { runs, missing, close: () => devices.forEach((device) => device.destroy()) };
}
