// Layers that the transformers share.

/// An affine map of the last axis.
layer Linear[K, N](x: f32[..., K]) -> f32[..., N] {
  param weight: f32[K, N] = normal(0.02)
  param bias: f32[N] = zeros
  return x @ weight + bias
}

/// Layer normalization with its gain and bias.
layer Norm[D](x: f32[..., D]) -> f32[..., D] {
  param gain: f32[D] = ones
  param bias: f32[D] = zeros
  return layer_norm(x, gain, bias)
}

/// Self-attention with H heads; position t sees the positions up to t only when it is causal.
layer SelfAttention[D, H](x: f32[B, T, D], causal: flag) -> f32[B, T, D] where D % H == 0 {
  let (q, k, v) = split(x |> Linear[D, 3*D], 3)
  let (q, k, v) = (split_heads[H](q), split_heads[H](k), split_heads[H](v))
  return attention(q, k, v, causal = causal) |> merge_heads |> Linear[D, D]
}

/// A pre-norm transformer block: attention, then a perceptron four times as wide. GELU by its tanh approximation, as GPT-2 has it.
layer Block[D, H](x: f32[B, T, D], causal: flag = false) -> f32[B, T, D] {
  let x = x + (x |> Norm[D] |> SelfAttention[D, H](causal))
  let h = x |> Norm[D] |> Linear[D, 4*D]
  let h = if causal then gelu_tanh(h) else gelu(h)
  return x + (h |> Linear[4*D, D])
}
