// Recurrent layers: scans over the cells of recurrent.nf, with the input's projection of all steps as one product. All take
// xs with the steps first, initial states, a mask of the steps that are there, and a direction, and give a state for
// each step; with `states`, a tuple of these and of the states after the last step. Where the mask is false the state stays
// as it is, and the output is zero, or with `hold` the state.

/// A learned initial state, the same for every sequence of the batch.
layer InitialState[H](xs: float[T, B, I]) -> float[B, H] {
  param state: float[H] = zeros
  return broadcast_to(state, [B, H])
}

/// A plain recurrent layer: h = activation(x wx + h wh + bias).
layer Rnn[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  activation: function = tanh,
) {
  param wx: float[I, H] = glorot_uniform
  param wh: float[H, H] = orthogonal
  param bias: float[H] = zeros
  let projected = xs @ wx + bias
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    next h = masked_step(activation(x + h @ wh), h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// A layer-normalised recurrent layer: one norm on the sum of both products. Ba, Kiros and Hinton (2016), equation 4.
layer LnRnn[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  activation: function = tanh,
  initial_gain: real = 1,
) {
  param wx: float[I, H] = glorot_uniform
  param wh: float[H, H] = orthogonal
  param gain: float[H] = constant(initial_gain)
  param bias: float[H] = zeros
  let projected = xs @ wx
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    next h = masked_step(activation(layer_norm(x + h @ wh, gain, bias)), h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// The scan of an LSTM over its input's projection, gates i, f, g, o side by side. With `state_gain` the state's product is
/// normalised, with `cell_gain` the cell on its way to the state. Gives (hs, h, c): a state for each step, and state and
/// cell after the last one.
fn lstm_scan(
  projected: float[T, B, 4*H],
  wh: float[H, 4*H],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  peephole: float[3*H] = none,
  state_gain: float[4*H] = none,
  state_bias: float[4*H] = none,
  cell_gain: float[H] = none,
  cell_bias: float[H] = none,
  gate: function = sigmoid,
  activation: function = tanh,
  cell_activation: function = tanh,
) = scan (x, m) in (projected, mask) backwards if backward with (
  h: float[B, H] = if h0 == none then 0 else h0,
  c: float[B, H] = if c0 == none then 0 else c0,
) {
  let u = h @ wh
  let state = if state_gain == none then u else layer_norm(u, state_gain, state_bias)
  let (h1, c1) = lstm_gates(
    x + state,
    c,
    peephole,
    cell_gain,
    cell_bias,
    gate = gate,
    activation = activation,
    cell_activation = cell_activation,
  )
  next c = masked_step(c1, c, m)
  next h = masked_step(h1, h, m)
  emit masked_output(h, m, hold)
  emit last h
  emit last c
}

/// A long short-term memory. Gers, Schmidhuber and Cummins (2000), Learning to forget.
layer Lstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  gate: function = sigmoid,
  activation: function = tanh,
  cell_activation: function = tanh,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  let (hs, h, c) = lstm_scan(
    xs @ wx + bias,
    wh,
    h0,
    c0,
    mask,
    backward,
    hold,
    gate = gate,
    activation = activation,
    cell_activation = cell_activation,
  )
  return if states then (hs, h, c) else hs
}

/// A long short-term memory whose gates see the cell. Gers and Schmidhuber (2000), Recurrent nets that time and count.
layer PeepholeLstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  gate: function = sigmoid,
  activation: function = tanh,
  cell_activation: function = tanh,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  param peephole: float[3*H] = zeros
  let (hs, h, c) = lstm_scan(
    xs @ wx + bias,
    wh,
    h0,
    c0,
    mask,
    backward,
    hold,
    peephole,
    gate = gate,
    activation = activation,
    cell_activation = cell_activation,
  )
  return if states then (hs, h, c) else hs
}

/// A layer-normalised long short-term memory: one norm for all gates of the input, one for all gates of the state, one for
/// the cell before tanh. Ba, Kiros and Hinton (2016), equations 20 to 22.
layer LnLstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  initial_gain: real = 1,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  param input_gain: float[4*H] = constant(initial_gain)
  param input_bias: float[4*H] = zeros
  param state_gain: float[4*H] = constant(initial_gain)
  param state_bias: float[4*H] = zeros
  param cell_gain: float[H] = constant(initial_gain)
  param cell_bias: float[H] = zeros
  let (hs, h, c) = lstm_scan(
    layer_norm(xs @ wx, input_gain, input_bias) + bias,
    wh,
    h0,
    c0,
    mask,
    backward,
    hold,
    state_gain = state_gain,
    state_bias = state_bias,
    cell_gain = cell_gain,
    cell_bias = cell_bias,
  )
  return if states then (hs, h, c) else hs
}

/// A long short-term memory with a norm on its cell alone, as in DRAW. Ba, Kiros and Hinton (2016), equations 29 to 31.
layer DrawLstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  initial_gain: real = 1,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  param cell_gain: float[H] = constant(initial_gain)
  param cell_bias: float[H] = zeros
  let (hs, h, c) = lstm_scan(
    xs @ wx + bias,
    wh,
    h0,
    c0,
    mask,
    backward,
    hold,
    cell_gain = cell_gain,
    cell_bias = cell_bias,
  )
  return if states then (hs, h, c) else hs
}

/// A gated recurrent unit, its reset gate after or before the product with the state. Cho et al. (2014).
layer Gru[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  reset_after: flag = true,
  gate: function = sigmoid,
  activation: function = tanh,
) {
  param wx: float[I, 3*H] = glorot_uniform
  param wh: float[H, 3*H] = orthogonal
  param bias: float[3*H] = zeros
  param state_bias: float[3*H] = zeros
  let projected = xs @ wx + bias
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    let h1 = gru_step(x, h, wh, state_bias, reset_after, gate, activation)
    next h = masked_step(h1, h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// A layer-normalised gated recurrent unit: norms of r and z together and of n by itself, for the input and for the state.
/// Ba, Kiros and Hinton (2016), equations 26 to 28.
layer LnGru[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  initial_gain: real = 1,
) {
  param wx: float[I, 3*H] = glorot_uniform
  param wh: float[H, 3*H] = orthogonal
  param input_gain: float[3*H] = constant(initial_gain)
  param input_bias: float[3*H] = zeros
  param state_gain: float[3*H] = constant(initial_gain)
  param state_bias: float[3*H] = zeros
  let gates = layer_norm(xs @ wx[:, :2*H], input_gain[:2*H], input_bias[:2*H])
  let candidates = layer_norm(xs @ wx[:, 2*H:], input_gain[2*H:], input_bias[2*H:])
  let (hs, h) = scan (a, n, m) in (gates, candidates, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    next h = masked_step(ln_gru_step(a, n, h, wh, state_gain, state_bias), h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// A recurrent layer in both directions, each with weights of its own, and their states side by side. `cell`: any layer with
/// the arguments `mask`, `backward` and `states`. With `states`, a tuple of the sequence and of what each direction gives.
layer Bidirectional[I, H](
  xs: float[T, B, I],
  mask: bool[T, B] = none,
  states: flag = false,
  cell: function = Lstm,
) {
  let forward = cell[I, H](xs, mask = mask, states = true)
  let backward = cell[I, H](xs, mask = mask, backward = true, states = true)
  let hs = concat(forward[0], backward[0], axis = -1)
  return if states then (hs, forward, backward) else hs
}
