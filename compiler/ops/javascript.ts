/**
 * JavaScript of the emitted reference that several op records share: offsets, integer arithmetic, and functions that
 * JavaScript does not have. Text only; the emitter (reference/emit-javascript.ts) puts it into loops.
 */
import type { DType } from "../ir/types.ts";
import type { JavaScriptFunction } from "./define.ts";

/** In parentheses unless it is a name, a number or an access. */
export const atom = (text: string): string => (/^[\w$.]+(?:\[[^\]]*\])?$/.test(text) ? text : `(${text})`);

/** Row-major offset of `indices` in a box of `shape`, as text: `(i * N + j) * 4 + k`. Indices may be sums. */
export function offsetText(indices: readonly string[], shape: readonly string[]): string {
  let offset = "";
  indices.forEach((index, axis) => {
    const extent = shape[axis] ?? "1";
    const scaled = offset === "" || extent === "1" ? offset : `${atom(offset)} * ${atom(extent)}`;
    offset = scaled === "" ? (index === "0" ? "" : index) : index === "0" ? scaled : `${scaled} + ${index}`;
  });
  return offset === "" ? "0" : offset;
}

/** A literal that reads back exactly. */
export const numberText = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

/** Integer arithmetic wraps and division truncates; other dtypes stay as they are. */
export function wrapText(value: string, dtype: DType): string {
  if (dtype === "i32") return `${atom(value)} | 0`;
  return dtype === "u32" ? `${atom(value)} >>> 0` : value;
}

/** What `wrapText` says, on numbers. */
export function wrapNumber(value: number, dtype: DType): number {
  if (dtype === "i32") return value | 0;
  return dtype === "u32" ? value >>> 0 : value;
}

export const erfFunction: JavaScriptFunction = {
  name: "erf",
  text: `/** Error function: the Taylor series below 2, the continued fraction of erfc above. */
function erf(x) {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size >= 6) return Math.sign(x);
  if (size < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = size;
  for (let n = 60; n >= 1; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-size * size) / (fraction * Math.sqrt(Math.PI)));
}
`,
};

export const sigmoidFunction: JavaScriptFunction = {
  name: "sigmoid",
  text: `/** 1 / (1 + e^-x), without an overflow. */
function sigmoid(x) {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}
`,
};

export const roundFunction: JavaScriptFunction = {
  name: "roundTiesToEven",
  text: `/** The nearest integer, ties to even. */
function roundTiesToEven(x) {
  const lower = Math.floor(x);
  const rest = x - lower;
  const nearest = rest < 0.5 ? lower : rest > 0.5 ? lower + 1 : lower % 2 === 0 ? lower : lower + 1;
  return nearest === 0 && (x < 0 || Object.is(x, -0)) ? -0 : nearest;
}
`,
};

export const toIntegerFunction: JavaScriptFunction = {
  name: "toInteger",
  text: `/** Truncated towards zero and limited to the range of an integer type; NaN becomes 0. */
function toInteger(x, least, most) {
  return Number.isNaN(x) ? 0 : Math.max(least, Math.min(most, Math.trunc(x))) + 0;
}
`,
};

export const boundedFunction: JavaScriptFunction = {
  name: "bounded",
  text: `/** An index from data: negative ones count from the end; what is still outside is taken from the nearest end. */
function bounded(index, length) {
  return Math.max(0, Math.min(length - 1, index < 0 ? index + length : index));
}
`,
};

/** Every function above: names that the emitted reference keeps free. */
export const javascriptFunctions: readonly JavaScriptFunction[] = [erfFunction, sigmoidFunction, roundFunction, toIntegerFunction, boundedFunction];
