// The permutation-invariant MNIST network of Ba, Kiros and Hinton (2016), section 6.6: 784-1000-1000-10, layer
// normalization on both hidden layers and none on the logits, whose scale carries the network's confidence.

/// One layer of equation 5: the summed inputs are normalised, scaled and shifted, then go through the nonlinearity.
layer Dense[K, N](x: f32[..., K]) -> f32[..., N] {
  param w: f32[K, N] = glorot_uniform
  param gain: f32[N] = ones
  param bias: f32[N] = zeros
  return relu(layer_norm(x @ w, gain, bias))
}

/// Logits of the ten digits.
model MnistMlp[B](x: f32[B, 784]) -> f32[B, 10] {
  let h = x |> Dense[784, 1000] |> Dense[1000, 1000]
  param w: f32[1000, 10] = glorot_uniform
  param bias: f32[10] = zeros
  return h @ w + bias
}
