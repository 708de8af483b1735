// Residual blocks of He et al. (2015), Deep residual learning for image recognition; batch normalization in inference.

/// A convolution with a K x K window, padded so that stride 1 keeps the size, and its normalization.
layer ConvNorm[C, N, K](x: f32[B, C, H, W], stride: int = 1) {
  param weight: f32[N, C, K, K] = he_normal
  param running_mean: f32[N] = zeros
  param running_variance: f32[N] = ones
  param gain: f32[N] = ones
  param bias: f32[N] = zeros
  let pad = (K - 1) / 2
  let y = conv(x, weight, stride = [stride, stride], before = [pad, pad], after = [pad, pad])
  return image_batch_norm(y, running_mean, running_variance, gain, bias)
}

/// Two convolutions beside a shortcut; where size or channels change, the shortcut is a convolution too.
layer Residual[C, N](x: f32[B, C, H, W], stride: int = 1) {
  let y = relu(x |> ConvNorm[C, N, 3](stride)) |> ConvNorm[N, N, 3]
  let shortcut = if stride == 1 and C == N then x else x |> ConvNorm[C, N, 1](stride)
  return relu(y + shortcut)
}

/// Stem, a block that keeps the size, one that halves it, and the classifier. Width C, N classes.
model ResNet[B, S, C, N](images: f32[B, 3, S, S]) -> (logits: f32[B, N]) {
  let x = relu(images |> ConvNorm[3, C, 7](stride = 2))
  let x = max_pool(x, [3, 3], stride = [2, 2], before = [1, 1], after = [1, 1])
  let x = x |> Residual[C, C] |> Residual[C, 2*C](stride = 2)
  param weight: f32[2*C, N] = glorot_uniform
  param bias: f32[N] = zeros
  return mean(x, axis = [2, 3]) @ weight + bias
}
