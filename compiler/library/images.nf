// Functions of images with the channels first, [batch, channels, height, width], as conv and the pools take them.

/// Batch normalization of each channel in inference, with given statistics. Ioffe and Szegedy (2015), algorithm 2.
fn image_batch_norm(
  x: f32[B, C, H, W],
  running_mean: f32[C],
  running_variance: f32[C],
  gain: f32[C] = 1,
  bias: f32[C] = 0,
  eps: f32 = 1e-5,
) -> f32[B, C, H, W] {
  let scale = gain * rsqrt(running_variance + eps)
  let shift = bias - running_mean * scale
  return x * reshape(scale, [C, 1, 1]) + reshape(shift, [C, 1, 1])
}

/// Groups of M neighbouring channels of each image, over positions and channels. The number of groups is given:
/// image_group_norm[8](x). Wu and He (2018), Group normalization.
fn image_group_norm[G](
  x: f32[B, G*M, H, W],
  gain: f32[G*M] = 1,
  bias: f32[G*M] = 0,
  eps: f32 = 1e-5,
) -> f32[B, G*M, H, W] {
  let groups = reshape(x, [B, G, M, H, W])
  let d = groups - mean(groups, axis = [2, 3, 4], keep = true)
  let y = d * rsqrt(mean(d * d, axis = [2, 3, 4], keep = true) + eps)
  return reshape(y, [B, G * M, H, W]) * reshape(gain, [G * M, 1, 1]) + reshape(bias, [G * M, 1, 1])
}

/// Each pixel becomes a square of `factor` x `factor` equal ones.
fn up_sample(x: f32[B, C, H, W], factor: int) = reshape(
  broadcast_to(reshape(x, [B, C, H, 1, W, 1]), [B, C, H, factor, W, factor]),
  [B, C, H * factor, W * factor],
)
