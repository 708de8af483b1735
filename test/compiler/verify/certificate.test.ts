/**
 * Certificates of plans: 500 random graphs, or CERTIFY_COUNT of them from CERTIFY_SEED on (10,000 take about six minutes), and
 * plans with planted faults, as wrong rules would make them, which must be refused.
 */
import { describe, expect, it } from "vitest";
import { compileFunction, type Compiled } from "../../../compiler/compile.ts";
import { type Expr, type Expressions, rewrite } from "../../../compiler/folds/expression.ts";
import type { Definition } from "../../../compiler/folds/node.ts";
import type { ContractionRegion, Region, StreamRegion } from "../../../compiler/fusion/region.ts";
import { certify } from "../../../compiler/verify/certificate.ts";
import { fromNumber, inverse, multiply, prime, scramble } from "../../../compiler/verify/field.ts";
import { certificateFaults } from "../../support/certify-graph.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { attention } from "../../support/programs.ts";

const count = Number(process.env["CERTIFY_COUNT"] ?? 500);
const first = Number(process.env["CERTIFY_SEED"] ?? 0);

describe("the field", () => {
  it("has sums, products and inverses, and the rationals that literals are", () => {
    expect(multiply(fromNumber(0.1), fromNumber(10))).not.toBe(fromNumber(1));
    expect(multiply(fromNumber(0.375), fromNumber(8))).toBe(3);
    expect(fromNumber(-1)).toBe(prime - 1);
    for (const a of [1, 2, 12345, prime - 1]) expect(multiply(a, inverse(a))).toBe(1);
    expect(scramble("exp", 5)).toBe(scramble("exp", 5));
    expect(new Set(Array.from({ length: 1000 }, (_, i) => scramble("exp", i))).size).toBe(1000);
    expect(scramble("exp", 5)).not.toBe(scramble("sin", 5));
  });
});

describe("random graphs", () => {
  it("with a left operand that has lost its rows where maps are inlined: its packed weights keep their shape", () => expect(certificateFaults(9271)).toEqual([]));

  const batch = 50;
  for (let from = first; from < first + count; from += batch)
    it(`have plans that compute them: seeds ${from} to ${Math.min(from + batch, first + count) - 1}`, { timeout: 120_000 }, () => {
      for (let seed = from; seed < Math.min(from + batch, first + count); seed++) expect(certificateFaults(seed)).toEqual([]);
    });
});

const layer = "model M[B](x: f32[B, 24]) -> f32[B, 24] {\n  param w: f32[24, 24] = ones\n  param g: f32[24] = ones\n  return relu(layer_norm(x @ w, g))\n}";
const gated = "model M[B](x: f32[B, 24], w: f32[24, 24], u: f32[24, 24]) -> f32[B, 24] {\n  return silu(x @ w) * (x @ u)\n}";
const long = "model M[B](x: f32[B, 256]) -> f32[B, 256] {\n  return layer_norm(x)\n}";
const deferred = "model M[B](x: f32[B, 256]) -> f32[B, 256] {\n  param w: f32[256, 256] = ones\n  param g: f32[256] = ones\n  return rms_norm(x, g) @ w\n}";
const tiled = "model M[B](x: f32[B, 64]) -> f32[B, 64] {\n  param w: f32[64, 200] = ones\n  param u: f32[200, 64] = ones\n  return layer_norm(x @ w) @ u\n}";

function faultsWith(text: string, change: (compiled: Compiled) => Compiled["plan"]): string[] {
  const compiled = compileFunction(modelOf(text), "wgsl", { cost: "gpu", assume: { B: 128 } });
  const bindings = { B: 3, T: 4 };
  expect(certify(compiled.e, compiled.lowered, compiled.plan, bindings, 1), text).toEqual([]);
  return certify(compiled.e, compiled.lowered, change(compiled), bindings, 1);
}

/** The plan with one definition of the rewritten program changed; its kernels stay. */
const withDefinition = (matches: (name: string) => boolean, change: (e: Expressions, definition: Definition) => Definition) => ({ e, plan }: Compiled): Compiled["plan"] => {
  expect(plan.program.definitions.some(({ name }) => matches(name)), plan.program.definitions.map(({ name }) => name).join()).toBe(true);
  return { ...plan, program: { ...plan.program, definitions: plan.program.definitions.map((definition) => (matches(definition.name) ? change(e, definition) : definition)) } };
};

/** The plan with one kernel's region changed. */
const withRegion = <T extends Region["template"]>(template: T, change: (region: Extract<Region, { template: T }>, e: Expressions) => Region) => ({ e, plan }: Compiled): Compiled["plan"] => {
  expect(plan.kernels.map(({ region }) => region.template)).toContain(template);
  return { ...plan, kernels: plan.kernels.map((kernel) => (kernel.region.template === template ? { ...kernel, region: change(kernel.region as Extract<Region, { template: T }>, e) } : kernel)) };
};

const inside = (e: Expressions, expr: Expr, change: (node: Expr) => Expr | undefined): Expr => rewrite(e, expr, change);

describe("a wrong rule is refused", () => {
  it("centring that forgets what it took off (R9 without 'the sum is of the very value')", () => {
    const faults = faultsWith(long, withDefinition((name) => name.endsWith(".centred"), (e, definition) => ({ ...definition, body: e.apply("mul", definition.body, e.constant(2, "f32")) })));
    expect(faults.join("\n")).toMatch(/differs/);
  });

  it("a divisor that is not the element count (R9)", () => {
    const faults = faultsWith(layer, withDefinition(() => true, (e, definition) => ({ ...definition, body: inside(e, definition.body, (node) => (node.kind === "const" && node.value === 24 ? e.constant(25, node.dtype) : undefined)) })));
    expect(faults.join("\n")).toMatch(/output .* differs/);
  });

  it("deferral that leaves a factor under the sum as well (R6 without 'constant along k')", () => {
    const faults = faultsWith(deferred, withDefinition((name) => name.endsWith(".weight"), (e, definition) => ({ ...definition, body: e.apply("mul", definition.body, definition.body) })));
    expect(faults.join("\n")).toMatch(/differs/);
  });

  it("a merge of tiles that counts the short last one as full (R8)", () => {
    const faults = faultsWith(tiled, withDefinition((name) => name.endsWith(".fold") || name.endsWith(".centred"), (e, definition) => ({ ...definition, body: inside(e, definition.body, (node) => (node.kind === "const" && node.value === 8 ? e.constant(64, node.dtype) : undefined)) })));
    expect(faults.join("\n")).toMatch(/differs/);
  });

  it("two products that share a left operand which is not the same (R5 without 'equal left operands')", () => {
    const faults = faultsWith(gated, withRegion("contraction", (region: ContractionRegion, e) => ({ ...region, siblings: region.siblings.map((sibling) => ({ ...sibling, right: e.apply("add", sibling.right, e.constant(1, "f32")) })) })));
    expect(faults.join("\n")).toMatch(/computes it differs/);
  });

  it("an epilogue that folds another range than the columns (R10)", () => {
    const faults = faultsWith(layer, withRegion("contraction", (region: ContractionRegion) => ({ ...region, epilogue: region.epilogue.map((member) => ({ ...member, ranges: region.shape.inner })) })));
    expect(faults.join("\n")).toMatch(/computes it differs/);
  });

  it("a stream that does not divide by its sum (R9 rescale)", () => {
    const faults = faultsWith(attention, withRegion("stream", (region: StreamRegion, e) => ({ ...region, finish: e.apply("mul", region.finish, e.constant(3, "f32")) })));
    expect(faults.join("\n")).toMatch(/computes it differs/);
  });
});
