/** The search over what goes to memory: exact and by descent, its limits, its reasons, and the bodies that bind too much. */
import { describe, expect, it } from "vitest";
import { compileFunction, type Compiled, type PlanOptions } from "../../../compiler/compile.ts";
import { outlineWide } from "../../../compiler/fusion/outline.ts";
import { place } from "../../../compiler/fusion/place.ts";
import { recentre } from "../../../compiler/fusion/rules/projection.ts";
import { loadsOf } from "../../../compiler/folds/expression.ts";
import { defaultLimits, target as makeTarget } from "../../../compiler/target.ts";
import { faultsOf } from "../../support/check-program.ts";
import { expectSameValues, foldsOf, modelOf, placing } from "../../support/fold-programs.ts";

const compiled = (text: string, options: PlanOptions = {}, target: "wgsl" | "gpujs" = "wgsl"): Compiled => compileFunction(modelOf(text), target, options);
const runs = ({ plan }: Compiled): string[] => plan.kernels.filter((kernel) => kernel.phase === "run").map((kernel) => kernel.region.template);
const reason = ({ plan }: Compiled, value: string): string | undefined => plan.kept.find((kept) => kept.value === value)?.reason;

/** A tower of `layers` products with a norm each. */
const tower = (layers: number, body: string): string =>
  `layer L[N](x: f32[..., N]) -> f32[..., N] {\n  param w: f32[N, N] = glorot_uniform\n  param g: f32[N] = ones\n  return ${body}\n}\nmodel M[B](x: f32[B, 24]) -> f32[B, 24] {\n  return x${" |> L[24]".repeat(layers)}\n}`;

describe("search", () => {
  const bodies = ["relu(layer_norm(x @ w, g))", "layer_norm(x, g) @ w", "relu(x @ w)", "x + relu(layer_norm(x, g)) @ w", "softmax(x @ w) * g"];
  it.each(bodies)("by descent is within a fifth of the exact one: %s", (body) => {
    for (const preset of ["gpu", "software"] as const)
      for (const layers of [1, 2, 3]) {
        const { e, program } = foldsOf(tower(layers, body));
        const centred = recentre(e, program).program;
        const options = placing(e, centred, makeTarget("wgsl", preset));
        const [exact, descent] = [place(centred, { ...options, exactUpTo: 12 }), place(centred, { ...options, exactUpTo: 0 })];
        expect("illegal" in exact || "illegal" in descent).toBe(false);
        if ("illegal" in exact || "illegal" in descent) continue;
        expect(descent.microseconds, `${preset}, ${layers} layers`).toBeLessThanOrEqual(1.2 * exact.microseconds);
      }
  });

  it("of a long tower is that of its pieces, in about a second", { timeout: 20_000 }, () => {
    for (const body of bodies.slice(0, 2)) {
      expect(runs(compiled(tower(12, body))).length, body).toBe(12 * runs(compiled(tower(1, body))).length);
    }
  });

  it("is never dearer with a start, and takes a good one over", () => {
    const { e, program } = foldsOf(tower(3, bodies[0] ?? ""));
    const centred = recentre(e, program).program;
    const options = placing(e, centred, makeTarget("wgsl"));
    const cold = place(centred, { ...options, exactUpTo: 0 });
    if ("illegal" in cold) throw new Error(cold.illegal);
    const warm = place(centred, { ...options, exactUpTo: 0, start: cold });
    expect("illegal" in warm ? Number.NaN : warm.microseconds).toBeLessThanOrEqual(cold.microseconds);
    const bad = place(centred, { ...options, exactUpTo: 0, start: { stored: new Set() } });
    expect("illegal" in bad).toBe(false);
  });

  it("gives the same plan for the same constants", () => {
    const text = tower(4, "relu(layer_norm(x @ w, g))");
    const plan = (): string => JSON.stringify(compiled(text).artifact);
    expect(plan()).toBe(plan());
  });

  it("follows the device's constants: dear barriers and cheap launches make other plans than dear launches", () => {
    const text = "model M(x: f32[256, 256], w: f32[256, 256]) -> f32[256, 256] {\n  return relu(layer_norm(x)) @ w\n}";
    const [gpu, software] = [compiled(text, { cost: "gpu" }), compiled(text, { cost: "software" })];
    for (const { plan } of [gpu, software]) expect(plan.alternatives[0]?.microseconds).toBe(Math.min(...plan.alternatives.map((other) => other.microseconds)));
    expect(gpu.plan.microseconds).toBeLessThan(software.plan.microseconds);
  });
});

