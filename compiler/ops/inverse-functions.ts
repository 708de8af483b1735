/**
 * Lowerings of the exponential, logarithmic, trigonometric, hyperbolic and inverse functions that targets lack or compute loosely:
 * series and minimax polynomials near zero, exp and log beyond. Their float64 references are JavaScript's own (see
 * transcendental.ts). Domain errors are asked for, since a device may assume finite arithmetic.
 */
import type { Expr, Expressions } from "../folds/expression.ts";
import { horner } from "./special-functions.ts";

type One = (e: Expressions, x: Expr) => Expr;

const literal = (e: Expressions, value: number, like: Expr): Expr => e.constant(value, like.dtype);

const isBelow = (e: Expressions, x: Expr, bound: number): Expr => e.apply("lt", x, literal(e, bound, x));

/** e^x - 1: its series within 0.5, where the difference would cancel. */
export const lowerExpm1: One = (e, x) => {
  const series = e.apply("mul", x, horner(e, x, [1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320, 1 / 362880]));
  const beyond = e.apply("sub", e.apply("exp", x), literal(e, 1, x));
  return e.apply("select", isBelow(e, e.apply("abs", x), 0.5), series, beyond);
};

/** log(1 + x) = 2 atanh(s) with s = x / (2 + x): its series while |s| < 1/4. */
export const lowerLog1p: One = (e, x) => {
  const s = e.apply("div", x, e.apply("add", x, literal(e, 2, x)));
  const square = e.apply("mul", s, s);
  const series = e.apply("mul", s, horner(e, square, [2, 2 / 3, 2 / 5, 2 / 7, 2 / 9, 2 / 11]));
  const beyond = e.apply("log", e.apply("add", literal(e, 1, x), x));
  const near = e.apply("and", e.apply("gt", x, literal(e, -0.4, x)), isBelow(e, x, 0.66));
  return e.apply("select", near, series, beyond);
};

/** The halves of sinh and cosh: e^|x| / 2 as a product, which overflows no earlier than its result, and e^-|x| / 2. */
function halves(e: Expressions, x: Expr): [Expr, Expr] {
  const size = e.apply("abs", x);
  const root = e.apply("exp", e.apply("mul", size, literal(e, 0.5, x)));
  const shrinking = e.apply("mul", e.apply("exp", e.apply("neg", size)), literal(e, 0.5, x));
  return [e.apply("mul", e.apply("mul", root, literal(e, 0.5, x)), root), shrinking];
}

const withSignOf = (e: Expressions, size: Expr, x: Expr): Expr => e.apply("select", isBelow(e, x, 0), e.apply("neg", size), size);

export const lowerSinh: One = (e, x) => {
  const [growing, shrinking] = halves(e, x);
  const square = e.apply("mul", x, x);
  const series = e.apply("mul", x, horner(e, square, [1, 1 / 6, 1 / 120, 1 / 5040, 1 / 362880, 1 / 39916800]));
  return e.apply("select", isBelow(e, e.apply("abs", x), 1), series, withSignOf(e, e.apply("sub", growing, shrinking), x));
};

export const lowerCosh: One = (e, x) => {
  const [growing, shrinking] = halves(e, x);
  return e.apply("add", growing, shrinking);
};

/** Beyond it x^2 + 1 is x^2 in f32, and x^2 may overflow. */
const large = 1e9;

export const lowerAsinh: One = (e, x) => {
  const size = e.apply("abs", x);
  const square = e.apply("mul", size, size);
  const one = literal(e, 1, x);
  const root = e.apply("sqrt", e.apply("add", square, one));
  const near = lowerLog1p(e, e.apply("add", size, e.apply("div", square, e.apply("add", one, root))));
  const far = e.apply("add", e.apply("log", size), literal(e, Math.LN2, x));
  const value = e.apply("select", isBelow(e, size, large), near, far);
  // The square of a small number is lost; there asinh x is x.
  return e.apply("select", isBelow(e, size, 1e-4), x, withSignOf(e, value, x));
};

