/** Element types and tensor types. Shared by both IRs. */
import { type Extent, sameExtent } from "./extent.ts";

export type DType = "f32" | "f16" | "i32" | "u32" | "bool";

export const dtypes: readonly DType[] = ["f32", "f16", "i32", "u32", "bool"];

export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "f16";

/** unit: bytes. bool is stored as one 32-bit word on every device. */
export const byteSize = (dtype: DType): number => (dtype === "f16" ? 2 : 4);

export interface TensorType {
  readonly dtype: DType;
  /** Outermost axis first; rank 0 is a scalar. */
  readonly shape: readonly Extent[];
}

export const tensorType = (dtype: DType, shape: readonly Extent[]): TensorType => ({ dtype, shape });

export const sameType = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((extent, i) => sameExtent(extent, b.shape[i] ?? extent));

export const printShape = (shape: readonly Extent[]): string => `[${shape.map((extent) => extent.key).join(", ")}]`;

/** `f32[B, 784]`; a scalar prints as its dtype alone. */
export const printType = (type: TensorType): string =>
  type.shape.length === 0 ? type.dtype : `${type.dtype}${printShape(type.shape)}`;
