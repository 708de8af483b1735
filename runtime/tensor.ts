/** Host tensors: a typed array and its shape. f16 travels as f32 numbers on the host; bool as 0 and 1. */
import type { DType } from "./artifact.ts";

export type TensorData = Float32Array | Int32Array | Uint32Array;

export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

export function allocate(dtype: DType, length: number): TensorData {
  if (dtype === "i32") return new Int32Array(length);
  if (dtype === "u32" || dtype === "bool") return new Uint32Array(length);
  return new Float32Array(length);
}
