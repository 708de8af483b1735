// Functions of images with the channels first, [batch, channels, height, width], as conv and the pools take them.

/// Batch normalization of each channel in inference, with given statistics. Ioffe and Szegedy (2015), algorithm 2.
fn image_batch_norm(
  x: float[B, C, H, W],
  running_mean: f32[C],
  running_variance: f32[C],
  gain: f32[C] = 1,
  bias: f32[C] = 0,
  eps: f32 = 1e-5,
) -> float[B, C, H, W] {
  let scale = gain * rsqrt(running_variance + eps)
  let shift = bias - running_mean * scale
  return cast(cast(x, f32) * reshape(scale, [C, 1, 1]) + reshape(shift, [C, 1, 1]), float)
}

/// Batch normalization of each channel in training: statistics over batch and positions, returned after the result. Ioffe
/// and Szegedy (2015), algorithm 1.
fn image_batch_norm_train(
  x: float[B, C, H, W],
  gain: float[C] = 1,
  bias: float[C] = 0,
  eps: f32 = 1e-5,
) -> (y: float[B, C, H, W], batch_mean: f32[C], batch_variance: f32[C]) {
  let c = cast(x, f32)
  let m = mean(c, axis = [0, 2, 3], keep = true)
  let d = c - m
  let v = mean(d * d, axis = [0, 2, 3], keep = true)
  let y = cast(d * rsqrt(v + eps), float) * reshape(gain, [C, 1, 1]) + reshape(bias, [C, 1, 1])
  return (y, reshape(m, [C]), reshape(v, [C]))
}

/// Each channel of each image by itself, over its positions. Ulyanov et al. (2016), Instance normalization.
fn image_instance_norm(
  x: float[B, C, H, W],
  gain: float[C] = 1,
  bias: float[C] = 0,
  eps: f32 = 1e-5,
) -> float[B, C, H, W] =
  mean_variance_norm(x, [2, 3], eps) * reshape(gain, [C, 1, 1]) + reshape(bias, [C, 1, 1])

/// Groups of M neighbouring channels of each image, over positions and channels. The number of groups is given:
/// image_group_norm[8](x). Wu and He (2018), Group normalization.
fn image_group_norm[G](
  x: float[B, G*M, H, W],
  gain: float[G*M] = 1,
  bias: float[G*M] = 0,
  eps: f32 = 1e-5,
) -> float[B, G*M, H, W] {
  let y = mean_variance_norm(reshape(x, [B, G, M, H, W]), [2, 3, 4], eps)
  return reshape(y, [B, G * M, H, W]) * reshape(gain, [G * M, 1, 1]) + reshape(bias, [G * M, 1, 1])
}

/// Each pixel becomes a square of `factor` x `factor` equal ones.
fn up_sample(x: any[B, C, H, W], factor: int) = reshape(
  broadcast_to(reshape(x, [B, C, H, 1, W, 1]), [B, C, H, factor, W, factor]),
  [B, C, H * factor, W * factor],
)
