/// A gated block: the norm is written out here, and is merged into the matmuls all the same.
model Gated[B](
  /// One row a sample.
  x: f32[B, 48],
) -> (hidden: f32[B, 64], scores: f32[B, 6]) {
  param gain: f32[48] = ones
  param gate: f32[48, 64] = glorot_uniform
  param up: f32[48, 64] = glorot_uniform
  param down: f32[64, 6] = glorot_uniform
  let h = x * rsqrt(mean(x * x, axis = -1, keep = true) + 1e-6) * gain
  let hidden = silu(h @ gate) * (h @ up)
  return (hidden, softmax(hidden @ down))
}
