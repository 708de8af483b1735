/// The feed-forward network of Ba, Kiros and Hinton (2016).
model Workload[B](x: f32[B, 784]) -> (y: f32[B, 10]) {
  param w1: f32[784, 1000] = glorot_uniform
  param b1: f32[1000] = zeros
  param g1: f32[1000] = ones
  param h1: f32[1000] = zeros
  param w2: f32[1000, 1000] = glorot_uniform
  param b2: f32[1000] = zeros
  param g2: f32[1000] = ones
  param h2: f32[1000] = zeros
  param w3: f32[1000, 10] = glorot_uniform
  param b3: f32[10] = zeros
  let a = relu(layer_norm(x @ w1 + b1, g1, h1))
  let b = relu(layer_norm(a @ w2 + b2, g2, h2))
  return b @ w3 + b3
}

/// The products alone.
model Bare[B](x: f32[B, 784]) -> (y: f32[B, 10]) {
  param w1: f32[784, 1000] = glorot_uniform
  param w2: f32[1000, 1000] = glorot_uniform
  param w3: f32[1000, 10] = glorot_uniform
  return ((x @ w1) @ w2) @ w3
}
