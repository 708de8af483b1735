/** The records that are not elementwise: results, shape rules, every labelled constraint, and the lowering against the reference. */
import { describe, expect, it } from "vitest";
import { InternalError } from "../../../compiler/errors.ts";
import { parseExtent } from "../../../compiler/ir/extent.ts";
import { Graph } from "../../../compiler/ir/graph.ts";
import type { Attribute, Attributes, TensorNode } from "../../../compiler/ir/node.ts";
import { printType } from "../../../compiler/ir/types.ts";
import { applyOp } from "../../../compiler/ops/build.ts";
import type { Op, ReferenceTensor } from "../../../compiler/ops/define.ts";
import { emitReference } from "../../../compiler/reference/emit-javascript.ts";
import { concreteShape, evaluate } from "../../../compiler/reference/evaluate.ts";
import { operation, operations } from "../../../compiler/ops/index.ts";
import { applied, evaluateLowering } from "../../support/evaluate-fold.ts";
import { caseBindings as bindings, caseOperand as operand, type OpCase as Case, opCases as accepted } from "../../support/op-cases.ts";
import { extents, tensorFunction, typeOf } from "../../support/tensor-function.ts";
import { within } from "../../support/tolerance.ts";

const extent = (text: string): Attribute => parseExtent(text);

interface Refusal extends Omit<Case, "result"> {
  readonly constraint: string;
  /** Part of the message: the actual values. */
  readonly says: string;
}

