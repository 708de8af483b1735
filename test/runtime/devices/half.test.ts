import { describe, expect, it } from "vitest";
import { fromHalfBits, toHalfBits } from "../../../runtime/devices/half.ts";

describe("binary16", () => {
  it.each([
    [0, 0x0000], [-0, 0x8000], [1, 0x3c00], [-2, 0xc000], [65504, 0x7bff], [65519.99, 0x7bff], [65520, 0x7c00],
    [-1e9, 0xfc00], [Number.POSITIVE_INFINITY, 0x7c00], [2 ** -24, 0x0001], [2 ** -25, 0x0000], [2 ** -25 * 1.01, 0x0001],
    [2 ** -14, 0x0400], [2 ** -14 - 2 ** -24, 0x03ff], [1 + 2 ** -11, 0x3c00], [1 + 3 * 2 ** -11, 0x3c02], [0.1, 0x2e66],
  ])("rounds %d to the nearest", (value, bits) => {
    expect(toHalfBits(value)).toBe(bits);
  });

  it("gives every pattern back", () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = fromHalfBits(bits);
      if (Number.isNaN(value)) expect(toHalfBits(value) & 0x7fff).toBe(0x7e00);
      else if (toHalfBits(value) !== bits) expect.fail(`${bits} became ${toHalfBits(value)} through ${value}`);
    }
  });
});
