// Normalizations, written out from primitives. A kernel computes their statistics in a numerically sound order,
// whatever the formula here looks like; the formulas are what is meant. Statistics are f32 for f16 data too.

/// Mean of the squared deviations from the mean (no Bessel correction).
fn variance(x: float[...], axis: axes = -1, keep: flag = false) {
  let c = cast(x, f32)
  let d = c - mean(c, axis = axis, keep = true)
  return cast(mean(d * d, axis = axis, keep = keep), float)
}

/// Square root of the variance.
fn standard_deviation(x: float[...], axis: axes = -1, keep: flag = false) = sqrt(
  variance(x, axis, keep),
)

/// Zero mean and unit variance over any axes.
fn mean_variance_norm(x: float[...], axis: axes = -1, eps: f32 = 1e-5) -> float[...] {
  let c = cast(x, f32)
  let d = c - mean(c, axis = axis, keep = true)
  return cast(d * rsqrt(mean(d * d, axis = axis, keep = true) + eps), float)
}

/// Zero mean and unit variance, then gain and bias along the last axis. Ba, Kiros and Hinton (2016), equation 4. The
/// statistics run over the last axis, or over other ones.
fn layer_norm(
  x: float[..., N],
  gain: float[N] = 1,
  bias: float[N] = 0,
  eps: f32 = 1e-5,
  axis: axes = -1,
) -> float[..., N] = mean_variance_norm(x, axis, eps) * gain + bias

/// Unit root mean square, then a gain along the last axis. Zhang and Sennrich (2019), Root mean square layer normalization.
/// The statistic runs over the last axis, or over other ones.
fn rms_norm(
  x: float[..., N],
  gain: float[N] = 1,
  eps: f32 = 1e-6,
  axis: axes = -1,
) -> float[..., N] {
  let c = cast(x, f32)
  return cast(c * rsqrt(mean(c * c, axis = axis, keep = true) + eps), float) * gain
}

/// Unit Euclidean length over axes, as for queries and keys. Henry et al. (2020), Query-key normalization.
fn l2_normalize(x: float[...], axis: axes = -1, eps: f32 = 1e-12) -> float[...] {
  let c = cast(x, f32)
  return cast(c * rsqrt(sum(c * c, axis = axis, keep = true) + eps), float)
}

/// Unit p-norm over axes: x over the p-th root of the sum of |x|^p, at least eps.
fn lp_normalize(x: float[...], p: int = 2, axis: axes = -1, eps: f32 = 1e-12) -> float[...]
  where p >= 1 {
  let c = cast(x, f32)
  let size = abs(c)
  let total = sum(if p == 1 then size else size ** p, axis = axis, keep = true)
  let length = if p == 1 then total else total ** (1 / p)
  return cast(c / maximum(length, eps), float)
}

/// e^x over its sum along axes; the largest element is taken off first, so nothing overflows. Bridle (1990).
fn softmax(x: float[...], axis: axes = -1) -> float[...] {
  let c = cast(x, f32)
  let e = exp(c - max(c, axis = axis, keep = true))
  return cast(e / sum(e, axis = axis, keep = true), float)
}

/// Logarithm of softmax, without its underflow.
fn log_softmax(x: float[...], axis: axes = -1) -> float[...] {
  let c = cast(x, f32)
  let d = c - max(c, axis = axis, keep = true)
  return cast(d - log(sum(exp(d), axis = axis, keep = true)), float)
}

/// Batch normalization in inference, with given statistics. Ioffe and Szegedy (2015), algorithm 2.
fn batch_norm(
  x: float[..., C],
  running_mean: f32[C],
  running_variance: f32[C],
  gain: float[C] = 1,
  bias: float[C] = 0,
  eps: f32 = 1e-5,
) -> float[..., C] =
  cast((cast(x, f32) - running_mean) * rsqrt(running_variance + eps), float) * gain + bias

/// Batch normalization in training: statistics over the batch, returned after the result. Ioffe and Szegedy (2015), algorithm 1.
fn batch_norm_train(x: float[B, C], gain: float[C] = 1, bias: float[C] = 0, eps: f32 = 1e-5) -> (
  y: float[B, C],
  batch_mean: f32[C],
  batch_variance: f32[C],
) {
  let c = cast(x, f32)
  let m = mean(c, axis = 0)
  let d = c - m
  let v = mean(d * d, axis = 0)
  return (cast(d * rsqrt(v + eps), float) * gain + bias, m, v)
}

/// Each channel of each sample by itself, over its positions; channels last. Ulyanov et al. (2016), Instance normalization.
fn instance_norm(
  x: float[B, S, C],
  gain: float[C] = 1,
  bias: float[C] = 0,
  eps: f32 = 1e-5,
) -> float[B, S, C] = layer_norm(x, gain, bias, eps, axis = 1)

/// Groups of M neighbouring channels of each sample, over positions and channels; channels last. The number of groups is given:
/// group_norm[8](x). Wu and He (2018), Group normalization.
fn group_norm[G](
  x: float[B, S, G*M],
  gain: float[G*M] = 1,
  bias: float[G*M] = 0,
  eps: f32 = 1e-5,
) -> float[B, S, G*M] {
  let y = mean_variance_norm(reshape(x, [B, S, G, M]), [1, 3], eps)
  return reshape(y, [B, S, G * M]) * gain + bias
}

/// Weights of unit length in each column, times a gain. Salimans and Kingma (2016), Weight normalization. The length runs
/// over the first axis, or over other ones.
fn weight_norm(
  w: float[K, N],
  gain: float[N] = 1,
  eps: f32 = 1e-12,
  axis: axes = 0,
) -> float[K, N] = l2_normalize(w, axis, eps) * gain

/// Adds a residual, then layer_norm: the sum and the normalized sum. Xiong et al. (2020), On layer normalization in the transformer.
fn add_layer_norm(
  x: float[..., N],
  residual: float[..., N],
  gain: float[N] = 1,
  bias: float[N] = 0,
  eps: f32 = 1e-5,
) -> (sum: float[..., N], y: float[..., N]) {
  let s = x + residual
  return (s, layer_norm(s, gain, bias, eps))
}

/// Adds a residual, then rms_norm: the sum and the normalized sum.
fn add_rms_norm(x: float[..., N], residual: float[..., N], gain: float[N] = 1, eps: f32 = 1e-6) -> (
  sum: float[..., N],
  y: float[..., N],
) {
  let s = x + residual
  return (s, rms_norm(s, gain, eps))
}
