/** exp, exp2, log and log2 on the device that has them as polynomials, over every exponent of f32 and what lies outside. */
import { afterAll, describe, expect, it } from "vitest";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { load } from "../../../runtime/index.ts";
import { wasmModel } from "../../support/wasm-model.ts";

const device = openWasm({ relaxed: false });
afterAll(() => device.destroy());

/** Numbers of both signs with every exponent, some of each, and the edges. A multiple of 4 long. */
function everyExponent(): Float32Array {
  const words = new Uint32Array(2 * 256 * 64);
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mantissa = i % 64 === 0 ? 0 : i % 64 === 1 ? 0x7fffff : state >>> 9;
    words[i] = (((i >> 6) << 23) | mantissa) >>> 0;
  }
  return new Float32Array(words.buffer);
}

/** Distance in units of the last place of the wanted number; 0 for two NaN. */
function ulp(got: number, want: number): number {
  if (Number.isNaN(want)) return Number.isNaN(got) ? 0 : Infinity;
  const rounded = Math.fround(want);
  if (got === rounded) return 0;
  if (!Number.isFinite(rounded) || !Number.isFinite(got)) return Number.isFinite(rounded) === Number.isFinite(got) ? Infinity : Math.abs(want) > 3.402823e38 && Math.abs(got) > 3.402823e38 ? 1 : Infinity;
  const unit = 2 ** Math.max(Math.floor(Math.log2(Math.abs(want))) - 23, -149);
  return Math.abs(got - want) / unit;
}

/** A grid over the range where results are neither 0 nor infinite. */
const range = (low: number, high: number): Float32Array => Float32Array.from({ length: 65536 }, (_, i) => low + ((high - low) * i) / 65535);

const functions: readonly [name: string, (x: number) => number, Float32Array, number][] = [
  ["exp", Math.exp, range(-105, 89.5), 1],
  ["exp2", (x) => 2 ** x, range(-151, 129), 1],
  ["log", Math.log, range(0.5, 2), 1],
  ["log2", Math.log2, range(0.5, 2), 2],
];

describe.each(functions)("%s", (name, exact, dense, most) => {
  it.each([["a vector at a time", "N"], ["one at a time", "N + 1"]])(`is within ${most} ulp, %s`, async (_, length) => {
    const { artifact } = wasmModel(`model F[N](x: f32[${length === "N" ? "4 * N" : "N"}]) -> f32[${length === "N" ? "4 * N" : "N"}] = ${name}(x)`);
    const program = await load(artifact, device);
    for (const x of [everyExponent(), dense]) {
      const { outputs } = await program.run({ x });
      const got = outputs["output"]?.data ?? [];
      let worst = 0;
      let at = 0;
      for (let i = 0; i < x.length; i++) {
        const error = ulp(got[i] ?? 0, exact(x[i] ?? 0));
        if (error > worst) [worst, at] = [error, i];
      }
      expect(worst, `${name}(${x[at]}) = ${got[at]}, not ${exact(x[at] ?? 0)}`).toBeLessThanOrEqual(most);
    }
    program.dispose();
  });
});
