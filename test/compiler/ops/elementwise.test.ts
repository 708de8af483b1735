/** Generated from the registry: every elementwise record, its reference against its JavaScript, its lowering in f32 against its reference. */
import { describe, expect, it } from "vitest";
import { type DType, dtypes, printType, type TensorType } from "../../../compiler/ir/types.ts";
import { InternalError } from "../../../compiler/errors.ts";
import { isViolation, type Op } from "../../../compiler/ops/define.ts";
import { elementwiseOps } from "../../../compiler/ops/elementwise.ts";
import { javascriptFunctions } from "../../../compiler/ops/javascript.ts";
import { scalarLowering } from "../../support/evaluate-fold.ts";
import { typeOf } from "../../support/tensor-function.ts";
import { floatSweep, ulpDistance, within } from "../../support/tolerance.ts";

/** The dtype that samples are meant in. */
const sampleDType = (op: Op, i: number): DType => op.operands[i]?.dtypes.find((dtype) => dtype === "f32") ?? "bool";
const scalars = (op: Op): TensorType[] => op.operands.map((_, i) => ({ dtype: sampleDType(op, i), shape: [] }));

function referenceOf(op: Op): (...operands: readonly number[]) => number {
  const types = scalars(op);
  const result = op.infer(types, {});
  if (isViolation(result)) throw new InternalError("test", result.message);
  return (...operands) => op.evaluate(operands.map((value, i) => ({ dtype: types[i]?.dtype ?? "f32", shape: [], data: Float64Array.of(value) })), {}, [], result.dtype).data[0] ?? Number.NaN;
}

/** The record's JavaScript as a function. */
function javascriptOf(op: Op): (...operands: readonly number[]) => number {
  const names = op.operands.map(({ name }) => name);
  const text = op.javascript?.(...names) ?? "";
  return new Function(...names, `${javascriptFunctions.map((used) => used.text).join("")} return ${text};`) as (...operands: readonly number[]) => number;
}

const named = (ops: readonly Op[]): [string, Op][] => ops.map((op) => [op.name, op]);

describe.each(named(elementwiseOps))("%s", (_, op) => {
  const reference = referenceOf(op);
  const lowered = scalarLowering(op, scalars(op));

  it("has samples for all operands", () => {
    expect(op.samples.length).toBeGreaterThanOrEqual(2);
    for (const sample of op.samples) expect(sample).toHaveLength(op.operands.length);
  });

  it("has a reference that its JavaScript agrees with", () => {
    const javascript = javascriptOf(op);
    for (const sample of op.samples) expect([sample, javascript(...sample)]).toEqual([sample, reference(...sample)]);
  });

  it("lowers to f32 arithmetic within its tolerance on its samples", () => {
    const failures = op.samples.map((sample) => sample.map(Math.fround)).filter((sample) => !within(lowered(...sample), reference(...sample), op.tolerance));
    expect(failures.map((sample) => [sample, lowered(...sample), reference(...sample)])).toEqual([]);
  });

  it("keeps dtypes and broadcasts shapes", () => {
    const [shapes, common]: [string[], string] = op.operands.length === 1 ? [["[B, 3]"], "[B, 3]"] : [["[B, 1, 3]", "[5, 1]", ""], "[B, 5, 3]"];
    for (const dtype of op.operands[op.operands.length - 1]?.dtypes ?? []) {
      const types = op.operands.map((operand, i) => typeOf(`${operand.dtypes.length === 1 ? operand.dtypes[0] : dtype}${shapes[i]}`));
      const result = op.infer(types, {});
      expect(isViolation(result) ? result : result.shape.map((extent) => extent.key)).toEqual(typeOf(`f32${common}`).shape.map((extent) => extent.key));
      expect(isViolation(result) ? result : [dtype, "bool"]).toContain(isViolation(result) ? undefined : result.dtype);
    }
  });

  it("refuses dtypes beyond its list: C1", () => {
    for (const [i, operand] of op.operands.entries())
      for (const dtype of dtypes.filter((candidate) => !operand.dtypes.includes(candidate))) {
        const types = op.operands.map((other, at) => ({ dtype: at === i ? dtype : (other.dtypes[0] ?? "f32"), shape: [] }));
        expect(op.infer(types, {})).toMatchObject({ constraint: "C1", operands: expect.arrayContaining([i]), hint: expect.any(String) });
      }
  });

  if (op.operands.length < 2) return;

  it("refuses operands of two dtypes or of clashing shapes: C1, C2", () => {
    const free = op.operands.flatMap(({ dtypes: allowed }, i) => (allowed.length > 1 ? [i] : []));
    if (free.length > 1) {
      const types = op.operands.map((operand, i) => ({ dtype: (i === free[free.length - 1] ? operand.dtypes[1] : operand.dtypes[0]) ?? "f32", shape: [] }));
      expect(op.infer(types, {})).toMatchObject({ constraint: "C1" });
    }
    const clash = op.operands.map(({ dtypes: [dtype] }, i) => typeOf(`${dtype}[${["2, N", "2, M", "1"][i]}]`));
    const violation = op.infer(clash, {});
    expect(violation).toMatchObject({ constraint: "C2", operands: [0, 1], axes: [1, 1] });
    if (isViolation(violation)) for (const type of clash.slice(0, 2)) expect(violation.message).toContain(printType(type));
  });
});

