/// A pre-norm transformer block: 4 heads of 64, feed-forward width 1024.
model Workload(x: f32[128, 256]) -> (y: f32[128, 256]) {
  param g1: f32[256] = ones
  param h1: f32[256] = zeros
  param wq: f32[256, 256] = glorot_uniform
  param bq: f32[256] = zeros
  param wk: f32[256, 256] = glorot_uniform
  param bk: f32[256] = zeros
  param wv: f32[256, 256] = glorot_uniform
  param bv: f32[256] = zeros
  param wo: f32[256, 256] = glorot_uniform
  param bo: f32[256] = zeros
  param g2: f32[256] = ones
  param h2: f32[256] = zeros
  param w1: f32[256, 1024] = glorot_uniform
  param b1: f32[1024] = zeros
  param w2: f32[1024, 256] = glorot_uniform
  param b2: f32[256] = zeros
  let n = layer_norm(x, g1, h1)
  let q = transpose(reshape(n @ wq + bq, [128, 4, 64]), [1, 0, 2])
  let k = transpose(reshape(n @ wk + bk, [128, 4, 64]), [1, 0, 2])
  let v = transpose(reshape(n @ wv + bv, [128, 4, 64]), [1, 0, 2])
  let a = reshape(transpose(attention(q, k, v), [1, 0, 2]), [128, 256])
  let s = x + a @ wo + bo
  return s + gelu(layer_norm(s, g2, h2) @ w1 + b1) @ w2 + b2
}

/// The products alone.
model Bare(x: f32[128, 256]) -> (y: f32[128, 256]) {
  param wq: f32[256, 768] = glorot_uniform
  param wo: f32[256, 256] = glorot_uniform
  param w1: f32[256, 1024] = glorot_uniform
  param w2: f32[1024, 256] = glorot_uniform
  let p = transpose(reshape(x @ wq, [128, 3, 4, 64]), [1, 2, 0, 3])
  let a = (p[0] @ transpose(p[1], [0, 2, 1])) @ p[2]
  return ((reshape(transpose(a, [1, 0, 2]), [128, 256]) @ wo) @ w1) @ w2
}
