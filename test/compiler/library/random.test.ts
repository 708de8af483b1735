/** Random numbers as the language gives them: the same bits on every backend, the right distribution, one kernel with their consumer. */
import * as gpujs from "gpu.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkSource, compileModel, evaluateReference, sourceFile, type TensorFunction } from "../../../compiler/index.ts";
import { required } from "../../../compiler/errors.ts";
import { type GpuJsModule, openGpuJs } from "../../../runtime/devices/gpujs.ts";
import { provideNavigatorGpu } from "../../../runtime/devices/webgpu-node.ts";
import { load } from "../../../runtime/index.ts";
import { type Backends, backendNames, modelOf, openBackends, type RunInput } from "../../support/conformance/backends.ts";

const key = (a: number, b: number): RunInput => ({ name: "key", dtype: "u32", shape: [2], data: Float64Array.of(a, b) });
const zeros = (...shape: number[]): RunInput => ({ name: "x", dtype: "f32", shape, data: new Float64Array(shape.reduce((product, extent) => product * extent, 1)) });

/** The values that an expression over x and key gives in float64. */
function values(expression: string, shape: readonly number[], seed: readonly [number, number] = [7, 9]): Float64Array {
  const model = modelOf(`model M(x: f32[${shape.join(", ")}], key: u32[2]) { return ${expression} }`);
  const inputs = Object.fromEntries([zeros(...shape), key(...seed)].map(({ name, dtype, shape: given, data }) => [name, { dtype, shape: given, data: Float64Array.from(data) }]));
  return required(evaluateReference(model, {}, inputs, {})["output"], "test", "output").data;
}

describe("on every backend", { timeout: 120_000 }, () => {
  let backends: Backends | undefined;
  beforeAll(async () => {
    backends = await openBackends();
  });
  afterAll(() => backends?.close());

  const everywhere = async (source: string, inputs: readonly RunInput[]): Promise<readonly (readonly number[])[]> => {
    const { runs } = required(backends, "test", "backends");
    expect([...runs.keys()]).toEqual(backendNames);
    const model: TensorFunction = modelOf(source);
    const results: (readonly number[])[] = [];
    for (const run of runs.values()) results.push((await run(model, inputs)).flatMap(({ data }) => Array.from(data)));
    return results;
  };

  it.each([[[0, 0]], [[1, 2]], [[0xffffff, 0xabcdef]]] as const)("bits, uniform numbers and masks are equal under key %s", async ([a, b]) => {
    const source = `model M(x: f32[5, 37], key: u32[2]) -> (a: u32[5, 37], b: u32[5, 37], u: f32[5, 37], m: f32[5, 37]) {
      return (random_bits(x, key), random_bits(x, key, stream = 4000000000, word = 1), uniform(x, key, 3), dropout(x + 1, 0.3, key, 1))
    }`;
    const [reference, ...others] = await everywhere(source, [zeros(5, 37), key(a, b)]);
    const exact = required(reference, "test", "reference");
    for (const result of others) {
      expect(result.slice(0, 3 * 185)).toEqual(exact.slice(0, 3 * 185));
      expect(result.map((value) => value === 0)).toEqual(exact.map((value) => value === 0));
    }
  });

  it("bits and normal numbers on GPU.js's WebGPU", async () => {
    await provideNavigatorGpu({ prefer: "swiftshader" });
    const device = openGpuJs(gpujs as unknown as GpuJsModule, { mode: "webgpu" });
    const model = modelOf("model M(x: f32[8, 9], key: u32[2]) { return (random_bits(x, key), normal(x, key, 2)) }");
    const program = await load(compileModel(model, "gpujs").artifact, device);
    const inputs = { x: { dtype: "f32", shape: [8, 9], data: new Float32Array(72) }, key: { dtype: "u32", shape: [2], data: Uint32Array.of(3, 0xabcdef) } } as const;
    const { outputs } = await program.run(inputs);
    expect(Array.from(required(outputs["output_0"], "test", "bits").data)).toEqual(Array.from(values("random_bits(x, key)", [8, 9], [3, 0xabcdef])));
    const exact = values("normal(x, key, 2)", [8, 9], [3, 0xabcdef]);
    expect(Math.max(...Array.from(required(outputs["output_1"], "test", "normal").data, (value, i) => Math.abs(Number(value) - (exact[i] ?? Number.NaN))))).toBeLessThan(4e-6);
    program.dispose();
    device.destroy();
  });

  it("normal numbers differ by rounding alone", async () => {
    const [reference, ...others] = await everywhere("model M(x: f32[64, 33], key: u32[2]) { return normal(x, key) }", [zeros(64, 33), key(5, 6)]);
    for (const result of others) expect(Math.max(...result.map((value, i) => Math.abs(value - (reference?.[i] ?? Number.NaN))))).toBeLessThan(4e-6);
  });
});

