/** The library as text. Generated from the .nf files of this folder by compiler/generate/library.ts; do not edit. */

export const librarySources: readonly { readonly path: string; readonly text: string }[] = [
  {
    path: "library/activations.nf",
    text: `// Activations, written out from primitives. Each works on a tensor of any shape, in f32 or f16.
// tanh and sigmoid are built-in ops.

/// max(x, 0). Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
fn relu(x: float[...]) -> float[...] = maximum(x, 0)

/// relu, limited to 6. Howard et al. (2017), MobileNets.
fn relu6(x: float[...]) -> float[...] = minimum(maximum(x, 0), 6)

/// The square of relu. So et al. (2021), Primer.
fn relu_squared(x: float[...]) -> float[...] {
  let r = maximum(x, 0)
  return r * r
}

/// x where positive, else slope * x. Maas et al. (2013), Rectifier nonlinearities improve acoustic models.
fn leaky_relu(x: float[...], slope: float = 0.01) -> float[...] = where(x > 0, x, slope * x)

/// leaky_relu with a learned slope per channel. He et al. (2015), Delving deep into rectifiers.
fn prelu(x: float[..., N], slope: float[N]) -> float[..., N] = where(x > 0, x, slope * x)

/// x where positive, else alpha * (e^x - 1). Clevert et al. (2016), ELU.
fn elu(x: float[...], alpha: float = 1) -> float[...] = where(
  x > 0,
  x,
  alpha * expm1(minimum(x, 0)),
)

/// elu, scaled so that mean 0 and variance 1 are a fixed point. Klambauer et al. (2017), Self-normalizing networks.
fn selu(
  x: float[...],
  alpha: float = 1.6732632423543772,
  scale: float = 1.0507009873554805,
) -> float[...] = scale * where(x > 0, x, alpha * expm1(minimum(x, 0)))

/// elu with a continuous derivative for every alpha. Barron (2017), CELU.
fn celu(x: float[...], alpha: float = 1) -> float[...] =
  maximum(x, 0) + minimum(alpha * expm1(minimum(x, 0) / alpha), 0)

/// x times the normal distribution function of x, exact. Hendrycks and Gimpel (2016), GELU.
fn gelu(x: float[...]) -> float[...] = 0.5 * x * (1 + erf(x * 0.7071067811865476))

/// gelu by its tanh approximation; within 5e-4 of the exact one. Hendrycks and Gimpel (2016), section 2.
fn gelu_tanh(x: float[...]) -> float[...] =
  0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))

/// gelu by its sigmoid approximation, x * sigmoid(1.702 x). Hendrycks and Gimpel (2016), section 2.
fn gelu_sigmoid(x: float[...]) -> float[...] = x * sigmoid(1.702 * x)

/// x * sigmoid(x), also called swish. Elfwing et al. (2018), Sigmoid-weighted linear units.
fn silu(x: float[...]) -> float[...] = x * sigmoid(x)

/// x * sigmoid(beta * x). Ramachandran et al. (2017), Searching for activation functions.
fn swish(x: float[...], beta: float = 1) -> float[...] = x * sigmoid(beta * x)

/// log(1 + e^x), in the form that cannot overflow. Dugas et al. (2001).
fn softplus(x: float[...]) -> float[...] = maximum(x, 0) + log1p(exp(-abs(x)))

/// log of sigmoid, in the form that cannot overflow.
fn log_sigmoid(x: float[...]) -> float[...] = minimum(x, 0) - log1p(exp(-abs(x)))

/// x * tanh(softplus(x)). Misra (2019), Mish.
fn mish(x: float[...]) -> float[...] = x * tanh(softplus(x))

/// x / (1 + |x|). Turian et al. (2009).
fn softsign(x: float[...]) -> float[...] = x / (1 + abs(x))

/// slope * x + shift, limited to 0 .. 1. Howard et al. (2019), Searching for MobileNetV3.
fn hard_sigmoid(
  x: float[...],
  slope: float = 0.16666666666666666,
  shift: float = 0.5,
) -> float[...] = minimum(maximum(slope * x + shift, 0), 1)

/// x * hard_sigmoid(x). Howard et al. (2019), Searching for MobileNetV3.
fn hard_swish(x: float[...]) -> float[...] = x * hard_sigmoid(x)

/// x, limited to -1 .. 1. Collobert (2004).
fn hard_tanh(x: float[...]) -> float[...] = minimum(maximum(x, -1), 1)

/// 0 within the threshold, x moved towards 0 by bias beyond.
fn shrink(x: float[...], bias: float = 0, threshold: float = 0.5) -> float[...] = where(
  x < -threshold,
  x + bias,
  where(x > threshold, x - bias, 0),
)

/// x where it exceeds the level, else a value.
fn threshold(x: float[...], level: float, value: float = 0) -> float[...] = where(
  x > level,
  x,
  value,
)

/// x - tanh(x).
fn tanh_shrink(x: float[...]) -> float[...] = x - tanh(x)

/// One half gates the other: a * sigmoid(b). Dauphin et al. (2017), Gated convolutional networks.
fn glu(a: float[...], b: float[...]) -> float[...] = a * sigmoid(b)

/// One half gates the other: silu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn swiglu(a: float[...], b: float[...]) -> float[...] = a * sigmoid(a) * b

/// One half gates the other: gelu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn geglu(a: float[...], b: float[...]) -> float[...] = gelu(a) * b

/// One half gates the other: relu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn reglu(a: float[...], b: float[...]) -> float[...] = relu(a) * b
`,
  },
  {
    path: "library/attention.nf",
    text: `// Attention, written out from primitives. Heads are a leading axis. Scores and weights are computed in f32.

/// softmax(q k^T / sqrt(D)) v. Vaswani et al. (2017), Attention is all you need, equation 1.
/// \`mask\`: where true, a position may be seen. \`bias\` is added to the scores. \`causal\`: no position sees a later one; the
/// last query stands beside the last key. A row that sees nothing takes the mean of all values.
fn attention(
  q: float[..., T, D],
  k: float[..., S, D],
  v: float[..., S, E],
  mask: bool[..., T, S] = none,
  bias: float[..., T, S] = none,
  causal: flag = false,
) -> float[..., T, E] {
  let scores = cast(einsum("...td,...sd->...ts", q, k), f32) * rsqrt(cast(D, f32))
  let biased = if bias == none then scores else scores + cast(bias, f32)
  let masked = if mask == none then biased else where(mask, biased, -1e30)
  let last = position(masked, axis = -2) + (S - T)
  let seen = if causal then where(position(masked, axis = -1) <= last, masked, -1e30) else masked
  return cast(softmax(seen), float) @ v
}

/// The last axis as H heads, which become an axis before the positions: split_heads[8](q).
fn split_heads[H](x: any[B, T, H*E]) -> any[B, H, T, E] = transpose(
  reshape(x, [B, T, H, E]),
  [0, 2, 1, 3],
)

/// The opposite of split_heads: heads side by side in the last axis.
fn merge_heads(x: any[B, H, T, E]) -> any[B, T, H*E] = reshape(
  transpose(x, [0, 2, 1, 3]),
  [B, T, H * E],
)
`,
  },
  {
    path: "library/functions.nf",
    text: `// Mathematical functions, written out from primitives.

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
`,
  },
  {
    path: "library/images.nf",
    text: `// Functions of images with the channels first, [batch, channels, height, width], as conv and the pools take them.

/// Batch normalization of each channel in inference, with given statistics. Ioffe and Szegedy (2015), algorithm 2.
fn image_batch_norm(
  x: float[B, C, H, W],
  running_mean: f32[C],
  running_variance: f32[C],
  gain: f32[C] = 1,
  bias: f32[C] = 0,
  eps: f32 = 1e-5,
) -> float[B, C, H, W] {
  let scale = gain * rsqrt(running_variance + eps)
  let shift = bias - running_mean * scale
  return cast(cast(x, f32) * reshape(scale, [C, 1, 1]) + reshape(shift, [C, 1, 1]), float)
}

/// Batch normalization of each channel in training: statistics over batch and positions, returned after the result. Ioffe
/// and Szegedy (2015), algorithm 1.
fn image_batch_norm_train(
  x: float[B, C, H, W],
  gain: float[C] = 1,
  bias: float[C] = 0,
  eps: f32 = 1e-5,
) -> (y: float[B, C, H, W], batch_mean: f32[C], batch_variance: f32[C]) {
  let c = cast(x, f32)
  let m = mean(c, axis = [0, 2, 3], keep = true)
  let d = c - m
  let v = mean(d * d, axis = [0, 2, 3], keep = true)
  let y = cast(d * rsqrt(v + eps), float) * reshape(gain, [C, 1, 1]) + reshape(bias, [C, 1, 1])
  return (y, reshape(m, [C]), reshape(v, [C]))
}

/// Each channel of each image by itself, over its positions. Ulyanov et al. (2016), Instance normalization.
fn image_instance_norm(
  x: float[B, C, H, W],
  gain: float[C] = 1,
  bias: float[C] = 0,
  eps: f32 = 1e-5,
) -> float[B, C, H, W] =
  mean_variance_norm(x, [2, 3], eps) * reshape(gain, [C, 1, 1]) + reshape(bias, [C, 1, 1])

/// Groups of M neighbouring channels of each image, over positions and channels. The number of groups is given:
/// image_group_norm[8](x). Wu and He (2018), Group normalization.
fn image_group_norm[G](
  x: float[B, G*M, H, W],
  gain: float[G*M] = 1,
  bias: float[G*M] = 0,
  eps: f32 = 1e-5,
) -> float[B, G*M, H, W] {
  let y = mean_variance_norm(reshape(x, [B, G, M, H, W]), [2, 3, 4], eps)
  return reshape(y, [B, G * M, H, W]) * reshape(gain, [G * M, 1, 1]) + reshape(bias, [G * M, 1, 1])
}

/// Each pixel becomes a square of \`factor\` x \`factor\` equal ones.
fn up_sample(x: any[B, C, H, W], factor: int) = reshape(
  broadcast_to(reshape(x, [B, C, H, 1, W, 1]), [B, C, H, factor, W, factor]),
  [B, C, H * factor, W * factor],
)
`,
  },
  {
    path: "library/losses.nf",
    text: `// Losses, each for one sample or element; take the mean for the usual reduction.

/// Squared differences.
fn squared_error(prediction: float[...], target: float[...]) -> float[...] {
  let d = prediction - target
  return d * d
}

/// Absolute differences.
fn absolute_error(prediction: float[...], target: float[...]) -> float[...] = abs(
  prediction - target,
)

/// Quadratic within delta, linear beyond. Huber (1964), Robust estimation of a location parameter.
fn huber(prediction: float[...], target: float[...], delta: float = 1) -> float[...] {
  let a = abs(prediction - target)
  let q = minimum(a, delta)
  return 0.5 * q * q + delta * (a - q)
}

/// log(cosh(d)) of the difference d, in the form that cannot overflow.
fn log_cosh(prediction: float[...], target: float[...]) -> float[...] {
  let a = abs(prediction - target)
  return a + log1p(exp(-2 * a)) - 0.6931471805599453
}

/// max(0, 1 - sign * prediction), with signs -1 and 1.
fn hinge(prediction: float[...], signs: float[...]) -> float[...] = maximum(
  1 - signs * prediction,
  0,
)

/// Cross-entropy of logits with classes given by number: one value for each row. The last axis holds the classes.
fn cross_entropy(logits: float[..., N], labels: i32[...]) -> float[...] = -sum(
  log_softmax(logits) * cast(one_hot(labels, N), float),
  axis = -1,
)

/// Cross-entropy of logits with a distribution over the classes: one value for each row.
fn soft_cross_entropy(logits: float[..., N], targets: float[..., N]) -> float[...] = -sum(
  log_softmax(logits) * targets,
  axis = -1,
)

/// Cross-entropy of logits with probabilities of the class, in the form that cannot overflow.
fn binary_cross_entropy(logits: float[...], targets: float[...]) -> float[...] =
  maximum(logits, 0) - logits * targets + log1p(exp(-abs(logits)))

/// Divergence of the distribution q from the target distribution p along the last axis. Kullback and Leibler (1951).
fn kl_divergence(p: float[..., N], q: float[..., N]) -> float[...] = sum(
  where(p > 0, p * (log(maximum(p, 1e-30)) - log(q)), 0),
  axis = -1,
)

/// Cosine of the angle between vectors along the last axis.
fn cosine_similarity(a: float[..., N], b: float[..., N]) -> float[...] = sum(
  l2_normalize(a) * l2_normalize(b),
  axis = -1,
)
`,
  },
  {
    path: "library/normalizations.nf",
    text: `// Normalizations, written out from primitives. A kernel computes their statistics in a numerically sound order,
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
`,
  },
  {
    path: "library/random.nf",
    text: `// Random numbers: functions of a key and of the element's row-major position in x, so nothing is stored, and the same call
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
`,
  },
  {
    path: "library/recurrent-batch.nf",
    text: `// Batch-normalised recurrent layers, to compare the layer-normalised ones of recurrent-layers.nf with; the same arguments.

/// A batch-normalised recurrent layer, for comparison: both products are normalised. \`batch\`: by the statistics of the batch
/// in each step, else by running ones that all steps share. Cooijmans et al. (2017), Recurrent batch normalization.
layer BnRnn[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  activation: function = tanh,
  batch: flag = false,
  initial_gain: real = 0.1,
) {
  param wx: float[I, H] = glorot_uniform
  param wh: float[H, H] = orthogonal
  param bias: float[H] = zeros
  param input_gain: float[H] = constant(initial_gain)
  param input_mean: f32[H] = zeros
  param input_variance: f32[H] = ones
  param state_gain: float[H] = constant(initial_gain)
  param state_mean: f32[H] = zeros
  param state_variance: f32[H] = ones
  let projected = step_batch_norm(
    xs @ wx,
    input_mean,
    input_variance,
    input_gain,
    bias,
    batch = batch,
  )
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    let u = step_batch_norm(h @ wh, state_mean, state_variance, state_gain, batch = batch)
    next h = masked_step(activation(x + u), h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// A batch-normalised long short-term memory, for comparison: both products and the cell are normalised. \`batch\`: by the
/// statistics of the batch in each step, else by running ones that all steps share. Cooijmans et al. (2017), equations 6 to 8.
layer BnLstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  batch: flag = false,
  initial_gain: real = 0.1,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  param input_gain: float[4*H] = constant(initial_gain)
  param input_mean: f32[4*H] = zeros
  param input_variance: f32[4*H] = ones
  param state_gain: float[4*H] = constant(initial_gain)
  param state_mean: f32[4*H] = zeros
  param state_variance: f32[4*H] = ones
  param cell_gain: float[H] = constant(initial_gain)
  param cell_bias: float[H] = zeros
  param cell_mean: f32[H] = zeros
  param cell_variance: f32[H] = ones
  let projected = step_batch_norm(
    xs @ wx,
    input_mean,
    input_variance,
    input_gain,
    bias,
    batch = batch,
  )
  let (hs, h, c) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
    c: float[B, H] = if c0 == none then 0 else c0,
  ) {
    let u = step_batch_norm(h @ wh, state_mean, state_variance, state_gain, batch = batch)
    let (i, f, g, o) = split(x + u, 4)
    next c = masked_step(sigmoid(f) * c + sigmoid(i) * tanh(g), c, m)
    let cell = step_batch_norm(c, cell_mean, cell_variance, cell_gain, cell_bias, batch = batch)
    next h = masked_step(sigmoid(o) * tanh(cell), h, m)
    emit masked_output(h, m, hold)
    emit last h
    emit last c
  }
  return if states then (hs, h, c) else hs
}

/// A batch-normalised gated recurrent unit, for comparison, with the reset gate after the product. \`batch\`: by the statistics
/// of the batch in each step, else by running ones that all steps share.
layer BnGru[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  batch: flag = false,
  initial_gain: real = 0.1,
) {
  param wx: float[I, 3*H] = glorot_uniform
  param wh: float[H, 3*H] = orthogonal
  param bias: float[3*H] = zeros
  param input_gain: float[3*H] = constant(initial_gain)
  param input_mean: f32[3*H] = zeros
  param input_variance: f32[3*H] = ones
  param state_gain: float[3*H] = constant(initial_gain)
  param state_mean: f32[3*H] = zeros
  param state_variance: f32[3*H] = ones
  let projected = step_batch_norm(
    xs @ wx,
    input_mean,
    input_variance,
    input_gain,
    bias,
    batch = batch,
  )
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    let u = step_batch_norm(h @ wh, state_mean, state_variance, state_gain, batch = batch)
    let (r, z) = split(sigmoid(x[..., :2*H] + u[..., :2*H]), 2)
    let n = tanh(x[..., 2*H:] + r * u[..., 2*H:])
    next h = masked_step((1 - z) * n + z * h, h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}
`,
  },
  {
    path: "library/recurrent-layers.nf",
    text: `// Recurrent layers: scans over the cells of recurrent.nf, with the input's projection of all steps as one product. All take
// xs with the steps first, initial states, a mask of the steps that are there, and a direction, and give a state for
// each step; with \`states\`, a tuple of these and of the states after the last step. Where the mask is false the state stays
// as it is, and the output is zero, or with \`hold\` the state.

/// A learned initial state, the same for every sequence of the batch.
layer InitialState[H](xs: float[T, B, I]) -> float[B, H] {
  param state: float[H] = zeros
  return broadcast_to(state, [B, H])
}

/// A plain recurrent layer: h = activation(x wx + h wh + bias).
layer Rnn[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  activation: function = tanh,
) {
  param wx: float[I, H] = glorot_uniform
  param wh: float[H, H] = orthogonal
  param bias: float[H] = zeros
  let projected = xs @ wx + bias
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    next h = masked_step(activation(x + h @ wh), h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// A layer-normalised recurrent layer: one norm on the sum of both products. Ba, Kiros and Hinton (2016), equation 4.
layer LnRnn[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  activation: function = tanh,
  initial_gain: real = 1,
) {
  param wx: float[I, H] = glorot_uniform
  param wh: float[H, H] = orthogonal
  param gain: float[H] = constant(initial_gain)
  param bias: float[H] = zeros
  let projected = xs @ wx
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    next h = masked_step(activation(layer_norm(x + h @ wh, gain, bias)), h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// The scan of an LSTM over its input's projection, gates i, f, g, o side by side. With \`state_gain\` the state's product is
/// normalised, with \`cell_gain\` the cell on its way to the state. Gives (hs, h, c): a state for each step, and state and
/// cell after the last one.
fn lstm_scan(
  projected: float[T, B, 4*H],
  wh: float[H, 4*H],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  peephole: float[3*H] = none,
  state_gain: float[4*H] = none,
  state_bias: float[4*H] = none,
  cell_gain: float[H] = none,
  cell_bias: float[H] = none,
  gate: function = sigmoid,
  activation: function = tanh,
  cell_activation: function = tanh,
) = scan (x, m) in (projected, mask) backwards if backward with (
  h: float[B, H] = if h0 == none then 0 else h0,
  c: float[B, H] = if c0 == none then 0 else c0,
) {
  let u = h @ wh
  let state = if state_gain == none then u else layer_norm(u, state_gain, state_bias)
  let (h1, c1) = lstm_gates(
    x + state,
    c,
    peephole,
    cell_gain,
    cell_bias,
    gate = gate,
    activation = activation,
    cell_activation = cell_activation,
  )
  next c = masked_step(c1, c, m)
  next h = masked_step(h1, h, m)
  emit masked_output(h, m, hold)
  emit last h
  emit last c
}

/// A long short-term memory. Gers, Schmidhuber and Cummins (2000), Learning to forget.
layer Lstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  gate: function = sigmoid,
  activation: function = tanh,
  cell_activation: function = tanh,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  let (hs, h, c) = lstm_scan(
    xs @ wx + bias,
    wh,
    h0,
    c0,
    mask,
    backward,
    hold,
    gate = gate,
    activation = activation,
    cell_activation = cell_activation,
  )
  return if states then (hs, h, c) else hs
}

/// A long short-term memory whose gates see the cell. Gers and Schmidhuber (2000), Recurrent nets that time and count.
layer PeepholeLstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  gate: function = sigmoid,
  activation: function = tanh,
  cell_activation: function = tanh,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  param peephole: float[3*H] = zeros
  let (hs, h, c) = lstm_scan(
    xs @ wx + bias,
    wh,
    h0,
    c0,
    mask,
    backward,
    hold,
    peephole,
    gate = gate,
    activation = activation,
    cell_activation = cell_activation,
  )
  return if states then (hs, h, c) else hs
}

/// A layer-normalised long short-term memory: one norm for all gates of the input, one for all gates of the state, one for
/// the cell before tanh. Ba, Kiros and Hinton (2016), equations 20 to 22.
layer LnLstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  initial_gain: real = 1,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  param input_gain: float[4*H] = constant(initial_gain)
  param input_bias: float[4*H] = zeros
  param state_gain: float[4*H] = constant(initial_gain)
  param state_bias: float[4*H] = zeros
  param cell_gain: float[H] = constant(initial_gain)
  param cell_bias: float[H] = zeros
  let (hs, h, c) = lstm_scan(
    layer_norm(xs @ wx, input_gain, input_bias) + bias,
    wh,
    h0,
    c0,
    mask,
    backward,
    hold,
    state_gain = state_gain,
    state_bias = state_bias,
    cell_gain = cell_gain,
    cell_bias = cell_bias,
  )
  return if states then (hs, h, c) else hs
}

/// A long short-term memory with a norm on its cell alone, as in DRAW. Ba, Kiros and Hinton (2016), equations 29 to 31.
layer DrawLstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  initial_gain: real = 1,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  param cell_gain: float[H] = constant(initial_gain)
  param cell_bias: float[H] = zeros
  let (hs, h, c) = lstm_scan(
    xs @ wx + bias,
    wh,
    h0,
    c0,
    mask,
    backward,
    hold,
    cell_gain = cell_gain,
    cell_bias = cell_bias,
  )
  return if states then (hs, h, c) else hs
}

/// A gated recurrent unit, its reset gate after or before the product with the state. Cho et al. (2014).
layer Gru[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  reset_after: flag = true,
  gate: function = sigmoid,
  activation: function = tanh,
) {
  param wx: float[I, 3*H] = glorot_uniform
  param wh: float[H, 3*H] = orthogonal
  param bias: float[3*H] = zeros
  param state_bias: float[3*H] = zeros
  let projected = xs @ wx + bias
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    let h1 = gru_step(x, h, wh, state_bias, reset_after, gate, activation)
    next h = masked_step(h1, h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// A layer-normalised gated recurrent unit: norms of r and z together and of n by itself, for the input and for the state.
/// Ba, Kiros and Hinton (2016), equations 26 to 28.
layer LnGru[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  initial_gain: real = 1,
) {
  param wx: float[I, 3*H] = glorot_uniform
  param wh: float[H, 3*H] = orthogonal
  param input_gain: float[3*H] = constant(initial_gain)
  param input_bias: float[3*H] = zeros
  param state_gain: float[3*H] = constant(initial_gain)
  param state_bias: float[3*H] = zeros
  let gates = layer_norm(xs @ wx[:, :2*H], input_gain[:2*H], input_bias[:2*H])
  let candidates = layer_norm(xs @ wx[:, 2*H:], input_gain[2*H:], input_bias[2*H:])
  let (hs, h) = scan (a, n, m) in (gates, candidates, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    next h = masked_step(ln_gru_step(a, n, h, wh, state_gain, state_bias), h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// A recurrent layer in both directions, each with weights of its own, and their states side by side. \`cell\`: any layer with
/// the arguments \`mask\`, \`backward\` and \`states\`. With \`states\`, a tuple of the sequence and of what each direction gives.
layer Bidirectional[I, H](
  xs: float[T, B, I],
  mask: bool[T, B] = none,
  states: flag = false,
  cell: function = Lstm,
) {
  let forward = cell[I, H](xs, mask = mask, states = true)
  let backward = cell[I, H](xs, mask = mask, backward = true, states = true)
  let hs = concat(forward[0], backward[0], axis = -1)
  return if states then (hs, forward, backward) else hs
}
`,
  },
  {
    path: "library/recurrent.nf",
    text: `// Recurrent cells, one step each, and what a scan over one needs. Gates stand side by side along the last axis of weights and
// biases: i, f, g, o of an LSTM and r, z, n of a GRU, as in PyTorch; runtime/layouts.ts converts other orders.

/// One step of a plain network: activation(x wx + h wh + bias). Elman (1990), Finding structure in time.
fn rnn_cell(
  x: float[..., I],
  h: float[..., H],
  wx: float[I, H],
  wh: float[H, H],
  bias: float[H] = 0,
  activation: function = tanh,
) -> float[..., H] = activation(x @ wx + h @ wh + bias)

/// The elementwise part of an LSTM: the next state and cell of the summed gates i, f, g, o. Hochreiter and Schmidhuber
/// (1997); Gers, Schmidhuber and Cummins (2000). \`peephole\`: weights from the cell to i, f and o, Gers and Schmidhuber
/// (2000). \`cell_gain\`, \`cell_bias\`: layer normalization of the cell on its way to the state, Ba, Kiros and Hinton (2016),
/// equation 22; the cell that is carried on is not normalised. \`coupled\`: the forget gate is 1 - i.
fn lstm_gates(
  gates: float[..., 4*H],
  c: float[..., H],
  peephole: float[3*H] = none,
  cell_gain: float[H] = none,
  cell_bias: float[H] = none,
  coupled: flag = false,
  gate: function = sigmoid,
  activation: function = tanh,
  cell_activation: function = tanh,
) -> (h: float[..., H], c: float[..., H]) {
  let (zi, zf, zg, zo) = split(gates, 4)
  let i = gate(if peephole == none then zi else zi + peephole[:H] * c)
  let open = gate(if peephole == none then zf else zf + peephole[H:2*H] * c)
  let f = if coupled then 1 - i else open
  let cell = f * c + i * activation(zg)
  let o = gate(if peephole == none then zo else zo + peephole[2*H:] * cell)
  let shown = if cell_gain == none then cell else layer_norm(cell, cell_gain, cell_bias)
  return (o * cell_activation(shown), cell)
}

/// One step of an LSTM: the next state and cell.
fn lstm_cell(
  x: float[..., I],
  h: float[..., H],
  c: float[..., H],
  wx: float[I, 4*H],
  wh: float[H, 4*H],
  bias: float[4*H] = 0,
  peephole: float[3*H] = none,
) -> (h: float[..., H], c: float[..., H]) = lstm_gates(x @ wx + h @ wh + bias, c, peephole)

/// One step of a layer-normalised LSTM: one norm for all gates of the input, one for all gates of the state, one for the
/// cell. Ba, Kiros and Hinton (2016), equations 20 to 22.
fn ln_lstm_cell(
  x: float[..., I],
  h: float[..., H],
  c: float[..., H],
  wx: float[I, 4*H],
  wh: float[H, 4*H],
  bias: float[4*H] = 0,
  input_gain: float[4*H] = 1,
  input_bias: float[4*H] = 0,
  state_gain: float[4*H] = 1,
  state_bias: float[4*H] = 0,
  cell_gain: float[H] = 1,
  cell_bias: float[H] = 0,
) -> (h: float[..., H], c: float[..., H]) {
  let input = layer_norm(x @ wx, input_gain, input_bias)
  let state = layer_norm(h @ wh, state_gain, state_bias)
  return lstm_gates(input + state + bias, c, cell_gain = cell_gain, cell_bias = cell_bias)
}

/// The next state of a GRU from its input's projection, r, z and n side by side with the bias in it. The reset gate comes
/// after the product with the state (PyTorch, cuDNN, ONNX with linear_before_reset) or before it. Cho et al. (2014).
fn gru_step(
  x: float[..., 3*H],
  h: float[..., H],
  wh: float[H, 3*H],
  state_bias: float[3*H] = 0,
  reset_after: flag = true,
  gate: function = sigmoid,
  activation: function = tanh,
) -> float[..., H] {
  let gates = gate(x[..., :2*H] + h @ wh[:, :2*H] + state_bias[:2*H])
  let (r, z) = split(gates, 2)
  let w = wh[:, 2*H:]
  let b = state_bias[2*H:]
  let n = activation(x[..., 2*H:] + (if reset_after then r * (h @ w + b) else (r * h) @ w + b))
  return (1 - z) * n + z * h
}

/// One step of a GRU.
fn gru_cell(
  x: float[..., I],
  h: float[..., H],
  wx: float[I, 3*H],
  wh: float[H, 3*H],
  bias: float[3*H] = 0,
  state_bias: float[3*H] = 0,
  reset_after: flag = true,
) -> float[..., H] = gru_step(x @ wx + bias, h, wh, state_bias, reset_after)

/// The next state of a layer-normalised GRU from its normalised input: norms of r and z together and of n by itself, and the
/// reset gate after the product and its norm. Ba, Kiros and Hinton (2016), equations 26 to 28; z keeps the state, as in
/// the authors' code, where the equations write 1 - z.
fn ln_gru_step(
  gates: float[..., 2*H],
  candidate: float[..., H],
  h: float[..., H],
  wh: float[H, 3*H],
  state_gain: float[3*H] = 1,
  state_bias: float[3*H] = 0,
) -> float[..., H] {
  let state = layer_norm(h @ wh[:, :2*H], state_gain[:2*H], state_bias[:2*H])
  let (r, z) = split(sigmoid(gates + state), 2)
  let u = layer_norm(h @ wh[:, 2*H:], state_gain[2*H:], state_bias[2*H:])
  return (1 - z) * tanh(candidate + r * u) + z * h
}

/// One step of a layer-normalised GRU.
fn ln_gru_cell(
  x: float[..., I],
  h: float[..., H],
  wx: float[I, 3*H],
  wh: float[H, 3*H],
  input_gain: float[3*H] = 1,
  input_bias: float[3*H] = 0,
  state_gain: float[3*H] = 1,
  state_bias: float[3*H] = 0,
) -> float[..., H] {
  let gates = layer_norm(x @ wx[:, :2*H], input_gain[:2*H], input_bias[:2*H])
  let candidate = layer_norm(x @ wx[:, 2*H:], input_gain[2*H:], input_bias[2*H:])
  return ln_gru_step(gates, candidate, h, wh, state_gain, state_bias)
}

/// Which of T steps each sequence of a batch has: true for the first \`lengths\` of them. length_mask[T](lengths).
fn length_mask[T](lengths: i32[B]) -> bool[T, B] =
  position(broadcast_to(lengths, [T, B]), axis = 0) < lengths

/// A state after a step: the new one, and the old one where the mask hides the step. Without a mask the new one.
fn masked_step(new: float[B, H], old: float[B, H], mask: bool[B] = none) -> float[B, H] = if mask
    == none
  then new
  else where(reshape(mask, [B, 1]), new, old)

/// What a masked step gives as its output: zeros, as ONNX has it, or with \`hold\` the state that was kept.
fn masked_output(h: float[B, H], mask: bool[B] = none, hold: flag = false) -> float[B, H] = if hold
  then h
  else masked_step(h, broadcast_to(cast(0, float), [B, H]), mask)

/// Batch normalization of one step or of all steps at once: with given statistics, or with those of the batch (the last
/// axis but one). Cooijmans et al. (2017), Recurrent batch normalization.
fn step_batch_norm(
  x: float[..., B, C],
  running_mean: f32[C],
  running_variance: f32[C],
  gain: float[C] = 1,
  bias: float[C] = 0,
  batch: flag = false,
  eps: f32 = 1e-5,
) -> float[..., B, C] = if batch
  then mean_variance_norm(x, -2, eps) * gain + bias
  else batch_norm(x, running_mean, running_variance, gain, bias, eps)
`,
  },
];
