/**
 * How far a correct f32 kernel may be from the exact value. The contract is 1e-5 of the rms of the value's row. Where the
 * computation itself amplifies rounding (long sums that cancel, exponentials of large arguments), the limit grows by what
 * rounding really does to it: the same program is evaluated several times in float64 with every result moved by at most
 * the error that the instruction may have on a device, and the largest move counts, times a margin. That way errors that
 * cancel (those of a pivot) do so here too, which bounds from absolute values cannot show. Used by check-model.ts.
 */
import { type Disturbance, evaluateFolds } from "../folds/evaluate.ts";
import { type Column } from "../folds/evaluate-expression.ts";
import type { Program } from "../folds/node.ts";
import type { Bindings } from "../ir/extent.ts";
import type { Instruction } from "../kernel/node.ts";

/** The contract: error over rms of the row. */
export const contractLimit = 1e-5;

/** Largest relative error of one rounding. */
export const roundingUnit = { f32: 2 ** -24, f64: 2 ** -53 } as const;

/** Rows that are (nearly) zero are measured against this part of the value's rms on ordinary input. */
export const ordinaryShare = 0.01;

/** Observed moves are a sample; real rounding may add up less kindly. */
const margin = 10;
const samples = 4;

type ErrorOf = (value: number, a: number, b: number) => number;

const exact: ErrorOf = () => 0;
const ulps = (count: number): ErrorOf => (value) => 2 * count * Math.abs(value);

/** Largest error of an instruction. unit: roundings of its result. source: WGSL, "Floating Point Accuracy" (third column, f32) */
const errors: Readonly<Record<Instruction, ErrorOf>> = {
  add: ulps(0.5), sub: ulps(0.5), mul: ulps(0.5), fma: ulps(1), div: ulps(2.5),
  rem: (_value, a) => Math.abs(a),
  sqrt: ulps(2.5), inverse_sqrt: ulps(2),
  exp: (value, x) => (6 + 4 * Math.abs(x)) * Math.abs(value),
  exp2: (value, x) => (6 + 4 * Math.abs(x)) * Math.abs(value),
  log: (value) => 6 * Math.abs(value) + 8,
  log2: (value) => 6 * Math.abs(value) + 8,
  sin: () => 2 ** 13, cos: () => 2 ** 13,
  pow: (value, x, y) => (16 + 8 * Math.abs(y * Math.log2(Math.abs(x)))) * Math.abs(value),
  neg: exact, abs: exact, sign: exact, min: exact, max: exact, floor: exact, ceil: exact, round: exact, trunc: exact,
  is_nan: exact, is_inf: exact, eq: exact, ne: exact, lt: exact, le: exact, gt: exact, ge: exact, and: exact, or: exact, not: exact,
  bit_and: exact, bit_or: exact, bit_xor: exact, shift_left: exact, shift_right: exact, select: exact,
};

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** A number in -1 .. 1 that depends on the bits of a value: like rounding, equal operands err equally wherever they occur. */
function chance(value: number, seed: number): number {
  float[0] = value;
  let x = Math.imul((words[0] as number) ^ seed, 0x7feb352d) ^ (words[1] as number);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  return (x ^ (x >>> 15)) * 2 ** -31;
}

/** Errors as a device with this rounding unit may make them, drawn by `seed`. */
export function roundingErrors(unit: number, seed: number): Disturbance {
  return {
    instruction: (op, result, operands) => {
      const error = errors[op];
      if (error === exact) return;
      const [a, b] = operands;
      const at = (column: Column | undefined, i: number): number => (column ? (column.values[i * column.step] as number) : 0);
      for (let i = 0; i < result.length; i++) {
        const value = result[i] as number;
        const moved = value + unit * error(value, at(a, i), at(b, i)) * chance(value, seed);
        if (Number.isFinite(moved)) result[i] = moved;
      }
    },
    sum: (value, energy) => {
      const moved = value + unit * Math.sqrt(energy) * chance(value, seed);
      return Number.isFinite(moved) ? moved : value;
    },
  };
}

/** For a value of this shape: elements along the last axis belong together. */
export function rowLength(shape: readonly number[]): number {
  return Math.max(1, shape[shape.length - 1] ?? 1);
}

/** Root mean square of each row's finite elements. */
export function rowScales(values: ArrayLike<number>, shape: readonly number[]): Float64Array {
  const length = rowLength(shape);
  const scales = new Float64Array(Math.ceil(values.length / length));
  for (let row = 0; row < scales.length; row++) {
    let sum = 0;
    let count = 0;
    for (let i = row * length; i < (row + 1) * length; i++) {
      const value = values[i] ?? Number.NaN;
      if (!Number.isFinite(value)) continue;
      sum += value * value;
      count++;
    }
    scales[row] = count === 0 ? 0 : Math.sqrt(sum / count);
  }
  return scales;
}

/** Rows shorter than this are too few draws each: they share the largest move of the whole value. */
const shortRow = 8;

/** Largest move of each row between an exact value and disturbed ones, with the margin. Non-finite elements are left out. */
export function allowance(exactValue: ArrayLike<number>, disturbed: readonly ArrayLike<number>[], shape: readonly number[]): Float64Array {
  const length = rowLength(shape);
  const moves = new Float64Array(Math.ceil(exactValue.length / length));
  for (const values of disturbed)
    for (let i = 0; i < exactValue.length; i++) {
      const row = Math.floor(i / length);
      const move = Math.abs((values[i] ?? Number.NaN) - (exactValue[i] as number));
      if (Number.isFinite(move) && move > (moves[row] as number)) moves[row] = move;
    }
  if (length < shortRow) moves.fill(moves.reduce((a, b) => Math.max(a, b), 0));
  return moves.map((move) => margin * move);
}

/** The program's values under several draws of rounding errors. */
export function disturbedValues(program: Program, bindings: Bindings, sources: Readonly<Record<string, ArrayLike<number>>>, unit: number, seed: number): Map<string, Float64Array>[] {
  return Array.from({ length: samples }, (_, i) => evaluateFolds(program, bindings, sources, { disturbance: roundingErrors(unit, Math.imul(seed + i + 1, 0x9e3779b1)) }));
}
