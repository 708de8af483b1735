/** exp, exp2, log, log2 and powers on the device that has them as polynomials, over every exponent of f32 and what lies outside. */
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

describe("powers", () => {
  /** Numbers between 0 and 1 in an order that looks random. */
  function* numbers(): Generator<number, never> {
    for (let state = 7; ; ) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      yield state / 2 ** 32;
    }
  }
  const source = numbers();
  const next = (): number => source.next().value;
  const cases: Readonly<Record<string, () => readonly [number, number]>> = {
    "of every exponent": () => {
      const power = (next() - 0.5) * 298;
      return [2 ** power, ((next() - 0.5) * 300) / power];
    },
    "of numbers near 1": () => {
      const x = Math.fround(1 + (next() - 0.5) * 2 ** (-20 * next()));
      return [x, x === 1 ? 3 : ((next() - 0.5) * 250) / Math.log2(x)];
    },
    "of negative numbers": () => [-(2 ** ((next() - 0.5) * 20)), Math.round((next() - 0.5) * 20)],
  };

  it.each(Object.entries(cases))("%s are within 32 ulp", async (_, make) => {
    const program = await load(wasmModel("model F[N](x: f32[4 * N], y: f32[4 * N]) -> f32[4 * N] = x ** y").artifact, device);
    const pairs = Array.from({ length: 65536 }, make);
    const [x, y] = [Float32Array.from(pairs, ([base]) => base), Float32Array.from(pairs, ([, exponent]) => exponent)];
    const { outputs } = await program.run({ x, y });
    const got = outputs["output"]?.data ?? [];
    let worst = 0;
    let at = 0;
    x.forEach((base, i) => {
      const want = base ** (y[i] ?? 0);
      // Subnormal results are rounded once; the units of the others count.
      const error = Math.abs(want) < 1.2e-38 || Math.abs(want) > 3.4e38 ? 0 : ulp(got[i] ?? 0, want);
      if (error > worst) [worst, at] = [error, i];
    });
    expect(worst, `${x[at]} ** ${y[at]} is ${got[at]}, not ${(x[at] ?? 0) ** (y[at] ?? 0)}`).toBeLessThanOrEqual(32);
    expect(worst).toBeGreaterThan(0);
    program.dispose();
  });

  it.each([["a vector at a time", "4 * N"], ["one at a time", "N"]])("of 0, infinities and NaN are those of JavaScript, %s", async (_, length) => {
    const program = await load(wasmModel(`model F[N](x: f32[${length}], y: f32[${length}]) -> f32[${length}] = x ** y`).artifact, device);
    const special = [0, 1, -1, 2, -2, 0.5, -0.5, Infinity, -Infinity, NaN, 3, -3, 1e-45, 3.4e38, 1e-38, 1e30, -1e30, 0.3333, 2.5, -2.5];
    const pairs = special.flatMap((base) => special.map((exponent) => [base, exponent] as const));
    const [x, y] = [Float32Array.from(pairs, ([base]) => base), Float32Array.from(pairs, ([, exponent]) => exponent)];
    const got = (await program.run({ x, y })).outputs["output"]?.data ?? [];
    x.forEach((base, i) => {
      const want = Math.fround(base ** (y[i] ?? 0));
      const value = got[i] ?? 0;
      const same = Object.is(value, want) || value === want || Math.abs(value - want) <= Math.max(Math.abs(want) * 1e-6, 3e-45);
      expect(same, `${base} ** ${y[i]} is ${value}, not ${want}`).toBe(true);
    });
    program.dispose();
  });
});
