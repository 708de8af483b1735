// A U-Net as denoising diffusion models have it. Ho et al. (2020), Denoising diffusion probabilistic models; Ronneberger et al. (2015), U-Net.

/// A convolution with a K x K window; it keeps the size, or halves it with stride 2.
layer Conv[C, N, K](x: f32[B, C, H, W], stride: int = 1) {
  param weight: f32[N, C, K, K] = he_normal
  param bias: f32[N, 1, 1] = zeros
  let pad = (K - 1) / 2
  return conv(x, weight, stride = [stride, stride], before = [pad, pad], after = [pad, pad]) + bias
}

/// Group normalization, SiLU, convolution, twice, beside a shortcut, which is a 1 x 1 convolution where the channels change. G groups.
layer Residual[C, N, G](x: f32[B, C, H, W]) -> f32[B, N, H, W] {
  param gain: f32[C] = ones
  param bias: f32[C] = zeros
  param inner_gain: f32[N] = ones
  param inner_bias: f32[N] = zeros
  let h = silu(image_group_norm[G](x, gain, bias)) |> Conv[C, N, 3]
  let h = silu(image_group_norm[G](h, inner_gain, inner_bias)) |> Conv[N, N, 3]
  return h + (if C == N then x else x |> Conv[C, N, 1])
}

/// One level down and up again: width C outside, 2 * C inside, G groups; the skip is joined by its channels.
model UNet[B, S, C, G](images: f32[B, 3, S, S]) -> f32[B, 3, S, S] where S % 2 == 0 {
  let outer = images |> Conv[3, C, 3] |> Residual[C, C, G]
  let inner = outer |> Conv[C, C, 3](stride = 2) |> Residual[C, 2*C, G]
  let up = up_sample(inner, 2) |> Conv[2*C, C, 3]
  let joined = concat(up, outer, axis = 1)
  return joined |> Residual[2*C, C, G] |> Conv[C, 3, 3]
}
