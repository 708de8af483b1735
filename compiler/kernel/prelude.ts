/**
 * Sound versions of functions that targets offer in an unsound form, written once as kernel IR. Software and hardware
 * drop NaN in max and exp, take the logarithm of a negative number as that of its absolute value, and may assume that
 * arithmetic is finite; so NaN is recognised by its bits where a target has a bitcast, else by ordered comparisons.
 */
import type { DType } from "../ir/types.ts";
import { bitcast, constant, convert, instruction, select, splat } from "./build.ts";
import type { Expression, Instruction } from "./node.ts";

/** What a sound version may ask of the place where it is inserted. */
export interface Site {
  /** The value under a name if it is more than a name or constant, so that it is evaluated once. */
  once(e: Expression, wish: string): Expression;
  /** NaN, Infinity or -Infinity in the type of `like`. */
  special(value: number, like: Expression): Expression;
}

/** A constant of the type and lanes of `like`. */
export const same = (value: number, like: Expression, scalar: DType = like.type.scalar): Expression => splat(constant(scalar, value), like.type.lanes);

const largest = (like: Expression): Expression => same(like.type.scalar === "f16" ? 65504 : 3.4028234663852886e38, like);

const bitsOf = (x: Expression): Expression => bitcast(convert(x, "f32"), "u32");

const withoutSign = (bits: Expression): Expression => instruction("bit_and", bits, same(0x7fffffff, bits));

/** True for NaN, by bits: `x != x` is folded to false by compilers that assume finite arithmetic. */
export function isNaNByBits(x: Expression): Expression {
  const bits = withoutSign(bitsOf(x));
  return instruction("gt", bits, same(0x7f800000, bits));
}

/** True for the infinities, by bits. */
export function isInfiniteByBits(x: Expression): Expression {
  const bits = withoutSign(bitsOf(x));
  return instruction("eq", bits, same(0x7f800000, bits));
}

/** False for NaN, by comparisons that hold for every number together. */
const isOrdered = (x: Expression): Expression => instruction("or", instruction("lt", x, same(0, x)), instruction("ge", x, same(0, x)));

/** True for NaN, for targets without a bitcast. */
export const isNaNByOrder = (a: Expression, site: Site): Expression => instruction("not", isOrdered(site.once(a, "value")));

/** True for the infinities, for targets without a bitcast: they lie beyond the largest number. */
export const isInfiniteByOrder = (a: Expression): Expression => instruction("gt", instruction("abs", a), largest(a));

/** The bound of a clamp keeps NaN of x by itself: no comparison holds for NaN. */
function clampAt(op: "max" | "min", x: Expression, bound: Expression): Expression {
  return select(instruction(op === "max" ? "lt" : "gt", x, bound), bound, x);
}

export const isConstant = (e: Expression): boolean => e.kind === "const" || (e.kind === "splat" && e.arg.kind === "const");

/** IEEE 754-2019 maximum and minimum, but for the sign of a zero: NaN if an operand is NaN. For targets with a bitcast. */
export function extremumByBits(op: "max" | "min", a: Expression, b: Expression, site: Site): Expression {
  if (isConstant(b)) return clampAt(op, site.once(a, "value"), b);
  if (isConstant(a)) return clampAt(op, site.once(b, "value"), a);
  const x = site.once(a, "left");
  const y = site.once(b, "right");
  // A NaN in x fails the comparison and x is taken; a NaN in y is asked for.
  return select(instruction("or", instruction(op === "max" ? "lt" : "gt", x, y), isNaNByBits(y)), y, x);
}

/** Bits of a float as an i32 that is ordered as the floats are, and back again: it is its own inverse. */
const ordered = (bits: Expression): Expression => instruction("bit_xor", bits, instruction("bit_and", instruction("shift_right", bits, same(31, bits)), same(0x7fffffff, bits)));

/** Bits that are ordered above, or below, those of every number. */
const nanBits = { max: 0x7fc00000, min: -0x400000 } as const;

