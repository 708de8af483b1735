// Random numbers: functions of a key and of the element's row-major position in x, so nothing is stored, and the same call
// gives the same numbers wherever it is computed. x gives the shape only. Uses under one key take streams of their own.

/// Uniform in 0 .. 1, 1 left out: one of 2^24 equally spaced numbers.
fn uniform(x: any[...], key: u32[2], stream: int = 0) -> f32[...] =
  cast(random_bits(x, key, stream = stream), f32) * 5.9604644775390625e-8

/// Normal with mean 0 and deviation 1, within 5.8 deviations. Box and Muller (1958), A note on the generation of random
/// normal deviates.
fn normal(x: any[...], key: u32[2], stream: int = 0) -> f32[...] {
  let radius = sqrt(-2 * log1p(-uniform(x, key, stream)))
  let turn = cast(random_bits(x, key, stream = stream, word = 1), f32) * 5.9604644775390625e-8
  return radius * cos(6.283185307179586 * turn)
}

/// Zero with probability p (a multiple of 2^-24), else x / (1 - p). Srivastava et al. (2014), Dropout.
fn dropout(x: float[...], p: f32, key: u32[2], stream: int = 0) -> float[...] {
  let kept = cast(random_bits(x, key, stream = stream), f32) >= round(p * 16777216)
  return where(kept, x / cast(where(p < 1, 1 - p, 1), float), 0)
}
