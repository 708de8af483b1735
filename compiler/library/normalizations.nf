// Normalizations, written out from primitives. A kernel computes their statistics in a numerically sound order,
// whatever the formula here looks like; the formulas are what is meant.

/// Mean of the squared deviations from the mean (no Bessel correction).
fn variance(x: f32[...], axis: axes = -1, keep: flag = false) {
  let d = x - mean(x, axis = axis, keep = true)
  return mean(d * d, axis = axis, keep = keep)
}

/// Square root of the variance.
fn standard_deviation(x: f32[...], axis: axes = -1, keep: flag = false) = sqrt(
  variance(x, axis, keep),
)

/// Zero mean and unit variance over the last axis, then gain and bias. Ba, Kiros and Hinton (2016), equation 4.
fn layer_norm(x: f32[..., N], gain: f32[N] = 1, bias: f32[N] = 0, eps: f32 = 1e-5) -> f32[..., N] {
  let d = x - mean(x, axis = -1, keep = true)
  return d * rsqrt(mean(d * d, axis = -1, keep = true) + eps) * gain + bias
}

/// Unit root mean square over the last axis, then a gain. Zhang and Sennrich (2019), Root mean square layer normalization.
fn rms_norm(x: f32[..., N], gain: f32[N] = 1, eps: f32 = 1e-6) -> f32[..., N] =
  x * rsqrt(mean(x * x, axis = -1, keep = true) + eps) * gain

/// Unit Euclidean length along an axis, as for queries and keys. Henry et al. (2020), Query-key normalization.
fn l2_normalize(x: f32[...], axis: int = -1, eps: f32 = 1e-12) -> f32[...] =
  x * rsqrt(sum(x * x, axis = axis, keep = true) + eps)

/// e^x over its sum along an axis; the largest element is taken off first, so nothing overflows. Bridle (1990).
fn softmax(x: f32[...], axis: int = -1) -> f32[...] {
  let e = exp(x - max(x, axis = axis, keep = true))
  return e / sum(e, axis = axis, keep = true)
}

/// Logarithm of softmax, without its underflow.
fn log_softmax(x: f32[...], axis: int = -1) -> f32[...] {
  let d = x - max(x, axis = axis, keep = true)
  return d - log(sum(exp(d), axis = axis, keep = true))
}

/// Batch normalization in inference, with given statistics. Ioffe and Szegedy (2015), algorithm 2.
fn batch_norm(
  x: f32[..., C],
  running_mean: f32[C],
  running_variance: f32[C],
  gain: f32[C] = 1,
  bias: f32[C] = 0,
  eps: f32 = 1e-5,
) -> f32[..., C] = (x - running_mean) * rsqrt(running_variance + eps) * gain + bias

/// Batch normalization in training: statistics over the batch, returned after the result. Ioffe and Szegedy (2015), algorithm 1.
fn batch_norm_train(x: f32[B, C], gain: f32[C] = 1, bias: f32[C] = 0, eps: f32 = 1e-5) -> (
  y: f32[B, C],
  batch_mean: f32[C],
  batch_variance: f32[C],
) {
  let m = mean(x, axis = 0)
  let d = x - m
  let v = mean(d * d, axis = 0)
  return (d * rsqrt(v + eps) * gain + bias, m, v)
}

/// Each channel of each sample by itself, over its positions; channels last. Ulyanov et al. (2016), Instance normalization.
fn instance_norm(
  x: f32[B, S, C],
  gain: f32[C] = 1,
  bias: f32[C] = 0,
  eps: f32 = 1e-5,
) -> f32[B, S, C] {
  let d = x - mean(x, axis = 1, keep = true)
  return d * rsqrt(mean(d * d, axis = 1, keep = true) + eps) * gain + bias
}

/// Groups of M neighbouring channels of each sample, over positions and channels; channels last. The number of groups is given:
/// group_norm[8](x). Wu and He (2018), Group normalization.
fn group_norm[G](
  x: f32[B, S, G*M],
  gain: f32[G*M] = 1,
  bias: f32[G*M] = 0,
  eps: f32 = 1e-5,
) -> f32[B, S, G*M] {
  let groups = reshape(x, [B, S, G, M])
  let d = groups - mean(groups, axis = [1, 3], keep = true)
  let y = d * rsqrt(mean(d * d, axis = [1, 3], keep = true) + eps)
  return reshape(y, [B, S, G * M]) * gain + bias
}

/// Weights of unit length in each column, times a gain. Salimans and Kingma (2016), Weight normalization.
fn weight_norm(w: f32[K, N], gain: f32[N] = 1, eps: f32 = 1e-12) -> f32[K, N] =
  w * rsqrt(sum(w * w, axis = 0, keep = true) + eps) * gain

/// Adds a residual, then layer_norm: the sum and the normalized sum. Xiong et al. (2020), On layer normalization in the transformer.
fn add_layer_norm(
  x: f32[..., N],
  residual: f32[..., N],
  gain: f32[N] = 1,
  bias: f32[N] = 0,
  eps: f32 = 1e-5,
) -> (sum: f32[..., N], y: f32[..., N]) {
  let s = x + residual
  return (s, layer_norm(s, gain, bias, eps))
}

/// Adds a residual, then rms_norm: the sum and the normalized sum.
fn add_rms_norm(x: f32[..., N], residual: f32[..., N], gain: f32[N] = 1, eps: f32 = 1e-6) -> (
  sum: f32[..., N],
  y: f32[..., N],
) {
  let s = x + residual
  return (s, rms_norm(s, gain, eps))
}
