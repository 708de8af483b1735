/** The rules that a kernel's derivation lists, told from its region. */
import { describe, expect, it } from "vitest";
import { compileFunction, type KernelTarget, type PlanOptions } from "../../../compiler/compile.ts";
import { modelOf } from "../../support/fold-programs.ts";

const rulesOf = (text: string, target: KernelTarget = "wgsl", options: PlanOptions = {}): string[][] =>
  compileFunction(modelOf(text), target, options).plan.kernels.filter((kernel) => kernel.phase === "run").map((kernel) => kernel.derivation.map((application) => application.rule));

const dense = (body: string): string => `model M[B](x: f32[B, 24]) -> f32[B, 24] {\n  param w: f32[24, 24] = ones\n  return ${body}\n}`;

describe("derivationOf", () => {
  const cases: readonly [string, string, readonly string[]][] = [
    ["a copy", "model M(x: f32[4]) -> f32[4] {\n  return x\n}", []],
    ["maps", "model M(x: f32[4]) -> f32[4] {\n  return relu(x) * 2\n}", ["R1 inline map"]],
    ["a product", dense("x @ w"), ["R8 split and merge"]],
    ["a product and an activation", dense("relu(x @ w)"), ["R1 inline map", "R8 split and merge", "R3 epilogue"]],
    ["an epilogue that owns the row", dense("layer_norm(x @ w)"), ["R9 recentre", "R1 inline map", "R8 split and merge", "R10 own the row (epilogue)", "R3 epilogue"]],
    ["a norm that is deferred", dense("rms_norm(x) @ w"), ["R6 defer", "R1 inline map", "R8 split and merge", "R4 ride", "R3 epilogue"]],
    ["a norm that cannot be", dense("relu(rms_norm(x)) @ w"), ["R1 inline map", "R8 split and merge", "R2 inline into fold", "R10 own the row (prologue)"]],
    ["rows", "model M(x: f32[4, 8]) -> f32[4, 8] {\n  return softmax(x)\n}", ["R1 inline map", "R4 share a pass", "R10 own the row", "R8 split and merge"]],
  ];
  it.each(cases)("of %s", (_, text, wanted) => expect(rulesOf(text)).toEqual([wanted]));

  it("classes: reassociated sums, real-equal algebra, exact placement; every application has conditions", () => {
    const { plan } = compileFunction(modelOf(dense("layer_norm(x) @ w")), "wgsl");
    const all = plan.kernels.flatMap((kernel) => kernel.derivation);
    for (const application of all) {
      const number = application.rule.split(" ")[0] ?? "";
      expect(application.class, application.rule).toBe(({ R8: "reassociated", R6: "real-equal", R7: "real-equal", R9: "real-equal" } as Record<string, string>)[number] ?? "exact");
      expect(application.conditions.length).toBeGreaterThan(0);
    }
  });

  it("keeps to exact rules under the contract 'strict', apart from the order of sums", () => {
    const strict = rulesOf(dense("layer_norm(x) @ w"), "wgsl", { contract: "strict" }).flat();
    expect(strict.filter((rule) => /^R[679] /.test(rule))).toEqual([]);
    expect(rulesOf(dense("layer_norm(x) @ w")).flat().filter((rule) => /^R[69] /.test(rule)).sort()).toEqual(["R6 defer", "R9 recentre"]);
  });
});
