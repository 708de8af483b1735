/**
 * The accuracy contract of spec/numerics.md, measured: the compiler's own kernels, run in f32 by the interpreter, against the
 * float64 reference on rows that hurt. NUMERICS_PRINT=1 prints the table that the spec quotes.
 */
import { describe, expect, it } from "vitest";
import { checkSource, compileModel, sourceFile } from "../compiler/index.ts";
import type { PlanOptions } from "../compiler/compile.ts";
import { required } from "../compiler/errors.ts";
import { roundToHalf } from "../compiler/kernel/numbers.ts";
import { evaluate } from "../compiler/reference/evaluate.ts";
import type { ReferenceTensor } from "../compiler/ops/define.ts";
import { runPlan } from "./support/run-plan.ts";
import { randomNumbers } from "./support/tensor-function.ts";

const length = 768;
const columns = 8;

/** Roughly normal numbers of mean 0 and deviation 1. */
function normals(seed: number): () => number {
  const next = randomNumbers(seed);
  return () => Array.from({ length: 12 }, next).reduce((a, b) => a + b, 0) / 2;
}

type Row = (next: () => number, i: number) => number;

/** Rows by name. Each is rounded to f32 before anything is computed, so that kernel and reference see the same numbers. */
const rows: Readonly<Record<string, Row>> = {
  normal: (next) => next(),
  "mean 10": (next) => 10 + next(),
  "mean 100": (next) => 100 + next(),
  "mean 1000": (next) => 1000 + next(),
  "mean 10000": (next) => 10_000 + next(),
  "outlier of 1000 inside": (next, i) => (i === 500 ? 1000 : next()),
  "outlier of 1000 first": (next, i) => (i === 0 ? 1000 : next()),
  "outlier of 10000 first": (next, i) => (i === 0 ? 10_000 : next()),
  "outlier of 1000 first, mean 100": (next, i) => (i === 0 ? 1000 : 100 + next()),
  "5 within 0.001": (next) => 5 + 1e-3 * next(),
  "first 64 far away": (next, i) => (i < 64 ? 1000 : 0) + next(),
  // The worst case of the pivot: the 64 elements that it is the mean of say nothing about the others.
  "its 64 samples far away": (next, i) => (i % 12 === 6 ? 1000 : 0) + next(),
  "alternating signs": (next, i) => (i % 2 === 0 ? 100 : -100) + next(),
  tiny: (next) => 1e-10 * next(),
};

const names = Object.keys(rows);
const x = Float32Array.from(names.flatMap((name, r) => {
  const next = normals(17 + r);
  return Array.from({ length }, (_, i) => required(rows[name], "test", name)(next, i));
}));

interface Measured {
  readonly actual: Float32Array;
  readonly expected: Float64Array;
}

/** Both answers of one model whose only output is `output`. */
function measure(text: string, parameters: Readonly<Record<string, Float32Array>> = {}, options: PlanOptions = {}, data = x): Measured {
  const { models, diagnostics } = checkSource(sourceFile("numerics.nf", text));
  expect(diagnostics).toEqual([]);
  const fn = required(models[0], "test", "model");
  const bindings = { B: data.length / length };
  const compiled = compileModel(fn, "wgsl", { assume: bindings, ...options });
  const output = required(fn.outputs[0]?.name, "test", "output");
  const reference = (name: string, values: Float32Array): ReferenceTensor => ({ dtype: "f32", shape: name === "x" ? [bindings.B, length] : values.length === length ? [length] : [length, columns], data: Float64Array.from(values) });
  const actual = runPlan(compiled, bindings, { x: data, ...parameters })[output];
  const expected = evaluate(fn, bindings, { x: reference("x", data) }, Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, reference(name, values)])))[output];
  return { actual: required(actual, "test", output) as Float32Array, expected: required(expected, "test", output).data };
}

const table: string[] = [];

/** Largest error of each row by name. */
function errorsByRow({ actual, expected }: Measured, scale: (row: Float64Array) => number): Record<string, number> {
  const width = expected.length / names.length;
  return Object.fromEntries(names.map((name, r) => {
    const [wanted, got] = [expected.subarray(r * width, (r + 1) * width), actual.subarray(r * width, (r + 1) * width)];
    const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs((got[i] ?? Number.NaN) - value)), 0);
    return [name, worst / scale(wanted)];
  }));
}

function report(title: string, errors: Readonly<Record<string, number>>): void {
  table.push(`${title}\n${Object.entries(errors).map(([name, error]) => `  ${name.padEnd(34)} ${error.toExponential(1)}`).join("\n")}`);
  if (process.env["NUMERICS_PRINT"] === "1") console.log(table.at(-1));
}

/** Condition number of the row about its pivot, the mean of 64 elements at equal distances; from float64. */
const conditions: Readonly<Record<string, number>> = Object.fromEntries(names.map((name, r) => {
  const row = Float64Array.from(x.subarray(r * length, (r + 1) * length));
  const mean = row.reduce((a, b) => a + b, 0) / length;
  const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
  const step = Math.floor(length / 64);
  const pivot = row.filter((_, i) => i % step === step >> 1).slice(0, 64).reduce((a, b) => a + b, 0) / 64;
  return [name, Math.sqrt(1 + (pivot - mean) ** 2 / variance)];
}));

/** Rows whose error exceeds `bound` times their condition number. */
const beyond = (errors: Readonly<Record<string, number>>, bound: number): string[] => Object.entries(errors).filter(([name, error]) => !(error <= bound * (conditions[name] ?? 1))).map(([name, error]) => `${name}: ${error}`);

