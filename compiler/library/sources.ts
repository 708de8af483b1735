/** The library as text. Generated from the .nf files of this folder by compiler/generate/library.ts; do not edit. */

export const librarySources: readonly { readonly path: string; readonly text: string }[] = [
  {
    path: "library/activations.nf",
    text: `// Activations, written out from primitives. Each works on a tensor of any shape.
// tanh and sigmoid are built-in ops.

/// max(x, 0). Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
fn relu(x: f32[...]) -> f32[...] = maximum(x, 0)

/// relu, limited to 6. Howard et al. (2017), MobileNets.
fn relu6(x: f32[...]) -> f32[...] = minimum(maximum(x, 0), 6)

/// The square of relu. So et al. (2021), Primer.
fn relu_squared(x: f32[...]) -> f32[...] {
  let r = maximum(x, 0)
  return r * r
}

/// x where positive, else slope * x. Maas et al. (2013), Rectifier nonlinearities improve acoustic models.
fn leaky_relu(x: f32[...], slope: f32 = 0.01) -> f32[...] = where(x > 0, x, slope * x)

/// leaky_relu with a learned slope per channel. He et al. (2015), Delving deep into rectifiers.
fn prelu(x: f32[..., N], slope: f32[N]) -> f32[..., N] = where(x > 0, x, slope * x)

/// x where positive, else alpha * (e^x - 1). Clevert et al. (2016), ELU.
fn elu(x: f32[...], alpha: f32 = 1) -> f32[...] = where(x > 0, x, alpha * expm1(minimum(x, 0)))

/// elu, scaled so that mean 0 and variance 1 are a fixed point. Klambauer et al. (2017), Self-normalizing networks.
fn selu(x: f32[...], alpha: f32 = 1.6732632423543772, scale: f32 = 1.0507009873554805) -> f32[...] =
  scale * where(x > 0, x, alpha * expm1(minimum(x, 0)))

/// elu with a continuous derivative for every alpha. Barron (2017), CELU.
fn celu(x: f32[...], alpha: f32 = 1) -> f32[...] =
  maximum(x, 0) + minimum(alpha * expm1(minimum(x, 0) / alpha), 0)

/// x times the normal distribution function of x, exact. Hendrycks and Gimpel (2016), GELU.
fn gelu(x: f32[...]) -> f32[...] = 0.5 * x * (1 + erf(x * 0.7071067811865476))

/// gelu by its tanh approximation; within 5e-4 of the exact one. Hendrycks and Gimpel (2016), section 2.
fn gelu_tanh(x: f32[...]) -> f32[...] =
  0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))

/// gelu by its sigmoid approximation, x * sigmoid(1.702 x). Hendrycks and Gimpel (2016), section 2.
fn gelu_sigmoid(x: f32[...]) -> f32[...] = x * sigmoid(1.702 * x)

/// x * sigmoid(x), also called swish. Elfwing et al. (2018), Sigmoid-weighted linear units.
fn silu(x: f32[...]) -> f32[...] = x * sigmoid(x)

/// x * sigmoid(beta * x). Ramachandran et al. (2017), Searching for activation functions.
fn swish(x: f32[...], beta: f32 = 1) -> f32[...] = x * sigmoid(beta * x)

/// log(1 + e^x), in the form that cannot overflow. Dugas et al. (2001).
fn softplus(x: f32[...]) -> f32[...] = maximum(x, 0) + log1p(exp(-abs(x)))

/// log of sigmoid, in the form that cannot overflow.
fn log_sigmoid(x: f32[...]) -> f32[...] = minimum(x, 0) - log1p(exp(-abs(x)))

/// x * tanh(softplus(x)). Misra (2019), Mish.
fn mish(x: f32[...]) -> f32[...] = x * tanh(softplus(x))

/// x / (1 + |x|). Turian et al. (2009).
fn softsign(x: f32[...]) -> f32[...] = x / (1 + abs(x))

/// slope * x + shift, limited to 0 .. 1. Howard et al. (2019), Searching for MobileNetV3.
fn hard_sigmoid(
  x: f32[...],
  slope: f32 = 0.16666666666666666,
  shift: f32 = 0.5,
) -> f32[...] = minimum(maximum(slope * x + shift, 0), 1)

/// x * hard_sigmoid(x). Howard et al. (2019), Searching for MobileNetV3.
fn hard_swish(x: f32[...]) -> f32[...] = x * hard_sigmoid(x)

/// x, limited to -1 .. 1. Collobert (2004).
fn hard_tanh(x: f32[...]) -> f32[...] = minimum(maximum(x, -1), 1)

/// 0 within the threshold, x moved towards 0 by bias beyond.
fn shrink(x: f32[...], bias: f32 = 0, threshold: f32 = 0.5) -> f32[...] = where(
  x < -threshold,
  x + bias,
  where(x > threshold, x - bias, 0),
)

/// x where it exceeds the level, else a value.
fn threshold(x: f32[...], level: f32, value: f32 = 0) -> f32[...] = where(x > level, x, value)

/// x - tanh(x).
fn tanh_shrink(x: f32[...]) -> f32[...] = x - tanh(x)

/// One half gates the other: a * sigmoid(b). Dauphin et al. (2017), Gated convolutional networks.
fn glu(a: f32[...], b: f32[...]) -> f32[...] = a * sigmoid(b)

/// One half gates the other: silu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn swiglu(a: f32[...], b: f32[...]) -> f32[...] = a * sigmoid(a) * b

/// One half gates the other: gelu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn geglu(a: f32[...], b: f32[...]) -> f32[...] = gelu(a) * b
`,
  },
  {
    path: "library/attention.nf",
    text: `// Attention, written out from primitives. Heads are a leading axis.

/// softmax(q k^T / sqrt(D)) v. Vaswani et al. (2017), Attention is all you need, equation 1.
fn attention(q: f32[..., T, D], k: f32[..., S, D], v: f32[..., S, E]) -> f32[..., T, E] =
  softmax(einsum("...td,...sd->...ts", q, k) * rsqrt(cast(D, f32))) @ v

/// Attention with a bias that is added to the scores, for example -inf where a key must not be seen.
fn biased_attention(
  q: f32[..., T, D],
  k: f32[..., S, D],
  v: f32[..., S, E],
  bias: f32[..., T, S],
) -> f32[..., T, E] = softmax(einsum("...td,...sd->...ts", q, k) * rsqrt(cast(D, f32)) + bias) @ v

/// Attention in which position t sees the positions up to t only.
fn causal_attention(q: f32[..., T, D], k: f32[..., T, D], v: f32[..., T, E]) -> f32[..., T, E] {
  let scores = einsum("...td,...sd->...ts", q, k) * rsqrt(cast(D, f32))
  let seen = position(scores, axis = -1) <= position(scores, axis = -2)
  return softmax(where(seen, scores, -1e30)) @ v
}

/// The last axis as H heads, which become an axis before the positions: split_heads[8](q).
fn split_heads[H](x: f32[B, T, H*E]) -> f32[B, H, T, E] = transpose(
  reshape(x, [B, T, H, E]),
  [0, 2, 1, 3],
)

/// The opposite of split_heads: heads side by side in the last axis.
fn merge_heads(x: f32[B, H, T, E]) -> f32[B, T, H*E] = reshape(
  transpose(x, [0, 2, 1, 3]),
  [B, T, H * E],
)
`,
  },
  {
    path: "library/functions.nf",
    text: `// Mathematical functions, written out from primitives.

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
`,
  },
  {
    path: "library/images.nf",
    text: `// Functions of images with the channels first, [batch, channels, height, width], as conv and the pools take them.

/// Batch normalization of each channel in inference, with given statistics. Ioffe and Szegedy (2015), algorithm 2.
fn image_batch_norm(
  x: f32[B, C, H, W],
  running_mean: f32[C],
  running_variance: f32[C],
  gain: f32[C] = 1,
  bias: f32[C] = 0,
  eps: f32 = 1e-5,
) -> f32[B, C, H, W] {
  let scale = gain * rsqrt(running_variance + eps)
  let shift = bias - running_mean * scale
  return x * reshape(scale, [C, 1, 1]) + reshape(shift, [C, 1, 1])
}

/// Groups of M neighbouring channels of each image, over positions and channels. The number of groups is given:
/// image_group_norm[8](x). Wu and He (2018), Group normalization.
fn image_group_norm[G](
  x: f32[B, G*M, H, W],
  gain: f32[G*M] = 1,
  bias: f32[G*M] = 0,
  eps: f32 = 1e-5,
) -> f32[B, G*M, H, W] {
  let groups = reshape(x, [B, G, M, H, W])
  let d = groups - mean(groups, axis = [2, 3, 4], keep = true)
  let y = d * rsqrt(mean(d * d, axis = [2, 3, 4], keep = true) + eps)
  return reshape(y, [B, G * M, H, W]) * reshape(gain, [G * M, 1, 1]) + reshape(bias, [G * M, 1, 1])
}

/// Each pixel becomes a square of \`factor\` x \`factor\` equal ones.
fn up_sample(x: f32[B, C, H, W], factor: int) = reshape(
  broadcast_to(reshape(x, [B, C, H, 1, W, 1]), [B, C, H, factor, W, factor]),
  [B, C, H * factor, W * factor],
)
`,
  },
  {
    path: "library/losses.nf",
    text: `// Losses, each for one sample or element; take the mean for the usual reduction.

/// Squared differences.
fn squared_error(prediction: f32[...], target: f32[...]) -> f32[...] {
  let d = prediction - target
  return d * d
}

/// Absolute differences.
fn absolute_error(prediction: f32[...], target: f32[...]) -> f32[...] = abs(prediction - target)

/// Quadratic within delta, linear beyond. Huber (1964), Robust estimation of a location parameter.
fn huber(prediction: f32[...], target: f32[...], delta: f32 = 1) -> f32[...] {
  let a = abs(prediction - target)
  let q = minimum(a, delta)
  return 0.5 * q * q + delta * (a - q)
}

/// log(cosh(d)) of the difference d, in the form that cannot overflow.
fn log_cosh(prediction: f32[...], target: f32[...]) -> f32[...] {
  let a = abs(prediction - target)
  return a + log1p(exp(-2 * a)) - 0.6931471805599453
}

/// max(0, 1 - sign * prediction), with signs -1 and 1.
fn hinge(prediction: f32[...], signs: f32[...]) -> f32[...] = maximum(1 - signs * prediction, 0)

/// Cross-entropy of logits with classes given by number: one value for each row. The last axis holds the classes.
fn cross_entropy(logits: f32[..., N], labels: i32[...]) -> f32[...] = -sum(
  log_softmax(logits) * one_hot(labels, N),
  axis = -1,
)

/// Cross-entropy of logits with a distribution over the classes: one value for each row.
fn soft_cross_entropy(logits: f32[..., N], targets: f32[..., N]) -> f32[...] = -sum(
  log_softmax(logits) * targets,
  axis = -1,
)

/// Cross-entropy of logits with probabilities of the class, in the form that cannot overflow.
fn binary_cross_entropy(logits: f32[...], targets: f32[...]) -> f32[...] =
  maximum(logits, 0) - logits * targets + log1p(exp(-abs(logits)))

/// Divergence of the distribution q from the target distribution p along the last axis. Kullback and Leibler (1951).
fn kl_divergence(p: f32[..., N], q: f32[..., N]) -> f32[...] = sum(
  where(p > 0, p * (log(maximum(p, 1e-30)) - log(q)), 0),
  axis = -1,
)

/// Cosine of the angle between vectors along the last axis.
fn cosine_similarity(a: f32[..., N], b: f32[..., N]) -> f32[...] = sum(
  l2_normalize(a) * l2_normalize(b),
  axis = -1,
)
`,
  },
  {
    path: "library/normalizations.nf",
    text: `// Normalizations, written out from primitives. A kernel computes their statistics in a numerically sound order,
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
`,
  },
];
