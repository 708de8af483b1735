// Recurrent cells, one step each, and what a scan over one needs. Gates stand side by side along the last axis of weights and
// biases: i, f, g, o of an LSTM and r, z, n of a GRU, as in PyTorch; runtime/layouts.ts converts other orders.

/// One step of a plain network: activation(x wx + h wh + bias). Elman (1990), Finding structure in time.
fn rnn_cell(
  x: float[..., I],
  h: float[..., H],
  wx: float[I, H],
  wh: float[H, H],
  bias: float[H] = 0,
  activation: function = tanh,
) -> float[..., H] = activation(x @ wx + h @ wh + bias)

/// The elementwise part of an LSTM: the next state and cell of the summed gates i, f, g, o. Hochreiter and Schmidhuber
/// (1997); Gers, Schmidhuber and Cummins (2000). `peephole`: weights from the cell to i, f and o, Gers and Schmidhuber
/// (2000). `cell_gain`, `cell_bias`: layer normalization of the cell on its way to the state, Ba, Kiros and Hinton (2016),
/// equation 22; the cell that is carried on is not normalised. `coupled`: the forget gate is 1 - i.
fn lstm_gates(
  gates: float[..., 4*H],
  c: float[..., H],
  peephole: float[3*H] = none,
  cell_gain: float[H] = none,
  cell_bias: float[H] = none,
  coupled: flag = false,
  gate: function = sigmoid,
  activation: function = tanh,
  cell_activation: function = tanh,
) -> (h: float[..., H], c: float[..., H]) {
  let (zi, zf, zg, zo) = split(gates, 4)
  let i = gate(if peephole == none then zi else zi + peephole[:H] * c)
  let open = gate(if peephole == none then zf else zf + peephole[H:2*H] * c)
  let f = if coupled then 1 - i else open
  let cell = f * c + i * activation(zg)
  let o = gate(if peephole == none then zo else zo + peephole[2*H:] * cell)
  let shown = if cell_gain == none then cell else layer_norm(cell, cell_gain, cell_bias)
  return (o * cell_activation(shown), cell)
}

/// One step of an LSTM: the next state and cell.
fn lstm_cell(
  x: float[..., I],
  h: float[..., H],
  c: float[..., H],
  wx: float[I, 4*H],
  wh: float[H, 4*H],
  bias: float[4*H] = 0,
  peephole: float[3*H] = none,
) -> (h: float[..., H], c: float[..., H]) = lstm_gates(x @ wx + h @ wh + bias, c, peephole)

/// One step of a layer-normalised LSTM: one norm for all gates of the input, one for all gates of the state, one for the
/// cell. Ba, Kiros and Hinton (2016), equations 20 to 22.
fn ln_lstm_cell(
  x: float[..., I],
  h: float[..., H],
  c: float[..., H],
  wx: float[I, 4*H],
  wh: float[H, 4*H],
  bias: float[4*H] = 0,
  input_gain: float[4*H] = 1,
  input_bias: float[4*H] = 0,
  state_gain: float[4*H] = 1,
  state_bias: float[4*H] = 0,
  cell_gain: float[H] = 1,
  cell_bias: float[H] = 0,
) -> (h: float[..., H], c: float[..., H]) {
  let input = layer_norm(x @ wx, input_gain, input_bias)
  let state = layer_norm(h @ wh, state_gain, state_bias)
  return lstm_gates(input + state + bias, c, cell_gain = cell_gain, cell_bias = cell_bias)
}

