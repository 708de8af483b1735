import { describe, expect, it } from "vitest";
import type { ParameterSpec } from "../../runtime/artifact.ts";
import { initialParameter, initialParameters } from "../../runtime/initialise.ts";

const spec = (name: string, shape: ParameterSpec["shape"], initialiser: string, value?: number): ParameterSpec => ({
  name,
  dtype: "f32",
  shape,
  initialiser: value === undefined ? { name: initialiser } : { name: initialiser, value },
});

const numbers = (parameter: ParameterSpec, seed = 1): number[] => Array.from(initialParameter(parameter, seed).data);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
}

describe("initial parameters", () => {
  it("depend on seed, path and index alone", () => {
    const w = spec("dense.w", [3, 4], "normal");
    const all = initialParameters({ parameters: [spec("other", [9], "normal"), w] }, 7);
    expect(all["dense.w"]?.data).toEqual(initialParameter(w, 7).data);
    expect(numbers(w, 7)).not.toEqual(numbers(w, 8));
    expect(numbers(w, 7)).not.toEqual(numbers(w, 7 + 2 ** 32));
    expect(numbers(w)).not.toEqual(numbers({ ...w, name: "dense.v" }));
    expect(numbers({ ...w, shape: [2, 4] })).toEqual(numbers(w).slice(0, 8));
  });

  // Computed once and never updated: they hold on every platform or the promise is broken.
  it("are these numbers", () => {
    expect(numbers(spec("w", [3], "uniform"), 42)).toEqual([0.3610929548740387, -0.36737263202667236, 0.8860355019569397]);
    expect(numbers(spec("w", [3], "normal"), 42)).toEqual([0.46922746300697327, -0.47803208231925964, 1.5806220769882202]);
  });

  it("constants", () => {
    expect(numbers(spec("b", [2], "zeros"))).toEqual([0, 0]);
    expect(numbers(spec("b", [2], "ones"))).toEqual([1, 1]);
    expect(numbers(spec("b", [], "constant", 0.25))).toEqual([0.25]);
  });

  it("uniform and glorot_uniform fill their interval evenly", () => {
    const count = 20_000;
    const flat = numbers(spec("w", [count], "uniform", 0.5));
    for (let bin = 0; bin < 10; bin++) {
      const inside = flat.filter((value) => value >= bin / 10 - 0.5 && value < (bin + 1) / 10 - 0.5).length;
      expect(Math.abs(inside - count / 10)).toBeLessThan(5 * Math.sqrt(count / 10));
    }
    const bound = Math.sqrt(6 / 300);
    const glorot = numbers(spec("w", [100, 200], "glorot_uniform"));
    expect(Math.max(...glorot)).toBeLessThan(bound);
    expect(Math.max(...glorot)).toBeGreaterThan(0.99 * bound);
    expect(Math.abs(mean(glorot))).toBeLessThan(0.01 * bound);
  });

  it("normal has the moments and tails of the normal distribution", () => {
    const count = 100_000;
    const values = numbers(spec("w", [count], "normal", 2)).map((value) => value / 2);
    expect(mean(values)).toBeCloseTo(0, 1.7);
    expect(deviation(values)).toBeCloseTo(1, 1.7);
    expect(mean(values.map((value) => value ** 4))).toBeCloseTo(3, 0.8);
    const beyond = (z: number): number => values.filter((value) => Math.abs(value) > z).length / count;
    expect(beyond(1.959964)).toBeCloseTo(0.05, 2);
    expect(beyond(3.290527)).toBeCloseTo(0.001, 3);
    expect(deviation(numbers(spec("w", [50, 400], "he_normal")))).toBeCloseTo(Math.sqrt(2 / 50), 2);
  });

  it("neighbours are not correlated, in one parameter or between two", () => {
    const [a, b] = [numbers(spec("layer_1.w", [20_000], "normal")), numbers(spec("layer_2.w", [20_000], "normal"))];
    const correlation = (x: readonly number[], y: readonly number[]): number => mean(x.map((value, i) => value * (y[i] ?? 0)));
    for (const other of [a.slice(1), b]) expect(Math.abs(correlation(a.slice(0, other.length), other))).toBeLessThan(0.03);
  });

  it.each([[[5, 5]], [[3, 8]], [[8, 3]], [[2, 4, 3]]])("orthogonal of shape %j has orthonormal rows or columns", (shape) => {
    const across = shape[shape.length - 1] ?? 1;
    const down = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    const values = numbers(spec("w", shape, "orthogonal", 2)).map((value) => value / 2);
    const at = (vector: number, i: number): number => values[down >= across ? i * across + vector : vector * across + i] ?? 0;
    const [length, vectors] = down >= across ? [down, across] : [across, down];
    for (let v = 0; v < vectors; v++)
      for (let u = 0; u <= v; u++) {
        let dot = 0;
        for (let i = 0; i < length; i++) dot += at(v, i) * at(u, i);
        expect(dot).toBeCloseTo(u === v ? 1 : 0, 6);
      }
  });

  it("symbolic shapes need their extents; an unknown initialiser is named", () => {
    expect(initialParameter(spec("w", ["H", ["*", 4, "H"]], "zeros"), 1, { H: 2 }).shape).toEqual([2, 8]);
    expect(() => numbers(spec("w", ["H"], "zeros"))).toThrow(/extent H is not known/);
    expect(() => numbers(spec("w", [1], "toString"))).toThrow(expect.objectContaining({ code: "artifact-invalid" }));
  });
});