const refused: readonly Refusal[] = [
  ...["sum", "prod", "mean", "max", "min"].flatMap((op): Refusal[] => [
    { op, types: ["bool[3]"], constraint: "C1", says: "bool[3]" },
    { op, types: ["f32[3]"], attributes: { axis: 1 }, constraint: "C2", says: "axis 1" },
    { op, types: ["f32[3]"], attributes: { axis: -2 }, constraint: "C2", says: "f32[3]" },
    { op, types: ["f32[3, 2]"], attributes: { axis: [0, -2] }, constraint: "C2", says: "axis 0 is given twice" },
  ]),
  { op: "mean", types: ["i32[3]"], constraint: "C1", says: "i32[3]" },
  { op: "matmul", types: ["f32[2, 3]", "f16[3, 2]"], constraint: "C1", says: "f16[3, 2]" },
  { op: "matmul", types: ["f32", "f32[3]"], constraint: "C2", says: "scalar" },
  { op: "matmul", types: ["f32[B, 3]", "f32[4, 3]"], constraint: "C3", says: "3 against 4" },
  { op: "matmul", types: ["f32[2, B, 3]", "f32[5, 3, N]"], constraint: "C4", says: "batch axes clash" },
  { op: "broadcast_to", types: ["f32[3]"], attributes: { shape: extents("B", "4") }, constraint: "C1", says: "f32[3] does not broadcast to [B, 4]" },
  { op: "broadcast_to", types: ["f32[2, 3]"], attributes: { shape: extents("3") }, constraint: "C1", says: "[3]" },
  { op: "reshape", types: ["f32[B, 3]"], attributes: { shape: extents("B", "4") }, constraint: "C1", says: "4*B" },
  { op: "transpose", types: ["f32[B, 3]"], attributes: { order: [0, 0] }, constraint: "C1", says: "[0, 0]" },
  { op: "transpose", types: ["f32[B, 3]"], attributes: { order: [1] }, constraint: "C1", says: "f32[B, 3]" },
  { op: "transpose", types: ["f32[B, 3]"], attributes: { order: [0, 2] }, constraint: "C2", says: "axis 2 does not exist in f32[B, 3]" },
  { op: "slice", types: ["f32[B, 6]"], attributes: { axis: 2, start: extent("0"), stop: extent("1") }, constraint: "C2", says: "axis 2" },
  { op: "slice", types: ["f32[B, 6]"], attributes: { axis: 1, start: extent("2"), stop: extent("7") }, constraint: "C1", says: "2:7:1" },
  { op: "slice", types: ["f32[B, 6]"], attributes: { axis: 1, start: extent("4"), stop: extent("3") }, constraint: "C1", says: "4:3:1" },
  { op: "slice", types: ["f32[B, 6]"], attributes: { axis: 1, start: extent("0"), stop: extent("3"), step: 0 }, constraint: "C1", says: "0:3:0" },
  { op: "flip", types: ["f32[3]"], attributes: { axis: 1 }, constraint: "C2", says: "axis 1" },
  { op: "tile", types: ["f32[B, 3]"], attributes: { repeats: [2] }, constraint: "C1", says: "[2]" },
  { op: "tile", types: ["f32[B]"], attributes: { repeats: [0] }, constraint: "C1", says: "f32[B]" },
  { op: "concat", types: ["f32[3]", "i32[3]"], attributes: { axis: 0 }, constraint: "C1", says: "i32[3]" },
  { op: "concat", types: ["f32[3]", "f32[3, 1]"], attributes: { axis: 0 }, constraint: "C1", says: "f32[3, 1]" },
  { op: "concat", types: ["f32[3]", "f32[3]"], attributes: { axis: 1 }, constraint: "C2", says: "axis 1" },
  { op: "concat", types: ["f32[B, 3]", "f32[N, 3]"], attributes: { axis: 1 }, constraint: "C3", says: "axis 0" },
  ...["pad", "pad_edge", "pad_reflect", "pad_symmetric", "pad_wrap"].flatMap((op): Refusal[] => [
    { op, types: ["f32[B, 3]"], attributes: { before: [1], after: [1] }, constraint: "C1", says: "f32[B, 3]" },
    { op, types: ["f32[3]"], attributes: { before: [-1], after: [1] }, constraint: "C1", says: "[-1]" },
  ]),
  { op: "gather", types: ["f32[3]", "f32[2]"], attributes: { axis: 0 }, constraint: "C1", says: "f32[2]" },
  { op: "gather", types: ["f32[3]", "i32[2]"], attributes: { axis: 1 }, constraint: "C2", says: "axis 1" },
  { op: "take_along", types: ["f32[3]", "u32[2]"], attributes: { axis: 0 }, constraint: "C1", says: "u32[2]" },
  { op: "take_along", types: ["f32[3]", "i32[2]"], attributes: { axis: -2 }, constraint: "C2", says: "axis -2" },
  { op: "take_along", types: ["f32[3, 4]", "i32[4, 2]"], attributes: { axis: 1 }, constraint: "C3", says: "i32[4, 2]" },
  { op: "take_along", types: ["f32[3, 4]", "i32[4]"], attributes: { axis: 1 }, constraint: "C3", says: "i32[4]" },
  { op: "one_hot", types: ["f32[3]"], attributes: { depth: extent("4") }, constraint: "C1", says: "f32[3]" },
  { op: "position", types: ["f32[3]"], attributes: { axis: 1 }, constraint: "C2", says: "axis 1" },
  { op: "random_bits", types: ["f32[3]", "u32[3]"], constraint: "C1", says: "u32[3]" },
  { op: "random_bits", types: ["f32[3]", "i32[2]"], constraint: "C1", says: "i32[2]" },
  { op: "random_bits", types: ["f32[3]", "u32[2]"], attributes: { stream: -1 }, constraint: "C2", says: "stream -1" },
  { op: "random_bits", types: ["f32[3]", "u32[2]"], attributes: { word: 2 }, constraint: "C2", says: "word 2" },
  ...["cumsum", "cumprod"].flatMap((op): Refusal[] => [
    { op, types: ["i32[3]"], attributes: { axis: 0 }, constraint: "C1", says: "i32[3]" },
    { op, types: ["f32[3]"], attributes: { axis: 1 }, constraint: "C2", says: "axis 1" },
  ]),
  ...["sum_pool", "max_pool"].flatMap((op): Refusal[] => [
    { op, types: ["i32[3]"], attributes: { window: extents("2") }, constraint: "C1", says: "i32[3]" },
    { op, types: ["f32[3]"], attributes: { window: extents("2", "2") }, constraint: "C1", says: "2 axes" },
    { op, types: ["f32[3]"], attributes: { window: extents("2"), stride: [1, 1] }, constraint: "C2", says: "1 numbers" },
    { op, types: ["f32[3]"], attributes: { window: extents("4") }, constraint: "C3", says: "[4]" },
  ]),
  { op: "conv", types: ["f32[1, 2, 5]", "f32[3, 2, 2, 2]"], constraint: "C1", says: "f32[3, 2, 2, 2]" },
  { op: "conv", types: ["f32[1, 2, 5]", "f32[3, 2, 2]"], attributes: { dilation: [0] }, constraint: "C2", says: "1 numbers" },
  { op: "conv", types: ["f32[1, 2, 5]", "f32[3, 3, 2]"], constraint: "C3", says: "1 groups" },
  { op: "conv", types: ["f32[1, 4, 5]", "f32[3, 2, 2]"], attributes: { groups: 2 }, constraint: "C3", says: "2 groups" },
  { op: "conv", types: ["f32[1, 2, 5]", "f32[3, 2, 6]"], constraint: "C4", says: "does not fit" },
  { op: "conv_transpose", types: ["f32[1, 2, 5]", "i32[2, 3, 2]"], constraint: "C1", says: "i32[2, 3, 2]" },
  { op: "conv_transpose", types: ["f32[1, 2, 5]", "f32[2, 3, 2]"], attributes: { before: [1, 1] }, constraint: "C2", says: "1 numbers" },
  { op: "conv_transpose", types: ["f32[1, 2, 5]", "f32[3, 3, 2]"], constraint: "C3", says: "channels" },
  { op: "conv_transpose", types: ["f32[1, 2, 1]", "f32[2, 3, 2]"], attributes: { before: [1], after: [1] }, constraint: "C4", says: "nothing is left" },
];

