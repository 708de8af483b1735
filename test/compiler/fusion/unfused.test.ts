/** The plan without fusion: a kernel an op, the same numbers, on every target. */
import { describe, expect, it } from "vitest";
import { compileFunction } from "../../../compiler/compile.ts";
import { required } from "../../../compiler/errors.ts";
import { evaluate } from "../../../compiler/reference/evaluate.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { runPlan } from "../../support/run-plan.ts";
import { hostData, toReference } from "../../support/tensor-function.ts";

const text = `model Net[B](x: f32[B, 12]) -> (y: f32[B, 8]) {
  param w: f32[12, 8] = glorot_uniform
  let d = x - mean(x, axis = -1, keep = true)
  return relu(transpose(transpose(d, [1, 0]), [1, 0]) @ w)
}`;

describe("fusion: none", () => {
  const compiled = compileFunction(modelOf(text), "wgsl", { fusion: "none" });

  it("makes a kernel of each op that computes: sum, division by the length, difference, product, maximum", () => {
    expect(compiled.plan.kernels.filter(({ phase }) => phase === "run").map(({ region }) => region.template)).toEqual(["rows", "elementwise", "elementwise", "contraction", "elementwise"]);
    expect(compiled.plan.kept.map(({ reason }) => reason)).toEqual(Array.from({ length: 4 }, () => "unfused: each op stores its result"));
    expect(compileFunction(modelOf(text), "wgsl").plan.kernels.filter(({ phase }) => phase === "run")).toHaveLength(1);
  });

  it("computes the same", () => {
    const { inputs, parameters } = hostData(compiled.fn, { B: 5 });
    const want = required(evaluate(compiled.fn, { B: 5 }, toReference(inputs), toReference(parameters))["y"], "test", "y").data;
    const got = required(runPlan(compiled, { B: 5 }, Object.fromEntries(Object.entries({ ...inputs, ...parameters }).map(([name, { data }]) => [name, data])))["y"], "test", "y");
    expect(Math.max(...Array.from(want, (value, i) => Math.abs(value - (got[i] as number))))).toBeLessThan(1e-5);
  });

  it("is a plan for GPU.js too", () => expect(compileFunction(modelOf(text), "gpujs", { fusion: "none" }).artifact.run.length).toBeGreaterThanOrEqual(5));
});
