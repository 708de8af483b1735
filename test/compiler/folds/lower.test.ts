/** Tensor IR to folds: one op of each family as text, broadcasting, outputs that need a copy, and values against the reference. */
import { describe, expect, it } from "vitest";
import { required } from "../../../compiler/errors.ts";
import { evaluateFolds } from "../../../compiler/folds/evaluate.ts";
import { Expressions } from "../../../compiler/folds/expression.ts";
import { definitionNames, lowerToFolds } from "../../../compiler/folds/lower.ts";
import { printProgram } from "../../../compiler/folds/print.ts";
import type { TensorFunction } from "../../../compiler/ir/node.ts";
import { evaluate } from "../../../compiler/reference/evaluate.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { hostData, tensorFunction, toReference } from "../../support/tensor-function.ts";

const lowered = (fn: TensorFunction): string[] => printProgram(lowerToFolds(fn, new Expressions())).split("\n").map((line) => line.trim()).filter((line) => line !== "" && !/^(?:program|input|parameter) /.test(line));

describe("each family", () => {
  const cases: readonly [string, TensorFunction, readonly string[]][] = [
    ["elementwise, with a broadcast operand", modelOf("model M[B](x: f32[B, 4], y: f32[4]) -> f32[B, 4] {\n  return x * y\n}"), ["mul.1: f32[i0 < B, j1 < 4] = x[i0, j1] * y[j1]", "output output = mul.1"]],
    ["elementwise, with an axis of one element", modelOf("model M[B](x: f32[B, 4], y: f32[B, 1]) -> f32[B, 4] {\n  return x - y\n}"), ["sub.1: f32[i0 < B, j1 < 4] = x[i0, j1] - y[i0, 0]", "output output = sub.1"]],
    ["movement", modelOf("model M[B](x: f32[B, 4]) -> f32[4, B] {\n  return transpose(x)\n}"), ["transpose.1: f32[i0 < 4, j1 < B] = x[j1, i0]", "output output = transpose.1"]],
    ["reshape", modelOf("model M[B](x: f32[B, 6]) -> f32[B, 2, 3] {\n  return reshape(x, [B, 2, 3])\n}"), ["reshape.1: f32[i0 < B, j1 < 2, k2 < 3] = x[i0, j1 * 3 + k2]", "output output = reshape.1"]],
    ["reduction", modelOf("model M[B](x: f32[B, 4]) -> f32[B] {\n  return max(x, axis = 1)\n}"), ["max.1: f32[i0 < B] = max { r1 < 4 } x[i0, r1]", "output output = max.1"]],
    ["reduction with an epilogue: two definitions", modelOf("model M[B](x: f32[B, 4]) -> f32[B, 1] {\n  return mean(x, axis = 1, keep = true)\n}"), ["mean.1.fold: f32[i0 < B, j1 < 1] = sum { r2 < 4 } x[i0, r2]", "mean.1: f32[i3 < B, j4 < 1] = mean.1.fold[i3, 0] / 4", "output output = mean.1"]],
    ["contraction", modelOf("model M[B](x: f32[B, 4], w: f32[4, 3]) -> f32[B, 3] {\n  return x @ w\n}"), ["matmul.1: f32[i0 < B, j1 < 3] = sum { k2 < 4 } x[i0, k2] * w[k2, j1]", "output output = matmul.1"]],
    ["indexing", modelOf("model M[B](x: f32[B, 4]) -> f32[B] {\n  return x[:, 2]\n}"), ["slice.1: f32[i0 < B, j1 < 1] = x[i0, 2]", "reshape.1: f32[i2 < B] = slice.1[i2, 0]", "output output = reshape.1"]],
  ];
  it.each(cases)("%s", (_, fn, wanted) => expect(lowered(fn)).toEqual(wanted));
});

describe("outputs", () => {
  it("that are host tensors, or one value twice, get a copy each", () => {
    const fn = tensorFunction({ inputs: { x: "f32[3]" } }, ({ op, input }) => {
      const y = op("neg", [input("x")]);
      return { same: input("x"), y, again: y };
    });
    const program = lowerToFolds(fn, new Expressions());
    expect(program.outputs.map((output) => output.name)).toEqual(["same", "y", "again"]);
    expect(new Set(program.outputs.map((output) => output.definition)).size).toBe(3);
    const values = evaluateFolds(program, {}, { x: [1, 2, 3] });
    expect(program.outputs.map((output) => [...(values.get(output.definition) ?? [])])).toEqual([[1, 2, 3], [-1, -2, -3], [-1, -2, -3]]);
  });

  it("of f16 are stored as f16, and nothing before them is", () => {
    const fn = tensorFunction({ inputs: { x: "f16[3]" } }, ({ op, input }) => ({ y: op("mul", [input("x"), input("x")]) }));
    const program = lowerToFolds(fn, new Expressions());
    expect(program.definitions.map((definition) => definition.dtype)).toEqual(["f32", "f16"]);
  });
});

describe("names", () => {
  it("are the op and its number; leaves keep their own, read or not", () => {
    const fn = modelOf("layer L(x: f32[4]) -> f32[4] {\n  param gain: f32[4] = ones\n  return x * gain * gain\n}\nmodel M(x: f32[4], unused: f32[2]) -> f32[4] {\n  return x |> L\n}");
    expect([...definitionNames(fn).values()].sort()).toEqual(["l.gain", "mul.1", "mul.2", "unused", "x"]);
    expect(lowerToFolds(fn, new Expressions()).sources.map((source) => `${source.role} ${source.name}`)).toEqual(["input x", "input unused", "parameter l.gain"]);
  });
});

describe("values", () => {
  it("of every definition that is a node are those of the reference", () => {
    const fn = modelOf("model M[B](x: f32[B, 6], w: f32[2, 6, 5]) -> (y: f32[2, B, 5], s: f32[B], c: f32[B, 12]) {\n  return (softmax(layer_norm(x) @ w), sum(cumsum(x, 1), 1), concat(x, flip(x, axis = 1), axis = 1))\n}");
    const bindings = { B: 3 };
    const { inputs } = hostData(fn, bindings, 5);
    const program = lowerToFolds(fn, new Expressions());
    const values = evaluateFolds(program, bindings, Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, tensor.data])));
    for (const [name, { data }] of Object.entries(evaluate(fn, bindings, toReference(inputs), {}))) {
      const got = required(values.get(required(program.outputs.find((output) => output.name === name), "test", name).definition), "test", name);
      expect(Math.max(...data.map((value, i) => Math.abs(value - (got[i] ?? Number.NaN)))), name).toBeLessThan(1e-12);
    }
  });
});
