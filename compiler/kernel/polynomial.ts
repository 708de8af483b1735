/**
 * Integer polynomials over named factors, in one canonical form: what an index is once lets and loop counters are written
 * out. Names of factors are opaque here; index-form.ts makes them and knows their ranges. Pure arithmetic.
 */
import { evaluateExtent, extentTreeNames } from "./numbers.ts";
import type { ExtentTree } from "../ir/extent.ts";

/** Coefficient by monomial; a monomial is its factors, sorted and joined. The constant has the empty monomial. No coefficient is 0. */
export type Polynomial = ReadonlyMap<string, number>;

const separator = " * ";

/** The factors of a monomial, with repetition. */
export const factorsOf = (monomial: string): readonly string[] => (monomial === "" ? [] : monomial.split(separator));

const monomialOf = (factors: readonly string[]): string => [...factors].sort().join(separator);

export const constantOf = (value: number): Polynomial => new Map(value === 0 ? [] : [["", value]]);

export const factor = (name: string): Polynomial => new Map([[name, 1]]);

export const one: Polynomial = constantOf(1);

/** a + by * b */
export function plus(a: Polynomial, b: Polynomial, by = 1): Polynomial {
  const sum = new Map(a);
  for (const [monomial, coefficient] of b) {
    const total = (sum.get(monomial) ?? 0) + by * coefficient;
    if (total === 0) sum.delete(monomial);
    else sum.set(monomial, total);
  }
  return sum;
}

export const minus = (a: Polynomial, b: Polynomial): Polynomial => plus(a, b, -1);

export function times(a: Polynomial, b: Polynomial): Polynomial {
  let product: Polynomial = new Map();
  for (const [left, x] of a) product = plus(product, new Map([...b].map(([right, y]) => [monomialOf([...factorsOf(left), ...factorsOf(right)]), x * y])));
  return product;
}

/** The number that a polynomial is, if it is one. */
export function valueOf(p: Polynomial): number | undefined {
  if (p.size === 0) return 0;
  return p.size === 1 ? p.get("") : undefined;
}

/** Equal polynomials have equal keys. */
export const keyOf = (p: Polynomial): string => [...p].map(([monomial, coefficient]) => `${coefficient} ${monomial}`).sort().join(" + ");

export const samePolynomial = (a: Polynomial, b: Polynomial): boolean => minus(a, b).size === 0;

/** The monomials that `wanted` holds for, by their factors. */
export const partOf = (p: Polynomial, wanted: (factors: readonly string[]) => boolean): Polynomial => new Map([...p].filter(([monomial]) => wanted(factorsOf(monomial))));

/** The monomial of most factors: what a division goes by. */
function leading(p: Polynomial): readonly [string, number] | undefined {
  return [...p].sort(([a], [b]) => factorsOf(b).length - factorsOf(a).length || (a < b ? -1 : 1))[0];
}

/** `monomial / by` if every factor of `by` is in it. */
function cancelled(monomial: string, by: string): string | undefined {
  const rest = [...factorsOf(monomial)];
  for (const each of factorsOf(by)) {
    const at = rest.indexOf(each);
    if (at < 0) return undefined;
    rest.splice(at, 1);
  }
  return monomialOf(rest);
}

export interface Division {
  readonly quotient: Polynomial;
  /** p - quotient * divisor */
  readonly rest: Polynomial;
}

/** p in terms of a divisor: each monomial that its leading one divides gives to the quotient. The constant is divided rounding down. */
export function divide(p: Polynomial, divisor: Polynomial): Division {
  const lead = leading(divisor);
  if (!lead) return { quotient: new Map(), rest: p };
  const [by, size] = lead;
  const quotient = new Map<string, number>();
  for (const [monomial, coefficient] of p) {
    const left = cancelled(monomial, by);
    if (left === undefined) continue;
    const part = monomial === "" ? Math.floor(coefficient / size) : coefficient / size;
    if (Number.isInteger(part) && part !== 0) quotient.set(left, part);
  }
  return { quotient, rest: minus(p, times(quotient, divisor)) };
}

/** Sums and products of names written out; a quotient stays, under a name that `nameQuotient` gives it. */
export function polynomialOfExtent(tree: ExtentTree, nameQuotient: (numerator: Polynomial, denominator: Polynomial) => Polynomial): Polynomial {
  if (typeof tree === "number") return constantOf(tree);
  if (typeof tree === "string") return factor(`#${tree}`);
  if (extentTreeNames(tree).length === 0) return constantOf(evaluateExtent(tree, {}));
  const [operator, left, right] = tree;
  const [a, b] = [polynomialOfExtent(left, nameQuotient), polynomialOfExtent(right, nameQuotient)];
  switch (operator) {
    case "+": return plus(a, b);
    case "*": return times(a, b);
    case "/": return nameQuotient(a, b);
    default: return operator satisfies never;
  }
}
