/** The stores of products in registers: a loop over what an invocation holds where they would be long, written out elsewhere. */
import { describe, expect, it } from "vitest";
import { compileFunction } from "../../../compiler/compile.ts";
import { faultsOf, settings } from "../../support/check-program.ts";
import { modelOf } from "../../support/fold-programs.ts";

const product = (body: string, [k, n]: readonly [number, number] = [16, 48]): string =>
  `model M[B](x: f32[B, ${k}]) -> f32[B, ${n}] {\n  param w: f32[${k}, ${n}] = glorot_uniform\n  param v: f32[${k}, ${n}] = glorot_uniform\n  param b: f32[${n}] = ones\n  return ${body}\n}`;

const codeOf = (text: string, cost: "gpu" | "software"): string => compileFunction(modelOf(text), "wgsl", { cost, assume: { B: 128 } }).artifact.kernels.map((kernel) => ("code" in kernel ? kernel.code : "")).join("\n");

/** Tests of a branch or a clamp in the WGSL of erf, which each copy of it has. */
const copiesOfErf = (code: string): number => code.match(/1546\.2656/g)?.length ?? 0;

describe("stores of a register tile", () => {
  it("are one body in a loop when the body is long", () => {
    const code = codeOf(product("gelu(x @ w + b)", [256, 512]), "software");
    expect(copiesOfErf(code)).toBe(1);
    expect(code.length).toBeLessThan(10_500);
  });

  it("are written out when it is short, and in tiles that are staged", () => {
    expect(codeOf(product("relu(x @ w + b)", [256, 512]), "software")).not.toContain("own_row");
    expect(copiesOfErf(codeOf(product("gelu(x @ w + b)", [256, 512]), "gpu"))).toBeGreaterThan(1);
  });

  it.each([
    ["gelu", product("gelu(x @ w + b)")], ["a norm whose statistics the invocation has of its rows", product("gelu(rms_norm(x) @ w) * tanh(b)")],
    ["two products", product("silu(x @ w) * gelu(x @ v)")], ["odd widths", product("gelu(x @ w + b)", [7, 23])], ["whole tiles", product("gelu(x @ w + b)", [16, 64])],
  ])("compute the model: %s", { timeout: 60_000 }, (_, text) => {
    const software = settings.filter(({ title }) => title === "wgsl, software");
    for (const [i, B] of [1, 5, 64, 70].entries()) expect(faultsOf(modelOf(text), { B }, i, software)).toEqual([]);
  });
});
