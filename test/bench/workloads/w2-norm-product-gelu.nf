/// Layer normalization, product, bias, nonlinearity.
model Workload[B](x: f32[B, 768]) -> (y: f32[B, 3072]) {
  param gain: f32[768] = ones
  param bias: f32[768] = zeros
  param w: f32[768, 3072] = glorot_uniform
  param b: f32[3072] = zeros
  return gelu(layer_norm(x, gain, bias) @ w + b)
}

/// The product alone.
model Bare[B](x: f32[B, 768]) -> (y: f32[B, 3072]) {
  param w: f32[768, 3072] = glorot_uniform
  return x @ w
}
