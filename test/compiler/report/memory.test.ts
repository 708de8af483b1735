/** The memory that an explanation reports: counted by hand, and of transformers of any depth. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkSource, compileModel, type KernelTarget, sourceFile } from "../../../compiler/index.ts";
import { required } from "../../../compiler/errors.ts";
import type { Bindings } from "../../../compiler/ir/extent.ts";
import { explain, type Explanation } from "../../../compiler/report/explain.ts";
import { explanationText, size } from "../../../compiler/report/explain-text.ts";

const models = new URL("../../cases/models/", import.meta.url);
const file = (name: string): ReturnType<typeof sourceFile> => sourceFile(name, readFileSync(new URL(name, models), "utf8"));

function explained(source: ReturnType<typeof sourceFile>, bind: Bindings, host: Bindings, target: KernelTarget = "wgsl"): Explanation {
  const checked = checkSource(source, { bind, resolve: (_, specifier) => file(specifier) });
  const { e, fn, plan } = compileModel(required(checked.models[0], "test", "model"), target, { assume: host });
  return explain(fn.name, e, plan, host);
}

const chain = sourceFile("chain.nf", `layer L(x: f32[B, 16]) -> f32[B, 16] {\n  param w: f32[16, 16] = ones\n  return softmax(x @ w, axis = 0)\n}\nmodel M[B](x: f32[B, 16]) -> f32[B, 16] {\n  return x |> L |> L |> L |> L\n}`);

describe("memory", () => {
  it("of a chain is a few slots, whatever its length", () => {
    const { memory } = explained(chain, {}, { B: 1000 });
    const tensor = 4 * 1000 * 16;
    expect(memory.least).toBeGreaterThanOrEqual(2 * tensor);
    expect(memory.peak).toBeGreaterThanOrEqual(memory.least);
    expect(memory.peak).toBeLessThan(memory.separate);
    expect(memory.lasting).toBe(4 * 4 * 256);
    expect(memory.slots.reduce((sum, slot) => sum + slot.bytes, 0)).toBe(memory.peak);
    const values = memory.slots.flatMap((slot) => slot.values);
    expect(values.find(({ value }) => value === "x")).toMatchObject({ from: -1, bytes: tensor });
    expect(values.filter(({ to }) => to === null)).toHaveLength(1);
  });

  it("says which values are overwritten in place, and what a run would take without", () => {
    const source = sourceFile("map.nf", "model M(x: f32[64, 64], w: f32[64, 4096], v: f32[4096, 64]) -> f32[64, 64] {\n  return softmax((x @ w) @ v)\n}");
    const { memory, ...rest } = explained(source, {}, {});
    const [last] = memory.inPlace;
    const bytes = 4 * 64 * 64;
    expect(memory.inPlace).toEqual([{ value: "matmul.2", by: expect.stringMatching(/^div/), kernel: rest.kernels.at(-1)?.name, bytes }]);
    // x, w, v, and the wide product; the narrow one takes the place of x, and its softmax that of the narrow one, or of w.
    expect([memory.peak, memory.apart]).toEqual([(1 + 64 + 64 + 64) * bytes, (1 + 64 + 64 + 64) * bytes]);
    expect(memory.slots.flatMap(({ values }) => values.map(({ value }) => value))).not.toContain("matmul.2");
    expect(explanationText({ ...rest, memory })).toContain(`in place (${size(memory.apart)} at most without):\n   16.0 KiB  matmul.2 is overwritten by ${last?.by} in ${last?.kernel}`);
  });

  it.each<KernelTarget>(["wgsl", "gpujs"])("of a transformer does not grow with its layers: %s", { timeout: 60_000 }, (target) => {
    const [four, twelve] = [4, 12].map((L) => explained(file("gpt2.nf"), { V: 500, S: 64, D: 64, H: 4, L }, { B: 1, T: 64 }, target));
    expect(twelve?.dispatches).toBeGreaterThan(2 * (four?.dispatches ?? 0));
    expect(twelve?.memory.peak).toBe(four?.memory.peak);
    expect(twelve?.memory.separate).toBeGreaterThan(1.5 * (four?.memory.separate ?? 0));
    expect(twelve?.memory.peak).toBeLessThanOrEqual(1.5 * (twelve?.memory.least ?? 0));
  });
});
