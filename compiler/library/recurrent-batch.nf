// Batch-normalised recurrent layers, to compare the layer-normalised ones of recurrent-layers.nf with; the same arguments.

/// A batch-normalised recurrent layer, for comparison: both products are normalised. `batch`: by the statistics of the batch
/// in each step, else by running ones that all steps share. Cooijmans et al. (2017), Recurrent batch normalization.
layer BnRnn[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  activation: function = tanh,
  batch: flag = false,
  initial_gain: real = 0.1,
) {
  param wx: float[I, H] = glorot_uniform
  param wh: float[H, H] = orthogonal
  param bias: float[H] = zeros
  param input_gain: float[H] = constant(initial_gain)
  param input_mean: f32[H] = zeros
  param input_variance: f32[H] = ones
  param state_gain: float[H] = constant(initial_gain)
  param state_mean: f32[H] = zeros
  param state_variance: f32[H] = ones
  let projected = step_batch_norm(
    xs @ wx,
    input_mean,
    input_variance,
    input_gain,
    bias,
    batch = batch,
  )
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    let u = step_batch_norm(h @ wh, state_mean, state_variance, state_gain, batch = batch)
    next h = masked_step(activation(x + u), h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}

/// A batch-normalised long short-term memory, for comparison: both products and the cell are normalised. `batch`: by the
/// statistics of the batch in each step, else by running ones that all steps share. Cooijmans et al. (2017), equations 6 to 8.
layer BnLstm[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  c0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  batch: flag = false,
  initial_gain: real = 0.1,
) {
  param wx: float[I, 4*H] = glorot_uniform
  param wh: float[H, 4*H] = orthogonal
  param bias: float[4*H] = zeros
  param input_gain: float[4*H] = constant(initial_gain)
  param input_mean: f32[4*H] = zeros
  param input_variance: f32[4*H] = ones
  param state_gain: float[4*H] = constant(initial_gain)
  param state_mean: f32[4*H] = zeros
  param state_variance: f32[4*H] = ones
  param cell_gain: float[H] = constant(initial_gain)
  param cell_bias: float[H] = zeros
  param cell_mean: f32[H] = zeros
  param cell_variance: f32[H] = ones
  let projected = step_batch_norm(
    xs @ wx,
    input_mean,
    input_variance,
    input_gain,
    bias,
    batch = batch,
  )
  let (hs, h, c) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
    c: float[B, H] = if c0 == none then 0 else c0,
  ) {
    let u = step_batch_norm(h @ wh, state_mean, state_variance, state_gain, batch = batch)
    let (i, f, g, o) = split(x + u, 4)
    next c = masked_step(sigmoid(f) * c + sigmoid(i) * tanh(g), c, m)
    let cell = step_batch_norm(c, cell_mean, cell_variance, cell_gain, cell_bias, batch = batch)
    next h = masked_step(sigmoid(o) * tanh(cell), h, m)
    emit masked_output(h, m, hold)
    emit last h
    emit last c
  }
  return if states then (hs, h, c) else hs
}

/// A batch-normalised gated recurrent unit, for comparison, with the reset gate after the product. `batch`: by the statistics
/// of the batch in each step, else by running ones that all steps share.
layer BnGru[I, H](
  xs: float[T, B, I],
  h0: float[B, H] = none,
  mask: bool[T, B] = none,
  backward: flag = false,
  hold: flag = false,
  states: flag = false,
  batch: flag = false,
  initial_gain: real = 0.1,
) {
  param wx: float[I, 3*H] = glorot_uniform
  param wh: float[H, 3*H] = orthogonal
  param bias: float[3*H] = zeros
  param input_gain: float[3*H] = constant(initial_gain)
  param input_mean: f32[3*H] = zeros
  param input_variance: f32[3*H] = ones
  param state_gain: float[3*H] = constant(initial_gain)
  param state_mean: f32[3*H] = zeros
  param state_variance: f32[3*H] = ones
  let projected = step_batch_norm(
    xs @ wx,
    input_mean,
    input_variance,
    input_gain,
    bias,
    batch = batch,
  )
  let (hs, h) = scan (x, m) in (projected, mask) backwards if backward with (
    h: float[B, H] = if h0 == none then 0 else h0,
  ) {
    let u = step_batch_norm(h @ wh, state_mean, state_variance, state_gain, batch = batch)
    let (r, z) = split(sigmoid(x[..., :2*H] + u[..., :2*H]), 2)
    let n = tanh(x[..., 2*H:] + r * u[..., 2*H:])
    next h = masked_step((1 - z) * n + z * h, h, m)
    emit masked_output(h, m, hold)
    emit last h
  }
  return if states then (hs, h) else hs
}
