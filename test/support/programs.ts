/** Programs that several tests share: sound sources of every form of the language. */

export const mlp = `/// One layer: normalise the summed inputs, gain and bias, then the nonlinearity.
layer Dense[K, N](x: f32[..., K]) -> f32[..., N] {
  param w: f32[K, N] = glorot_uniform
  param gain: f32[N] = ones
  param bias: f32[N] = zeros
  return relu(layer_norm(x @ w, gain, bias))
}

/// Permutation-invariant MNIST.
model Mnist[B](x: f32[B, 784]) -> f32[B, 10] {
  let h = x |> Dense[784, 1000] |> Dense[1000, 1000]
  param w: f32[1000, 10] = glorot_uniform
  return h @ w
}
`;

export const attention = `const HEADS = 4

fn attend(q: f32[..., T, D], k: f32[..., T, D], v: f32[..., T, D]) -> f32[..., T, D] =
  softmax(q @ transpose(k, [0, 2, 1]) / sqrt(D), axis = -1) @ v

layer Block[D](x: f32[B, T, D]) -> f32[B, T, D] {
  param wq: f32[D, D] = orthogonal
  param wk: f32[D, D] = normal(0.02)
  param wv: f32[D, D] = uniform(0.1)
  let n = layer_norm(x)
  return x + attend(n @ wq, n @ wk, n @ wv)
}

model Net[B, T](x: f32[B, T, 8 * HEADS]) -> (y: f32[B, T, 32], last: f32[B, 32]) {
  let q = Block[32]
  let y = x |> q |> q
  return (y, y[:, -1, :])
}
`;

export const small = `import "./other.nf"
const eps = 1e-5
const table = [[1., 2.], [3., 4.]]

fn my_norm(x: f32[..., N]) -> f32[..., N] {
  let d = x - mean(x, axis = -1, keep = true)
  return d * rsqrt(mean(d * d, axis = -1, keep = true) + eps)
}

fn pair(x: f32[n]) {
  let (a, b) = (x * 2, where(x > 0 and not (x == 1), x, -x ** 2))
  return (a, b)
}

model M[B](x: f32[B, 2], labels: i32[B]) -> f32[B, 2] {
  let z: f32[B, 2] = my_norm(x @ table)
  return z + x[:, 0:1] * (1 / B) - cast(labels[0], f32) / B
}
`;