describe("lowering over all of f32", () => {
  const unary = elementwiseOps.filter((op) => op.operands.length === 1 && sampleDType(op, 0) === "f32");
  const sweep = floatSweep(20_000);

  it.each(named(unary))("%s stays within its tolerance on 20,000 floats of every exponent", (_, op) => {
    const lowered = scalarLowering(op, scalars(op));
    const reference = referenceOf(op);
    const bad: (readonly [number, number, number])[] = [];
    for (const x of sweep) {
      const [actual, expected] = [lowered(x), reference(x)];
      if (!within(actual, expected, op.tolerance)) bad.push([x, actual, expected]);
    }
    expect(bad.slice(0, 5)).toEqual([]);
  });

  it.each(named(elementwiseOps.filter((op) => op.operands.length === 2 && sampleDType(op, 0) === "f32")))("%s stays within its tolerance on 4,000 pairs of floats", (_, op) => {
    const lowered = scalarLowering(op, scalars(op));
    const reference = referenceOf(op);
    const pairs = floatSweep(4000);
    const bad = [...pairs].map((x, i) => [x, pairs[(i * 1237 + 11) % pairs.length] ?? 0] as const).filter(([a, b]) => !within(lowered(a, b), reference(a, b), op.tolerance));
    expect(bad.slice(0, 5).map(([a, b]) => [a, b, lowered(a, b), reference(a, b)])).toEqual([]);
  });

  // The bounds that the docstrings of special-functions.ts state, on floats in the ranges where each form is used.
  it.each([["tanh", 7, 9], ["erf", 7, 4.5], ["sigmoid", 3, 87]] as const)("%s is within %d ulp up to %d and beyond", (name, bound, end) => {
    const op = elementwiseOps.find((candidate) => candidate.name === name);
    if (!op) throw new InternalError("test", name);
    const lowered = scalarLowering(op, scalars(op));
    const reference = referenceOf(op);
    let worst = 0;
    for (let i = 0; i < 40_000; i++) {
      const x = Math.fround((i % 2 === 0 ? 1 : -1) * end * 2 ** (-(i % 1000) / 60) * (1 - (i / 40_000) * 0.01));
      worst = Math.max(worst, ulpDistance(lowered(x), reference(x)));
    }
    expect(worst).toBeLessThanOrEqual(bound);
    expect(worst).toBeGreaterThan(1);
  });

  it.each([["tanh", [-1, 1]], ["erf", [-1, 1]], ["sigmoid", [0, 1]]] as const)("%s keeps NaN and its limits at the infinities", (name, [low, high]) => {
    const op = elementwiseOps.find((candidate) => candidate.name === name);
    if (!op) throw new InternalError("test", name);
    const lowered = scalarLowering(op, scalars(op));
    expect(lowered(Number.NaN)).toBeNaN();
    expect(lowered(Number.NEGATIVE_INFINITY)).toBeCloseTo(low, 30);
    expect(lowered(Number.POSITIVE_INFINITY)).toBe(high);
    for (const x of sweep) if (!Number.isNaN(x)) expect(Math.abs(lowered(x))).toBeLessThanOrEqual(1);
  });
});
