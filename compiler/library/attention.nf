// Attention, written out from primitives. Heads are a leading axis. Scores and weights are computed in f32.

/// softmax(q k^T / sqrt(D)) v. Vaswani et al. (2017), Attention is all you need, equation 1.
/// `mask`: where true, a position may be seen. `bias` is added to the scores. `causal`: no position sees a later one; the
/// last query stands beside the last key. A row that sees nothing takes the mean of all values.
fn attention(
  q: float[..., T, D],
  k: float[..., S, D],
  v: float[..., S, E],
  mask: bool[..., T, S] = none,
  bias: float[..., T, S] = none,
  causal: flag = false,
) -> float[..., T, E] {
  let scores = cast(einsum("...td,...sd->...ts", q, k), f32) * rsqrt(cast(D, f32))
  let biased = if bias == none then scores else scores + cast(bias, f32)
  let masked = if mask == none then biased else where(mask, biased, -1e30)
  let last = position(masked, axis = -2) + (S - T)
  let seen = if causal then where(position(masked, axis = -1) <= last, masked, -1e30) else masked
  return cast(softmax(seen), float) @ v
}

/// The last axis as H heads, which become an axis before the positions: split_heads[8](q).
fn split_heads[H](x: any[B, T, H*E]) -> any[B, H, T, E] = transpose(
  reshape(x, [B, T, H, E]),
  [0, 2, 1, 3],
)

/// The opposite of split_heads: heads side by side in the last axis.
fn merge_heads(x: any[B, H, T, E]) -> any[B, T, H*E] = reshape(
  transpose(x, [0, 2, 1, 3]),
  [B, T, H * E],
)
