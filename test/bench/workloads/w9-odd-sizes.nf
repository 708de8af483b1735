/// Layer normalization, product, bias, nonlinearity, at extents that divide nothing.
model Workload[B](x: f32[B, 769]) -> (y: f32[B, 3071]) {
  param gain: f32[769] = ones
  param bias: f32[769] = zeros
  param w: f32[769, 3071] = glorot_uniform
  param b: f32[3071] = zeros
  return gelu(layer_norm(x, gain, bias) @ w + b)
}

/// The product alone.
model Bare[B](x: f32[B, 769]) -> (y: f32[B, 3071]) {
  param w: f32[769, 3071] = glorot_uniform
  return x @ w
}
