// Mathematical functions, written out from primitives.

/// x, limited to low .. high.
fn clamp(x: f32[...], low: f32, high: f32) -> f32[...] = minimum(maximum(x, low), high)

/// x times itself.
fn square(x: f32[...]) -> f32[...] = x * x

/// Remainder with the sign of the divisor, as Python and NumPy have it.
fn floor_mod(a: f32[...], b: f32[...]) -> f32[...] = a - floor(a / b) * b

/// 1 where x is positive, slope * 1 elsewhere; NaN stays.
fn step(x: f32[...], slope: f32 = 0) -> f32[...] = where(is_nan(x), x, where(x > 0, 1, slope))

/// Logarithm of the sum of e^x over axes, in the form that cannot overflow.
fn log_sum_exp(x: f32[...], axis: axes = -1, keep: flag = false) {
  let m = max(x, axis = axis, keep = true)
  let base = where(is_inf(m), 0, m)
  return log(sum(exp(x - base), axis = axis, keep = keep)) + sum(base, axis = axis, keep = keep)
}

/// Sum of absolute values over axes.
fn norm_l1(x: f32[...], axis: axes = -1, keep: flag = false) = sum(abs(x), axis = axis, keep = keep)

/// Euclidean length over axes.
fn norm_l2(x: f32[...], axis: axes = -1, keep: flag = false) = sqrt(
  sum(x * x, axis = axis, keep = keep),
)

/// Position of the first largest element along an axis; of the first NaN, if there is one.
fn arg_max(x: f32[...], axis: int = -1, keep: flag = false) {
  let m = max(x, axis = axis, keep = true)
  return min(
      where(x == m or is_nan(x), position(x, axis = axis), 2147483647),
      axis = axis,
      keep = keep,
    )
}

/// Position of the first smallest element along an axis; of the first NaN, if there is one.
fn arg_min(x: f32[...], axis: int = -1, keep: flag = false) = arg_max(-x, axis, keep)
