/**
 * Numbers of the kernel IR: how a value is rounded to an element type, how an f32 is written so that it reads back
 * exactly, and what an extent tree is worth. Shared by the builders, the printers and the interpreter.
 */
import type { ExtentTree } from "../ir/extent.ts";
import type { DType } from "../ir/types.ts";
import { InternalError, required } from "../errors.ts";

/** Rounds to the nearest half-precision number, ties to even; overflow gives an infinity. */
export function roundToHalf(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), -14);
  const unit = 2 ** (exponent - 10);
  const rounded = ties(value / unit) * unit;
  return Math.abs(rounded) >= 65520 ? Math.sign(value) * Infinity : rounded;
}

/** Nearest integer, ties to even; keeps -0. The kernel IR's `round`. */
export function ties(value: number): number {
  const lower = Math.floor(value);
  const rest = value - lower;
  const nearest = rest < 0.5 ? lower : rest > 0.5 ? lower + 1 : lower % 2 === 0 ? lower : lower + 1;
  return nearest === 0 && (value < 0 || Object.is(value, -0)) ? -0 : nearest;
}

/** The value of an element type that an exact result is stored as. Integers wrap; bool is 0 or 1. */
export const roundTo: Readonly<Record<DType, (value: number) => number>> = {
  f32: Math.fround,
  f16: roundToHalf,
  i32: (value) => value | 0,
  u32: (value) => value >>> 0,
  bool: (value) => (value === 0 ? 0 : 1),
};

/** Value conversion. Floats go to integers by truncation, clamped to the range of the type; NaN becomes 0. */
export function convertNumber(value: number, from: DType, to: DType): number {
  const isFloat = from === "f32" || from === "f16";
  if (isFloat && to === "i32") return Math.max(-2147483648, Math.min(2147483647, Math.trunc(value))) | 0;
  if (isFloat && to === "u32") return Math.max(0, Math.min(4294967295, Math.trunc(value))) >>> 0;
  return roundTo[to](value);
}

const words = new DataView(new ArrayBuffer(4));

/** The same 32 bits read as another type; `from` and `to` are f32, i32 or u32. */
export function bitcastNumber(value: number, from: DType, to: DType): number {
  if (from === "f32") words.setFloat32(0, value);
  else words.setUint32(0, value >>> 0);
  if (to === "f32") return words.getFloat32(0);
  return to === "i32" ? words.getInt32(0) : words.getUint32(0);
}

const largestFloat = 3.4028234663852886e38;

/** The shortest decimal of at most the largest f32 that rounds to `value` in f32, always with a point or an exponent. `value` is finite. */
export function shortestFloat(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  let text = String(value);
  for (let digits = 1; digits <= 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === Math.fround(value) && Math.abs(candidate) <= largestFloat) {
      text = String(candidate);
      break;
    }
  }
  return /[.e]/.test(text) ? text.replace("e+", "e") : `${text}.0`;
}

/** Evaluates an extent tree; `/` is floor division. throws: InternalError for a name without a binding. */
export function evaluateExtent(tree: ExtentTree, bindings: Readonly<Record<string, number>>): number {
  if (typeof tree === "number") return tree;
  if (typeof tree === "string") return required(bindings[tree], "extent", `binding of '${tree}'`);
  const [operator, left, right] = tree;
  const a = evaluateExtent(left, bindings);
  const b = evaluateExtent(right, bindings);
  switch (operator) {
    case "+": return a + b;
    case "*": return a * b;
    case "/":
      if (b === 0) throw new InternalError("extent", "division by an extent that is 0");
      return Math.floor(a / b);
    default: return operator satisfies never;
  }
}

/** Names that an extent tree depends on, sorted. */
export function extentTreeNames(tree: ExtentTree): string[] {
  if (typeof tree === "number") return [];
  if (typeof tree === "string") return [tree];
  return [...new Set([...extentTreeNames(tree[1]), ...extentTreeNames(tree[2])])].sort();
}
