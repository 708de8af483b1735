// The feed-forward network of Ba, Kiros and Hinton (2016), Layer normalization, section 6.6: permutation-invariant MNIST.

/// Summed inputs, normalized; gain and bias; then the nonlinearity.
layer Dense[K, N](x: f32[..., K]) -> f32[..., N] {
  param weight: f32[K, N] = glorot_uniform
  param gain: f32[N] = ones
  param bias: f32[N] = zeros
  return relu(layer_norm(x @ weight, gain, bias))
}

/// K pixels, two hidden layers of width D, N classes. The logits are not normalized.
model FeedForward[B, K, D, N](x: f32[B, K]) -> (logits: f32[B, N], probabilities: f32[B, N]) {
  let h = x |> Dense[K, D] |> Dense[D, D]
  param weight: f32[D, N] = glorot_uniform
  param bias: f32[N] = zeros
  let logits = h @ weight + bias
  return (logits, softmax(logits))
}
