/**
 * One norm placed in each of the five ways (own prologue, own epilogue, ride, partial, separate) computes the same numbers, within
 * 1e-5 of the output's rms, however hostile the row and whatever its length. The rows are exact in f32, so that the product
 * before the norm adds no error of its own.
 */
import { describe, expect, it } from "vitest";
import { required } from "../../../compiler/errors.ts";
import { evaluate } from "../../../compiler/reference/evaluate.ts";
import type { TensorData } from "../../../runtime/tensor.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { contractionsOf, forcePlacement, normBetweenProducts, type PlacementName, placements } from "../../support/forced-placement.ts";
import { numberGenerator } from "../../support/random-programs.ts";
import { toReference } from "../../support/tensor-function.ts";

const spellings: Readonly<Record<string, string>> = {
  library: "return layer_norm(z, gain, bias)",
  "rsqrt of a mean": "let d = z - mean(z, axis = -1, keep = true)\n  return d * rsqrt(mean(d * d, axis = -1, keep = true) + 1e-5) * gain + bias",
  "quotients of sums": "let m = sum(z, axis = -1, keep = true) / N\n  let s = sum((z - m) * (z - m), axis = -1, keep = true) / N\n  return (z - m) / sqrt(s + 1e-5) * gain + bias",
  "a power": "let m = mean(z, axis = -1, keep = true)\n  let s = mean((z - m) ** 2, axis = -1, keep = true)\n  return (z - m) / sqrt(s + 1e-5) * gain + bias",
};

/** A row is mean + deviation * noise + outlier * (one channel). */
const rows: readonly { readonly name: string; readonly mean: number; readonly deviation: number; readonly outlier: number }[] = [
  { name: "mean 0", mean: 0, deviation: 1, outlier: 0 },
  { name: "mean 1", mean: 1, deviation: 1, outlier: 0 },
  { name: "mean 100", mean: 100, deviation: 1, outlier: 0 },
  { name: "mean 10000", mean: 10_000, deviation: 1, outlier: 0 },
  { name: "constant", mean: 7, deviation: 0, outlier: 0 },
  { name: "an outlier channel", mean: 1, deviation: 1, outlier: 1000 },
];

/** A multiple of 1/256 within 2: with a mean of 10,000 it needs 22 bits of 24. */
const inner = 3;
const bindings = { B: rows.length };

function dataFor(columns: number): Record<string, { readonly dtype: "f32"; readonly shape: readonly number[]; readonly data: TensorData }> {
  const random = numberGenerator(columns);
  const noise = (): number => (random(1025) - 512) / 256;
  const tensor = (shape: readonly number[], values: readonly number[]): { readonly dtype: "f32"; readonly shape: readonly number[]; readonly data: TensorData } => ({ dtype: "f32", shape, data: Float32Array.from(values) });
  const channel = Math.floor(columns / 3);
  const fill = (length: number, value: (i: number) => number): number[] => Array.from({ length }, (_, i) => value(i));
  return {
    x: tensor([rows.length, inner], rows.flatMap(({ mean, deviation, outlier }) => [mean, deviation, outlier])),
    w: tensor([inner, columns], [...fill(columns, () => 1), ...fill(columns, noise), ...fill(columns, (i) => (i === channel ? 1 : 0))]),
    gain: tensor([columns], fill(columns, () => 1 + noise() / 4)),
    bias: tensor([columns], fill(columns, noise)),
    // Columns of v with a mean of their own, which a norm that is not exactly centred would let through.
    v: tensor([columns, 3], fill(columns * 3, () => 0.5 + noise())),
  };
}

/** Largest error of each row over the rms of its output, of one placement against float64. */
function errorsOf(text: string, columns: number, placement: PlacementName): Record<string, number> | undefined {
  const forced = forcePlacement(text, placement);
  if (!forced) return undefined;
  const data = dataFor(columns);
  const actual = forced.run(bindings, Object.fromEntries(Object.entries(data).map(([name, tensor]) => [name, tensor.data])));
  const { x, ...parameters } = toReference(data);
  const wanted = required(Object.values(evaluate(modelOf(text), bindings, { x: required(x, "test", "x") }, parameters))[0], "test", "output").data;
  return Object.fromEntries(rows.map(({ name }, r) => {
    const row = wanted.subarray(r * 3, r * 3 + 3);
    const rms = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / 3);
    return [name, Math.max(...row.map((value, i) => Math.abs(value - (actual[r * 3 + i] ?? Number.NaN)))) / rms];
  }));
}

const textOf = (spelling: string, columns: number): string => normBetweenProducts(spellings[spelling] ?? "", inner, columns);

describe.each(placements)("a norm as %s", (placement) => {
  it.each([1, 3, 63, 64, 65, 130, 1000])("over rows of %d", (columns) => {
    const errors = errorsOf(textOf("library", columns), columns, placement);
    // A row of one tile has no parts, and a sum over one element is no product that a norm could move past.
    expect(errors === undefined).toBe((placement === "partial" && columns <= 64) || (placement === "ride" && columns === 1));
    for (const [row, error] of Object.entries(errors ?? {})) expect(error, row).toBeLessThan(1e-5);
  });

  it.each(Object.keys(spellings))("spelt as: %s", (spelling) => {
    for (const [row, error] of Object.entries(errorsOf(textOf(spelling, 130), 130, placement) ?? { none: Number.NaN })) expect(error, row).toBeLessThan(1e-5);
  });

  it("is what the region says", () => {
    const forced = required(forcePlacement(textOf("library", 130), placement), "test", placement);
    const [first, second] = contractionsOf(forced).slice(-2);
    const roles = { prologue: second?.prologue.length ?? 0, epilogue: first?.epilogue.length ?? 0, ride: second?.ride.length ?? 0, partial: first?.partials.length ?? 0 };
    const wanted: Record<PlacementName, Partial<typeof roles>> = {
      prologue: { prologue: 3, epilogue: 0, ride: 0, partial: 0 }, epilogue: { prologue: 0, epilogue: 3, ride: 0, partial: 0 }, ride: { prologue: 1, epilogue: 0, ride: 2, partial: 0 },
      partial: { epilogue: 0, ride: 0, partial: 3 }, separate: { prologue: 0, epilogue: 0, ride: 0, partial: 0 },
    };
    expect(roles).toMatchObject(wanted[placement]);
    expect(forced.regions.filter(({ phase }) => phase === "run").length).toBe(placement === "separate" ? 3 : 2);
  });
});

describe("the rows", () => {
  it("are exact in f32 before the norm, and would show E[x^2] - E[x]^2", () => {
    const { x, w } = dataFor(65);
    const z = rows.map((_, r) => Array.from({ length: 65 }, (_unused, j) => [0, 1, 2].reduce((sum, k) => sum + (x?.data[r * inner + k] ?? 0) * (w?.data[k * 65 + j] ?? 0), 0)));
    expect(z.flat().every((value) => Math.fround(value) === value)).toBe(true);
    const f = Math.fround;
    const far = required(z[3], "test", "row");
    const naive = f(f(far.reduce((sum, value) => f(sum + f(value * value)), 0) / 65) - f(f(far.reduce((sum, value) => f(sum + value), 0) / 65) ** 2));
    const mean = far.reduce((a, b) => a + b, 0) / 65;
    const exact = far.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 65;
    expect(Math.abs(naive - exact) / exact).toBeGreaterThan(0.01);
  });
});
