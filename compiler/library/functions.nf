// Mathematical functions, written out from primitives.

/// x, limited to low .. high.
fn clamp(x: number[...], low: number, high: number) -> number[...] = minimum(maximum(x, low), high)

/// x times itself.
fn square(x: number[...]) -> number[...] = x * x

/// Remainder with the sign of the divisor, as Python and NumPy have it.
fn floor_mod(a: float[...], b: float[...]) -> float[...] = a - floor(a / b) * b

/// 1 where x is positive, slope * 1 elsewhere; NaN stays.
fn step(x: float[...], slope: float = 0) -> float[...] = where(is_nan(x), x, where(x > 0, 1, slope))

/// Logarithm of the sum of e^x over axes, in the form that cannot overflow.
fn log_sum_exp(x: float[...], axis: axes = -1, keep: flag = false) {
  let c = cast(x, f32)
  let m = max(c, axis = axis, keep = true)
  let base = where(is_inf(m), 0, m)
  let total = log(sum(exp(c - base), axis = axis, keep = keep))
  return cast(total + sum(base, axis = axis, keep = keep), float)
}

/// Sum of absolute values over axes.
fn norm_l1(x: float[...], axis: axes = -1, keep: flag = false) = cast(
  sum(abs(cast(x, f32)), axis = axis, keep = keep),
  float,
)

/// Euclidean length over axes.
fn norm_l2(x: float[...], axis: axes = -1, keep: flag = false) {
  let c = cast(x, f32)
  return cast(sqrt(sum(c * c, axis = axis, keep = keep)), float)
}

/// Position of the first largest element along an axis; of the first NaN, if there is one.
fn argmax(x: float[...], axis: int = -1, keep: flag = false) {
  let m = max(x, axis = axis, keep = true)
  return min(
      where(x == m or is_nan(x), position(x, axis = axis), 2147483647),
      axis = axis,
      keep = keep,
    )
}

/// Position of the first smallest element along an axis; of the first NaN, if there is one.
fn argmin(x: float[...], axis: int = -1, keep: flag = false) = argmax(-x, axis, keep)
