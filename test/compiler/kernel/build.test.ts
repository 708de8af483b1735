import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { add, and, bitcast, builtin, constant, convert, div, eq, extent, float, instruction, int, lane, load, lt, max, min, mul, neg, not, or, ref, rem, select, splat, sub, truth, vector } from "../../../compiler/kernel/build.ts";
import { interpret } from "../../../compiler/kernel/interpret.ts";
import { type Expression, f32, i32 } from "../../../compiler/kernel/node.ts";
import { printExpression } from "../../../compiler/kernel/print.ts";
import { noFacts } from "../../../compiler/kernel/ranges.ts";
import { rebuild } from "../../../compiler/kernel/simplify.ts";
import { buffersOf, expressions, indexExpressions, inputs, kernelOf } from "../../support/random-kernels.ts";

const i = ref("i", i32);
const j = ref("j", i32);
const x = ref("x", f32);
const g = builtin("group_x");
const t = rem(builtin("thread"), int(4));
const text = (e: Expression): string => printExpression(e);

describe("integers", () => {
  it.each<[string, Expression, string]>([
    ["folds", add(int(2), mul(int(3), int(4))), "14"],
    ["wraps", add(int(2147483647), int(1)), "-2147483648"],
    ["x + 0", add(i, int(0)), "i"],
    ["x * 1", mul(int(1), i), "i"],
    ["x * 0", mul(i, int(0)), "0"],
    ["0 / x", div(int(0), int(7)), "0"],
    ["constants of a sum", add(add(i, int(3)), int(4)), "i + 7"],
    ["constants of a product", mul(mul(i, int(3)), int(4)), "i * 12"],
    ["x - x", sub(i, i), "0"],
    ["like terms", add(mul(i, int(2)), mul(i, int(3))), "i * 5"],
    ["quotient and remainder", add(mul(div(i, int(8)), int(8)), rem(i, int(8))), "i"],
    ["the same, scaled and in a longer sum", add(add(mul(div(i, int(8)), int(16)), j), mul(rem(i, int(8)), int(2))), "j + i * 2"],
    ["exact multiples of any sign", div(add(mul(i, int(8)), mul(j, int(4))), int(4)), "i * 2 + j"],
    ["a small natural rest", div(add(mul(g, int(4)), t), int(4)), "group_x"],
    ["its remainder", rem(add(mul(g, int(4)), t), int(4)), "thread % 4"],
    ["a rest of unknown sign stays", div(add(mul(i, int(4)), j), int(4)), "(i * 4 + j) / 4"],
    ["extents with a factor", div(mul(i, extent(["*", 4, "H"])), int(4)), "i * #H"],
    ["nested quotients", div(div(i, int(3)), int(5)), "i / 15"],
    ["min of disjoint ranges", min(t, int(9)), "thread % 4"],
    ["a decided comparison", lt(t, int(4)), "true"],
    ["an undecided comparison", lt(t, int(3)), "thread % 4 < 3"],
    ["sums lean left", add(i, add(j, int(1))), "i + j + 1"],
  ])("%s", (_name, e, expected) => expect(text(e)).toBe(expected));

  it("does not divide by zero", () => expect(text(div(int(1), int(0)))).toBe("1 / 0"));
});

describe("floats change no bit", () => {
  it.each<[string, Expression, string]>([
    ["x * 1", mul(x, float(1)), "x"],
    ["x + 0 stays: -0 + 0 is 0", add(x, float(0)), "x + 0.0"],
    ["x + -0", add(x, float(-0)), "x"],
    ["x - 0", sub(x, float(0)), "x"],
    ["x * 0 stays: NaN, infinity", mul(x, float(0)), "x * 0.0"],
    ["x / 4", div(x, float(4)), "x * 0.25"],
    ["x / 3 stays", div(x, float(3)), "x / 3.0"],
    ["constants round to f32", mul(float(0.1), float(3)), "0.3"],
    ["exp is no constant: devices differ", instruction("exp", float(1)), "exp(1.0)"],
    ["x + -c", add(x, float(-2)), "x - 2.0"],
    ["x - x stays", sub(x, x), "x - x"],
    ["neg neg", neg(neg(x)), "x"],
    ["f16 constants are halves", constant("f16", 0.1), "0.099975586h"],
  ])("%s", (_name, e, expected) => expect(text(e)).toBe(expected));
});

describe("truth values, lanes and conversions", () => {
  const p = lt(x, float(1));
  it.each<[string, Expression, string]>([
    ["select on a constant", select(truth(true), x, float(0)), "x"],
    ["select of equals", select(p, x, x), "x"],
    ["and", and(truth(true), p), "x < 1.0"],
    ["and false", and(p, truth(false)), "false"],
    ["or true", or(p, truth(true)), "true"],
    ["not not", not(not(p)), "x < 1.0"],
    ["not of a float comparison stays", not(p), "not(x < 1.0)"],
    ["x == x for integers only", eq(x, x), "x == x"],
    ["lane of a vector", lane(vector(x, float(2)), 1), "2.0"],
    ["lane of a splat", lane(splat(x, 4), 2), "x"],
    ["convert to the same type", convert(x, "f32"), "x"],
    ["convert a constant", convert(float(2.7), "i32"), "2"],
    ["bitcast a constant", bitcast(float(1), "u32"), "1065353216u"],
    ["max of floats keeps both", max(load("b", "f32", i), float(0)), "max(b[i], 0.0)"],
  ])("%s", (_name, e, expected) => expect(text(e)).toBe(expected));
});

describe("the builders on random expressions", () => {
  const { float: floats, integer, truth: truths } = expressions(3);
  it("give the same bits as the nodes they simplify", () => {
    fc.assert(
      fc.property(fc.oneof(floats, integer, truths), fc.array(inputs, { minLength: 3, maxLength: 3 }), (e, list) => {
        const plain = buffersOf(list);
        const simplified = buffersOf(list);
        interpret(kernelOf(e, "workgroup", 3), plain);
        interpret(kernelOf(rebuild(e, noFacts, new Map()), "workgroup", 3), simplified);
        expect(simplified.result).toEqual(plain.result);
      }),
      { numRuns: 600 },
    );
  });

  it("give the same index as the index arithmetic they simplify", () => {
    const wide = fc.record({ x: fc.constant(0), y: fc.constant(0), n: fc.integer({ min: -40, max: 40 }), m: fc.integer({ min: -9, max: 9 }), flag: fc.constant(false) });
    fc.assert(
      fc.property(indexExpressions(3), fc.array(wide, { minLength: 12, maxLength: 12 }), (e, list) => {
        const plain = buffersOf(list);
        const simplified = buffersOf(list);
        interpret(kernelOf(e, "workgroup", 12), plain);
        interpret(kernelOf(rebuild(e, noFacts, new Map()), "workgroup", 12), simplified);
        expect(simplified.result).toEqual(plain.result);
      }),
      { numRuns: 1500 },
    );
  });
});