const rms = (values: Float64Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
const first = (values: Float64Array): number => Math.abs(values[0] ?? Number.NaN);

const deviation = "model Rstd[B](x: f32[B, 768]) -> f32[B] {\n  return rsqrt(variance(x))\n}\n";
const norm = "model Norm[B](x: f32[B, 768]) -> f32[B, 768] {\n  param gain: f32[768] = ones\n  param bias: f32[768] = zeros\n  return layer_norm(x, gain, bias, eps = 0)\n}\n";
const normThenProduct = "model Deferred[B](x: f32[B, 768]) -> f32[B, 8] {\n  param gain: f32[768] = ones\n  param bias: f32[768] = zeros\n  param w: f32[768, 8] = ones\n  return layer_norm(x, gain, bias, eps = 0) @ w\n}\n";

const next = normals(5);
const gain = Float32Array.from({ length }, () => 1 + 0.1 * next());
const bias = Float32Array.from({ length }, () => 0.1 * next());
/** Weights whose columns have a mean, which a norm that is not exactly centred would see. */
const w = Float32Array.from({ length: length * columns }, () => 0.02 + 0.036 * next());

describe("centred sums", () => {
  it("give 1 / deviation to 1e-6 for |mean| / deviation up to 10,000 and on hostile rows", () => {
    const errors = errorsByRow(measure(deviation), first);
    report("relative error of 1 / deviation", errors);
    expect(beyond(errors, 5e-7)).toEqual([]);
    expect(Math.max(...Object.values(errors))).toBeLessThan(1e-6);
  });

  it("could be missed: E[x^2] - E[x]^2 in f32 is useless on the same rows", () => {
    const f = Math.fround;
    const naive = names.map((_, r) => {
      const row = x.subarray(r * length, (r + 1) * length);
      const sum = row.reduce((total, value) => f(total + value), 0);
      const squares = row.reduce((total, value) => f(total + f(value * value)), 0);
      return f(1 / Math.sqrt(f(f(squares / length) - f(f(sum / length) * f(sum / length)))));
    });
    const errors = errorsByRow({ actual: Float32Array.from(naive), expected: measure(deviation).expected }, first);
    expect(errors["mean 1000"]).not.toBeLessThan(1e-2);
    expect(errors["5 within 0.001"]).not.toBeLessThan(1e-2);
  });

  it("bound the square of the condition number by 1 + n / 64 on any row", () => {
    for (const name of names) expect(conditions[name], name).toBeLessThanOrEqual(Math.sqrt(1 + length / 64));
    expect(conditions["mean 10000"]).toBeLessThan(1.01);
    expect(conditions["its 64 samples far away"]).toBeGreaterThan(3);
    expect(conditions["first 64 far away"]).toBeLessThan(1.01);
  });

  it("give 0 on constant rows, whatever the constant", () => {
    const constants = [0, 0.1, 1 / 3, -7, 1e4 + 0.1, 1e20, 3e38];
    const data = Float32Array.from(constants.flatMap((value) => new Array<number>(length).fill(value)));
    const { actual } = measure(norm.replace("eps = 0", "eps = 1e-5"), { gain, bias }, {}, data);
    constants.forEach((value, r) => {
      const row = actual.subarray(r * length, (r + 1) * length);
      if (Math.abs(value) < 1e30) expect(row.every((out, i) => Math.abs(out - (bias[i] ?? 0)) < 1e-5), String(value)).toBe(true);
    });
  });
});

describe("norms", () => {
  it("stay within 1e-5 of the row's rms", () => {
    const errors = errorsByRow(measure(norm, { gain, bias }), rms);
    report("layer norm: largest error / rms", errors);
    expect(beyond(errors, 1e-5)).toEqual([]);
  });

  it("stay within 1e-5 of the output's rms when a product follows, fused or deferred", () => {
    const errors = errorsByRow(measure(normThenProduct, { gain, bias, w }), rms);
    report("layer norm, then matmul: largest error / rms", errors);
    expect(beyond(errors, 1e-5)).toEqual([]);
  });
});

describe("f16", () => {
  it("is storage: squares and sums beyond 65504 are taken in f32", () => {
    const half = "model Half[B](x: f16[B, 768]) -> f16[B] {\n  return sqrt(mean(x * x, axis = -1))\n}\n";
    const data = Float32Array.from({ length: 2 * length }, (_, i) => (i < length ? 300 : i % 2 === 0 ? 2048 : -1024));
    const { actual, expected } = measure(half, {}, {}, data);
    expect([...actual]).toEqual([300, roundToHalf(expected[1] ?? 0)]);
  });
});

describe("NaN and infinity", () => {
  it("poison their own row and no other", () => {
    const data = x.slice(0, 3 * length);
    data[5] = Number.NaN;
    data[length + 700] = Number.POSITIVE_INFINITY;
    const { actual, expected } = measure(norm, { gain, bias }, {}, data);
    expect([...actual].map(Number.isNaN)).toEqual([...expected].map(Number.isNaN));
    expect(Number.isNaN(expected[0])).toBe(true);
    expect(actual.subarray(2 * length).every(Number.isFinite)).toBe(true);
  });
});

describe("order of reduction", () => {
  it("is fixed: the same bits on every run", () => {
    const again = (): string => Buffer.from(measure(normThenProduct, { gain, bias, w }).actual.buffer).toString("base64");
    expect(again()).toBe(again());
  });
});