describe("distribution over 100,000 elements", () => {
  const shape = [200, 500] as const;
  const moment = (data: Float64Array, power: number): number => data.reduce((sum, value) => sum + value ** power, 0) / data.length;

  it("of uniform: chi-square over 256 cells, neighbours without correlation, 24 bits below 1", () => {
    const u = values("uniform(x, key)", shape);
    const cells = new Array<number>(256).fill(0);
    for (const value of u) cells[Math.floor(value * 256)] = (cells[Math.floor(value * 256)] ?? 0) + 1;
    const expected = u.length / 256;
    const chi = cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: outside once in 10^5.
    expect(chi).toBeGreaterThan(167);
    expect(chi).toBeLessThan(361);
    const correlation = u.reduce((sum, value, i) => sum + (value - 0.5) * ((u[i + 1] ?? 0.5) - 0.5), 0) / u.length / (1 / 12);
    expect(Math.abs(correlation)).toBeLessThan(4.5 / Math.sqrt(u.length));
    expect(u.every((value) => value >= 0 && value < 1 && Number.isInteger(value * 2 ** 24))).toBe(true);
  });

  it("of normal: four moments", () => {
    const z = values("normal(x, key)", shape);
    const error = 5 / Math.sqrt(z.length);
    expect(Math.abs(moment(z, 1))).toBeLessThan(error);
    expect(Math.abs(moment(z, 2) - 1)).toBeLessThan(error * Math.SQRT2);
    expect(Math.abs(moment(z, 3))).toBeLessThan(error * Math.sqrt(15));
    expect(Math.abs(moment(z, 4) - 3)).toBeLessThan(error * Math.sqrt(96));
  });

  it("of dropout: as many zeros as asked for, the rest scaled", () => {
    const y = values("dropout(x + 1, 0.2, key)", shape);
    const kept = y.filter((value) => value !== 0);
    expect(Math.abs(kept.length / y.length - 0.8)).toBeLessThan(5 * Math.sqrt(0.16 / y.length));
    expect(new Set(kept)).toEqual(new Set([1 / 0.8]));
  });

  it("of streams and keys: independent of each other", () => {
    const base = values("uniform(x, key)", shape);
    for (const other of [values("uniform(x, key, stream = 1)", shape), values("uniform(x, key)", shape, [7, 10]), values("uniform(x, key)", shape, [8, 9])]) {
      const correlation = base.reduce((sum, value, i) => sum + (value - 0.5) * ((other[i] ?? 0) - 0.5), 0) / base.length / (1 / 12);
      expect(Math.abs(correlation)).toBeLessThan(4.5 / Math.sqrt(base.length));
    }
  });
});

describe("dropout", () => {
  it("keeps everything at p = 0 and nothing at p = 1", () => {
    expect(new Set(values("dropout(x + 3, 0, key)", [40, 50]))).toEqual(new Set([3]));
    expect(new Set(values("dropout(x + 3, 1, key)", [40, 50]))).toEqual(new Set([0]));
  });

  it("depends on the row-major position alone, not on the shape", () => {
    const flat = values("uniform(x, key)", [24]);
    expect(values("uniform(x, key)", [2, 3, 4])).toEqual(flat);
    expect(values("uniform(x, key)", [6, 4])).toEqual(flat);
  });

  it.each(["wgsl", "gpujs"] as const)("is one dispatch with the product before it on %s", (target) => {
    const { models } = checkSource(sourceFile("a.nf", "model M[B](x: f32[B, 64], w: f32[64, 32], key: u32[2]) -> f32[B, 32] { return dropout(x @ w, 0.1, key) }"));
    expect(compileModel(required(models[0], "test", "model"), target).plan.kernels).toHaveLength(1);
  });
});
