/**
 * What each target lacks or does wrong among the instructions, and the sound form that takes its place: one table a target.
 * Flow: legalize.ts looks here, the forms are in prelude.ts and vector-functions.ts.
 */
import { add, convert, float, instruction, select } from "./build.ts";
import type { Expression, Instruction, Kernel } from "./node.ts";
import { exponential, exponentialByOrder, extremumByBits, extremumByOrder, isConstant, isInfiniteByBits, isInfiniteByOrder, isNaNByBits, isNaNByOrder, logarithmByBits, logarithmByOrder, maskByRemainder, power, roundTies, same, shiftByProduct, signOf, type Site, sizeOfPower, sizeOfPowerByOrder, truncation } from "./prelude.ts";
import { type Facts, rangeOf } from "./ranges.ts";
import { exponentialByPolynomial, logarithmByPolynomial, powerByPolynomial } from "./vector-functions.ts";

export type LegalizeTarget = "wgsl" | "gpujs" | "wasm";

export interface Context extends Site {
  readonly target: LegalizeTarget;
  readonly kernel: Kernel;
  readonly facts: Facts;
}

/** The sound form of one instruction; undefined: the target's own does. Operands are legal already. */
type Rewrite = (args: readonly Expression[], context: Context) => Expression | undefined;

const unary = (f: (a: Expression, context: Context) => Expression | undefined): Rewrite => ([a], context) => a && f(a, context);
const binary = (f: (a: Expression, b: Expression, context: Context) => Expression | undefined): Rewrite => ([a, b], context) => a && b && f(a, b, context);

export const isFloating = (e: Expression): boolean => e.type.scalar === "f32" || e.type.scalar === "f16";

const wgslRewrites: ReadonlyMap<Instruction, Rewrite> = new Map<Instruction, Rewrite>([
  ["max", binary((a, b, at) => (isFloating(a) ? extremumByBits("max", a, b, at) : undefined))],
  ["min", binary((a, b, at) => (isFloating(a) ? extremumByBits("min", a, b, at) : undefined))],
  ["exp", unary((a, at) => exponential("exp", a, at))],
  ["exp2", unary((a, at) => exponential("exp2", a, at))],
  ["log", unary((a, at) => logarithmByBits("log", a, at))],
  ["log2", unary((a, at) => logarithmByBits("log2", a, at))],
  ["pow", binary((a, b, at) => power(a, b, at, sizeOfPower))],
  ["sign", unary(signOf)],
  ["is_nan", unary(isNaNByBits)],
  ["is_inf", unary(isInfiniteByBits)],
]);

/** Everything is a float in GPU.js. The half keeps an inexact division of multiples from falling below the integer. */
function integerQuotient(a: Expression, b: Expression, context: Context): Expression {
  const [x, y] = [convert(a, "f32"), convert(b, "f32")];
  const natural = rangeOf(a, context.facts).low >= 0 && rangeOf(b, context.facts).low >= 0;
  if (natural) return convert(instruction("floor", instruction("div", add(x, float(0.5)), y)), "i32");
  return convert(truncation(instruction("div", x, y), context), "i32");
}

const gpujsRewrites: ReadonlyMap<Instruction, Rewrite> = new Map<Instruction, Rewrite>([
  ["shift_left", binary((a, b) => shiftByProduct("shift_left", a, b))],
  ["shift_right", binary((a, b) => shiftByProduct("shift_right", a, b))],
  ["bit_and", binary(maskByRemainder)],
  ["max", binary((a, b, at) => (isFloating(a) ? extremumByOrder("max", a, b, at) : undefined))],
  ["min", binary((a, b, at) => (isFloating(a) ? extremumByOrder("min", a, b, at) : undefined))],
  ["div", binary((a, b, at) => (isFloating(a) ? undefined : integerQuotient(a, b, at)))],
  ["log", unary((a, at) => logarithmByOrder("log", a, at))],
  ["log2", unary((a, at) => logarithmByOrder("log2", a, at))],
  ["exp2", unary((a, at) => sizeOfPowerByOrder(same(2, a), at.once(a, "exponent")))],
  ["pow", binary((a, b, at) => power(a, b, at, sizeOfPowerByOrder))],
  ["exp", unary(exponentialByOrder)],
  ["sign", unary(signOf)],
  ["is_nan", unary(isNaNByOrder)],
  ["is_inf", unary(isInfiniteByOrder)],
  ["round", unary(roundTies)],
  ["trunc", unary(truncation)],
  ["inverse_sqrt", unary((a) => instruction("div", same(1, a), instruction("sqrt", a)))],
  ["fma", ([a, b, c]) => a && b && c && instruction("add", instruction("mul", a, b), c)],
]);

/** Arithmetic is that of IEEE 754 there: only functions are missing. A bound by a constant is shorter than the full maximum. */
const wasmRewrites: ReadonlyMap<Instruction, Rewrite> = new Map<Instruction, Rewrite>([
  ["max", binary((a, b, at) => (isFloating(a) && (isConstant(a) || isConstant(b)) ? extremumByBits("max", a, b, at) : undefined))],
  ["min", binary((a, b, at) => (isFloating(a) && (isConstant(a) || isConstant(b)) ? extremumByBits("min", a, b, at) : undefined))],
  ["exp", unary((a, at) => exponentialByPolynomial("exp", a, at))],
  ["exp2", unary((a, at) => exponentialByPolynomial("exp2", a, at))],
  ["log", unary((a, at) => logarithmByPolynomial("log", a, at))],
  ["log2", unary((a, at) => logarithmByPolynomial("log2", a, at))],
  ["pow", binary((a, b, at) => power(a, b, at, powerByPolynomial))],
  ["sign", unary(signOf)],
  ["abs", unary((a, at) => (isFloating(a) || a.type.lanes > 1 ? undefined : absoluteInteger(at.once(a, "value"))))],
  ["is_nan", unary((a, at) => notItself(at.once(a, "value")))],
  ["is_inf", unary((a) => instruction("eq", instruction("abs", a), same(Infinity, a)))],
  ["inverse_sqrt", unary((a) => instruction("div", same(1, a), instruction("sqrt", a)))],
]);

const notItself = (x: Expression): Expression => instruction("ne", x, x);

const absoluteInteger = (x: Expression): Expression => select(instruction("lt", x, same(0, x)), instruction("sub", same(0, x), x), x);

export const rewrites: Readonly<Record<LegalizeTarget, ReadonlyMap<Instruction, Rewrite>>> = { wgsl: wgslRewrites, gpujs: gpujsRewrites, wasm: wasmRewrites };
