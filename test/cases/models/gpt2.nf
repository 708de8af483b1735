import { Norm, Block } from "./layers.nf"

/// GPT-2. Radford et al. (2019), Language models are unsupervised multitask learners. V words, at most S positions, width D, H heads, L blocks.
/// The word embedding is the output's weight too.
model Gpt2[B, T, V, S, D, H, L](tokens: i32[B, T]) -> (logits: f32[B, T, V]) {
  param words: f32[V, D] = normal(0.02)
  param positions: f32[S, D] = normal(0.01)
  let x = gather(words, tokens, axis = 0) + positions[:T]
  let x = x |> repeat(L, Block[D, H])(causal = true) |> Norm[D]
  return x @ transpose(words)
}
