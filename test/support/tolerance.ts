/** Distance of an f32 result from its float64 reference, as the op records state it. */
import type { Tolerance } from "../../compiler/ops/define.ts";

const smallestNormal = 2 ** -126;

/** Spacing of f32 at a value; that of denormals below the smallest normal number. */
export function ulpSize(value: number): number {
  const size = Math.abs(value);
  return size < smallestNormal ? 2 ** -149 : 2 ** (Math.floor(Math.log2(size)) - 23);
}

/** unit: ulp of f32; 0 for the same class of NaN or infinity, infinite for another class. */
export function ulpDistance(actual: number, expected: number): number {
  // What the reference has beyond the range of f32 is an infinity there.
  const wanted = Math.abs(expected) > 3.4028235677973366e38 ? Math.sign(expected) * Number.POSITIVE_INFINITY : expected;
  if (!Number.isFinite(actual) || !Number.isFinite(wanted)) return Object.is(actual, wanted) ? 0 : Number.POSITIVE_INFINITY;
  return Math.abs(actual - wanted) / ulpSize(wanted);
}

/** unit: ulp of f32, after what the absolute part of the tolerance allows. */
export const within = (actual: number, expected: number, { ulp, absolute = 0 }: Tolerance): boolean =>
  ulpDistance(actual, expected) <= ulp || Math.abs(actual - expected) <= absolute;

/** Count numbers spread evenly over all bit patterns of f32: every exponent, both signs, denormals, infinities, NaN. */
export function floatSweep(count: number): Float32Array {
  const words = new Uint32Array(count + 6);
  const stride = Math.floor(2 ** 32 / count);
  for (let i = 0; i < count; i++) words[i] = i * stride + (i * 2654435761) % stride;
  words.set([0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 1], count);
  return new Float32Array(words.buffer);
}
