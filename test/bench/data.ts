/**
 * Inputs and parameters of a workload, the same in every process: counter-based from a seed. `hostile` inputs alternate rows
 * whose mean is 10,000 deviations with rows that have one huge channel. Parameters are as the source initialises them, with
 * gains moved off 1 and biases off 0.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { checkSource, compileModel, evaluateReference, sourceFile, type TensorFunction } from "../../compiler/index.ts";
import type { ReferenceTensor } from "../../compiler/ops/define.ts";
import type { Artifact, TensorSpec } from "../../runtime/artifact.ts";
import { evaluateShape } from "../../runtime/extents.ts";
import { initialParameters } from "../../runtime/initialise.ts";
import type { Workload } from "./workloads.ts";

export type Rows = "ordinary" | "hostile";

export interface FloatTensor {
  readonly dtype: "f32";
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Tensors = Readonly<Record<string, FloatTensor>>;

/** Model of the file by name: `Workload`, or `Bare` with the products or the traffic alone. Extents are numbers, as they are for every peer. */
export function modelOf(workload: Workload, name: string): TensorFunction {
  const { models, diagnostics } = checkSource(sourceFile(workload.file, readFileSync(workload.file, "utf8")), { bind: workload.bind });
  const found = models.find((model) => model.name === name);
  if (!found) throw new Error(`${workload.file} has no sound model ${name}: ${diagnostics.map((each) => each.message).join("; ")}`);
  return found;
}

/** Two uniform numbers of (stream, index) in (0, 1). source: Ellis, "lowbias32", github.com/skeeto/hash-prospector */
function uniform(stream: number, index: number): number {
  let x = (Math.imul(index, 0x9e3779b9) ^ stream) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (((x ^ (x >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

const normal = (stream: number, index: number): number => Math.sqrt(-2 * Math.log(uniform(stream, 2 * index))) * Math.cos(2 * Math.PI * uniform(stream, 2 * index + 1));

function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash;
}

export function inputsOf(workload: Workload, model: TensorFunction, rows: Rows): Record<string, FloatTensor> {
  const { artifact } = compileModel(model, "wasm");
  return Object.fromEntries(artifact.inputs.map((spec) => [spec.name, input(spec, workload, rows)]));
}

function input(spec: TensorSpec, workload: Workload, rows: Rows): FloatTensor {
  const shape = evaluateShape(spec.shape, workload.bind);
  const length = shape.reduce((a, b) => a * b, 1);
  // A row is what a norm runs over, roughly: of an image, one channel of it.
  const width = shape.length === 4 ? (shape[2] ?? 1) * (shape[3] ?? 1) : (shape.at(-1) ?? 1);
  const stream = streamOf(`${workload.id}/${spec.name}`);
  const data = Float32Array.from({ length }, (_, i) => {
    const value = normal(stream, i);
    if (rows === "ordinary") return value;
    return Math.floor(i / width) % 2 === 0 ? 1e4 + value : i % width === 7 ? 1e4 * (1 + Math.abs(value)) : value;
  });
  return { dtype: "f32", shape, data };
}

export function parametersOf(workload: Workload, artifact: Artifact): Record<string, FloatTensor> {
  const initial = initialParameters(artifact, 7, workload.bind);
  return Object.fromEntries(
    artifact.parameters.map(({ name, initialiser }) => {
      const tensor = initial[name];
      if (!tensor || !(tensor.data instanceof Float32Array)) throw new Error(`parameter ${name} is not f32`);
      const stream = streamOf(`${workload.id}/${name}`);
      const moved = initialiser.name === "ones" || initialiser.name === "zeros";
      return [name, { dtype: "f32", shape: tensor.shape, data: moved ? tensor.data.map((value, i) => value + 0.2 * (uniform(stream, i) - 0.5)) : tensor.data }];
    }),
  );
}

/** Changes when inputs or parameters do. */
const generatorVersion = "1";

const cacheFolder = path.resolve(import.meta.dirname, "../../.cache/bench");

/** The float64 reference, unfused; outputs one after the other. Kept on disk by the text of the source. */
export function oracleOf(workload: Workload, rows: Rows): Float64Array {
  const key = createHash("sha256").update(readFileSync(workload.file)).update(generatorVersion).update(JSON.stringify([workload, rows])).digest("hex").slice(0, 16);
  const file = path.join(cacheFolder, `${workload.id}-${rows}-${key}.f64`);
  if (existsSync(file)) {
    const bytes = readFileSync(file);
    return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  }
  const model = modelOf(workload, "Workload");
  const { artifact } = compileModel(model, "wasm");
  const wide = (tensors: Tensors): Record<string, ReferenceTensor> => Object.fromEntries(Object.entries(tensors).map(([name, { shape, data }]) => [name, { dtype: "f32", shape, data: Float64Array.from(data) }]));
  const outputs = evaluateReference(model, workload.bind, wide(inputsOf(workload, model, rows)), wide(parametersOf(workload, artifact)));
  const whole = Float64Array.from(model.outputs.flatMap(({ name }) => Array.from(outputs[name]?.data ?? [])));
  mkdirSync(cacheFolder, { recursive: true });
  writeFileSync(`${file}.${process.pid}.tmp`, new Uint8Array(whole.buffer));
  renameSync(`${file}.${process.pid}.tmp`, file);
  return whole;
}

export interface Deviation {
  /** Largest error over the rms of its row of the reference; rows along the last axis. */
  readonly overRms: number;
  /** Elements that are NaN or infinite where the reference is finite. */
  readonly broken: number;
}

/** `width`: length of a row of the output. A row that is all but zero is measured by 1 % of the rms of the whole. */
export function deviation(got: Float32Array, want: Float64Array, width: number): Deviation {
  if (got.length !== want.length) throw new Error(`${got.length} elements instead of ${want.length}`);
  const rmsOf = (from: number, to: number): number => {
    let sum = 0;
    for (let i = from; i < to; i++) sum += (want[i] as number) ** 2;
    return Math.sqrt(sum / (to - from));
  };
  const floor = 0.01 * rmsOf(0, want.length);
  let overRms = 0;
  let broken = 0;
  for (let from = 0; from < want.length; from += width) {
    const rms = Math.max(floor, rmsOf(from, from + width));
    for (let i = from; i < from + width; i++) {
      const error = Math.abs((got[i] as number) - (want[i] as number));
      if (!Number.isFinite(error)) broken++;
      else overRms = Math.max(overRms, error / rms);
    }
  }
  return { overRms, broken };
}
