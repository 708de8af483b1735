/** Source texts of growing size for the compile bench: transformers by their layers, and random programs by their operations. */
import { numberGenerator } from "../support/random-programs.ts";

/** A decoder of `layers` equal blocks, written with `repeat`. */
export const transformer = (layers: number): string => `layer Linear[K, N](x: f32[..., K]) -> f32[..., N] {
  param weight: f32[K, N] = normal(0.02)
  param bias: f32[N] = zeros
  return x @ weight + bias
}

layer Norm[D](x: f32[..., D]) -> f32[..., D] {
  param gain: f32[D] = ones
  param bias: f32[D] = zeros
  return layer_norm(x, gain, bias)
}

layer SelfAttention[D, H](x: f32[B, T, D]) -> f32[B, T, D] where D % H == 0 {
  let (q, k, v) = split(x |> Linear[D, 3*D], 3)
  let (q, k, v) = (split_heads[H](q), split_heads[H](k), split_heads[H](v))
  return attention(q, k, v, causal = true) |> merge_heads |> Linear[D, D]
}

layer Block[D, H](x: f32[B, T, D]) -> f32[B, T, D] {
  let x = x + (x |> Norm[D] |> SelfAttention[D, H])
  return x + (gelu_tanh(x |> Norm[D] |> Linear[D, 4*D]) |> Linear[4*D, D])
}

model Decoder[B, T](x: f32[B, T, 768]) -> f32[B, T, 768] {
  return x |> repeat(${layers}, Block[768, 12]) |> Norm[768]
}
`;

/** Steps of a random program: each uses the last value, and some an earlier one. No two are equal, so that nothing is found again. */
const steps: readonly ((x: string, y: string, i: number) => string)[] = [
  (x, y) => `${x} + ${y}`,
  (x) => `relu(${x})`,
  (x, y) => `${x} * sigmoid(${y})`,
  (x) => `layer_norm(${x})`,
  (x, _, i) => `${x} * ${1 + i / 1024} + 0.5`,
  (x) => `rms_norm(${x})`,
  (x) => `${x} @ w`,
  (x, y) => `maximum(${x}, ${y})`,
];

/** A program of about `count` steps over [B, 64] values. `reach`: how far back the second operand of a step may lie. */
export function randomText(count: number, seed: number, reach = 6): string {
  const random = numberGenerator(seed);
  const lines = Array.from({ length: count }, (_, i) => {
    const step = steps[random(steps.length)] ?? ((x: string) => x);
    const early = Math.max(0, i - random(reach));
    return `  let x${i + 1} = ${step(`x${i}`, `x${early}`, i)}`;
  });
  return `model Random[B](x0: f32[B, 64]) -> f32[B, 64] {\n  param w: f32[64, 64] = glorot_uniform\n${lines.join("\n")}\n  return x${count}\n}\n`;
}