/** The extremum over a subgroup, where a device may drop NaN: over integers of the same order, in which NaN comes last. */
export function subgroupExtremumByBits(op: "max" | "min", a: Expression, site: Site): Expression {
  const x = site.once(convert(a, "f32"), "value");
  const bits = bitcast(x, "i32");
  const key = ordered(site.once(select(isNaNByBits(x), same(nanBits[op], bits), bits), "bits"));
  const merged = site.once({ kind: "subgroup", type: key.type, op: `subgroup_${op}`, arg: key }, "merged");
  return convert(bitcast(ordered(merged), "f32"), a.type.scalar);
}

/** The same for targets without a bitcast: unordered operands fail both comparisons, and their sum is NaN. */
export function extremumByOrder(op: "max" | "min", a: Expression, b: Expression, site: Site): Expression {
  if (isConstant(b)) return clampAt(op, site.once(a, "value"), b);
  if (isConstant(a)) return clampAt(op, site.once(b, "value"), a);
  const x = site.once(a, "left");
  const y = site.once(b, "right");
  const [less, notLess] = op === "max" ? (["lt", "ge"] as const) : (["gt", "le"] as const);
  return select(instruction(less, x, y), y, select(instruction(notLess, x, y), x, instruction("add", x, y)));
}

/** exp and exp2 that keep NaN. */
export function exponential(op: "exp" | "exp2", a: Expression, site: Site): Expression {
  const x = site.once(a, "exponent");
  return select(isNaNByBits(x), x, instruction(op, x));
}

/** exp for targets without a bitcast. */
export function exponentialByOrder(a: Expression, site: Site): Expression {
  const x = site.once(a, "exponent");
  return select(isOrdered(x), instruction("exp", x), x);
}

/** log and log2: NaN below zero, -Infinity at zero, Infinity at Infinity. `ofPositive`: the logarithm of what is neither. */
export function logarithmByBits(op: "log" | "log2", a: Expression, site: Site, ofPositive = (x: Expression): Expression => instruction(op, x)): Expression {
  const x = site.once(a, "argument");
  const bits = site.once(bitsOf(x), "bits");
  // Bits 1 to 0x7f7fffff are the positive finite numbers; 0 wraps around.
  const ordinary = instruction("lt", instruction("sub", bits, same(1, bits)), same(0x7f7fffff, bits));
  const isZero = instruction("eq", withoutSign(bits), same(0, bits));
  const isPositive = instruction("lt", bits, same(0x80000000, bits));
  const unusual = select(isZero, site.special(-Infinity, x), select(isPositive, x, site.special(NaN, x)));
  return select(ordinary, ofPositive(x), unusual);
}

export function logarithmByOrder(op: "log" | "log2", a: Expression, site: Site): Expression {
  const x = site.once(a, "argument");
  const unusual = select(instruction("eq", x, same(0, x)), site.special(-Infinity, x), site.special(NaN, x));
  return select(instruction("gt", x, same(0, x)), instruction(op, x), unusual);
}

/** -1, 0 or 1; keeps NaN and the sign of zero. */
export function signOf(a: Expression, site: Site): Expression {
  const x = site.once(a, "value");
  return select(instruction("gt", x, same(0, x)), same(1, x), select(instruction("lt", x, same(0, x)), same(-1, x), x));
}

/** x^n for n among 0, 1, 2, 3, 4 and -1 as products, which also gives negative bases their sign; else undefined. */
export function smallPower(base: Expression, exponent: Expression, site: Site): Expression | undefined {
  const n = exponent.kind === "const" ? exponent.value : exponent.kind === "splat" && exponent.arg.kind === "const" ? exponent.arg.value : NaN;
  if (n === 0) return same(1, base);
  if (n === 1) return base;
  if (n !== 2 && n !== 3 && n !== 4 && n !== -1) return undefined;
  const x = site.once(base, "base");
  if (n === -1) return instruction("div", same(1, x), x);
  const square = instruction("mul", x, x);
  if (n === 2) return square;
  if (n === 3) return instruction("mul", square, x);
  const once = site.once(square, "square");
  return instruction("mul", once, once);
}

