/// Group normalization of 8 groups, SiLU, a 3 x 3 convolution that keeps the size.
model Workload[B](x: f32[B, 64, 32, 32]) -> (y: f32[B, 64, 32, 32]) {
  param gain: f32[64] = ones
  param bias: f32[64] = zeros
  param w: f32[64, 64, 3, 3] = glorot_uniform
  param b: f32[64, 1, 1] = zeros
  return conv(silu(image_group_norm[8](x, gain, bias)), w, before = [1, 1], after = [1, 1]) + b
}

/// The convolution alone.
model Bare[B](x: f32[B, 64, 32, 32]) -> (y: f32[B, 64, 32, 32]) {
  param w: f32[64, 64, 3, 3] = glorot_uniform
  return conv(x, w, before = [1, 1], after = [1, 1])
}