const label = ({ op, types, attributes }: Omit<Case, "result">): string => `${op}(${types.join(", ")})${attributes ? ` ${JSON.stringify(attributes, (key, value: unknown) => (key === "terms" ? undefined : value))}` : ""}`;

function apply({ op, types, attributes }: Omit<Case, "result">): ReturnType<typeof applyOp> {
  const graph = new Graph();
  return applyOp(graph, op, types.map((type, i) => graph.make("input", [], { name: String(i) }, typeOf(type))), attributes ?? {});
}

function bound(node: TensorNode): Attributes {
  const bind = (value: Attribute): Attribute => (typeof value === "object" && "key" in value ? parseExtent(value.key.replace(/2\*N/g, "8").replace(/N/g, "4").replace(/B/g, "2")) : value);
  return Object.fromEntries(Object.entries(node.attributes).map(([name, value]) => [name, bind(value)]));
}

const others = [...operations.values()].filter((op) => op.family !== "elementwise" || op.attributes.length > 0).filter(({ name }) => name !== "input" && name !== "parameter" && !name.startsWith("scan"));

describe("the cases", () => {
  it("cover every record, and every labelled constraint of each", () => {
    expect(new Set(accepted.map(({ op }) => op))).toEqual(new Set(others.map(({ name }) => name)));
    const labels = (op: Op): string[] => op.constraints.map(({ id }) => id);
    for (const op of others) expect([op.name, [...new Set(refused.filter((one) => one.op === op.name).map(({ constraint }) => constraint))].sort()]).toEqual([op.name, labels(op)]);
  });
});

describe("shape rules", () => {
  it.each(accepted.map((one) => [label(one), one] as const))("accept %s", (_, one) => {
    const result = apply(one);
    expect("node" in result ? printType(result.node.type) : result.violation).toBe(one.result);
  });

  it.each(refused.map((one) => [label(one), one] as const))("refuse %s", (_, one) => {
    const result = apply(one);
    expect(result).toMatchObject({ violation: { constraint: one.constraint, message: expect.stringContaining(one.says) } });
  });

  it("ask for attributes without a default", () => {
    expect(apply({ op: "reshape", types: ["f32[4]"] })).toMatchObject({ violation: { constraint: "attribute", message: expect.stringContaining("'shape'"), hint: expect.any(String) } });
  });
});

describe("lowering", () => {
  it.each(accepted.map((one) => [label(one), one] as const))("agrees with the reference: %s", (_, one) => {
    const op = operation(one.op);
    const operands = one.types.map((type, i) => operand(type, i + 1));
    const node = applied(op, one.types.map(typeOf), one.attributes ?? {});
    const shape = concreteShape(node.type.shape, bindings);
    const expected = op.evaluate(operands, bound(node), shape, node.type.dtype);
    expect(expected.shape).toEqual(shape);
    const actual = evaluateLowering(op, node, operands, bindings);
    expect(actual).toHaveLength(expected.data.length);
    // A fold of n elements may lose an ulp of its largest partial result with each.
    const folded = operands.reduce((most, { data }) => Math.max(most, data.length), 1);
    const size = operands.reduce((most, { data }) => Math.max(most, ...data.map(Math.abs)), 1);
    const tolerance = node.type.dtype === "f32" ? { ulp: op.tolerance.ulp, absolute: op.tolerance.ulp === 0 ? 0 : folded * size ** 2 * 2 ** -23 } : { ulp: 0 };
    expect(actual.filter((value, i) => !within(value, expected.data[i] ?? Number.NaN, tolerance))).toEqual([]);
  });
});

interface Emitted {
  run(inputs: Readonly<Record<string, ReferenceTensor>>, parameters: Readonly<Record<string, ReferenceTensor>>): Record<string, ReferenceTensor>;
}

