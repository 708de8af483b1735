/**
 * Functions that no target offers soundly: their lowering to arithmetic, and their float64 reference. The two share
 * nothing on purpose: one checks the other.
 */
import type { Expr, Expressions } from "../folds/expression.ts";

/** c0 + x (c1 + x (c2 + ...)) */
export function horner(e: Expressions, x: Expr, coefficients: readonly number[]): Expr {
  const reversed = [...coefficients].reverse().map((value) => e.constant(value, x.dtype));
  return reversed.reduce((sum, coefficient) => e.apply("add", e.apply("mul", sum, x), coefficient));
}

/** max and min with a literal keep NaN (see kernel/legalize.ts). */
function clamp(e: Expressions, x: Expr, bound: number): Expr {
  return e.apply("min", e.apply("max", x, e.constant(-bound, x.dtype)), e.constant(bound, x.dtype));
}

/** error: at most 7 ulp (measured on every f32). x * P(x^2) / Q(x^2), a classic minimax pair, clamped where the ratio reaches 1; x itself where x^2 / 3 is below an ulp. */
export function lowerTanh(e: Expressions, x: Expr): Expr {
  const bounded = clamp(e, x, 7.90531110763549805);
  const square = e.apply("mul", bounded, bounded);
  const numerator = e.apply("mul", bounded, horner(e, square, [4.89352455891786e-3, 6.37261928875436e-4, 1.48572235717979e-5, 5.12229709037114e-8, -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16]));
  const denominator = horner(e, square, [4.89352518554385e-3, 2.26843463243900e-3, 1.18534705686654e-4, 1.19825839466702e-6]);
  const ratio = e.apply("div", numerator, denominator);
  const small = e.apply("lt", e.apply("abs", x), e.constant(4e-4, x.dtype));
  return e.apply("select", small, x, ratio);
}

/** e^-x is bounded so that no infinity arises: a device may assume finite arithmetic. */
export function lowerSigmoid(e: Expressions, x: Expr): Expr {
  const one = e.constant(1, x.dtype);
  const negated = e.apply("min", e.apply("neg", x), e.constant(87, x.dtype));
  return e.apply("div", one, e.apply("add", one, e.apply("exp", negated)));
}

/** error: at most 8 ulp (measured on every f32), never beyond 1. The same form as tanh, on [-4, 4]; the tangent where x^2 / 3 is below an ulp. */
export function lowerErf(e: Expressions, x: Expr): Expr {
  const bounded = clamp(e, x, 4);
  const square = e.apply("mul", bounded, bounded);
  const numerator = e.apply("mul", bounded, horner(e, square, [-1.60960333262415e-2, -2.95459980854025e-3, -7.34990630326855e-4, -5.69250639462346e-5, -2.10102402082508e-6, 2.77068142495902e-8, -2.72614225801306e-10]));
  const denominator = horner(e, square, [-1.42647390514189e-2, -7.37332916720468e-3, -1.68282697438203e-3, -2.13374055278905e-4, -1.45660718464996e-5]);
  const small = e.apply("lt", e.apply("abs", x), e.constant(4e-4, x.dtype));
  return e.apply("select", small, e.apply("mul", x, e.constant(2 / Math.sqrt(Math.PI), x.dtype)), clamp(e, e.apply("div", numerator, denominator), 1));
}

/** float64: the Taylor series below 2, the continued fraction of erfc above. error: about 1e-15. */
export function erfReference(x: number): number {
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

export function roundTiesToEven(x: number): number {
  const lower = Math.floor(x);
  const rest = x - lower;
  if (rest < 0.5) return lower === 0 && (x < 0 || Object.is(x, -0)) ? -0 : lower;
  if (rest > 0.5) return lower + 1 === 0 ? -0 : lower + 1;
  return lower % 2 === 0 ? lower : lower + 1 === 0 ? -0 : lower + 1;
}
