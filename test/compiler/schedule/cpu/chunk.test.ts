/** Maps on one core: stretches of elements, four at a time where they lie so, none past the end. */
import { afterAll, describe, expect, it } from "vitest";
import { chooseChunkTile } from "../../../../compiler/schedule/cpu/choose-block.ts";
import { openWasm } from "../../../../runtime/devices/wasm.ts";
import { load } from "../../../../runtime/index.ts";
import { wasmModel } from "../../../support/wasm-model.ts";

const device = openWasm();
afterAll(() => device.destroy());

const { elements } = chooseChunkTile();

describe("a map", () => {
  it.each([["one at a time", "B"], ["four at a time", "4 * B"]])("%s, for lengths around the stretch", async (_, extent) => {
    const factor = extent === "B" ? 1 : 4;
    const program = await load(wasmModel(`model M[B](x: f32[${extent}], y: f32[${extent}]) -> f32[${extent}] = x * y + 1.0`).artifact, device);
    for (const B of [1, 2, 3, elements / factor - 1, elements / factor, elements / factor + 1, (3 * elements) / factor + 5]) {
      const length = factor * B;
      const [x, y] = [1, 2].map((by) => Float32Array.from({ length }, (_, i) => (i % 97) * by)) as [Float32Array, Float32Array];
      const { outputs } = await program.run({ x, y });
      expect(outputs["output"]?.data).toEqual(x.map((value, i) => value * (y[i] ?? 0) + 1));
    }
  });

  it("of several outputs, with a value for every four elements", async () => {
    const program = await load(wasmModel("model M[B](x: f32[B, 8], c: f32[B]) -> (s: f32[B, 8], p: f32[B, 8]) {\n  let r = reshape(c, [B, 1])\n  return (x + r, x * r)\n}").artifact, device);
    const B = 700;
    const x = Float32Array.from({ length: 8 * B }, (_, i) => i % 31);
    const c = Float32Array.from({ length: B }, (_, i) => i % 7);
    const { outputs, dispatches } = await program.run({ x, c });
    expect(dispatches).toBe(1);
    expect(outputs["s"]?.data).toEqual(x.map((value, i) => value + (c[i >> 3] ?? 0)));
    expect(outputs["p"]?.data).toEqual(x.map((value, i) => value * (c[i >> 3] ?? 0)));
  });

  it("vectorizes what is the same for four neighbours", () => {
    const { plan } = wasmModel("model M[B](x: f32[B, 8], c: f32[B]) -> f32[B, 8] {\n  return x + reshape(c, [B, 1])\n}");
    expect(plan.kernels[0]?.kernel.buffers.map(({ lanes }) => lanes)).toEqual([4, 1, 4]);
  });
});