describe("JavaScript", () => {
  it.each(accepted.map((one) => [label(one), one] as const))("has the bits of the reference: %s", async (_, one) => {
    const inputs = Object.fromEntries(one.types.map((type, i) => [`x${i}`, type]));
    // Extents come from input shapes: a further input has both.
    const fn = tensorFunction({ extents: ["B", "N"], inputs: { ...inputs, shapes: "f32[B, N]" } }, ({ op, input }) => ({ y: op(one.op, one.types.map((_type, i) => input(`x${i}`)), one.attributes ?? {}) }));
    const values = Object.fromEntries([...one.types.map((type, i) => [`x${i}`, operand(type, i + 1)] as const), ["shapes", operand("f32[B, N]", 9)]]);
    const module = (await import(`data:text/javascript;base64,${Buffer.from(emitReference(fn)).toString("base64")}`)) as Emitted;
    const { y } = module.run(values, {});
    const expected = evaluate(fn, bindings, values, {}).y;
    expect(y?.shape).toEqual(expected?.shape);
    expect([...(y?.data ?? [])]).toEqual([...(expected?.data ?? [])]);
  });
});

describe("the reference", () => {
  const value = (name: string, operands: readonly ReferenceTensor[], attributes: Attributes, shape: readonly number[], dtype: ReferenceTensor["dtype"] = "f32"): number[] => [...operation(name).evaluate(operands, attributes, shape, dtype).data];
  const matrix: ReferenceTensor = { dtype: "f32", shape: [2, 3], data: Float64Array.of(1, 2, 3, 4, 5, 6) };

  it("has the values that a hand computes", () => {
    expect(value("sum", [matrix], { axis: [0], keep: false }, [3])).toEqual([5, 7, 9]);
    expect(value("mean", [matrix], { axis: [1], keep: true }, [2, 1])).toEqual([2, 5]);
    expect(value("prod", [matrix], { axis: [0, 1], keep: false }, [])).toEqual([720]);
    expect(value("matmul", [matrix, { ...matrix, shape: [3, 2] }], {}, [2, 2])).toEqual([22, 28, 49, 64]);
    expect(value("transpose", [matrix], { order: [] }, [3, 2])).toEqual([1, 4, 2, 5, 3, 6]);
    expect(value("slice", [matrix], { axis: 1, start: parseExtent("0"), stop: parseExtent("3"), step: 2 }, [2, 2])).toEqual([1, 3, 4, 6]);
  });

  it("keeps NaN through max and min, and truncates and limits casts", () => {
    const hard: ReferenceTensor = { dtype: "f32", shape: [6], data: Float64Array.of(-1.7, 3e9, Number.NaN, -4, Number.NEGATIVE_INFINITY, 0) };
    expect(value("max", [hard], { axis: [0], keep: false }, [])).toEqual([Number.NaN]);
    expect(value("min", [hard], { axis: [0], keep: false }, [])).toEqual([Number.NaN]);
    expect(value("cast", [hard], { dtype: "i32" }, [6], "i32")).toEqual([-1, 2147483647, 0, -4, -2147483648, 0]);
    expect(value("cast", [hard], { dtype: "u32" }, [6], "u32")).toEqual([0, 3e9, 0, 0, 0, 0]);
    expect(value("cast", [hard], { dtype: "bool" }, [6], "bool")).toEqual([1, 1, 1, 1, 1, 0]);
  });

  it("wraps and truncates integers", () => {
    const integers = (...data: number[]): ReferenceTensor => ({ dtype: "i32", shape: [data.length], data: Float64Array.from(data) });
    expect(value("div", [integers(7, -7, 7, -7), integers(2, 2, -2, -2)], {}, [4], "i32")).toEqual([3, -3, -3, 3]);
    expect(value("add", [integers(2147483647), integers(1)], {}, [1], "i32")).toEqual([-2147483648]);
    // (2^31 - 1)^2 = 2^62 - 2^32 + 1, whose low bits no float64 holds.
    expect(value("mul", [integers(2147483647), integers(2147483647)], {}, [1], "i32")).toEqual([1]);
    expect(value("mul", [{ ...integers(4294967295), dtype: "u32" }, { ...integers(4294967295), dtype: "u32" }], {}, [1], "u32")).toEqual([1]);
    expect(value("sub", [{ ...integers(1), dtype: "u32" }, { ...integers(2), dtype: "u32" }], {}, [1], "u32")).toEqual([4294967295]);
  });

  it("is not defined for host leaves, which no pass may evaluate", () => {
    for (const name of ["input", "parameter"]) expect(() => value(name, [], {}, [])).toThrow(InternalError);
  });
});
