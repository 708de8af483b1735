/** The explanation as text: what a reader looks for is there, in words and round figures. */
import { describe, expect, it } from "vitest";
import { compileFunction } from "../../../compiler/compile.ts";
import { explain } from "../../../compiler/report/explain.ts";
import { explanationText, size } from "../../../compiler/report/explain-text.ts";
import { modelOf } from "../../support/fold-programs.ts";

const textOf = (source: string): string => {
  const fn = modelOf(source);
  const { e, plan } = compileFunction(fn, "wgsl");
  return explanationText(explain(fn.name, e, plan, {}));
};

describe("explanationText", () => {
  const text = textOf("model Two[B](x: f32[B, 256]) -> f32[B, 256] {\n  param w: f32[256, 256] = ones\n  param v: f32[256, 256] = ones\n  return relu(rms_norm(x) @ w) @ v\n}");

  it("begins with the totals, and what they assume", () => {
    expect(text.split("\n")[0]).toMatch(/^Two on wgsl: 2 dispatches a run, [\d.]+ KiB planned, [\d.]+ KiB unavoidable \(x1\.00\), [\d.]+ Mflop$/);
    expect(text).toContain("figures assume B = 64; bind with --bind NAME=NUMBER");
  });

  it("says which kernels have a second text for subgroups", () => {
    expect(textOf("model Soft[B](x: f32[B, 256]) -> f32[B, 256] = softmax(x)")).toContain("on devices with subgroups these merge its sums and extrema; priced without");
    expect(textOf("model Soft[B](x: f32[B, 8]) -> f32[B, 8] = softmax(x)")).not.toContain("subgroups");
  });

  it("names each kernel with its tensors, rules and what binds it, and why values are in memory", () => {
    expect(text).toMatch(/k\d+_\w+ {2}contraction {2}[\d.]+ KiB/);
    expect(text).toMatch(/x, w -> \S+/);
    expect(text).toContain("R4 ride");
    expect(text).toMatch(/\((?:launch|memory|cache|arithmetic) bound\)/);
    expect(text).toMatch(/kept in memory:\n {2}maximum\.1 +64\.0 KiB {2}row exceeds registers/);
    expect(text).toContain("plans weighed");
  });

  it("speaks of one dispatch in the singular, and leaves out what there is none of", () => {
    const one = textOf("model One(x: f32[4]) -> f32[4] {\n  return exp(x)\n}");
    expect(one).toContain("One on wgsl: 1 dispatch a run");
    expect(one).not.toMatch(/assume|kept in memory|prepare|plans weighed/);
  });
});

describe("size", () => {
  it("has binary prefixes", () => expect([0, 1023, 1024, 1536, 3 * 1024 * 1024].map(size)).toEqual(["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "3.00 MiB"]));
});
