/** What the placement decides about: branches and operands are candidates, values inside a norm are not. */
import { describe, expect, it } from "vitest";
import { candidateMaps, foldGroups, usersOf } from "../../../compiler/fusion/candidates.ts";
import { recentre } from "../../../compiler/fusion/rules/projection.ts";
import { foldsOf } from "../../support/fold-programs.ts";

const candidates = (text: string): string[] => {
  const { e, lowered } = foldsOf(text);
  return [...candidateMaps(e, lowered)].sort();
};

const groups = (text: string): string[][] => {
  const { e, program } = foldsOf(text);
  return foldGroups(e, recentre(e, program).program).map((group) => group.map((member) => member.name));
};

describe("candidateMaps", () => {
  it("names outputs, and nothing inside a norm", () => {
    expect(candidates("model M[B](x: f32[B, 8]) -> f32[B, 8] {\n  return layer_norm(x)\n}")).toEqual(["add.2"]);
    expect(candidates("model M[B](x: f32[B, 8]) -> f32[B, 8] {\n  return softmax(x * 2)\n}")).toEqual(["div.1"]);
  });

  it("names operands of products that are computed", () => {
    expect(candidates("model M[B](x: f32[B, 8], w: f32[8, 4]) -> f32[B, 4] {\n  return relu(x) @ w\n}")).toEqual(["matmul.1", "maximum.1"]);
    expect(candidates("model M[B](x: f32[B, 8], w: f32[4, 8]) -> f32[B, 4] {\n  return x @ transpose(w)\n}"), "a movement alone is decided about where its operand is").toEqual(["matmul.1"]);
  });

  it("leaves what depends on parameters alone to prepare", () => {
    expect(candidates("model M[B](x: f32[B, 8]) -> f32[B, 4] {\n  param w: f32[8, 4] = ones\n  param g: f32[4] = ones\n  return x @ (w * g)\n}")).toEqual(["matmul.1"]);
  });

  it("names a residual stream, which branches to two products", () => {
    const text = "model M[B](x: f32[B, 8], w: f32[8, 8], v: f32[8, 8]) -> f32[B, 8] {\n  let s = x + x * 2\n  return (s @ w) + (relu(s) @ v)\n}";
    const { lowered } = foldsOf(text);
    expect(candidates(text)).toContain("add.1");
    expect(usersOf(lowered).get("add.1")?.map((definition) => definition.name)).toEqual(["matmul.1", "maximum.1"]);
  });
});

describe("candidateMaps of a deep residual stream", () => {
  it("names each of its values, however many products follow", () => {
    const layers = 70;
    const found = candidates(`model M[B](x0: f32[B, 8], w: f32[8, 8]) -> f32[B, 8] {\n${Array.from({ length: layers }, (_, i) => `  let x${i + 1} = x${i} + relu(x${i} * 2) @ w`).join("\n")}\n  return x${layers}\n}`);
    expect(found.filter((name) => name.startsWith("add"))).toHaveLength(layers);
    expect(found.filter((name) => name.startsWith("maximum"))).toHaveLength(layers);
    expect(found).toHaveLength(2 * layers);
  });
});

describe("foldGroups", () => {
  it("keeps a statistic with its pivot", () => {
    expect(groups("model M[B](x: f32[B, 8]) -> f32[B, 8] {\n  return layer_norm(x)\n}")).toEqual([["mean.1.fold", "mean.2.fold", "mean.1.fold.centred"]]);
    expect(groups("model M[B](x: f32[B, 8]) -> f32[B, 8] {\n  return softmax(x)\n}")).toEqual([["max.1", "sum.1"]]);
  });

  it("leaves contractions, and folds over other rows, alone", () => {
    expect(groups("model M[B](x: f32[B, 8], w: f32[8, 4]) -> f32[B, 4] {\n  return rms_norm(x) @ w\n}")).toEqual([["mean.1.fold"]]);
    expect(groups("model M[B](x: f32[B, 8]) -> f32[B, 8] {\n  return rms_norm(x) * rms_norm(x + 1)\n}")).toEqual([["mean.1.fold"], ["mean.2.fold"]]);
  });

  it("do not hold a fold that reads another's row elsewhere", () => {
    expect(groups("model M(x: f32[6, 8]) -> f32[6] {\n  return cumsum(sum(x, axis = 1), 0)\n}")).toEqual([["sum.1"], ["cumsum.1"]]);
  });

  it("do not hold two folds with a third between them: their kernel would wait for itself", () => {
    const text = "model M(x: f32[6, 1, 4]) -> f32[6, 1] {\n  let s = sum(x, axis = 2)\n  return sum(reshape(s, [6, 1, 1]) * max(s), axis = 2)\n}";
    const { e, program } = foldsOf(text);
    expect(foldGroups(e, program).map((group) => group.map((member) => member.name))).toEqual([["sum.1"], ["max.1"], ["sum.2"]]);
  });

  it("do not wait for each other", () => {
    const text = "model M[B](x: f32[B, 4], y: f32[B, 4]) -> f32[B] {\n  let s = sum(x, axis = 1)\n  let t = sum(y, axis = 1)\n  let a = sum(x * reshape(s + t, [B, 1]), axis = 1)\n  return a + sum(y * reshape(t + s, [B, 1]), axis = 1)\n}";
    const { e, program } = foldsOf(text);
    const found = foldGroups(e, program).map((group) => group.map((member) => member.name));
    // Either pair may share a kernel, both may not.
    expect(found.filter((group) => group.length > 1)).toHaveLength(1);
    expect(found.flat().sort()).toEqual(["sum.1", "sum.2", "sum.3", "sum.4"]);
  });
});
