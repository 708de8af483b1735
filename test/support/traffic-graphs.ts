/**
 * Graphs for the traffic suite: norms before, after and between products, gated units, attention, residuals, convolutions.
 * Sizes are those at which a kernel may hold a row; B is bound by the host. Used by fusion/traffic.test.ts.
 */

const square = (body: string, more = ""): string => `model M[B](x: f32[B, 256]) -> f32[B, 256] {
  param w: f32[256, 256] = glorot_uniform
  param g: f32[256] = ones
  param b: f32[256] = zeros
${more}  ${body.includes("return") ? body : `return ${body}`}
}`;

const second = "  param u: f32[256, 256] = glorot_uniform\n";
const third = `${second}  param t: f32[256, 256] = glorot_uniform\n`;

const plain = (body: string, inputs = "x: f32[B, 256]", result = "f32[B, 256]"): string => `model M[B](${inputs}) -> ${result} {\n  ${body.includes("return") ? body : `return ${body}`}\n}`;

const attention = (body: string, inputs = "q: f32[B, 32], k: f32[128, 32], v: f32[128, 32]"): string => plain(body, inputs, "f32[B, 32]");

const images = (body: string, parameters = "param w: f32[16, 16, 3, 3] = he_normal", size = 16): string => `model M[B](x: f32[B, 16, ${size}, ${size}]) -> f32[B, 16, ${size}, ${size}] {\n  ${parameters}\n  ${body.includes("return") ? body : `return ${body}`}\n}`;

const same = "before = [1, 1], after = [1, 1]";

/** By name: the text of one model. */
export const trafficGraphs: Readonly<Record<string, string>> = {
  "layer norm": plain("layer_norm(x)"),
  "root mean square norm": plain("rms_norm(x)"),
  "softmax": plain("softmax(x)"),
  "log softmax": plain("log_softmax(x)"),
  "unit length": plain("l2_normalize(x)"),
  "group norm": plain("group_norm[8](x)", "x: f32[B, 16, 64]", "f32[B, 16, 64]"),
  "instance norm": plain("instance_norm(x)", "x: f32[B, 64, 16]", "f32[B, 64, 16]"),
  "norm, activation": plain("gelu(layer_norm(x))"),
  "norm of a norm": plain("layer_norm(rms_norm(x))"),
  "activation, norm": plain("layer_norm(silu(x))"),
  "norm, product": square("layer_norm(x, g, b) @ w"),
  "norm, product, bias, gelu": square("gelu(layer_norm(x, g, b) @ w + b)"),
  "root mean square norm, product": square("rms_norm(x, g) @ w"),
  "unit length, product": square("l2_normalize(x) @ w"),
  "softmax, product": square("softmax(x) @ w"),
  "activation, product": square("relu(x) @ w"),
  "product, activation": square("silu(x @ w + b)"),
  "product, norm": square("layer_norm(x @ w, g, b)"),
  "product, norm, relu": square("relu(layer_norm(x @ w, g, b))"),
  "product, root mean square norm": square("rms_norm(x @ w, g)"),
  "product, softmax": square("softmax(x @ w)"),
  "product, bias, activation, norm": square("layer_norm(gelu(x @ w + b), g)"),
  "norm, product, norm": square("layer_norm(layer_norm(x) @ w)"),
  "product, norm, product": square("layer_norm(x @ w, g, b) @ u", second),
  "product, norm, relu, product": square("relu(layer_norm(x @ w, g, b)) @ u", second),
  "product, root mean square norm, product, root mean square norm": square("rms_norm(rms_norm(x @ w) @ u)", second),
  "product, gelu, product": square("gelu(x @ w) @ u", second),
  "product with weights of unit length": square("x @ weight_norm(w, g)"),
  "batch norm in inference after a product": square("relu(batch_norm(x @ w, g, b))"),
  "gated unit": square("silu(x @ w) * (x @ u)", second),
  "norm, gated unit": square("let n = rms_norm(x)\n  return silu(n @ w) * (n @ u)", second),
  "norm, gated unit, product": square("let n = rms_norm(x)\n  return (silu(n @ w) * (n @ u)) @ t", third),
  "norm, gated unit, product, residual": square("let n = rms_norm(x)\n  return x + (silu(n @ w) * (n @ u)) @ t", third),
  "residual": square("x + x @ w"),
  "residual around a norm and a product": square("x + layer_norm(x) @ w"),
  "residual, then a norm": square("layer_norm(x + x @ w, g, b)"),
  "feed-forward with a residual": square("x + gelu(layer_norm(x) @ w) @ u", second),
  "feed-forward, residual, norm": square("layer_norm(x + gelu(x @ w) @ u)", second),
  "two outputs: a residual and its norm": plain("add_layer_norm(x, r)", "x: f32[B, 256], r: f32[B, 256]", "(s: f32[B, 256], y: f32[B, 256])"),
  "two outputs: three products of a norm": `model M[B](x: f32[B, 256]) -> (q: f32[B, 128], k: f32[B, 128], v: f32[B, 128]) {\n  param a: f32[256, 128] = ones\n  param b: f32[256, 128] = ones\n  param c: f32[256, 128] = ones\n  let n = layer_norm(x)\n  return (n @ a, n @ b, n @ c)\n}`,
  "attention": attention("softmax(q @ transpose(k) * 0.2) @ v"),
  "attention with a bias": attention("softmax(q @ transpose(k) * 0.2 + m) @ v", "q: f32[B, 32], k: f32[128, 32], v: f32[128, 32], m: f32[B, 128]"),
  "attention of heads": plain("attention(q, k, v)", "q: f32[B, 4, 64, 32], k: f32[B, 4, 64, 32], v: f32[B, 4, 64, 32]", "f32[B, 4, 64, 32]"),
  "causal attention of heads": plain("attention(q, k, v, causal = true)", "q: f32[B, 4, 64, 32], k: f32[B, 4, 64, 32], v: f32[B, 4, 64, 32]", "f32[B, 4, 64, 32]"),
  "attention with normed queries and keys": attention("softmax(rms_norm(q) @ transpose(rms_norm(k))) @ v"),
  "linear attention": attention("relu(q @ transpose(k)) @ v"),
  "attention, residual, norm": attention("layer_norm(q + softmax(q @ transpose(k)) @ v)"),
  "convolution": images(`conv(x, w, ${same})`),
  "convolution, relu": images(`relu(conv(x, w, ${same}))`),
  "convolution, batch norm in inference, relu": images(`relu(image_batch_norm(conv(x, w, ${same}), m, v))`, "param w: f32[16, 16, 3, 3] = he_normal\n  param m: f32[16] = zeros\n  param v: f32[16] = ones"),
  "convolution, residual, relu": images(`relu(x + conv(x, w, ${same}))`),
  "group norm, convolution": images(`conv(image_group_norm[4](x), w, ${same})`),
  "group norm, silu, convolution": images(`conv(silu(image_group_norm[4](x)), w, ${same})`),
  "convolution, group norm": images(`image_group_norm[4](conv(x, w, ${same}))`),
  "convolution, relu, convolution": images(`conv(relu(conv(x, w, ${same})), u, ${same})`, "param w: f32[16, 16, 3, 3] = he_normal\n  param u: f32[16, 16, 3, 3] = he_normal"),
};
