/**
 * Index arithmetic over ranges: sums of extent-weighted indices, with exact floor division and remainder where the
 * bounds of the ranges prove them. This is what makes a reshape of a flattened box disappear.
 */
import { addExtents, constantExtent, divideExtents, type Extent, extentValue, multiplyExtents, sameExtent, subtractExtents } from "../ir/extent.ts";
import { type Expr, type Expressions, type Range, rangesOf, visit } from "./expression.ts";

interface Term {
  readonly atom: Expr;
  readonly weight: Extent;
}

/** offset + sum of weight * atom */
interface Linear {
  readonly offset: Extent;
  readonly terms: readonly Term[];
}

const zero = constantExtent(0);
const one = constantExtent(1);

function linear(expr: Expr): Linear {
  if (expr.kind === "const") return { offset: constantExtent(expr.value), terms: [] };
  if (expr.kind === "extent") return { offset: expr.extent, terms: [] };
  if (expr.kind === "apply" && expr.args.length === 2) {
    const [a, b] = [linear(expr.args[0] as Expr), linear(expr.args[1] as Expr)];
    if (expr.op === "add") return sum(a, b);
    if (expr.op === "sub") return sum(a, scaled(b, constantExtent(-1)));
    if (expr.op === "mul" && b.terms.length === 0) return scaled(a, b.offset);
    if (expr.op === "mul" && a.terms.length === 0) return scaled(b, a.offset);
  }
  return { offset: zero, terms: [{ atom: expr, weight: one }] };
}

function sum(a: Linear, b: Linear): Linear {
  const terms = [...a.terms];
  for (const term of b.terms) {
    const at = terms.findIndex((known) => known.atom === term.atom);
    const known = terms[at];
    if (known) terms[at] = { atom: known.atom, weight: addExtents(known.weight, term.weight) };
    else terms.push(term);
  }
  return joined({ offset: addExtents(a.offset, b.offset), terms: terms.filter((term) => !sameExtent(term.weight, zero)) });
}

/** y again out of y div m * m + y rem m: what a box that was flattened and taken apart leaves behind. */
function joined(form: Linear): Linear {
  for (const rest of form.terms) {
    if (rest.atom.kind !== "apply" || rest.atom.op !== "rem") continue;
    const [of, by] = rest.atom.args as readonly [Expr, Expr];
    const modulus = by.kind === "const" ? constantExtent(by.value) : by.kind === "extent" ? by.extent : undefined;
    const wanted = modulus && multiplyExtents(rest.weight, modulus);
    const whole = wanted && form.terms.find(({ atom, weight }) => atom.kind === "apply" && atom.op === "div" && atom.args[0] === of && atom.args[1] === by && sameExtent(weight, wanted));
    if (whole) return sum({ offset: form.offset, terms: form.terms.filter((term) => term !== rest && term !== whole) }, scaled(linear(of), rest.weight));
  }
  return form;
}

const scaled = (a: Linear, by: Extent): Linear => ({
  offset: multiplyExtents(a.offset, by),
  terms: a.terms.map((term) => ({ atom: term.atom, weight: multiplyExtents(term.weight, by) })),
});

function build(e: Expressions, form: Linear): Expr {
  const parts = form.terms.map((term) => e.apply("mul", term.atom, e.extent(term.weight, "i32")));
  if (!sameExtent(form.offset, zero) || parts.length === 0) parts.push(e.extent(form.offset, "i32"));
  return parts.reduce((left, right) => e.apply("add", left, right));
}

/** No value of the extents (all at least 1) makes it negative: sufficient, not necessary. */
function neverNegative(extent: Extent): boolean {
  let floor = 0;
  for (const term of extent.terms) {
    if (term.atoms.length > 0 && term.coefficient < 0) return false;
    floor += term.coefficient;
  }
  return floor >= 0;
}

/** The largest value of a range, or of a quotient or remainder of one; undefined for anything that may be negative. */
function largestOf(atom: Expr): Extent | undefined {
  if (atom.kind === "index") return subtractExtents(atom.range.extent, one);
  if (atom.kind !== "apply" || (atom.op !== "div" && atom.op !== "rem")) return undefined;
  const [of, by] = atom.args as readonly [Expr, Expr];
  const whole = largestOf(of);
  if (!whole || by.kind !== "const" || by.value <= 0) return undefined;
  const known = extentValue(whole);
  if (atom.op === "rem") return constantExtent(known === undefined ? by.value - 1 : Math.min(known, by.value - 1));
  return known === undefined ? whole : constantExtent(Math.floor(known / by.value));
}

/** The largest value of a sum of what is never negative; undefined when that cannot be proved of it. */
function largestSum(form: Linear): Extent | undefined {
  if (!neverNegative(form.offset)) return undefined;
  let largest = form.offset;
  for (const term of form.terms) {
    const most = largestOf(term.atom);
    if (!most || !neverNegative(term.weight)) return undefined;
    largest = addExtents(largest, multiplyExtents(term.weight, most));
  }
  return largest;
}

/** Proves 0 <= form < bound from the bounds of the ranges in it. */
function within(form: Linear, bound: Extent): boolean {
  const largest = largestSum(form);
  return largest !== undefined && neverNegative(subtractExtents(subtractExtents(bound, one), largest));
}

