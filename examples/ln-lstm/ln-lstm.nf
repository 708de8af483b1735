// A layer-normalised LSTM beside a plain one, reading characters: over a whole text at once, and one character per call.

/// A vector for each of V characters.
layer Characters[V, E](text: i32[T, B]) -> f32[T, B, E] {
  param table: f32[V, E] = normal(1)
  return gather(table, text, axis = 0)
}

/// The states of a plain LSTM after each character of 4 texts.
model PlainSequence[T](text: i32[T, 4]) -> (h: f32[T, 4, 64]) {
  return text |> Characters[96, 32] |> Lstm[32, 64]
}

/// The same with layer normalization: Ba, Kiros and Hinton (2016), equations 20 to 22.
model LnSequence[T](text: i32[T, 4]) -> (h: f32[T, 4, 64]) {
  return text |> Characters[96, 32] |> LnLstm[32, 64]
}

/// One character: the parameters of `PlainSequence`, the states in the caller's hands.
model PlainStep(text: i32[1, 4], h: f32[4, 64], c: f32[4, 64]) -> (h: f32[4, 64], c: f32[4, 64]) {
  let (_, h1, c1) = Lstm[32, 64](Characters[96, 32](text), h0 = h, c0 = c, states = true)
  return (h1, c1)
}

/// One character with layer normalization: the parameters of `LnSequence`.
model LnStep(text: i32[1, 4], h: f32[4, 64], c: f32[4, 64]) -> (h: f32[4, 64], c: f32[4, 64]) {
  let (_, h1, c1) = LnLstm[32, 64](Characters[96, 32](text), h0 = h, c0 = c, states = true)
  return (h1, c1)
}
