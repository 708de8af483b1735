/** The text form of the index-space level: precedence, extents, hard numbers. */
import { describe, expect, it } from "vitest";
import { Expressions } from "../../../compiler/folds/expression.ts";
import { printExpr, printProgram } from "../../../compiler/folds/print.ts";
import { parseExtent } from "../../../compiler/ir/extent.ts";
import { foldsOf } from "../../support/fold-programs.ts";

const e = new Expressions();
const [a, b, c] = ["a", "b", "c"].map((name) => e.load(name, [], "f32")) as [ReturnType<typeof e.load>, ReturnType<typeof e.load>, ReturnType<typeof e.load>];

describe("printExpr", () => {
  it("writes only the parentheses that are needed", () => {
    expect(printExpr(e.apply("mul", e.apply("add", a, b), c))).toBe("(a[] + b[]) * c[]");
    expect(printExpr(e.apply("add", e.apply("mul", a, b), c))).toBe("a[] * b[] + c[]");
    expect(printExpr(e.apply("sub", a, e.apply("sub", b, c)))).toBe("a[] - (b[] - c[])");
    expect(printExpr(e.apply("sub", e.apply("sub", a, b), c))).toBe("a[] - b[] - c[]");
    expect(printExpr(e.apply("neg", e.apply("add", a, b)))).toBe("-(a[] + b[])");
    expect(printExpr(e.apply("select", e.apply("lt", a, b), a, c))).toBe("select(a[] < b[], a[], c[])");
  });

  it("tells -0, NaN and the infinities apart", () => {
    expect([0, -0, Number.NaN, Number.NEGATIVE_INFINITY].map((value) => printExpr(e.constant(value, "f32")))).toEqual(["0", "-0", "NaN", "-Infinity"]);
  });

  it("writes extents, conversions and indices", () => {
    const i = e.range("i", parseExtent("B"));
    expect(printExpr(e.apply("mul", e.convert(e.index(i), "f32"), e.extent(parseExtent("B + 1"), "f32")))).toBe("f32(i0) * (B + 1)");
    expect(printExpr(e.bitcast(a, "u32"))).toBe("bits_u32(a[])");
  });

  it("writes the shared parts of a large expression once", () => {
    let power = e.apply("add", a, b);
    for (let i = 0; i < 60; i++) power = e.apply("mul", power, power);
    const text = printExpr(e.apply("sub", power, c));
    expect(text).toMatch(/^%0 = a\[\] \+ b\[\]; %1 = %0 \* %0; %2 = %1 \* %1; /);
    expect(text).toMatch(/; %59 = %58 \* %58; %59 \* %59 - c\[\]$/);
  });
});

describe("printProgram", () => {
  it("is one definition a line", () => {
    const { lowered } = foldsOf("model M[B](x: f32[B, 4]) -> f32[B] {\n  param w: f32[4] = ones\n  return x @ w\n}");
    expect(printProgram(lowered)).toBe("program M\n  input x: f32[B, 4]\n  parameter w: f32[4]\n  matmul.1: f32[i0 < B] = sum { k1 < 4 } x[i0, k1] * w[k1]\n  output output = matmul.1\n");
  });
});
