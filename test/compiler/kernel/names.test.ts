import { describe, expect, it } from "vitest";
import { freshName, isLegalName } from "../../../compiler/kernel/names.ts";

describe("names", () => {
  it("freshName makes any wish legal and new", () => {
    const taken = new Set<string>();
    const given = ["x", "x", "dense_2.gain", "max", "for", "2nd", "__", "f32", "größe", "a__b", "thread"].map((wish) => freshName(wish, taken));
    expect(given).toEqual(["x", "x_2", "dense_2_gain", "max_value", "for_value", "v2nd", "value", "f32_value", "gr_e", "a_b", "thread_value"]);
    expect(given.every(isLegalName)).toBe(true);
    expect(taken.size).toBe(given.length);
  });

  it("words of the text form are no names", () => {
    for (const word of ["let", "thread_x", "inverse_sqrt", "vec4", "inf", "bits_u32", "_x", "a__b", "a.b", ""]) expect(isLegalName(word)).toBe(false);
  });
});