/// The next state of a GRU from its input's projection, r, z and n side by side with the bias in it. The reset gate comes
/// after the product with the state (PyTorch, cuDNN, ONNX with linear_before_reset) or before it. Cho et al. (2014).
fn gru_step(
  x: float[..., 3*H],
  h: float[..., H],
  wh: float[H, 3*H],
  state_bias: float[3*H] = 0,
  reset_after: flag = true,
  gate: function = sigmoid,
  activation: function = tanh,
) -> float[..., H] {
  let gates = gate(x[..., :2*H] + h @ wh[:, :2*H] + state_bias[:2*H])
  let (r, z) = split(gates, 2)
  let w = wh[:, 2*H:]
  let b = state_bias[2*H:]
  let n = activation(x[..., 2*H:] + (if reset_after then r * (h @ w + b) else (r * h) @ w + b))
  return (1 - z) * n + z * h
}

/// One step of a GRU.
fn gru_cell(
  x: float[..., I],
  h: float[..., H],
  wx: float[I, 3*H],
  wh: float[H, 3*H],
  bias: float[3*H] = 0,
  state_bias: float[3*H] = 0,
  reset_after: flag = true,
) -> float[..., H] = gru_step(x @ wx + bias, h, wh, state_bias, reset_after)

/// The next state of a layer-normalised GRU from its normalised input: norms of r and z together and of n by itself, and the
/// reset gate after the product and its norm. Ba, Kiros and Hinton (2016), equations 26 to 28; z keeps the state, as in
/// the authors' code, where the equations write 1 - z.
fn ln_gru_step(
  gates: float[..., 2*H],
  candidate: float[..., H],
  h: float[..., H],
  wh: float[H, 3*H],
  state_gain: float[3*H] = 1,
  state_bias: float[3*H] = 0,
) -> float[..., H] {
  let state = layer_norm(h @ wh[:, :2*H], state_gain[:2*H], state_bias[:2*H])
  let (r, z) = split(sigmoid(gates + state), 2)
  let u = layer_norm(h @ wh[:, 2*H:], state_gain[2*H:], state_bias[2*H:])
  return (1 - z) * tanh(candidate + r * u) + z * h
}

/// One step of a layer-normalised GRU.
fn ln_gru_cell(
  x: float[..., I],
  h: float[..., H],
  wx: float[I, 3*H],
  wh: float[H, 3*H],
  input_gain: float[3*H] = 1,
  input_bias: float[3*H] = 0,
  state_gain: float[3*H] = 1,
  state_bias: float[3*H] = 0,
) -> float[..., H] {
  let gates = layer_norm(x @ wx[:, :2*H], input_gain[:2*H], input_bias[:2*H])
  let candidate = layer_norm(x @ wx[:, 2*H:], input_gain[2*H:], input_bias[2*H:])
  return ln_gru_step(gates, candidate, h, wh, state_gain, state_bias)
}

/// Which of T steps each sequence of a batch has: true for the first `lengths` of them. length_mask[T](lengths).
fn length_mask[T](lengths: i32[B]) -> bool[T, B] =
  position(broadcast_to(lengths, [T, B]), axis = 0) < lengths

/// A state after a step: the new one, and the old one where the mask hides the step. Without a mask the new one.
fn masked_step(new: float[B, H], old: float[B, H], mask: bool[B] = none) -> float[B, H] = if mask
    == none
  then new
  else where(reshape(mask, [B, 1]), new, old)

/// What a masked step gives as its output: zeros, as ONNX has it, or with `hold` the state that was kept.
fn masked_output(h: float[B, H], mask: bool[B] = none, hold: flag = false) -> float[B, H] = if hold
  then h
  else masked_step(h, broadcast_to(cast(0, float), [B, H]), mask)

/// Batch normalization of one step or of all steps at once: with given statistics, or with those of the batch (the last
/// axis but one). Cooijmans et al. (2017), Recurrent batch normalization.
fn step_batch_norm(
  x: float[..., B, C],
  running_mean: f32[C],
  running_variance: f32[C],
  gain: float[C] = 1,
  bias: float[C] = 0,
  batch: flag = false,
  eps: f32 = 1e-5,
) -> float[..., B, C] = if batch
  then mean_variance_norm(x, -2, eps) * gain + bias
  else batch_norm(x, running_mean, running_variance, gain, bias, eps)
