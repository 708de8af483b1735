// The layer-normalized recurrent network of Ba, Kiros and Hinton (2016), equation 4, over three steps with tied weights.

/// One step: the summed inputs from state and input, normalized together, then tanh.
layer Cell[I, H](state: f32[B, H], x: f32[B, I]) -> f32[B, H] {
  param recurrent: f32[H, H] = orthogonal
  param input: f32[I, H] = glorot_uniform
  param gain: f32[H] = ones
  param bias: f32[H] = zeros
  return tanh(layer_norm(state @ recurrent + x @ input, gain, bias))
}

/// Three steps from a state; I inputs, H units.
model Rnn[B, I, H](state: f32[B, H], x: f32[3, B, I]) -> f32[B, H] {
  let cell = Cell[I, H]
  return state |> cell(x[0]) |> cell(x[1]) |> cell(x[2])
}
