/** Solving argument shapes against a signature. */
import { describe, expect, test } from "vitest";
import type { Pattern } from "../../../compiler/check/pattern.ts";
import { instantiate, type Solution, solve } from "../../../compiler/check/unify-shapes.ts";
import { parseExtent } from "../../../compiler/ir/extent.ts";
import { printType, tensorType } from "../../../compiler/ir/types.ts";

const pattern = (lead: boolean, ...extents: string[]): Pattern => ({ dtype: "f32", lead, extents: extents.map(parseExtent) });
const type = (...extents: string[]) => tensorType("f32", extents.map(parseExtent));

function solved(pairs: readonly (readonly [Pattern, ReturnType<typeof type>])[], names: readonly string[], given: Readonly<Record<string, string>> = {}) {
  const solution: Solution = { extents: new Map(Object.entries(given).map(([name, text]) => [name, parseExtent(text)])), lead: undefined };
  const clash = solve(pairs.map(([wanted, actual]) => ({ pattern: wanted, type: actual })), names, solution);
  const found = Object.fromEntries([...solution.extents].map(([name, extent]) => [name, extent.key]));
  return { clash, found, lead: solution.lead?.map((extent) => extent.key), solution };
}

describe("solve", () => {
  test("names bind, `...` takes the leading axes", () => {
    const { clash, found, lead } = solved([[pattern(true, "N"), type("B", "T", "4*H")]], ["N"]);
    expect([clash, found, lead]).toEqual([undefined, { N: "4*H" }, ["B", "T"]]);
  });

  test("a computed extent is solved when one name is left", () => {
    expect(solved([[pattern(false, "4*H + 1"), type("9")]], ["H"]).found).toEqual({ H: "2" });
    expect(solved([[pattern(false, "G*M", "G"), type("32", "8")]], ["G", "M"]).found).toEqual({ G: "8", M: "4" });
    expect(solved([[pattern(false, "4*H"), type("9")]], ["H"]).found).toEqual({});
  });

  test("the callee's names are kept apart from the caller's", () => {
    expect(solved([[pattern(false, "2*N"), type("4*N")]], ["N"]).found).toEqual({ N: "2*N" });
    expect(solved([[pattern(false, "a", "b"), type("b", "a")]], ["a", "b"]).found).toEqual({ a: "b", b: "a" });
  });

  test("clashes name the axis", () => {
    expect(solved([[pattern(false, "N", "N"), type("3", "4")]], ["N"]).clash).toMatchObject({ axis: 1, wanted: { key: "3" } });
    expect(solved([[pattern(false, "N"), type("3", "4")]], ["N"]).clash).toMatchObject({ axis: undefined });
    expect(solved([[pattern(true, "N"), type("B", "3")], [pattern(true, "N"), type("C", "3")]], ["N"]).clash).toMatchObject({ axis: 0, wanted: { key: "B" } });
    expect(solved([[pattern(false, "K"), type("3")]], ["K"], { K: "4" }).clash).toMatchObject({ axis: 0, wanted: { key: "4" } });
    expect(solved([[pattern(false), tensorType("i32", [])]], []).clash).toMatchObject({ axis: undefined });
  });

  test("a pattern becomes a type once its names are known", () => {
    const { solution } = solved([[pattern(true, "N"), type("B", "3")]], ["N", "M"]);
    const made = instantiate(pattern(true, "2*N"), solution, ["N", "M"]);
    expect(made && printType(made)).toBe("f32[B, 6]");
    expect(instantiate(pattern(false, "M"), solution, ["N", "M"])).toBeUndefined();
  });
});
