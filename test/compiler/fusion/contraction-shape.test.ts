/** What counts as a contraction, told from access maps alone. */
import { describe, expect, it } from "vitest";
import type { Range } from "../../../compiler/folds/expression.ts";
import { inlineMaps } from "../../../compiler/folds/inline.ts";
import { printExpr } from "../../../compiler/folds/print.ts";
import { type ContractionShape, contractionShape } from "../../../compiler/fusion/contraction-shape.ts";
import { foldsOf } from "../../support/fold-programs.ts";

/** The shape of the last fold of a model, maps inlined; `M` in the text is the box of the result. */
function shapeOf(text: string): ContractionShape | undefined {
  const { e, lowered } = foldsOf(text);
  const byName = new Map(lowered.definitions.map((definition) => [definition.name, definition]));
  const last = lowered.definitions.filter((definition) => definition.fold).at(-1);
  return last && contractionShape(e, { ...last, body: inlineMaps(e, last.body, (name) => byName.get(name)) });
}

const keys = (ranges: readonly Range[]): string => ranges.map((range) => range.extent.key).join(" ");
const summary = (shape: ContractionShape | undefined): string | undefined =>
  shape && `${keys(shape.batch)} | ${keys(shape.rows)} | ${keys(shape.columns)} | ${keys(shape.inner)}`;

describe("contractions", () => {
  const cases: readonly [string, string, string][] = [
    ["a matmul", "model M[B](x: f32[B, 8], w: f32[8, 6]) -> f32[B, 6] {\n  return x @ w\n}", " | B | 6 | 8"],
    ["a batched one", "model M[B](x: f32[3, B, 8], w: f32[3, 8, 6]) -> f32[3, B, 6] {\n  return x @ w\n}", "3 | B | 6 | 8"],
    ["weights shared by a batch: its axes are rows", "model M[B](x: f32[3, B, 8], w: f32[8, 6]) -> f32[3, B, 6] {\n  return x @ w\n}", " | 3 B | 6 | 8"],
    ["a transposed right operand", "model M[B](x: f32[B, 8], w: f32[6, 8]) -> f32[B, 6] {\n  return x @ transpose(w)\n}", " | B | 6 | 8"],
    ["a transposed left operand", "model M[B](x: f32[8, B], w: f32[8, 6]) -> f32[B, 6] {\n  return transpose(x) @ w\n}", " | B | 6 | 8"],
    ["a vector times a matrix read along its columns: one row", "model M(x: f32[8], w: f32[8, 6]) -> f32[6] {\n  return x @ w\n}", " |  | 6 | 8"],
    ["an outer product folded over a batch", "model M(x: f32[5, 7], y: f32[5, 6]) -> f32[7, 6] {\n  return transpose(x) @ y\n}", " | 7 | 6 | 5"],
    ["two contracted axes", "model M(x: f32[5, 2, 3], w: f32[2, 3, 6]) -> f32[5, 6] {\n  return reshape(x, [5, 6]) @ reshape(w, [6, 6])\n}", " | 5 | 6 | 6"],
    ["a sum written out", "model M(x: f32[5, 8], w: f32[8, 6]) -> f32[5, 6] {\n  return sum(reshape(x, [5, 8, 1]) * w, axis = 1)\n}", " | 5 | 6 | 8"],
    ["a product repeated along an axis that no factor has: further rows", "model M(x: f32[5, 8], w: f32[8, 6]) -> f32[4, 5, 6] {\n  return broadcast_to(x, [4, 5, 8]) @ w\n}", " | 4 5 | 6 | 8"],
  ];
  it.each(cases)("%s", (_, text, wanted) => expect(summary(shapeOf(text))).toBe(wanted));

  it("put a gain along k alone on the right, which is the parameter side", () => {
    const shape = shapeOf("model M[B](x: f32[B, 8], g: f32[8], w: f32[8, 6]) -> f32[B, 6] {\n  return (x * g) @ w\n}");
    expect(shape && printExpr(shape.left)).toMatch(/^x\[i\d+, k\d+\]$/);
    expect(shape && printExpr(shape.right)).toMatch(/^w\[.*\] \* g\[.*\]$/);
  });
});

describe("no contractions", () => {
  const cases: readonly [string, string][] = [
    ["a sum of squares", "model M[B](x: f32[B, 8]) -> f32[B] {\n  return sum(x * x, axis = 1)\n}"],
    ["a sum of squares along the other axis", "model M[B](x: f32[8, B]) -> f32[B] {\n  return sum(x * x, axis = 0)\n}"],
    ["a sum of products of one row", "model M[B](x: f32[B, 8], y: f32[B, 8]) -> f32[B] {\n  return sum(x * y, axis = 1)\n}"],
    ["a matrix times a vector", "model M[B](x: f32[B, 8], w: f32[8]) -> f32[B] {\n  return x @ w\n}"],
    ["one column", "model M[B](x: f32[B, 8], w: f32[8, 1]) -> f32[B, 1] {\n  return x @ w\n}"],
    ["a largest product", "model M(x: f32[5, 8], w: f32[8, 6]) -> f32[5, 6] {\n  return max(reshape(x, [5, 8, 1]) * w, axis = 1)\n}"],
    ["a sum of sums", "model M(x: f32[5, 8], w: f32[8, 6]) -> f32[5, 6] {\n  return sum(reshape(x, [5, 8, 1]) + w, axis = 1)\n}"],
    ["integers", "model M(x: i32[5, 8], w: i32[8, 6]) -> i32[5, 6] {\n  return sum(reshape(x, [5, 8, 1]) * w, axis = 1)\n}"],
    ["a scaled sum", "model M[B](x: f32[B, 8]) -> f32[B] {\n  return sum(x * 2, axis = 1)\n}"],
  ];
  it.each(cases)("%s", (_, text) => expect(shapeOf(text)).toBeUndefined());
});
