/// RMS normalization and a gated feed-forward layer.
model Workload[B](x: f32[B, 512]) -> (y: f32[B, 512]) {
  param gain: f32[512] = ones
  param wg: f32[512, 1408] = glorot_uniform
  param wu: f32[512, 1408] = glorot_uniform
  param wd: f32[1408, 512] = glorot_uniform
  let n = rms_norm(x, gain)
  return (silu(n @ wg) * (n @ wu)) @ wd
}

/// The products alone.
model Bare[B](x: f32[B, 512]) -> (y: f32[B, 512]) {
  param w: f32[512, 2816] = glorot_uniform
  param wd: f32[1408, 512] = glorot_uniform
  return (x @ w)[:, :1408] @ wd
}
