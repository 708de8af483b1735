/**
 * The factors that indices are made of: what stands behind each name, and what lies between a polynomial's bounds. A bound
 * comes from the ranges of the factors and from facts, polynomials that are not negative. Flow: polynomial.ts -> here -> index-form.ts.
 */
import { constantOf, factorsOf, keyOf, minus, type Polynomial } from "./polynomial.ts";
import type { Range } from "./ranges.ts";

/** Polynomials that are not negative. */
export type Facts = readonly Polynomial[];

/** What stands behind the name of a factor. Extents are named `#...` and are not negative. */
export type Meaning =
  | { readonly kind: "range"; readonly range: Range }
  /** of / by and of % by; `of` is not negative. */
  | { readonly kind: "quotient" | "remainder"; readonly of: Polynomial; readonly by: number }
  | { readonly kind: "least"; readonly of: readonly [Polynomial, Polynomial] };

export const natural: Range = { low: 0, high: Number.POSITIVE_INFINITY };

/** 0 times an infinite end is 0: the end stands for values that are large. */
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

/** Ways that a sum of two facts can bound something: more than two are not tried. */
const deepest = 2;

export class Factors {
  readonly #meanings = new Map<string, Meaning>();

  meaningOf(name: string): Meaning | undefined {
    return this.#meanings.get(name);
  }

  define(name: string, meaning: Meaning): void {
    this.#meanings.set(name, meaning);
  }

  /** The factor that stands for of / by or of % by. */
  nameOf(kind: "quotient" | "remainder", of: Polynomial, by: number): string {
    return `(${keyOf(of)}) ${kind === "quotient" ? "/" : "%"} ${by}`.replaceAll(" * ", ".");
  }

  /** The `of` and `by` of a quotient or remainder. */
  parts(name: string): { readonly kind: "quotient" | "remainder"; readonly of: Polynomial; readonly by: number } | undefined {
    const meaning = this.#meanings.get(name);
    return meaning?.kind === "quotient" || meaning?.kind === "remainder" ? meaning : undefined;
  }

  /** Names of all quotients and remainders met so far. */
  get divided(): readonly string[] {
    return [...this.#meanings.keys()].filter((name) => this.parts(name));
  }

  #rangeOfFactor(name: string, facts: Facts, depth: number): Range {
    const meaning = this.#meanings.get(name);
    switch (meaning?.kind) {
      case undefined: return natural;
      case "range": return meaning.range;
      case "quotient": return { low: 0, high: Math.floor(-this.#bound(minus(constantOf(0), meaning.of), facts, depth + 1) / meaning.by) };
      case "remainder": return { low: 0, high: meaning.by - 1 };
      case "least": return {
        low: Math.min(...meaning.of.map((each) => this.#bound(each, facts, depth))),
        high: Math.min(...meaning.of.map((each) => -this.#bound(minus(constantOf(0), each), facts, depth + 1))),
      };
      default: return meaning satisfies never;
    }
  }

  /** A lower bound of a polynomial from the ranges of its factors alone. */
  #interval(p: Polynomial, facts: Facts, depth: number): number {
    let sum = 0;
    for (const [monomial, coefficient] of p) {
      let range: Range = { low: coefficient, high: coefficient };
      for (const name of factorsOf(monomial)) {
        const { low, high } = this.#rangeOfFactor(name, facts, depth);
        const ends = [product(range.low, low), product(range.low, high), product(range.high, low), product(range.high, high)];
        range = { low: Math.min(...ends), high: Math.max(...ends) };
      }
      sum += range.low;
    }
    return sum;
  }

  /** A lower bound: of the polynomial itself, or of what is left of it over a fact, or over two. */
  #bound(p: Polynomial, facts: Facts, depth: number): number {
    let best = this.#interval(p, facts, depth);
    if (best >= 0 || depth >= deepest) return best;
    for (const fact of facts) {
      if (best >= 0) break;
      // A fact that shares no monomial with it can say nothing of it.
      if ([...fact.keys()].some((monomial) => monomial !== "" && p.has(monomial))) best = Math.max(best, this.#bound(minus(p, fact), facts, depth + 1));
    }
    return best;
  }

  /** A lower bound, minus infinity where none is known. */
  low(p: Polynomial, facts: Facts): number {
    return this.#bound(p, facts, 0);
  }

  high(p: Polynomial, facts: Facts): number {
    return -this.low(minus(constantOf(0), p), facts);
  }
}