export const lowerAcosh: One = (e, x) => {
  const t = e.apply("sub", x, literal(e, 1, x));
  const bounded = e.apply("max", t, literal(e, 0, x));
  const root = e.apply("sqrt", e.apply("mul", bounded, e.apply("add", bounded, literal(e, 2, x))));
  const near = lowerLog1p(e, e.apply("add", bounded, root));
  const far = e.apply("add", e.apply("log", x), literal(e, Math.LN2, x));
  const value = e.apply("select", isBelow(e, x, large), near, far);
  return e.apply("select", isBelow(e, x, 1), literal(e, Number.NaN, x), value);
};

export const lowerAtanh: One = (e, x) => {
  const size = e.apply("abs", x);
  const one = literal(e, 1, x);
  const ratio = e.apply("div", e.apply("mul", size, literal(e, 2, x)), e.apply("sub", one, size));
  const inside = withSignOf(e, e.apply("mul", lowerLog1p(e, ratio), literal(e, 0.5, x)), x);
  const edge = withSignOf(e, literal(e, Number.POSITIVE_INFINITY, x), x);
  const outside = e.apply("select", e.apply("gt", size, one), literal(e, Number.NaN, x), inside);
  return e.apply("select", e.apply("eq", size, one), edge, outside);
};

/** asin of a number in -0.5 .. 0.5. source: Cephes, asinf */
function asinNear(e: Expressions, x: Expr): Expr {
  const square = e.apply("mul", x, x);
  const tail = e.apply("mul", square, horner(e, square, [1.6666752422e-1, 7.4953002686e-2, 4.5470025998e-2, 2.4181311049e-2, 4.2163199048e-2]));
  return e.apply("add", x, e.apply("mul", x, tail));
}

/** 2 asin(sqrt((1 - |x|) / 2)), which is acos |x|. */
function acosOfSize(e: Expressions, size: Expr): Expr {
  const half = e.apply("mul", e.apply("sub", literal(e, 1, size), size), literal(e, 0.5, size));
  return e.apply("mul", literal(e, 2, size), asinNear(e, e.apply("sqrt", e.apply("max", half, literal(e, 0, size)))));
}

function withinOne(e: Expressions, x: Expr, size: Expr, value: Expr): Expr {
  return e.apply("select", e.apply("gt", size, literal(e, 1, x)), literal(e, Number.NaN, x), value);
}

export const lowerAsin: One = (e, x) => {
  const size = e.apply("abs", x);
  const far = withSignOf(e, e.apply("sub", literal(e, Math.PI / 2, x), acosOfSize(e, size)), x);
  return withinOne(e, x, size, e.apply("select", isBelow(e, size, 0.5), asinNear(e, x), far));
};

export const lowerAcos: One = (e, x) => {
  const size = e.apply("abs", x);
  const far = acosOfSize(e, size);
  const signed = e.apply("select", isBelow(e, x, 0), e.apply("sub", literal(e, Math.PI, x), far), far);
  const near = e.apply("sub", literal(e, Math.PI / 2, x), asinNear(e, x));
  return withinOne(e, x, size, e.apply("select", isBelow(e, size, 0.5), near, signed));
};

/** atan of a number in 0 .. 1, by way of (x - 1) / (x + 1) in its upper half. source: Cephes, atanf */
function atanUnit(e: Expressions, x: Expr): Expr {
  const one = literal(e, 1, x);
  const isUpper = e.apply("gt", x, literal(e, 0.4142135623730950, x));
  const t = e.apply("select", isUpper, e.apply("div", e.apply("sub", x, one), e.apply("add", x, one)), x);
  const square = e.apply("mul", t, t);
  const tail = e.apply("mul", square, horner(e, square, [-3.33329491539e-1, 1.99777106478e-1, -1.38776856032e-1, 8.05374449538e-2]));
  const value = e.apply("add", t, e.apply("mul", t, tail));
  return e.apply("select", isUpper, e.apply("add", value, literal(e, Math.PI / 4, x)), value);
}

