/** Suggestions for misspelt names. */
import { describe, expect, test } from "vitest";
import { editDistance, nearestHint, nearestNames } from "../../../compiler/diagnostics/nearest-name.ts";

describe("edit distance", () => {
  test.each([["", "", 0], ["abc", "abc", 0], ["abc", "acb", 1], ["abc", "ab", 1], ["kitten", "sitting", 3], ["", "xyz", 3]])("%s to %s is %i", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe("nearest names", () => {
  test("nearest first, at most three", () => expect(nearestNames("sofmax", ["softmin", "softmax", "soft", "Sofmax", "zeros"])).toEqual(["Sofmax", "softmax"]));
  test("one letter has no neighbours", () => expect(nearestNames("m", ["n"])).toEqual([]));
  test("hints", () => {
    expect(nearestHint("sofmax", ["softmax"])).toBe("did you mean 'softmax'?");
    expect(nearestHint("aaaa", ["aaab", "aaac"])).toBe("did you mean 'aaab' or 'aaac'?");
    expect(nearestHint("quite_other", ["softmax"])).toBeUndefined();
  });
});
