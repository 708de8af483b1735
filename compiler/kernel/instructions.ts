/**
 * The instruction table: for each instruction its arity, the operand types it takes, the flops it counts as, and its
 * value on scalars. The verifier, the builders (constant folding), the counter and the interpreter read it, so an
 * instruction is described once.
 */
import type { DType } from "../ir/types.ts";
import { roundTo, ties } from "./numbers.ts";
import type { Instruction, ValueType } from "./node.ts";

/** Which element types the operands may have; all operands agree in type except the condition of `select`. */
export type OperandClass = "numbers" | "signed" | "floats" | "integers" | "bools" | "any";

export interface InstructionRule {
  readonly arity: 1 | 2 | 3;
  readonly operands: OperandClass;
  /** `operand`: the type of the last operand; `bool`: a truth value per lane. */
  readonly result: "operand" | "bool";
  /** Floating-point operations per lane when the operands are floats. */
  readonly flops: number;
  /** Value before rounding to the element type; `scalar` is the type of the last operand. */
  readonly evaluate: (scalar: DType, ...args: number[]) => number;
}

type One = (a: number) => number;
type Two = (a: number, b: number) => number;

const isInteger = (scalar: DType): boolean => scalar === "i32" || scalar === "u32";

const one = (operands: OperandClass, f: One): InstructionRule => ({
  arity: 1, operands, result: operands === "bools" ? "bool" : "operand", flops: 1, evaluate: (_scalar, a = NaN) => f(a),
});

const two = (operands: OperandClass, f: Two, integer: Two = f): InstructionRule => ({
  arity: 2, operands, result: operands === "bools" ? "bool" : "operand", flops: 1,
  evaluate: (scalar, a = NaN, b = NaN) => (isInteger(scalar) ? integer(a, b) : f(a, b)),
});

const compare = (operands: OperandClass, f: (a: number, b: number) => boolean): InstructionRule => ({
  arity: 2, operands, result: "bool", flops: 1, evaluate: (_scalar, a = NaN, b = NaN) => (f(a, b) ? 1 : 0),
});

export const instructions: Readonly<Record<Instruction, InstructionRule>> = {
  add: two("numbers", (a, b) => a + b),
  sub: two("numbers", (a, b) => a - b),
  mul: two("numbers", (a, b) => a * b, Math.imul),
  div: two("numbers", (a, b) => a / b, (a, b) => Math.trunc(a / b)),
  rem: two("numbers", (a, b) => a % b),
  neg: one("signed", (a) => -a),
  abs: one("numbers", Math.abs),
  sign: one("signed", Math.sign),
  min: two("numbers", Math.min),
  max: two("numbers", Math.max),
  fma: { arity: 3, operands: "floats", result: "operand", flops: 2, evaluate: (_scalar, a = NaN, b = NaN, c = NaN) => a * b + c },
  floor: one("floats", Math.floor),
  ceil: one("floats", Math.ceil),
  round: one("floats", ties),
  trunc: one("floats", Math.trunc),
  sqrt: one("floats", Math.sqrt),
  inverse_sqrt: one("floats", (a) => 1 / Math.sqrt(a)),
  exp: one("floats", Math.exp),
  exp2: one("floats", (a) => 2 ** a),
  log: one("floats", Math.log),
  log2: one("floats", Math.log2),
  sin: one("floats", Math.sin),
  cos: one("floats", Math.cos),
  pow: two("floats", Math.pow),
  eq: compare("any", (a, b) => a === b),
  ne: compare("any", (a, b) => a !== b),
  lt: compare("numbers", (a, b) => a < b),
  le: compare("numbers", (a, b) => a <= b),
  gt: compare("numbers", (a, b) => a > b),
  ge: compare("numbers", (a, b) => a >= b),
  is_nan: { arity: 1, operands: "floats", result: "bool", flops: 1, evaluate: (_scalar, a = 0) => (Number.isNaN(a) ? 1 : 0) },
  is_inf: { arity: 1, operands: "floats", result: "bool", flops: 1, evaluate: (_scalar, a = NaN) => (Math.abs(a) === Infinity ? 1 : 0) },
  and: two("bools", (a, b) => a & b),
  or: two("bools", (a, b) => a | b),
  not: one("bools", (a) => 1 - a),
  bit_and: two("integers", (a, b) => a & b),
  bit_or: two("integers", (a, b) => a | b),
  bit_xor: two("integers", (a, b) => a ^ b),
  shift_left: two("integers", (a, b) => a << b),
  shift_right: { ...two("integers", (a, b) => a >> b), evaluate: (scalar, a = 0, b = 0) => (scalar === "u32" ? a >>> b : a >> b) },
  select: { arity: 3, operands: "any", result: "operand", flops: 0, evaluate: (_scalar, condition = 0, a = NaN, b = NaN) => (condition !== 0 ? a : b) },
};

export const operandClasses: Readonly<Record<OperandClass, readonly DType[]>> = {
  numbers: ["f32", "f16", "i32", "u32"],
  signed: ["f32", "f16", "i32"],
  floats: ["f32", "f16"],
  integers: ["i32", "u32"],
  bools: ["bool"],
  any: ["f32", "f16", "i32", "u32", "bool"],
};

/** Result of an instruction on scalars, rounded to `scalar` (the type of its last operand) or 0/1. */
export function evaluateInstruction(op: Instruction, scalar: DType, args: readonly number[]): number {
  const rule = instructions[op];
  const value = rule.evaluate(scalar, ...args);
  return rule.result === "bool" ? value : roundTo[scalar](value);
}

/** The type of an instruction's result, given the types of its operands. */
export function resultType(op: Instruction, operands: readonly ValueType[]): ValueType {
  const last = operands.at(-1) ?? { scalar: "f32", lanes: 1 };
  return instructions[op].result === "bool" ? { scalar: "bool", lanes: last.lanes } : last;
}
