/** What a fusion rule is: a named rewrite of fold programs with a numeric class and the conditions it discharged. */

/**
 * exact: same bits; reassociated: same reals, other order of summation; real-equal: another formula for the same real
 * number; approximate: differs by a stated epsilon.
 */
export type NumericClass = "exact" | "reassociated" | "real-equal" | "approximate";

/** One application of a rule: part of a kernel's derivation. */
export interface Application {
  /** `R6 defer`: number as in spec/fusion.md, and name. */
  readonly rule: string;
  readonly class: NumericClass;
  /** Definitions that the rule made or changed. */
  readonly subjects: readonly string[];
  /** The side conditions, as discharged. */
  readonly conditions: readonly string[];
}

export type Contract = "strict" | "reassociate" | "fast";

/**
 * The classes of rewrites that a contract admits; `reassociate` is the default, and its bound is checked, not assumed. They
 * concern formulas: the order in which a kernel takes the terms of a sum is its own and fixed under every contract.
 */
export const admitted: Record<Contract, ReadonlySet<NumericClass>> = {
  strict: new Set<NumericClass>(["exact"]),
  reassociate: new Set<NumericClass>(["exact", "reassociated", "real-equal"]),
  fast: new Set<NumericClass>(["exact", "reassociated", "real-equal", "approximate"]),
};
