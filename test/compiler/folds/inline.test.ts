/** Rules R1 and R2: maps disappear into what loads them; and the order and liveness of definitions. */
import { describe, expect, it } from "vitest";
import { Expressions } from "../../../compiler/folds/expression.ts";
import { bindBox, inlineProgram, sortDefinitions, substitute, withoutDead } from "../../../compiler/folds/inline.ts";
import { lowerToFolds } from "../../../compiler/folds/lower.ts";
import type { Definition } from "../../../compiler/folds/node.ts";
import { printDefinition } from "../../../compiler/folds/print.ts";
import { constantExtent, symbolExtent } from "../../../compiler/ir/extent.ts";
import { expectSameValues, foldsOf, modelOf } from "../../support/fold-programs.ts";

const text = "model M[B](x: f32[B, 4]) -> f32[B, 4] {\n  let y = x * 2\n  let z = exp(y) + y\n  return z / sum(z, axis = -1, keep = true)\n}";

describe("inlineProgram", () => {
  it("leaves folds and what is kept, over the ranges of the reader", () => {
    const e = new Expressions();
    const lowered = lowerToFolds(modelOf(text), e);
    const inlined = inlineProgram(e, lowered, (definition) => definition.name === "div.1");
    expect(inlined.definitions.map(printDefinition)).toEqual([
      "sum.1: f32[i6 < B, j7 < 1] = sum { r8 < 4 } exp(x[i6, r8] * 2) + x[i6, r8] * 2",
      "div.1: f32[i9 < B, j10 < 4] = (exp(x[i9, j10] * 2) + x[i9, j10] * 2) / sum.1[i9, 0]",
    ]);
    expectSameValues(lowered, inlined, { B: 3 });
  });

  it("keeps more when told so, with the same values", () => {
    const e = new Expressions();
    const lowered = lowerToFolds(modelOf(text), e);
    const inlined = inlineProgram(e, lowered, (definition) => ["div.1", "mul.1"].includes(definition.name));
    expect(inlined.definitions.map((definition) => definition.name)).toEqual(["mul.1", "sum.1", "div.1"]);
    expectSameValues(lowered, inlined, { B: 2 });
  });

  it("composes movements: what is moved about is read in place", () => {
    const turned = foldsOf("model M[B](x: f32[B, 6]) -> f32[B, 6] {\n  return transpose(transpose(x))\n}").program;
    expect(turned.definitions.map(printDefinition)).toEqual(["transpose.2: f32[i2 < B, j3 < 6] = x[i2, j3]"]);
    const { program, lowered } = foldsOf("model M[B](x: f32[B, 6]) -> f32[B, 3, 2] {\n  return transpose(reshape(x, [B, 2, 3]), [0, 2, 1])\n}");
    expect(program.definitions.map(printDefinition)).toEqual(["transpose.1: f32[i3 < B, j4 < 3, k5 < 2] = x[i3, k5 * 3 + j4]"]);
    expectSameValues(lowered, program, { B: 2 });
  });
});

describe("substitution", () => {
  const e = new Expressions();
  const i = e.range("i", symbolExtent("B"));
  const map: Definition = { name: "m", dtype: "f32", box: [i], fold: undefined, body: e.load("x", [e.index(i)], "f32"), origin: undefined };

  it("binds the axes of a box in order", () => {
    const at = e.constant(3, "i32");
    expect(substitute(e, map.body, bindBox(map, [at]))).toBe(e.load("x", [at], "f32"));
    expect(() => bindBox(map, [])).toThrow("m has 1 axes, loaded with 0");
  });

  it("leaves an expression without the ranges as the same object", () => {
    expect(substitute(e, map.body, new Map([[e.range("k", constantExtent(2)), e.constant(0, "i32")]]))).toBe(map.body);
  });
});

describe("order and liveness", () => {
  const e = new Expressions();
  const scalar = (name: string, ...from: readonly string[]): Definition => ({ name, dtype: "f32", box: [], fold: undefined, body: from.map((source) => e.load(source, [], "f32")).reduce((a, b) => e.apply("add", a, b)), origin: undefined });
  const definitions = [scalar("c", "b", "a"), scalar("b", "a"), scalar("dead", "a"), scalar("a", "x")];

  it("puts operands before users and keeps the order where it is free", () => {
    expect(sortDefinitions(definitions).map((definition) => definition.name)).toEqual(["a", "b", "c", "dead"]);
  });

  it("drops what no output needs", () => {
    const program = withoutDead({ name: "P", sources: [], definitions, outputs: [{ name: "y", definition: "b", type: { dtype: "f32", shape: [] } }] });
    expect(program.definitions.map((definition) => definition.name)).toEqual(["b", "a"]);
  });
});