/** Splits form = quotient * divisor + remainder with 0 <= remainder, when that can be proved. `isExact`: remainder < divisor, too. */
function splitBy(form: Linear, divisor: Extent): { quotient: Linear; remainder: Linear; isExact: boolean } | undefined {
  let quotient: Linear = { offset: zero, terms: [] };
  let remainder: Linear = { offset: zero, terms: [] };
  for (const term of form.terms) {
    const ratio = divideExtents(term.weight, divisor);
    if (sameExtent(multiplyExtents(ratio, divisor), term.weight)) quotient = sum(quotient, { offset: zero, terms: [{ atom: term.atom, weight: ratio }] });
    else remainder = sum(remainder, { offset: zero, terms: [term] });
  }
  const ratio = divideExtents(form.offset, divisor);
  if (sameExtent(multiplyExtents(ratio, divisor), form.offset)) quotient = sum(quotient, { offset: ratio, terms: [] });
  else remainder = sum(remainder, { offset: form.offset, terms: [] });
  if (within(remainder, divisor)) return { quotient, remainder, isExact: true };
  return quotient.terms.length > 0 && largestSum(remainder) && largestSum(quotient) ? { quotient, remainder, isExact: false } : undefined;
}

export const addIndex = (e: Expressions, a: Expr, b: Expr): Expr => build(e, sum(linear(a), linear(b)));

export const scaleIndex = (e: Expressions, a: Expr, by: Extent): Expr => build(e, scaled(linear(a), by));

/** floor(a / by) for a >= 0 */
export function divideIndex(e: Expressions, a: Expr, by: Extent): Expr {
  if (extentValue(by) === 1) return a;
  const parts = splitBy(linear(a), by);
  if (!parts) return e.apply("div", a, e.extent(by, "i32"));
  if (parts.isExact) return build(e, parts.quotient);
  return addIndex(e, build(e, parts.quotient), e.apply("div", build(e, parts.remainder), e.extent(by, "i32")));
}

/** a mod by for a >= 0 */
export function remainderIndex(e: Expressions, a: Expr, by: Extent): Expr {
  if (extentValue(by) === 1) return e.constant(0, "i32");
  const parts = splitBy(linear(a), by);
  if (!parts) return e.apply("rem", a, e.extent(by, "i32"));
  return parts.isExact ? build(e, parts.remainder) : e.apply("rem", build(e, parts.remainder), e.extent(by, "i32"));
}

/** Row-major offset of `indices` in a box of `shape`. unit: elements */
export function flattenIndex(e: Expressions, indices: readonly Expr[], shape: readonly Extent[]): Expr {
  let offset: Expr = e.constant(0, "i32");
  indices.forEach((index, axis) => {
    offset = addIndex(e, scaleIndex(e, offset, shape[axis] ?? one), index);
  });
  return offset;
}

/** The inverse of `flattenIndex`. */
export function unflattenIndex(e: Expressions, offset: Expr, shape: readonly Extent[]): Expr[] {
  const indices: Expr[] = [];
  let rest = offset;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis] ?? one;
    indices.unshift(axis === 0 ? rest : remainderIndex(e, rest, extent));
    rest = divideIndex(e, rest, extent);
  }
  return indices;
}


/**
 * The weight of `range` in an offset that is linear in it; undefined when the range also occurs inside a quotient,
 * a remainder or a load. Weight 1 means: consecutive values of the range are consecutive elements.
 */
export function weightOf(expr: Expr, range: Range): Extent | undefined {
  const form = linear(expr);
  let weight = zero;
  for (const term of form.terms) {
    if (term.atom.kind === "index" && term.atom.range === range) weight = term.weight;
    else if (rangesOf(term.atom).has(range)) return undefined;
  }
  return weight;
}

/** Is an index the same for the `lanes` values of `range` from each multiple of `lanes` on? Its quotient by a multiple of them is. */
export function isSteady(expr: Expr, range: Range, lanes: number): boolean {
  if (!rangesOf(expr).has(range)) return true;
  if (expr.kind !== "apply") return false;
  const [of, by] = expr.args;
  if (expr.op === "div" && of?.kind === "index" && of.range === range && by?.kind === "const" && by.value > 0 && by.value % lanes === 0) return true;
  return expr.args.every((arg) => isSteady(arg, range, lanes));
}

/** Is the part of an offset that does not depend on `range` a multiple of `divisor` for all extents? */
export function isMultipleApartFrom(expr: Expr, range: Range, divisor: number, scales: ReadonlyMap<Range, number>): boolean {
  const form = linear(expr);
  const divides = (extent: Extent, by: number): boolean => extent.terms.every((term) => (term.coefficient * by) % divisor === 0);
  return divides(form.offset, 1) && form.terms.every((term) => (term.atom.kind === "index" && term.atom.range === range) || divides(term.weight, term.atom.kind === "index" ? (scales.get(term.atom.range) ?? 1) : 1));
}

/** Quotients and remainders from which on an index is long: those of windows and reshapes, as counted before a kernel is simplified. */
const longestIndex = 6;

/** Do the indices in `expr` take much arithmetic? Then it is worth computing once per element and not once per invocation. */
export function hasLongIndices(expr: Expr): boolean {
  let quotients = 0;
  visit(expr, (node) => {
    if (node.kind === "apply" && node.dtype === "i32" && (node.op === "div" || node.op === "rem")) quotients++;
  });
  return quotients >= longestIndex;
}
