/** The cost model: more is never cheaper, limits refuse, and what binds a kernel is named. */
import { describe, expect, it } from "vitest";
import { buildRegion } from "../../../compiler/fusion/build-region.ts";
import { costOf, type RegionCost, tensorsRead } from "../../../compiler/fusion/cost.ts";
import { lengthOf } from "../../../compiler/fusion/lengths.ts";
import { operationsIn } from "../../../compiler/fusion/count-operations.ts";
import { isIllegal, type Illegal, type Templates } from "../../../compiler/fusion/region.ts";
import { parseExtent } from "../../../compiler/ir/extent.ts";
import { costPresets, defaultLimits, type Limits, type Target } from "../../../compiler/target.ts";
import { definition, foldsOf, placing } from "../../support/fold-programs.ts";

interface Setting {
  readonly cost?: Target["cost"];
  readonly limits?: Limits;
  readonly templates?: Templates;
}

/** Price of a model as one kernel. */
function priceOf(text: string, { cost = costPresets.gpu, limits = defaultLimits, templates = "workgroup" }: Setting = {}): RegionCost | Illegal {
  const { e, program } = foldsOf(text);
  const root = program.outputs[0]?.definition ?? "";
  const byName = new Map(program.definitions.map((each) => [each.name, each]));
  const region = buildRegion(e, program, byName, new Set([root]), [definition(program, root)], templates);
  if (isIllegal(region)) return region;
  const { context, lanes } = placing(e, program, { name: "wgsl", limits, cost }, templates);
  return costOf(region, context, lanes);
}

const microseconds = (text: string, setting?: Setting): number => {
  const price = priceOf(text, setting);
  if ("illegal" in price) throw new Error(price.illegal);
  return price.microseconds;
};

/** One model of each template, for [rows, k, columns]. */
const models: Readonly<Record<string, (m: number, k: number, n: number) => string>> = {
  elementwise: (m, k) => `model M(x: f32[${m}, ${k}]) -> f32[${m}, ${k}] {\n  return relu(x)\n}`,
  rows: (m, k) => `model M(x: f32[${m}, ${k}]) -> f32[${m}, ${k}] {\n  return softmax(x)\n}`,
  "contraction": (m, k, n) => `model M(x: f32[${m}, ${k}], w: f32[${k}, ${n}]) -> f32[${m}, ${n}] {\n  return x @ w\n}`,
  "contraction with a prologue": (m, k, n) => `model M(x: f32[${m}, ${k}], w: f32[${k}, ${n}]) -> f32[${m}, ${n}] {\n  return rms_norm(x) @ w\n}`,
};

