/// Layer normalization alone.
model Workload[B](x: f32[B, 768]) -> (y: f32[B, 768]) {
  param gain: f32[768] = ones
  param bias: f32[768] = zeros
  return layer_norm(x, gain, bias)
}

/// The traffic alone: a row in, a row out.
model Bare[B](x: f32[B, 768]) -> (y: f32[B, 768]) {
  return 2 * x
}
