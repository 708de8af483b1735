/** Hostile values are what they claim to be, and the same for the same seed. */
import { describe, expect, it } from "vitest";
import { inputKinds, inputTensor, isFiniteKind, parameterTensor } from "../../../compiler/verify/inputs.ts";

const row = (kind: (typeof inputKinds)[number], length = 1000, seed = 1): number[] => [...inputTensor("x", "f32", [1, length], kind, seed).data];
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: readonly number[]): number => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));

describe("inputs", () => {
  it("have the stated ratio of mean to deviation", () => {
    for (const [kind, ratio] of [["mean 1 sigma", 1], ["mean 100 sigma", 100], ["mean 10000 sigma", 1e4]] as const) {
      const values = row(kind);
      expect(mean(values) / deviation(values) / ratio).toBeGreaterThan(0.8);
      expect(mean(values) / deviation(values) / ratio).toBeLessThan(1.25);
    }
    expect(Math.abs(mean(row("ordinary")))).toBeLessThan(0.1);
  });

  it("have constant, one-hot, huge and tiny rows", () => {
    const rows = [...inputTensor("x", "f32", [4, 5], "constant rows", 1).data];
    expect([0, 5, 10, 15].map((at) => new Set(rows.slice(at, at + 5)).size)).toEqual([1, 1, 1, 1]);
    expect(rows[5]).toBe(Math.fround(1e4 + 0.1));
    expect(row("one-hot rows").reduce((a, b) => a + b)).toBe(1);
    expect(row("huge first channel")[0]).toBe(1e3);
    expect(row("huge inner channel").filter((value) => Math.abs(value) === 1e3)).toHaveLength(1);
    expect(Math.max(...row("tiny values").map(Math.abs))).toBeLessThan(1e-5);
    expect(row("zeros").every((value) => value === 0)).toBe(true);
  });

  it("are finite or not as they say, in one row alone", () => {
    for (const kind of inputKinds) expect(row(kind).every(Number.isFinite), kind).toBe(isFiniteKind(kind));
    for (const kind of ["one NaN", "one infinity"] as const) expect([...inputTensor("x", "f32", [3, 7], kind, 1).data].filter((value) => !Number.isFinite(value))).toHaveLength(1);
  });

  it("are a function of seed, name and kind", () => {
    expect(row("ordinary", 50, 7)).toEqual(row("ordinary", 50, 7));
    expect(row("ordinary", 50, 7)).not.toEqual(row("ordinary", 50, 8));
    expect([...inputTensor("y", "f32", [1, 50], "ordinary", 7).data]).not.toEqual(row("ordinary", 50, 7));
  });

  it("of integers and truth values are in range, of halves representable", () => {
    const picks = [...inputTensor("i", "i32", [500], "mean 10000 sigma", 1, 5).data];
    expect([...new Set(picks)].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(new Set(inputTensor("m", "bool", [100], "ordinary", 1).data)).toEqual(new Set([0, 1]));
    expect(inputTensor("h", "f16", [1, 1], "mean 10000 sigma", 1).data[0]).toSatisfy((value: number) => value % 8 === 0);
  });
});

describe("varied parameters", () => {
  const varied = (initialiser: Parameters<typeof parameterTensor>[0]["initialiser"], shape: readonly number[]): number[] => [...parameterTensor({ name: "p", dtype: "f32", shape, initialiser }, shape, "varied", 1).data];

  it("have gains other than 1, but positive, biases other than 0, and weight columns with a mean", () => {
    const gains = varied({ name: "ones" }, [100]);
    expect(gains.every((gain) => gain > 0 && gain !== 1)).toBe(true);
    expect(varied({ name: "zeros" }, [100]).every((bias) => bias !== 0)).toBe(true);
    expect(mean(varied({ name: "glorot_uniform" }, [200, 30]))).toBeCloseTo(0.05, 2);
  });

  it("are left as the source has them when asked for", () => {
    expect([...parameterTensor({ name: "p", dtype: "f32", shape: [3], initialiser: { name: "ones" } }, [3], "initial", 1).data]).toEqual([1, 1, 1]);
  });
});
