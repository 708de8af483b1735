/**
 * Exponentials and logarithms as polynomials in kernel IR, for targets that have no such instruction: the same few
 * operations for one value and for four. Errors are in units in the last place, over all f32: exp 1, exp2 1, log 1, log2 2
 * (tested for every exponent). Results that are subnormal, 0 or infinite are rounded once, as the rest.
 */
import { bitcast, instruction, select } from "./build.ts";
import type { Expression } from "./node.ts";
import { logarithmByBits, same, type Site } from "./prelude.ts";

/** 1.5 * 2^23: adding it leaves the nearest integer in the lowest bits of an f32. */
const roundingConstant = 12582912;

/** Bits 23 to 30 of an f32 from the lowest bits of the integer before them. */
const powerOfTwo = (bits: Expression): Expression =>
  bitcast(instruction("shift_left", instruction("add", bits, same(127, bits)), same(23, bits, "i32")), "f32");

/** ln 2 in two parts, the first with so few bits that its multiples by whole numbers up to 150 are exact. Cephes, expf. */
const ln2 = { high: 0.693359375, low: -2.12194440e-4 };

/** exp(r) = 1 + r + r^2 p(r) for |r| <= ln 2 / 2. Cephes, expf. */
const exponentialTerms = [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];

/** A value within bounds; NaN stays NaN. */
function clamped(x: Expression, least: number, most: number, site: Site): Expression {
  const given = site.once(x, "value");
  const above = site.once(select(instruction("lt", given, same(least, given)), same(least, given), given), "bounded");
  return site.once(select(instruction("gt", above, same(most, above)), same(most, above), above), "bounded");
}

/** exp or exp2 of f32. NaN stays NaN. */
export function exponentialByPolynomial(op: "exp" | "exp2", a: Expression, site: Site): Expression {
  const [least, most] = op === "exp" ? [-104, 89] : [-151, 129];
  const given = site.once(a, "exponent");
  const x = clamped(given, least, most, site);
  const magic = same(roundingConstant, x);
  const scaled = op === "exp" ? instruction("mul", x, same(Math.LOG2E, x)) : x;
  const shifted = site.once(instruction("add", scaled, magic), "shifted");
  const n = site.once(instruction("sub", shifted, magic), "whole");
  const rest = op === "exp"
    ? instruction("sub", instruction("sub", x, instruction("mul", n, same(ln2.high, x))), instruction("mul", n, same(ln2.low, x)))
    : instruction("mul", instruction("sub", x, n), same(Math.LN2, x));
  return scaledExponential(shifted, n, rest, site);
}

/** e^rest 2^n; `shifted` is n with its bits lowest. */
function scaledExponential(shifted: Expression, n: Expression, rest: Expression, site: Site): Expression {
  const r = site.once(rest, "rest");
  const [first = 0, ...others] = exponentialTerms;
  const sum = others.reduce<Expression>((total, term) => instruction("add", instruction("mul", total, r), same(term, r)), same(first, r));
  const y = instruction("add", instruction("add", instruction("mul", instruction("mul", sum, r), r), r), same(1, r));
  // 2^n in two factors: the product leaves the normal numbers at the second one, and is rounded once.
  const halved = site.once(bitcast(instruction("add", instruction("mul", n, same(0.5, n)), same(roundingConstant, n)), "i32"), "half");
  const other = instruction("sub", bitcast(shifted, "i32"), halved);
  return instruction("mul", instruction("mul", y, powerOfTwo(halved)), powerOfTwo(other));
}

/** The bits of the square root of one half: mantissas are taken between it and its double. */
const rootOfHalf = 0x3f3504f3;

/** log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)) with s = f / (2 + f). FreeBSD msun, e_logf.c. */
const logarithmTerms = [0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841];

/** log or log2 of f32: NaN below zero, -Infinity at zero, Infinity at Infinity. */
export const logarithmByPolynomial = (op: "log" | "log2", a: Expression, site: Site): Expression => logarithmByBits(op, a, site, (x) => logarithmOfPositive(op, x, site));

/** log x = power ln 2 + mantissa - half + correction, the mantissa being less 1, and half of its square. */
interface LogarithmParts {
  readonly power: Expression;
  readonly mantissa: Expression;
  readonly half: Expression;
  readonly correction: Expression;
}

