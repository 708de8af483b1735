/** Interned scalar expressions, and the few simplifications that change no bit. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Expr, Expressions, loadsOf, rangesOf, rewrite, visit } from "../../../compiler/folds/expression.ts";
import { constantExtent, parseExtent, symbolExtent } from "../../../compiler/ir/extent.ts";
import { evaluateExpression } from "../../support/evaluate-fold.ts";

const e = new Expressions();
const x = e.load("x", [], "f32");
const y = e.load("y", [], "f32");
const f32 = (value: number): Expr => e.constant(value, "f32");
const i32 = (value: number): Expr => e.constant(value, "i32");

describe("interning", () => {
  it("gives equal expressions the same object", () => {
    const range = e.range("i", symbolExtent("B"));
    expect(e.apply("add", e.load("a", [e.index(range)], "f32"), f32(2))).toBe(e.apply("add", e.load("a", [e.index(range)], "f32"), f32(2)));
    expect(e.load("a", [i32(0)], "f32")).not.toBe(e.load("a", [i32(1)], "f32"));
    expect(e.extent(parseExtent("2*B"), "f32")).toBe(e.extent(parseExtent("B + B"), "f32"));
  });

  it("keeps -0 and NaN apart from 0, and dtypes from each other", () => {
    const made = [f32(0), f32(-0), f32(Number.NaN), i32(0), e.constant(0, "bool")];
    expect(new Set(made).size).toBe(made.length);
    expect(f32(Number.NaN)).toBe(f32(Number.NaN));
    expect(made[1]).toMatchObject({ kind: "const" });
    expect(made[1]?.kind === "const" && Object.is(made[1].value, -0)).toBe(true);
  });

  it("has fresh ranges, and 0 for the index of one element", () => {
    const [a, b] = [e.range("i", constantExtent(4)), e.range("i", constantExtent(4))];
    expect(e.index(a)).not.toBe(e.index(b));
    expect(e.index(e.range("i", constantExtent(1)))).toBe(i32(0));
    expect(e.extent(constantExtent(7), "f32")).toBe(f32(7));
  });
});

describe("simplification", () => {
  it("drops what changes no bit", () => {
    for (const made of [e.apply("mul", x, f32(1)), e.apply("mul", f32(1), x), e.apply("div", x, f32(1)), e.apply("sub", x, f32(0)), e.apply("pow", x, f32(1))]) expect(made).toBe(x);
    expect(e.apply("pow", x, f32(2))).toBe(e.apply("mul", x, x));
    expect(e.convert(x, "f32")).toBe(x);
  });

  it("keeps what would lose -0, NaN or an infinity", () => {
    const kept: readonly [Expr, string][] = [
      [e.apply("add", x, f32(0)), "-0 + 0 = 0"], [e.apply("sub", x, f32(-0)), "-0 - -0 = 0"], [e.apply("mul", x, f32(0)), "NaN * 0"], [e.apply("sub", x, x), "inf - inf"],
      [e.apply("div", x, x), "0 / 0"], [e.apply("mul", x, f32(-1)), "kept as it is"], [e.apply("add", f32(0.1), f32(0.2)), "rounds on the device"],
    ];
    for (const [made, why] of kept) expect(made.kind, why).toBe("apply");
  });

  it("folds integers, whose arithmetic is exact", () => {
    expect(e.apply("add", i32(3), i32(4))).toBe(i32(7));
    expect(e.apply("sub", i32(3), i32(4))).toBe(i32(-1));
    expect(e.apply("mul", i32(3), i32(4))).toBe(i32(12));
    const n = e.index(e.range("n", symbolExtent("N")));
    expect(e.apply("add", n, i32(0))).toBe(n);
    expect(e.apply("mul", n, i32(0))).toBe(i32(0));
  });

  it("converts constants as kernels do: towards zero, limited, wrapping integers", () => {
    const converted = (value: number, from: "f32" | "i32" | "u32", to: "i32" | "u32" | "bool" | "f32"): number => {
      const made = e.convert(e.constant(value, from), to);
      return made.kind === "const" ? made.value : Number.NaN;
    };
    expect(converted(-1.9, "f32", "i32")).toBe(-1);
    expect(converted(3e10, "f32", "i32")).toBe(2 ** 31 - 1);
    expect(converted(-5, "f32", "u32")).toBe(0);
    expect(converted(-1, "i32", "u32")).toBe(2 ** 32 - 1);
    expect(converted(2 ** 32 - 1, "u32", "i32")).toBe(-1);
    expect(converted(0.25, "f32", "bool")).toBe(1);
  });

  it("never changes a value: random trees against the unsimplified arithmetic", () => {
    const numbers = [0, -0, 1, -1, 2, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 3e38];
    const ops = ["add", "sub", "mul", "div"] as const;
    const plain: Record<(typeof ops)[number], (a: number, b: number) => number> = { add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, div: (a, b) => a / b };
    const fround = Math.fround;
    const tree = fc.letrec<{ node: { expr: Expr; value: number } }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(...numbers).map((value) => ({ expr: f32(fround(value)), value: fround(value) })),
        fc.constantFrom({ expr: x, value: -0 }, { expr: y, value: fround(0.3) }),
        fc.tuple(fc.constantFrom(...ops), tie("node"), tie("node")).map(([op, a, b]) => ({ expr: e.apply(op, a.expr, b.expr), value: fround(plain[op](a.value, b.value)) })),
      ),
    })).node;
    fc.assert(fc.property(tree, ({ expr, value }) => Object.is(evaluateExpression(expr, { load: (source) => (source === "x" ? -0 : fround(0.3)) }), value)), { seed: 7, numRuns: 500 });
  });
});

describe("walks", () => {
  const range = e.range("k", constantExtent(8));
  const expr = e.apply("add", e.apply("mul", e.load("a", [e.index(range)], "f32"), x), e.load("a", [e.index(range)], "f32"));

  it("see each node once, operands first", () => {
    const seen: Expr[] = [];
    visit(expr, (node) => seen.push(node));
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.at(-1)).toBe(expr);
    expect(loadsOf(expr).map((load) => load.source)).toEqual(["a", "x"]);
    expect([...rangesOf(expr)]).toEqual([range]);
  });

  it("rewrite bottom-up, and give the same object when nothing changes", () => {
    expect(rewrite(e, expr, () => undefined)).toBe(expr);
    const replaced = rewrite(e, expr, (node) => (node === x ? f32(1) : undefined));
    expect(replaced).toBe(e.apply("add", e.load("a", [e.index(range)], "f32"), e.load("a", [e.index(range)], "f32")));
  });
});
