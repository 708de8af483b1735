/** Random blocks of models as text: attention, gated units, products of one norm, residuals, groups of channels, stacks, long sums; at odd and tiny sizes. */

/** A stream of numbers in [0, 1). */
function numbers(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

/** The text of one model with the host-bound extent B. */
export function randomBlock(seed: number): string {
  const next = numbers(seed);
  const pick = <T>(values: readonly [T, ...T[]]): T => values[Math.floor(next() * values.length)] ?? values[0];
  const size = (): number => pick([1, 2, 3, 4, 5, 7, 8, 12]);
  const activation = (of: string): string => pick([of, ...["relu", "gelu", "silu", "tanh", "sigmoid"].map((name) => `${name}(${of})`)]);
  const norm = (of: string): string => pick([of, ...["layer_norm", "rms_norm", "l2_normalize", "softmax"].map((name) => `${name}(${of})`)]);
  const weight = (name: string, ...shape: readonly number[]): string => `  param ${name}: f32[${shape.join(", ")}] = ${shape.length > 1 ? "glorot_uniform" : "ones"}\n`;

  const attention = (): string => {
    const [t, s, d, e] = [size(), size(), size(), size()];
    const batch = pick(["", "2, ", "B, "]);
    const keys = batch === "" ? `transpose(${norm("k")})` : `transpose(${norm("k")}, [0, 2, 1])`;
    const scores = pick([`let s = ${norm("q")} @ ${keys} * 0.5 + 0 * m`, `let s = q @ ${keys} + m`, t === s ? `let p = ${norm("q")} @ ${keys} + 0 * m\n  let s = where(position(p, axis = -1) <= position(p, axis = -2), p, -inf)` : `let s = q @ ${keys} + m`]);
    return `model Attention[B](q: f32[${batch}${t}, ${d}], k: f32[${batch}${s}, ${d}], v: f32[${batch}${s}, ${e}], m: f32[${t}, ${s}]) -> f32[${batch}${t}, ${e}] {\n  ${scores}\n  return ${norm(`${pick(["softmax(s)", "relu(s)", "softmax(s)", "sigmoid(s)"])} @ v`)}\n}`;
  };
  const gated = (): string => {
    const [k, f, n] = [size(), size(), size()];
    return `model Gated[B](x: f32[B, ${k}]) -> f32[B, ${n}] {\n${weight("w", k, f)}${weight("u", k, f)}${weight("v", f, n)}${weight("g", k)}  let n = ${norm("x")} * g\n  return ${activation(`${activation("n @ w")} * (n @ u)`)} @ v\n}`;
  };
  const products = (): string => {
    const [k, a, b, c] = [size(), size(), size(), size()];
    return `model Products[B](x: f32[B, ${k}]) -> (a: f32[B, ${a}], b: f32[B, ${b}], c: f32[B, ${c}]) {\n${weight("w", k, a)}${weight("u", k, b)}${weight("v", k, c)}  let n = ${norm("x")}\n  return (${activation("n @ w")}, ${norm("n @ u")}, n @ v)\n}`;
  };
  const residual = (): string => {
    const k = size();
    return `model Residual[B](x: f32[B, ${k}], r: f32[B, ${k}]) -> (s: f32[B, ${k}], y: f32[B, ${k}], z: f32[B, ${k}]) {\n${weight("w", k, k)}  let s = x + ${pick(["r + 0 * r @ w", "r @ w", "relu(r) @ w"])}\n  return (s, ${norm("s")}, ${norm(pick(["s * 3", "x", "s * 2"]))})\n}`;
  };
  const image = (): string => {
    const [groups, members, channels] = [pick([1, 2, 3]), pick([1, 2, 4]), pick([1, 2, 3])];
    const [h, w, o] = [size(), size(), groups * members];
    const normed = pick([`image_group_norm[${groups}](y)`, "y", "image_instance_norm(y)"]);
    return `model Image[B](x: f32[B, ${channels}, ${h}, ${w}]) -> f32[B, ${o}, ${h}, ${w}] {\n${weight("w", o, channels, 3, 3)}${weight("b", o)}  let y = conv(${pick(["x", "relu(x)"])}, w, before = [1, 1], after = [1, 1]) + reshape(b, [${o}, 1, 1])\n  return ${activation(normed)}\n}`;
  };
  const groups = (): string => {
    const [s, count, members] = [size(), pick([1, 2, 3, 4]), size()];
    return `model Groups[B](x: f32[B, ${s}, ${count * members}]) -> f32[B, ${s}, ${count * members}] {\n${weight("a", count * members)}${weight("v", count * members)}  return ${activation(`group_norm[${count}](x, a) * rsqrt(v + 0.5) * a`)}\n}`;
  };
  const stack = (): string => {
    const [d, f] = [size(), size()];
    return `layer Part(x: f32[B, ${d}]) -> f32[B, ${d}] {\n${weight("w", d, f)}${weight("u", f, d)}  return x + ${activation(`${norm("x")} @ w`)} @ u\n}\nmodel Stack[B](x: f32[B, ${d}]) -> f32[B, ${d}] = x |> repeat(${pick([1, 2, 3])}, Part)`;
  };
  const long = (): string => {
    const n = pick([256, 512, 1024]);
    return `model Long[B](x: f32[B, ${n}]) -> f32[B, 3] {\n${weight("w", n, 3)}${weight("g", n)}  return ${activation(`${pick(["x", "rms_norm(x)", "layer_norm(x, g)"])} @ w`)}\n}`;
  };
  return pick([attention, gated, products, residual, image, groups, stack, long, attention])();
}