function logarithmParts(given: Expression, site: Site): LogarithmParts {
  const isSmall = site.once(instruction("lt", given, same(1.1754943508222875e-38, given)), "is_subnormal");
  const x = select(isSmall, instruction("mul", given, same(2 ** 25, given)), given);
  const moved = site.once(instruction("add", bitcast(x, "i32"), same(0x3f800000 - rootOfHalf, given, "i32")), "moved");
  const exponent = instruction("sub", instruction("shift_right", moved, same(23, given, "i32")), same(127, given, "i32"));
  const whole: Expression = { kind: "convert", type: { scalar: "f32", lanes: given.type.lanes }, arg: exponent };
  const power = site.once(instruction("sub", whole, select(isSmall, same(25, given), same(0, given))), "power");
  const bits = bitcast(instruction("add", instruction("bit_and", moved, same(0x007fffff, given, "i32")), same(rootOfHalf, given, "i32")), "f32");
  const f = site.once(instruction("sub", bits, same(1, given)), "mantissa");
  const s = site.once(instruction("div", f, instruction("add", same(2, given), f)), "slope");
  const z = site.once(instruction("mul", s, s), "square");
  const w = site.once(instruction("mul", z, z), "fourth");
  const [l1 = 0, l2 = 0, l3 = 0, l4 = 0] = logarithmTerms;
  const even = instruction("mul", w, instruction("add", same(l2, f), instruction("mul", w, same(l4, f))));
  const odd = instruction("mul", z, instruction("add", same(l1, f), instruction("mul", w, same(l3, f))));
  const half = site.once(instruction("mul", same(0.5, f), instruction("mul", f, f)), "half_square");
  const correction = site.once(instruction("mul", s, instruction("add", half, instruction("add", even, odd))), "correction");
  return { power, mantissa: f, half, correction };
}

/** The upper twelve bits of the mantissa: products of two such numbers are exact. */
const upperHalf = (x: Expression): Expression => bitcast(instruction("bit_and", bitcast(x, "u32"), same(0xfffff000, x, "u32")), "f32");

/** log2 of the mantissa in two parts: (f - half + correction) / ln 2, with the head of the sum and of 1 / ln 2 cut to twelve bits. */
function logarithmOfMantissa({ mantissa: f, half, correction }: LogarithmParts, site: Site): { readonly large: Expression; readonly small: Expression } {
  const head = site.once(upperHalf(instruction("sub", f, half)), "head");
  const tail = site.once(instruction("add", instruction("sub", instruction("sub", f, head), half), correction), "tail");
  const [high, low] = [1.4428710938, -1.7605285393e-4];
  const small = instruction("add", instruction("mul", instruction("add", tail, head), same(low, f)), instruction("mul", tail, same(high, f)));
  return { large: instruction("mul", head, same(high, f)), small };
}

function logarithmOfPositive(op: "log" | "log2", given: Expression, site: Site): Expression {
  const parts = logarithmParts(given, site);
  const { power, mantissa, half, correction } = parts;
  if (op === "log")
    return instruction("add", instruction("add", instruction("sub", instruction("add", correction, instruction("mul", power, same(9.0580006145e-6, power))), half), mantissa), instruction("mul", power, same(6.9313812256e-1, power)));
  const { large, small } = logarithmOfMantissa(parts, site);
  return instruction("add", instruction("add", small, large), power);
}

/** Beyond it, and where it is no number, an exponent of 2 is not worth more digits: the power is 0, infinite or NaN. */
const farExponent = 200;

/**
 * size^exponent of f32, for a size that is not negative, as 2^(exponent log2 size) with the logarithm and the product in two parts
 * each. error: at most 32 units in the last place, 2 where the exponent is small
 */
export function powerByPolynomial(size: Expression, exponent: Expression, site: Site): Expression {
  const x = site.once(size, "size");
  const y = site.once(exponent, "exponent");
  const parts = logarithmParts(x, site);
  const ofMantissa = logarithmOfMantissa(parts, site);
  const large = site.once(ofMantissa.large, "large");
  // Both sums are of a number and a smaller one: what rounding takes is known exactly.
  const sum = site.once(instruction("add", parts.power, large), "sum");
  const left = site.once(instruction("add", instruction("sub", large, instruction("sub", sum, parts.power)), ofMantissa.small), "sum_left");
  const logarithm = site.once(instruction("add", sum, left), "logarithm");
  const rest = instruction("add", instruction("sub", sum, logarithm), left);
  const plain = site.once(instruction("mul", y, logarithmByBits("log2", x, site, () => logarithm)), "plain");
  const isNear = site.once(instruction("lt", instruction("abs", plain), same(farExponent, plain)), "is_near");
  const [yHead, logarithmHead] = [site.once(upperHalf(y), "exponent_head"), site.once(upperHalf(logarithm), "logarithm_head")];
  const product = instruction("mul", yHead, logarithmHead);
  const productRest = instruction("add", instruction("mul", instruction("sub", y, yHead), logarithm), instruction("mul", yHead, instruction("add", instruction("sub", logarithm, logarithmHead), rest)));
  const head = site.once(clamped(select(isNear, product, plain), -farExponent, farExponent, site), "power_head");
  const tail = site.once(select(isNear, productRest, same(0, plain)), "power_tail");
  const shifted = site.once(instruction("add", instruction("add", head, tail), same(roundingConstant, head)), "shifted");
  const n = site.once(instruction("sub", shifted, same(roundingConstant, head)), "whole");
  return scaledExponential(shifted, n, instruction("mul", instruction("add", instruction("sub", head, n), tail), same(Math.LN2, head)), site);
}
