/// Ba, Kiros and Hinton (2016), supplement, equations 20 to 22: one norm for all gates of the input, one for all gates of the state, one for the cell.
layer LnLstm[I, H](xs: f32[T, B, I]) -> f32[T, B, H] {
  param wx: f32[I, 4*H] = orthogonal
  param wh: f32[H, 4*H] = orthogonal
  param b: f32[4*H] = zeros
  param input_gain: f32[4*H] = ones
  param state_gain: f32[4*H] = ones
  param cell_gain: f32[H] = ones
  param cell_bias: f32[H] = zeros
  return scan x in xs with (h: f32[B, H] = 0, c: f32[B, H] = 0) {
    let gates = layer_norm(x @ wx, input_gain) + layer_norm(h @ wh, state_gain) + b
    let (f, i, o, g) = split(gates, 4)
    next c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    next h = sigmoid(o) * tanh(layer_norm(c, cell_gain, cell_bias))
    emit h
  }
}

/// The same paper's gated recurrent unit, equations 26 to 28: the reset gate comes after the product and its norm.
layer LnGru[I, H](xs: f32[T, B, I]) -> f32[T, B, H] {
  param wx: f32[I, 2*H] = orthogonal
  param wh: f32[H, 2*H] = orthogonal
  param ux: f32[I, H] = orthogonal
  param uh: f32[H, H] = orthogonal
  return scan x in xs with (h: f32[B, H] = 0) {
    let (z, r) = split(layer_norm(x @ wx) + layer_norm(h @ wh), 2)
    let candidate = tanh(layer_norm(x @ ux) + sigmoid(r) * layer_norm(h @ uh))
    next h = (1 - sigmoid(z)) * h + sigmoid(z) * candidate
    emit h
  }
}

/// A sequence of T vectors through both, and the classes of each by its last state.
model Recurrent[T, B, I, H, N](xs: f32[T, B, I]) -> (logits: f32[B, N]) {
  let hs = xs |> LnLstm[I, H] |> LnGru[H, H]
  param w: f32[H, N] = glorot_uniform
  return hs[-1] @ w
}