describe("reasons", () => {
  it("say what would be without a value in memory", () => {
    const text = "model M[B](x: f32[B, 240]) -> f32[B, 240] {\n  param w: f32[240, 240] = ones\n  param v: f32[240, 240] = ones\n  return layer_norm(relu(x @ w) @ v)\n}";
    expect(reason(compiled(text), "maximum.1") ?? reason(compiled(text), "matmul.1")).toMatch(/row exceeds registers/);
    const deferred = compiled("model M[B](x: f32[B, 24]) -> f32[B, 24] {\n  param w: f32[24, 24] = ones\n  return layer_norm(x) @ w\n}");
    expect(deferred.plan.kept.map((kept) => [kept.phase, kept.reason])).toEqual(deferred.plan.kept.map(() => ["prepare", "parameters only: made once, in prepare"]));
    const wide = compiled("model M[B](x: f32[B, 64]) -> f32[B, 40000] {\n  param w: f32[64, 40000] = ones\n  return softmax(x @ w)\n}", { assume: { B: 512 } });
    expect(reason(wide, "matmul.1")).toMatch(/^row exceeds workgroup/);
  });

  it("name partial statistics", () => {
    const text = "model M[B](x: f32[B, 64]) -> f32[B, 4096] {\n  param w: f32[64, 4096] = ones\n  return layer_norm(x @ w)\n}";
    const { plan } = compiled(text, { assume: { B: 512 } });
    const partial = plan.kernels.some((kernel) => kernel.region.template === "contraction" && kernel.region.partials.length > 0);
    expect(plan.kept.some((kept) => kept.reason.startsWith("partial statistics"))).toBe(partial);
  });
});

describe("limits", () => {
  const sum = (count: number): string => {
    const names = Array.from({ length: count }, (_, i) => `x${i}`);
    return `model M[B](${names.map((name) => `${name}: f32[B, 6]`).join(", ")}) -> f32[B, 6] {\n  return layer_norm(${names.join(" * 2 + ")})\n}`;
  };

  it.each([6, 7, 8, 9, 20])("of storage buffers are kept by %d operands on every target", (count) => {
    for (const target of ["wgsl", "gpujs"] as const)
      for (const { kernel } of compiled(sum(count), {}, target).plan.kernels) expect(kernel.buffers.length).toBeLessThanOrEqual(defaultLimits.storageBuffers);
    expect(faultsOf(modelOf(sum(count)), { B: 3 }, 1)).toEqual([]);
  });

  it("split a body as little as they must, and leave narrow programs as they are", () => {
    const { e, program } = foldsOf(sum(9));
    const outlined = outlineWide(e, program, 8);
    for (const definition of outlined.definitions) expect(new Set(loadsOf(definition.body).map((load) => load.source)).size).toBeLessThanOrEqual(7);
    expectSameValues(program, outlined, { B: 2 });
    expect(outlineWide(e, outlined, 8)).toBe(outlined);
    const narrow = foldsOf(sum(3));
    expect(outlineWide(narrow.e, narrow.program, 8)).toBe(narrow.program);
  });

  it("of workgroup memory and invocations are kept when they are small", () => {
    const small = { storageBuffers: 6, workgroupBytes: 4096, workgroupInvocations: 64 };
    const { plan } = compiled(tower(2, "relu(layer_norm(x @ w, g))"), { limits: small });
    for (const { kernel } of plan.kernels) {
      expect(kernel.workgroupSize).toBeLessThanOrEqual(64);
      expect(kernel.buffers.length).toBeLessThanOrEqual(6);
      expect(kernel.workgroupArrays.reduce((bytes, array) => bytes + 4 * array.type.lanes * array.length, 0)).toBeLessThanOrEqual(4096);
    }
  });
});
