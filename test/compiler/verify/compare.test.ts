/** Comparison: row by row, with classes of non-finite numbers, and the worst element reported. */
import { describe, expect, it } from "vitest";
import { compareValues, ulpDistance, worse } from "../../../compiler/verify/compare.ts";

describe("compareValues", () => {
  it("measures each row by its own rms", () => {
    const want = [1000, 1000, 0.001, 0.001];
    expect(compareValues([1000.005, 1000, 0.001, 0.001], want, [2, 2], "f32")).toMatchObject({ passed: true, index: [0, 0] });
    expect(compareValues([1000, 1000, 0.001, 0.00100002], want, [2, 2], "f32")).toMatchObject({ passed: false, index: [1, 1], want: 0.001 });
  });

  it("measures rows of zeros by the ordinary rms, and asks for the allowance only then", () => {
    let asked = 0;
    const allowance = (): Float64Array => {
      asked++;
      return Float64Array.of(1e-6);
    };
    expect(compareValues([1e-8], [0], [1], "f32", { ordinary: 1, allowance })?.passed).toBe(true);
    expect(asked).toBe(0);
    expect(compareValues([5e-7], [0], [1], "f32", { ordinary: 1, allowance })?.passed).toBe(true);
    expect(asked).toBe(1);
    expect(compareValues([5e-6], [0], [1], "f32", { ordinary: 1, allowance })?.passed).toBe(false);
  });

  it("keeps NaN and infinities apart, and takes what f32 cannot hold as infinite", () => {
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    const passed = (got: number, want: number): boolean | undefined => compareValues([got, 1], [want, 1], [2], "f32", { allowance: () => Float64Array.of(inf) })?.passed;
    expect([passed(nan, nan), passed(inf, inf), passed(inf, 1e39)]).toEqual([true, true, true]);
    expect([passed(1, nan), passed(nan, 1), passed(-inf, inf), passed(nan, inf), passed(inf, 1)]).toEqual([false, false, false, false, false]);
  });

  it("wants integers and truth values exact", () => {
    expect(compareValues([1000001], [1000000], [1], "i32")?.passed).toBe(false);
    expect(compareValues([1, 0], [1, 0], [2], "bool")?.passed).toBe(true);
  });

  it("finds missing elements, and has nothing to say about an empty value", () => {
    expect(compareValues([1], [1, 1], [2], "f32")).toMatchObject({ passed: false, index: [1] });
    expect(compareValues([], [], [0], "f32")).toBeUndefined();
  });
});

it("counts spacings of f32", () => {
  expect(ulpDistance(1 + 2 ** -22, 1)).toBe(2);
  expect(ulpDistance(Number.NaN, 1)).toBe(Number.POSITIVE_INFINITY);
});

it("puts failures before near misses", () => {
  const good = compareValues([1 + 9e-6], [1], [1], "f32");
  const bad = compareValues([1 + 2e-5], [1], [1], "f32");
  expect([worse(bad, good), worse(good, bad), worse(good, undefined), worse(undefined, good)]).toEqual([true, false, true, false]);
});
