/** Conversion between f32 numbers on the host and the 16-bit floats of device storage (IEEE 754 binary16). */

const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/** Rounds to nearest, ties to even; overflow gives infinity. */
export function toHalfBits(value: number): number {
  word[0] = value;
  const from = bits[0] ?? 0;
  const sign = (from >>> 16) & 0x8000;
  const magnitude = from & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal in binary16: the unit is 2^-24, and adding 0.5 in f32 rounds the value to a multiple of it.
    word[0] = Math.abs(value) + 0.5;
    return sign | ((bits[0] ?? 0) - 0x3f000000);
  }
  const roundedHalfway = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((roundedHalfway - 0x38000000) >>> 13);
}

export function fromHalfBits(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
