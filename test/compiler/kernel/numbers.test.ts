import { describe, expect, it } from "vitest";
import { bitcastNumber, convertNumber, evaluateExtent, extentTreeNames, roundToHalf, shortestFloat, ties } from "../../../compiler/kernel/numbers.ts";
import { numbers } from "../../support/sample-kernels.ts";

describe("numbers of the kernel IR", () => {
  it("rounds to half precision, ties to even, subnormals and overflow included", () => {
    expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 65504, 65519, 65520, 2 ** -24, 2 ** -25, -0].map(roundToHalf)).toEqual([1, 1 + 2 ** -9, 65504, 65504, Infinity, 2 ** -24, 0, -0]);
  });

  it("rounds ties to even and keeps the sign of zero", () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, -0.2].map(ties)).toEqual([0, 2, 2, -0, -2, 0, -0]);
  });

  it("writes every f32 so that it reads back exactly, and no more digits than needed", () => {
    expect([0.1, 1, -0, 1e-5, 3.4028234663852886e38, 1e21].map((value) => shortestFloat(Math.fround(value)))).toEqual(["0.1", "1.0", "-0.0", "0.00001", "3.4028234663852886e38", "1e21"]);
    for (const value of numbers(500, 9)) for (const scale of [1, 1e-30, 1e30]) expect(Math.fround(Number(shortestFloat(Math.fround(value * scale))))).toBe(Math.fround(value * scale));
  });

  it("converts by truncation and clamps", () => {
    expect([-1.9, 3e9, -3e9, NaN].map((value) => convertNumber(value, "f32", "i32"))).toEqual([-1, 2147483647, -2147483648, 0]);
    expect(convertNumber(-1, "i32", "u32")).toBe(4294967295);
    expect(convertNumber(0.5, "f32", "bool")).toBe(1);
  });

  it("reinterprets bits", () => {
    expect(bitcastNumber(1, "f32", "u32")).toBe(0x3f800000);
    expect(bitcastNumber(0xff800000, "u32", "f32")).toBe(-Infinity);
    expect(bitcastNumber(-1, "i32", "u32")).toBe(4294967295);
  });

  it("evaluates extent trees with floor division", () => {
    expect(evaluateExtent(["/", ["+", "N", 63], 64], { N: 65 })).toBe(2);
    expect(extentTreeNames(["*", "B", ["+", "A", "B"]])).toEqual(["A", "B"]);
    expect(() => evaluateExtent("N", {})).toThrow("binding of 'N'");
  });
});