describe("costOf", () => {
  const settings: readonly [string, string, Setting][] = Object.keys(models).flatMap((model) => Object.keys(costPresets).map((preset): [string, string, Setting] => [model, preset, { cost: costPresets[preset as keyof typeof costPresets] }]));
  it.each(settings)("is never lower for more elements: %s, %s", (model, _, setting) => {
    // Multiples of the tiles: a ragged tile is padded, and then more elements may be free but never negative.
    const sizes = [64, 128, 256, 512, 1024];
    const make = models[model] ?? (() => "");
    for (let axis = 0; axis < 3; axis++) {
      const prices = sizes.map((size) => microseconds(make(...([0, 1, 2].map((each) => (each === axis ? size : 128)) as [number, number, number])), setting));
      for (const [i, price] of prices.entries()) if (i > 0) expect(price, `axis ${axis}: ${prices.join(", ")}`).toBeGreaterThanOrEqual((prices[i - 1] ?? 0) - 1e-9);
    }
  });

  it("follows each constant of the device in its direction", () => {
    const text = (models["contraction"] ?? (() => ""))(256, 256, 256);
    const base = costPresets.gpu;
    const at = (change: Partial<typeof base>): number => microseconds(text, { cost: { ...base, ...change } });
    expect(at({ launchMicroseconds: base.launchMicroseconds + 10 })).toBeCloseTo(microseconds(text) + 10, 9);
    for (const faster of ["gigabytesPerSecond", "cacheGigabytesPerSecond", "gigaflopsPerSecond"] as const) {
      expect(at({ [faster]: base[faster] * 2 }), faster).toBeLessThanOrEqual(microseconds(text));
      expect(at({ [faster]: base[faster] / 1000 }), faster).toBeGreaterThan(microseconds(text));
    }
    expect(at({ barrierNanoseconds: 1000 })).toBeGreaterThan(microseconds(text));
  });

  it("names what binds", () => {
    const bound = (text: string, setting?: Setting): string => {
      const price = priceOf(text, setting);
      return "illegal" in price ? price.illegal : price.bound;
    };
    expect(bound(models["elementwise"]?.(4, 4, 1) ?? "")).toBe("launch");
    expect(bound(models["elementwise"]?.(8192, 8192, 1) ?? "")).toBe("memory");
    expect(bound(models["contraction"]?.(4096, 4096, 4096) ?? "", { cost: { ...costPresets.gpu, gigaflopsPerSecond: 10 } })).toBe("arithmetic");
    expect(bound(models["contraction"]?.(4096, 4096, 4096) ?? "", { cost: { ...costPresets.gpu, cacheGigabytesPerSecond: 1 } })).toBe("cache");
  });

  it("counts bytes once for each tensor, and both sides", () => {
    const price = priceOf("model M(x: f32[4, 8], y: f16[8]) -> f32[4, 8] {\n  return x * cast(y, f32) + x\n}");
    expect("illegal" in price ? price : price.bytes).toBe(4 * 32 + 2 * 8 + 4 * 32);
  });

  it("refuses more buffers than a kernel can bind", () => {
    const sum = "model M(a: f32[4], b: f32[4], c: f32[4]) -> f32[4] {\n  return a + b + c\n}";
    expect(priceOf(sum, { limits: { ...defaultLimits, storageBuffers: 4 } })).toMatchObject({ bound: "launch" });
    expect(priceOf(sum, { limits: { ...defaultLimits, storageBuffers: 3 } })).toEqual({ illegal: "binding limit: 4 buffers, the device has 3" });
  });

  it("refuses rows that do not fit a workgroup", () => {
    const wide = (n: number): string => `model M[B](x: f32[B, 8], w: f32[8, ${n}]) -> f32[B, ${n}] {\n  return softmax(x @ w)\n}`;
    expect(priceOf(wide(512))).toMatchObject({ tile: { template: "contraction" } });
    expect(priceOf(wide(100_000))).toEqual({ illegal: "row exceeds workgroup: whole rows of the product do not fit its registers" });
    expect(priceOf(wide(512), { limits: { ...defaultLimits, workgroupBytes: 1024 } })).toMatchObject({ illegal: expect.stringMatching(/^row exceeds workgroup: \d+ bytes of workgroup memory, the device has 1024$/) });
    const symbolic = "model M[N](x: f32[4, 8], w: f32[8, N]) -> f32[4, N] {\n  return softmax(x @ w)\n}";
    expect(priceOf(symbolic)).toEqual({ illegal: "row exceeds workgroup: whole rows of the product do not fit its registers" });
  });
});

describe("parts of the price", () => {
  it("assume 64 for a name that is not bound", () => {
    expect(lengthOf({ assume: {} }, [parseExtent("B"), parseExtent("2")])).toBe(128);
    expect(lengthOf({ assume: { B: 3 } }, [parseExtent("B"), parseExtent("2*B")])).toBe(18);
  });

  it("count shared arithmetic once, and none for indices", () => {
    const { program } = foldsOf("model M(x: f32[4]) -> f32[4] {\n  let y = x + 1\n  return y * y\n}");
    expect(operationsIn(definition(program, "mul.1").body)).toBe(2);
    const shifted = foldsOf("model M(x: f32[4]) -> f32[4] {\n  return flip(x, axis = 0)\n}").program;
    expect(operationsIn(definition(shifted, "flip.1").body)).toBe(0);
  });

  it("leave out of the reads what a region makes itself", () => {
    const { e, program } = foldsOf("model M(x: f32[4, 8], w: f32[8, 6]) -> f32[4, 6] {\n  return softmax(x @ w)\n}");
    const byName = new Map(program.definitions.map((each) => [each.name, each]));
    const region = buildRegion(e, program, byName, new Set(["div.1"]), [definition(program, "div.1")], "workgroup");
    expect(isIllegal(region) ? region.illegal : [...tensorsRead(region)].sort()).toEqual(["w", "x"]);
  });
});
