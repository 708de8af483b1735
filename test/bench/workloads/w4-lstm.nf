/// The layer-norm LSTM of Ba, Kiros and Hinton (2016), supplement, equations 20 to 22, over a sequence of T vectors; I = 128, H = 256.
model Workload[T, B](x: f32[T, B, 128]) -> (y: f32[T, B, 256]) {
  param wx: f32[128, 1024] = glorot_uniform
  param wh: f32[256, 1024] = glorot_uniform
  param b: f32[1024] = zeros
  param gx: f32[1024] = ones
  param hx: f32[1024] = zeros
  param gh: f32[1024] = ones
  param hh: f32[1024] = zeros
  param gc: f32[256] = ones
  param hc: f32[256] = zeros
  return scan v in x with (h: f32[B, 256] = 0, c: f32[B, 256] = 0) {
    let gates = layer_norm(v @ wx, gx, hx) + layer_norm(h @ wh, gh, hh) + b
    let (f, i, o, g) = split(gates, 4)
    next c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    next h = sigmoid(o) * tanh(layer_norm(c, gc, hc))
    emit h
  }
}

/// The products alone.
model Bare[T, B](x: f32[T, B, 128]) -> (y: f32[T, B, 256]) {
  param wx: f32[128, 1024] = glorot_uniform
  param wh: f32[256, 1024] = glorot_uniform
  return scan v in x with (h: f32[B, 256] = 0) {
    let gates = v @ wx + h @ wh
    next h = gates[:, 0:256]
    emit h
  }
}