/** |x|^y from sound exp2 and log2. */
export function sizeOfPower(size: Expression, exponent: Expression, site: Site): Expression {
  return exponential("exp2", instruction("mul", exponent, logarithmByBits("log2", size, site)), site);
}

/** |x|^y by the target's own pow, which may lose NaN. */
export function sizeOfPowerByOrder(size: Expression, exponent: Expression): Expression {
  const ordered = instruction("and", isOrdered(size), isOrdered(exponent));
  return select(ordered, instruction("pow", size, exponent), instruction("add", size, exponent));
}

/** pow as JavaScript's Math.pow, given |x|^y, except that a zero base gives a zero without sign. */
export function power(base: Expression, exponent: Expression, site: Site, sizeOf: (size: Expression, exponent: Expression, site: Site) => Expression): Expression {
  const small = smallPower(base, exponent, site);
  if (small) return small;
  const x = site.once(base, "base");
  const y = site.once(exponent, "exponent");
  const size = site.once(sizeOf(site.once(instruction("abs", x), "base_size"), y, site), "size");
  const half = instruction("mul", y, same(0.5, y));
  const isIntegral = instruction("eq", instruction("floor", y), y);
  const isEven = instruction("eq", instruction("floor", half), half);
  const isFiniteNegative = instruction("ge", x, instruction("neg", largest(x)));
  const fractional = select(isFiniteNegative, site.special(NaN, x), size);
  const signed = select(isIntegral, select(isEven, size, instruction("neg", size)), fractional);
  const general = select(instruction("lt", x, same(0, x)), signed, size);
  return select(instruction("eq", y, same(0, y)), same(1, x), general);
}

/** Truncation for targets without it. */
export function truncation(a: Expression, site: Site): Expression {
  const x = site.once(a, "value");
  return select(instruction("lt", x, same(0, x)), instruction("ceil", x), instruction("floor", x));
}

/** The nearest integer, ties to even, for targets whose own rounding takes ties up. */
export function roundTies(a: Expression, site: Site): Expression {
  const x = site.once(a, "value");
  const lower = site.once(instruction("floor", x), "lower");
  const rest = site.once(instruction("sub", x, lower), "rest");
  const half = instruction("mul", lower, same(0.5, lower));
  const upper = instruction("add", lower, same(1, lower));
  const lowerIsEven = instruction("eq", instruction("floor", half), half);
  const compare = (op: Instruction): Expression => instruction(op, rest, same(0.5, rest));
  return select(compare("lt"), lower, select(compare("gt"), upper, select(lowerIsEven, lower, upper)));
}

const powerOfTwo = (op: "mul" | "div", a: Expression, power: number): Expression => instruction(op, convert(a, "f32"), constant("f32", 2 ** power));

const floored = (a: Expression, power: number): Expression => instruction("floor", powerOfTwo("div", a, power));

/** Shifts of integers by a literal as products and quotients, for targets whose numbers are floats: exact while an f32 holds the result. */
export function shiftByProduct(op: "shift_left" | "shift_right", a: Expression, by: Expression): Expression | undefined {
  if (by.kind !== "const") return undefined;
  return convert(op === "shift_left" ? powerOfTwo("mul", a, by.value) : floored(a, by.value), "i32");
}

/** The lower bits for the same targets: what is left of a multiple of a power of two. */
export function maskByRemainder(a: Expression, mask: Expression, site: Site): Expression | undefined {
  const power = mask.kind === "const" ? Math.log2(mask.value + 1) : Number.NaN;
  if (!Number.isInteger(power)) return undefined;
  const number = convert(site.once(a, "number"), "f32");
  return convert(instruction("sub", number, instruction("mul", floored(number, power), constant("f32", 2 ** power))), "i32");
}
