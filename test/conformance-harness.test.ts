/** The conformance suite can fail: wrong literals are found on every backend, and tolerances mean what they say. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Backends, openBackends } from "./support/conformance/backends.ts";
import type { Case, Family } from "./support/conformance/cases.ts";
import { mismatch } from "./support/conformance/judge.ts";
import { runFamily } from "./support/conformance/run-case.ts";
import { translate } from "./support/conformance/translate.ts";

const made = (op: string, expected: readonly number[], extra: Partial<Case> = {}): Case => ({
  name: `made/${op}`, op, domain: "webnn", opset: null, attributes: {},
  inputs: [{ name: "input", shape: [2], dtype: "float32", data: [1, 4] }],
  outputs: [{ name: "output", shape: [2], dtype: "float32", data: expected }],
  ...extra,
});

const judged = (actual: readonly number[], expected: readonly number[], tolerance: object, dtype: "float32" | "float16" | "int32" = "float32"): boolean =>
  mismatch({ shape: [actual.length], data: actual }, { shape: [expected.length], data: expected, dtype }, tolerance, false) === undefined;

describe("the judge", () => {
  it("counts ulp, and never accepts another class", () => {
    expect(judged([1 + 2 ** -22], [1], { ulp: 2 })).toBe(true);
    expect(judged([1 + 2 ** -21], [1], { ulp: 2 })).toBe(false);
    expect(judged([-(2 ** -149)], [2 ** -149], { ulp: 2 })).toBe(true);
    expect(judged([Number.NaN], [1], { atol: 1e9 })).toBe(false);
    expect(judged([1], [Number.POSITIVE_INFINITY], { atol: 1e9 })).toBe(false);
    expect(judged([Number.NaN, -0], [Number.NaN, 0], { ulp: 0 })).toBe(true);
    expect(judged([1.001], [1], { ulp: 1 }, "float16")).toBe(true);
    expect(judged([1.004], [1], { ulp: 1 }, "float16")).toBe(false);
    expect(judged([3], [4], { atol: 0 }, "int32")).toBe(false);
  });

  it("wants the shape", () => {
    expect(mismatch({ shape: [1, 2], data: [1, 2] }, { shape: [2], data: [1, 2], dtype: "float32" }, { atol: 0 }, false)).toContain("shape [1, 2]");
  });
});

describe("a run", () => {
  let backends: Backends;
  beforeAll(async () => {
    backends = await openBackends();
  });
  afterAll(() => backends.close());

  it("passes right literals, fails wrong ones with their place, and lists what has no program", async () => {
    const family: Family = { name: "made", cases: [made("sqrt", [1, 2]), made("sqrt", [1, 2.5]), made("topK", [0, 0]), made("sqrt", [1, 2], { inputs: [{ name: "input", shape: [2], dtype: "int64", data: ["4611686018427387904", 1] }] })] };
    const tallies = await runFamily(family, backends, true);
    expect(tallies.size).toBeGreaterThan(1);
    for (const [name, { passed, failed, listed, left }] of tallies) {
      if (name === "gpujs webasm") expect([passed, failed, left]).toEqual([1, [], 1]);
      else expect([name, passed, failed]).toEqual([name, 1, ["made/sqrt: element 1 is 2, not 2.5"]]);
      expect([...listed]).toEqual([["sorting", 1], ["int64 beyond the range of i32", 1]]);
    }
  });

  it("reports a program that does not check as a failure, not as a listed case", async () => {
    const tallies = await runFamily({ name: "made", cases: [made("reshape", [1, 4], { attributes: { newShape: [3] } })] }, backends, true);
    expect(tallies.get("reference")?.failed[0]).toContain("does not check: E0301");
  });
});

describe("translation", () => {
  it("names the operator that it has no program for", () => {
    expect(translate(made("resample2d", []))).toEqual({ reason: "no translation of webnn:resample2d" });
  });
});
