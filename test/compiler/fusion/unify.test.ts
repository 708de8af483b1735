/** Structural matching with free ranges. */
import { describe, expect, it } from "vitest";
import { type Expr, Expressions, type Range } from "../../../compiler/folds/expression.ts";
import { substitute } from "../../../compiler/folds/inline.ts";
import { unify } from "../../../compiler/fusion/unify.ts";
import { constantExtent } from "../../../compiler/ir/extent.ts";

const e = new Expressions();
const range = (name: string, length = 8): Range => e.range(name, constantExtent(length));
const [i, j, m, n] = [range("i"), range("j"), range("m"), range("n")];
const x = (...at: readonly Range[]): Expr => e.load("x", at.map((each) => e.index(each)), "f32");
const holes = new Set([i, j]);

describe("unify", () => {
  it("binds free ranges to what stands at their place, which substitution undoes", () => {
    const pattern = e.apply("exp", e.apply("mul", x(i, j), x(i, j)));
    const target = e.apply("exp", e.apply("mul", x(m, n), x(m, n)));
    const bound = unify(pattern, target, holes);
    expect([...(bound ?? [])]).toEqual([[i, e.index(m)], [j, e.index(n)]]);
    expect(bound && substitute(e, pattern, bound)).toBe(target);
  });

  it("wants one binding for each range", () => {
    expect(unify(e.apply("add", x(i, j), x(j, i)), e.apply("add", x(m, n), x(n, m)), holes)).toBeDefined();
    expect(unify(e.apply("add", x(i, j), x(j, i)), e.apply("add", x(m, n), x(m, n)), holes)).toBeUndefined();
    expect(unify(x(i, i), x(m, n), holes)).toBeUndefined();
  });

  it("leaves other ranges, sources, constants, ops and dtypes as they are", () => {
    expect(unify(x(m, j), x(n, n), holes)).toBeUndefined();
    expect(unify(x(i, j), e.load("y", [e.index(m), e.index(n)], "f32"), holes)).toBeUndefined();
    expect(unify(e.apply("mul", x(i, j), e.constant(2, "f32")), e.apply("mul", x(m, n), e.constant(3, "f32")), holes)).toBeUndefined();
    expect(unify(e.apply("add", x(i, j), x(i, j)), e.apply("sub", x(m, n), x(m, n)), holes)).toBeUndefined();
    expect(unify(e.convert(x(i, j), "i32"), e.convert(x(m, n), "u32"), holes)).toBeUndefined();
  });

  it("does not take operands in another order: addition of floats commutes, but the tree is another", () => {
    const y = e.load("y", [], "f32");
    expect(unify(e.apply("add", x(i, j), y), e.apply("add", y, x(m, n)), holes)).toBeUndefined();
  });

  it("may bind a computed index", () => {
    const at = e.apply("add", e.index(m), e.constant(1, "i32"));
    expect(unify(x(i, j), e.load("x", [at, e.index(n)], "f32"), holes)?.get(i)).toBe(at);
  });

  it("is linear in shared trees", () => {
    const deep = (leaf: Expr): Expr => Array.from({ length: 200 }).reduce<Expr>((expr) => e.apply("mul", expr, expr), leaf);
    expect(unify(deep(x(i, j)), deep(x(m, n)), holes)).toBeDefined();
  });
});
