/** Runs an ONNX file in onnxruntime on the CPU: the oracle that shares nothing with this project. */
import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { InternalError, required } from "../../compiler/errors.ts";
import { exportOnnx } from "../../compiler/index.ts";
import type { OnnxExportOptions } from "../../compiler/index.ts";
import type { Bindings } from "../../compiler/ir/extent.ts";
import type { TensorFunction } from "../../compiler/ir/node.ts";
import type { DType } from "../../compiler/ir/types.ts";
import { concreteShape } from "../../compiler/reference/evaluate.ts";
import { fromHalfBits, toHalfBits } from "../../runtime/devices/half.ts";
import type { Tensor } from "../../runtime/tensor.ts";

/** A tensor of the language as one of onnxruntime. */
const feeds: Readonly<Record<DType, (data: ArrayLike<number>, shape: readonly number[]) => OnnxTensor>> = {
  f32: (data, shape) => new OnnxTensor("float32", Float32Array.from(data), shape),
  f16: (data, shape) => new OnnxTensor("float16", Uint16Array.from(data, toHalfBits), shape),
  i32: (data, shape) => new OnnxTensor("int32", Int32Array.from(data), shape),
  u32: (data, shape) => new OnnxTensor("uint32", Uint32Array.from(data), shape),
  bool: (data, shape) => new OnnxTensor("bool", Uint8Array.from(data, (value) => (value === 0 ? 0 : 1)), shape),
};

export interface OracleTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The file of a model; a refusal fails the test. */
export function onnxFile(fn: TensorFunction, options: OnnxExportOptions = {}): Uint8Array {
  const exported = exportOnnx(fn, options);
  if (exported.kind === "refused") throw new InternalError("test", `${exported.message}; ${exported.hint}`);
  return exported.bytes;
}

/** Outputs of a file by name. */
export async function runOnnx(file: Uint8Array, given: Readonly<Record<string, Pick<Tensor, "dtype" | "shape"> & { readonly data: ArrayLike<number> }>>): Promise<Record<string, OracleTensor>> {
  // 4: fatal. What onnxruntime has to say about optimisations is not the test's.
  const session = await InferenceSession.create(file, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  try {
    const inputs = Object.fromEntries(session.inputNames.map((name) => {
      const { dtype, shape, data } = required(given[name], "test", `input '${name}'`);
      return [name, feeds[dtype](data, shape)];
    }));
    const results = await session.run(inputs);
    return Object.fromEntries(session.outputNames.map((name) => {
      const result = required(results[name], "test", name);
      const numbers = Float64Array.from(result.data as ArrayLike<number>, (value) => (result.type === "float16" ? fromHalfBits(value) : Number(value)));
      return [name, { shape: result.dims, data: numbers }];
    }));
  } finally {
    await session.release();
  }
}

/** The shapes that outputs must have. */
export const outputShapes = (fn: TensorFunction, bindings: Bindings): Record<string, readonly number[]> =>
  Object.fromEntries(fn.outputs.map(({ name, node }) => [name, concreteShape(node.type.shape, bindings)]));
