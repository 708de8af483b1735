import { Linear, Norm, Block } from "./layers.nf"

/// Patches of P x P pixels, each as one row of D numbers.
layer Patches[P, D](images: f32[B, C, H, W]) -> f32[B, H/P*(W/P), D]
  where H % P == 0 and W % P == 0 {
  param weight: f32[D, C, P, P] = glorot_uniform
  param bias: f32[D] = zeros
  let grid = conv(images, weight, stride = [P, P])
  return transpose(reshape(grid, [B, D, -1]), [0, 2, 1]) + bias
}

/// Vision transformer. Dosovitskiy et al. (2020), An image is worth 16x16 words. Images of S x S pixels in patches of P x P, width D, H heads,
/// L blocks, N classes.
model Vit[B, S, P, D, H, L, N](images: f32[B, 3, S, S]) -> (logits: f32[B, N]) {
  param class_token: f32[D] = zeros
  param positions: f32[1 + S/P*(S/P), D] = normal(0.02)
  let x =
    concat(broadcast_to(class_token, [B, 1, D]), images |> Patches[P, D], axis = 1) + positions
  let x = x |> repeat(L, Block[D, H])
  return x[:, 0] |> Norm[D] |> Linear[D, N]
}
