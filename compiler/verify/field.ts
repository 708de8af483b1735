/**
 * Arithmetic for certificates: floats become elements of the field of integers modulo a prime, in which sums, products and
 * quotients are exact in any order. What is no field operation is a fixed pseudo-random function of its operands: equal where
 * they are equal, and almost surely nowhere else. Used by certificate.ts.
 */
import { type DType, isFloat } from "../ir/types.ts";
import { instructions } from "../kernel/instructions.ts";
import type { Instruction } from "../kernel/node.ts";
import { roundTo } from "../kernel/numbers.ts";

/** The largest prime below 2^26: products of two elements are exact in float64. */
export const prime = 67_108_859;

export const add = (a: number, b: number): number => (a + b) % prime;
export const subtract = (a: number, b: number): number => (a - b + prime) % prime;
export const multiply = (a: number, b: number): number => (a * b) % prime;

function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

/** By Fermat; 0 has none and gives 0 in every program alike. */
export const inverse = (a: number): number => power(a, prime - 2);

const half = inverse(2);

/** A literal: every float64 is an integer times a power of two. Infinities are the ends of the order that max and min see. */
export function fromNumber(value: number): number {
  if (value === Number.NEGATIVE_INFINITY || Number.isNaN(value)) return 0;
  if (value === Number.POSITIVE_INFINITY) return prime - 1;
  let integer = Math.abs(value);
  let halvings = 0;
  for (; !Number.isInteger(integer); halvings++) integer *= 2;
  const element = multiply(integer % prime, power(half, halvings));
  return value < 0 ? subtract(0, element) : element;
}

/** A pseudo-random element for a name and operands. */
export function scramble(name: string, ...operands: readonly number[]): number {
  let state = 0x811c9dc5;
  const mix = (word: number): void => {
    state = Math.imul(state ^ word, 0x01000193);
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) ^ (state >>> 13);
  };
  for (let i = 0; i < name.length; i++) mix(name.charCodeAt(i));
  for (const operand of operands) mix(operand | 0);
  return (state >>> 0) % prime;
}

/**
 * The instructions that rewrites may reason about; max and min are those of the representatives, with 0 the least of all, so
 * that max(x, 0) is x: where a rewrite adds it, the reals say that x is not negative.
 */
const interpreted: Readonly<Record<string, (a: number, b: number, c: number) => number>> = {
  add, sub: subtract, mul: multiply,
  div: (a, b) => multiply(a, inverse(b)),
  neg: (a) => subtract(0, a),
  fma: (a, b, c) => add(multiply(a, b), c),
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  select: (condition, a, b) => (condition !== 0 ? a : b),
  eq: (a, b) => Number(a === b), ne: (a, b) => Number(a !== b), lt: (a, b) => Number(a < b), le: (a, b) => Number(a <= b), gt: (a, b) => Number(a > b), ge: (a, b) => Number(a >= b),
  is_nan: () => 0, is_inf: () => 0,
};

/** `dtype`: of the last operand. Integers and truth values compute as they do in kernels. */
export function instructionInField(op: Instruction, dtype: DType): (a: number, b: number, c: number) => number {
  if (isFloat(dtype)) return interpreted[op] ?? ((a, b, c) => scramble(op, a, b, c));
  const { evaluate, result } = instructions[op];
  const round = result === "bool" ? (value: number): number => value : roundTo[dtype];
  return (a, b, c) => round(evaluate(dtype, a, b, c));
}

/** Between floats nothing changes; an integer is its residue. */
export function convertInField(value: number, from: DType, to: DType): number {
  if (isFloat(from) === isFloat(to)) return isFloat(to) ? value : to === "bool" ? Number(value !== 0) : roundTo[to](value);
  if (isFloat(to)) return ((value % prime) + prime) % prime;
  return to === "bool" ? Number(value !== 0) : value;
}
