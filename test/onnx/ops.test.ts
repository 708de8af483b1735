/**
 * Every op record exported as a model of one op and run in onnxruntime, against the float64 reference: elementwise ops on
 * their samples, the others on the cases that the tests of shape rules use, with extents that only the graph knows.
 */
import { describe, expect, it } from "vitest";
import { required } from "../../compiler/errors.ts";
import type { DType } from "../../compiler/ir/types.ts";
import type { Op, ReferenceTensor } from "../../compiler/ops/define.ts";
import { operations } from "../../compiler/ops/index.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { fromHalfBits, toHalfBits } from "../../runtime/devices/half.ts";
import { onnxFile, runOnnx } from "../support/onnx-oracle.ts";
import { caseBindings, caseOperand, opCases } from "../support/op-cases.ts";
import { tensorFunction } from "../support/tensor-function.ts";
import { within } from "../support/tolerance.ts";

const host = new Set(["input", "parameter"]);
const all = [...operations.values()].filter(({ name }) => !host.has(name));

/** Values on which onnxruntime differs by its own choice, beyond the tolerance of the record. unit of `absolute`: of the result */
const deviations: Readonly<Record<string, { readonly reason: string; readonly absolute: number }>> = {
  sigmoid: { reason: "onnxruntime limits x to -18 .. 18", absolute: 2e-8 },
};

/** As onnxruntime gets it. */
const rounded = (value: number, dtype: DType): number => (dtype === "f32" ? Math.fround(value) : dtype === "f16" ? fromHalfBits(toHalfBits(value)) : value);

/** Half precision has 2^13 times the spacing of f32, and none below 2^-24. */
const half = { factor: 2 ** 13, absolute: 2 ** -24 };

const integerSamples: readonly (readonly number[])[] = [[7, 2], [-7, 2], [7, -2], [0, 3], [5, 0], [2147483647, 2147483647], [-2147483648, -1], [65535, 65537]];

interface Sampled {
  readonly op: Op;
  readonly dtype: DType;
  readonly samples: readonly (readonly number[])[];
}

/** Samples in every dtype that the record allows. */
const sampled: readonly Sampled[] = all.filter((op) => op.family === "elementwise" && op.attributes.length === 0).flatMap((op) => {
  const operand = required(op.operands.at(-1), "test", op.name);
  return operand.dtypes.map((dtype): Sampled => ({ op, dtype, samples: samplesIn(op, dtype) }));
});

function samplesIn(op: Op, dtype: DType): readonly (readonly number[])[] {
  if (dtype === "f32" || dtype === "f16") return op.samples;
  if (dtype === "bool") return op.samples.length > 0 ? op.samples.map((sample) => sample.map((value) => (value === 0 || Number.isNaN(value) ? 0 : 1))) : [];
  const whole = [...op.samples.filter((sample) => sample.every(Number.isInteger)), ...integerSamples.map((pair) => op.operands.map((_, i) => pair[i % 2] ?? 0))];
  return whole.map((sample) => sample.map((value) => (dtype === "i32" ? value | 0 : value >>> 0)));
}

describe("elementwise ops on their samples", () => {
  it.each(sampled.map((one) => [`${one.op.name} of ${one.dtype}`, one] as const))("%s", async (_, { op, dtype, samples }) => {
    const types = op.operands.map(({ dtypes }) => (dtypes.length === 1 ? (dtypes[0] ?? dtype) : dtype));
    const fn = tensorFunction({ extents: ["S"], inputs: Object.fromEntries(types.map((type, i) => [`x${i}`, `${type}[S]`])) }, ({ op: apply, input }) => ({ y: apply(op.name, types.map((_type, i) => input(`x${i}`))) }));
    const inputs = Object.fromEntries(types.map((type, i): [string, ReferenceTensor] => [`x${i}`, { dtype: type, shape: [samples.length], data: Float64Array.from(samples, (sample) => rounded(sample[i] ?? 0, type)) }]));
    const { data } = required(evaluate(fn, { S: samples.length }, inputs, {})["y"], "test", "y");
    const got = required((await runOnnx(onnxFile(fn), inputs))["y"], "test", "y");
    const deviation = deviations[op.name];
    const { factor, absolute } = dtype === "f16" ? half : { factor: 1, absolute: 0 };
    const tolerance = { ulp: factor * Math.max(op.tolerance.ulp, dtype === "f16" ? 1 : 0), absolute: Math.max(op.tolerance.absolute ?? 0, deviation?.absolute ?? 0) * factor + absolute };
    const bad = samples.flatMap((sample, i) => {
      // What is beyond the range of half precision is an infinity there.
      const want = dtype === "f16" ? rounded(data[i] ?? Number.NaN, "f16") : (data[i] ?? Number.NaN);
      const fine = within(got.data[i] ?? Number.NaN, want, tolerance);
      return fine ? [] : [{ sample, got: got.data[i], want: data[i] }];
    });
    expect(bad).toEqual([]);
  });
});

describe("the other ops", () => {
  it("are all among the cases", () => {
    expect(all.filter((op) => op.family !== "control" && (op.family !== "elementwise" || op.attributes.length > 0)).map(({ name }) => name).filter((name) => !opCases.some(({ op }) => op === name))).toEqual([]);
  });

  it.each(opCases.map((one, i) => [`${i} ${one.op}(${one.types.join(", ")})`, one] as const))("%s", async (_, one) => {
    // Extents come from input shapes: a further input has both.
    const fn = tensorFunction({ extents: ["B", "N"], inputs: { ...Object.fromEntries(one.types.map((type, i) => [`x${i}`, type])), shapes: "f32[B, N]" } }, ({ op, input }) => ({ y: op(one.op, one.types.map((_type, i) => input(`x${i}`)), one.attributes ?? {}) }));
    const inputs = { ...Object.fromEntries(one.types.map((type, i) => [`x${i}`, caseOperand(type, i + 1)])), shapes: caseOperand("f32[B, N]", 9) };
    const want = required(evaluate(fn, caseBindings, inputs, {})["y"], "test", "y");
    const got = required((await runOnnx(onnxFile(fn), inputs))["y"], "test", "y");
    expect(got.shape).toEqual(want.shape);
    const folded = Math.max(1, ...Object.values(inputs).map(({ data }) => data.length));
    const size = Math.max(1, ...Object.values(inputs).flatMap(({ data }) => [...data].map(Math.abs)));
    const op = required(operations.get(one.op), "test", one.op);
    const exact = op.tolerance.ulp === 0 || want.dtype === "i32" || want.dtype === "u32" || want.dtype === "bool";
    const bad = [...want.data].flatMap((value, i) => (within(got.data[i] ?? Number.NaN, value, exact ? { ulp: 0 } : { ulp: op.tolerance.ulp, absolute: folded * size ** 2 * 2 ** -23 }) ? [] : [[i, got.data[i], value]]));
    expect(bad).toEqual([]);
  });
});