export const lowerAtan: One = (e, x) => {
  const size = e.apply("abs", x);
  const isFar = e.apply("gt", size, literal(e, 1, x));
  const unit = atanUnit(e, e.apply("select", isFar, e.apply("div", literal(e, 1, x), size), size));
  return withSignOf(e, e.apply("select", isFar, e.apply("sub", literal(e, Math.PI / 2, x), unit), unit), x);
};

/** The angle of the point (x, y); a zero has no sign here. */
export function lowerAtan2(e: Expressions, y: Expr, x: Expr): Expr {
  const [height, width] = [e.apply("abs", y), e.apply("abs", x)];
  const isSteep = e.apply("gt", height, width);
  const [small, big] = [e.apply("select", isSteep, width, height), e.apply("select", isSteep, height, width)];
  // Equal sizes, infinite ones among them, have the ratio 1; both zero: 0.
  const isOrigin = e.apply("eq", big, literal(e, 0, x));
  const whole = e.apply("select", isOrigin, literal(e, 0, x), literal(e, 1, x));
  const ratio = e.apply("select", e.apply("eq", small, big), whole, e.apply("div", small, big));
  const first = atanUnit(e, ratio);
  const steep = e.apply("select", isSteep, e.apply("sub", literal(e, Math.PI / 2, x), first), first);
  const turned = e.apply("select", isBelow(e, x, 0), e.apply("sub", literal(e, Math.PI, x), steep), steep);
  return withSignOf(e, turned, y);
}

/** Beyond it the reduction below loses digits, and the target's own function is taken. */
const farAngle = 8192;

/** x = n pi/2 + r with |r| at most pi/4; pi/2 in three parts, so that n times the first two is exact. source: Cephes, sinf */
function reduceAngle(e: Expressions, x: Expr): { readonly quadrant: Expr; readonly rest: Expr } {
  const n = e.apply("round", e.apply("mul", x, literal(e, 2 / Math.PI, x)));
  const rest = [1.5703125, 4.837512969970703125e-4, 7.54978995489188216e-8].reduce((left, part) => e.apply("sub", left, e.apply("mul", n, literal(e, part, x))), x);
  const quarter = e.apply("floor", e.apply("mul", n, literal(e, 0.25, x)));
  return { quadrant: e.apply("sub", n, e.apply("mul", quarter, literal(e, 4, x))), rest };
}

/** Sine and cosine of |x| at most pi/4. source: Cephes, sinf */
function nearSine(e: Expressions, x: Expr): Expr {
  const square = e.apply("mul", x, x);
  return e.apply("add", x, e.apply("mul", e.apply("mul", x, square), horner(e, square, [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4])));
}

function nearCosine(e: Expressions, x: Expr): Expr {
  const square = e.apply("mul", x, x);
  const tail = e.apply("mul", e.apply("mul", square, square), horner(e, square, [4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5]));
  return e.apply("add", e.apply("sub", literal(e, 1, x), e.apply("mul", square, literal(e, 0.5, x))), tail);
}

/** The sine of x + shift * pi/2; what WGSL promises for its own, 2^-11, is too little for many uses. error: 2e-7 absolute */
const shifted = (shift: 0 | 1): One => (e, x) => {
  const { quadrant, rest } = reduceAngle(e, x);
  const [even, odd] = shift === 0 ? [nearSine(e, rest), nearCosine(e, rest)] : [nearCosine(e, rest), nearSine(e, rest)];
  const isQuadrant = (q: number): Expr => e.apply("eq", quadrant, literal(e, q, x));
  const size = e.apply("select", e.apply("or", isQuadrant(1), isQuadrant(3)), odd, even);
  const isNegative = shift === 0 ? e.apply("ge", quadrant, literal(e, 2, x)) : e.apply("or", isQuadrant(1), isQuadrant(2));
  const value = e.apply("select", isNegative, e.apply("neg", size), size);
  const own = e.apply(shift === 0 ? "sin" : "cos", x);
  return e.apply("select", isBelow(e, e.apply("abs", x), farAngle), value, own);
};

export const lowerSin: One = shifted(0);
export const lowerCos: One = shifted(1);

/** sin x / cos x */
export const lowerTan: One = (e, x) => e.apply("div", lowerSin(e, x), lowerCos(e, x));
