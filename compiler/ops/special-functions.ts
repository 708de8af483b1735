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

/** x, x^2, x^4: what `inPairs` needs, shared by several polynomials. */
function powersOf(e: Expressions, x: Expr): readonly [Expr, Expr, Expr] {
  const square = e.apply("mul", x, x);
  return [x, square, e.apply("mul", square, square)];
}

/** c0 + c1 x + c2 x^2 + ... up to x^7, in pairs of terms: half as many operations wait for each other as in `horner` (Estrin, 1960). A coefficient 1 costs no product. */
function inPairs(e: Expressions, [x, square, fourth]: readonly [Expr, Expr, Expr], coefficients: readonly number[]): Expr {
  const times = (by: Expr, sum: Expr): Expr => e.apply("mul", by, sum);
  const pair = (at: number): Expr | undefined => {
    const [low, high] = [coefficients[at], coefficients[at + 1]];
    if (low === undefined) return undefined;
    const constant = e.constant(low, x.dtype);
    return high === undefined ? constant : e.apply("add", constant, high === 1 ? x : times(e.constant(high, x.dtype), x));
  };
  const quad = (at: number): Expr | undefined => {
    const [low, high] = [pair(at), pair(at + 2)];
    return low && high ? e.apply("add", low, times(square, high)) : low;
  };
  const [low, high] = [quad(0), quad(4)];
  const sum = low && high ? e.apply("add", low, times(fourth, high)) : low;
  return sum ?? e.constant(0, x.dtype);
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

/** error: at most 7 ulp (measured on every f32), never beyond 1. x P(x^2) / Q(x^2) with a minimax pair on [-3.8, 3.8], where it has passed 1. */
export function lowerErf(e: Expressions, x: Expr): Expr {
  const bounded = clamp(e, x, 3.8);
  const powers = powersOf(e, e.apply("mul", bounded, bounded));
  const numerator = e.apply("mul", bounded, inPairs(e, powers, [1546.265625, 237.44891357421875, 64.63047790527344, 3.648285388946533, 0.171409010887146, -0.002885353984311223, 3.362595452927053e-5]));
  const denominator = inPairs(e, powers, [1370.34228515625, 667.2138061523438, 142.6513214111328, 16.68045997619629, 1]);
  return clamp(e, e.apply("div", numerator, denominator), 1);
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
