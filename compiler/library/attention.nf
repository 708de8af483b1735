// Attention, written out from primitives. Heads are a leading axis.

/// softmax(q k^T / sqrt(D)) v. Vaswani et al. (2017), Attention is all you need, equation 1.
fn attention(q: f32[..., T, D], k: f32[..., S, D], v: f32[..., S, E]) -> f32[..., T, E] =
  softmax(einsum("...td,...sd->...ts", q, k) * rsqrt(cast(D, f32))) @ v

/// Attention with a bias that is added to the scores, for example -inf where a key must not be seen.
fn biased_attention(
  q: f32[..., T, D],
  k: f32[..., S, D],
  v: f32[..., S, E],
  bias: f32[..., T, S],
) -> f32[..., T, E] = softmax(einsum("...td,...sd->...ts", q, k) * rsqrt(cast(D, f32)) + bias) @ v

/// Attention in which position t sees the positions up to t only.
fn causal_attention(q: f32[..., T, D], k: f32[..., T, D], v: f32[..., T, E]) -> f32[..., T, E] {
  let scores = einsum("...td,...sd->...ts", q, k) * rsqrt(cast(D, f32))
  let seen = position(scores, axis = -1) <= position(scores, axis = -2)
  return softmax(where(seen, scores, -1e30)) @ v
}

/// The last axis as H heads, which become an axis before the positions: split_heads[8](q).
fn split_heads[H](x: f32[B, T, H*E]) -> f32[B, H, T, E] = transpose(
  reshape(x, [B, T, H, E]),
  [0, 2, 1, 3],
)

/// The opposite of split_heads: heads side by side in the last axis.
fn merge_heads(x: f32[B, H, T, E]) -> f32[B, T, H*E] = reshape(
  transpose(x, [0, 2, 1, 3]),
  [B, T, H * E],
)
