/** Conversion of constants between dtypes. Used by expression.ts. */
import type { DType } from "../ir/types.ts";

/** As kernels do: floats are limited to the integer range, integers wrap. */
export function convertNumber(value: number, from: DType, to: DType): number {
  if (to === "bool") return value === 0 ? 0 : 1;
  if (to !== "i32" && to !== "u32") return value;
  const [least, most] = to === "i32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  if (from === "f32" || from === "f16") return Math.min(most, Math.max(least, Math.trunc(value)));
  return to === "i32" ? value | 0 : value >>> 0;
}
