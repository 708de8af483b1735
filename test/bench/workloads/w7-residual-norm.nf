/// A residual stream and its normalization, both kept.
model Workload[B](x: f32[B, 768], r: f32[B, 768]) -> (s: f32[B, 768], y: f32[B, 768]) {
  param gain: f32[768] = ones
  param bias: f32[768] = zeros
  let s = x + r
  return (s, layer_norm(s, gain, bias))
}

/// The traffic alone: two rows in, two rows out.
model Bare[B](x: f32[B, 768], r: f32[B, 768]) -> (s: f32[B, 768], y: f32[B, 768]) {
  return (x + r, x - r)
}
