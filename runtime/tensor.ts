/**
 * Tensors on the host, a typed array and its shape, and on the GPU, a GPUBuffer and its shape. f16 travels as f32 numbers on
 * the host; bool as bytes 0 and 1, and in GPU memory as u32 words.
 */
import type { DType } from "./artifact.ts";

/** The typed array that holds elements of a dtype on the host. */
export interface ArrayTypes {
  readonly f32: Float32Array;
  readonly f16: Float32Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly bool: Uint8Array;
}

export type ArrayOf<D extends DType> = ArrayTypes[D];

export type TensorData = ArrayOf<DType>;

export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: ArrayOf<D>;
}

/** A tensor in memory of the device's own GPUDevice (`device.gpu`), row-major from the buffer's start: words of 32 bits, f16 of 16. */
export interface GpuTensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly buffer: GPUBuffer;
}

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** unit: bytes of an element in GPU memory */
export const gpuBytes = (dtype: DType): number => (dtype === "f16" ? 2 : 4);

const arrayClasses: Readonly<Record<DType, new (length: number) => TensorData>> = { f32: Float32Array, f16: Float32Array, i32: Int32Array, u32: Uint32Array, bool: Uint8Array };

export const allocate = (dtype: DType, length: number): TensorData => new arrayClasses[dtype](length);
