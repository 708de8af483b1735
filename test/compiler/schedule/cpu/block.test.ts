/**
 * The block template on the device: rows that are left over, several parts of the contracted axis, windows, operands that are
 * packed in the kernel, folds before and after. Compared with sums in float64.
 */
import { afterAll, describe, expect, it } from "vitest";
import { evaluate } from "../../../../compiler/reference/evaluate.ts";
import { compareValues } from "../../../../compiler/verify/compare.ts";
import type { Device } from "../../../../runtime/device.ts";
import { openWasm } from "../../../../runtime/devices/wasm.ts";
import { load } from "../../../../runtime/index.ts";
import { hostData, toReference } from "../../../support/tensor-function.ts";
import { wasmModel } from "../../../support/wasm-model.ts";

/** Data are hostile, and exponentials of large numbers magnify rounding: here places matter. */
const limit = 1e-3;

const device: Device = openWasm({ relaxed: false });
afterAll(() => device.destroy());

/** Runs a model with random data on the device and in the reference; the templates of the call's kernels. */
async function check(text: string, bind: Readonly<Record<string, number>> = {}, seed = 1): Promise<string[]> {
  const { fn, artifact, plan } = wasmModel(text);
  const { inputs, parameters } = hostData(fn, bind, seed);
  const wanted = evaluate(fn, bind, toReference(inputs), toReference(parameters));
  const program = await load(artifact, device);
  await program.prepare(parameters);
  const { outputs } = await program.run(inputs, { extents: bind });
  for (const [name, { data, shape, dtype }] of Object.entries(wanted)) {
    const got = outputs[name]?.data;
    if (!got) throw new Error(`no output ${name}`);
    const worst = compareValues(got, data, shape, dtype, { limit });
    expect(worst?.passed ?? true, `${JSON.stringify(bind)}: ${name}[${worst?.index.join(", ")}] is ${worst?.got}, not ${worst?.want}`).toBe(true);
  }
  program.dispose();
  return plan.kernels.flatMap(({ phase, cost }) => (phase === "run" ? [cost.tile.template] : []));
}

const layer = (rows: string, inner: number, columns: number, body: string): string => `model M${/^[A-Z]/.test(rows) ? `[${rows}]` : ""}(x: f32[${rows}, ${inner}]) -> f32[${rows}, ${columns}] {\n  param w: f32[${inner}, ${columns}] = glorot_uniform\n  return ${body}\n}`;

describe("rows that are left over", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 9])("%d rows that are known", async (rows) => {
    expect(await check(layer(String(rows), 37, 20, "x @ w"))).toContain("block");
    await check(layer(String(rows), 64, 19, "gelu(layer_norm(x) @ w)"));
  });

  it("rows that the host binds", async () => {
    for (const B of [1, 2, 3, 4, 5, 6, 7, 8, 127, 128, 129, 130, 131]) await check(layer("B", 40, 24, "softmax(layer_norm(x) @ w)"), { B });
  });

  it("an odd length of the contracted axis, in two phases and in parts", async () => {
    for (const inner of [1, 2, 3, 799, 801, 1601]) for (const B of [1, 2, 5]) await check(layer("B", inner, 9, "x @ w"), { B });
  });

  it("a single row, three panels at a time: columns and parts of the contracted axis that are left over", async () => {
    for (const columns of [8, 23, 24, 25, 47, 48, 61, 96]) for (const inner of [3, 400, 401, 801, 1201]) await check(layer("1", inner, columns, "x @ w"));
    await check("model M(x: f32[1, 96]) -> f32[1, 96] {\n  param w: f32[96, 52] = glorot_uniform\n  param v: f32[96, 52] = glorot_uniform\n  param u: f32[52, 96] = glorot_uniform\n  return (silu(rms_norm(x) @ w) * (rms_norm(x) @ v)) @ u\n}");
  });

  it("four rows in blocks of two, where something is folded along them", async () => {
    await check(layer("4", 784, 1000, "layer_norm(x @ w)"));
    await check(layer("3", 784, 1000, "softmax(x @ w)"));
  });

  it("a product cut along its columns, the last part shorter", async () => {
    await check(layer("7", 768, 1031, "relu(x @ w)"));
    await check(layer("B", 512, 2056, "layer_norm(x) @ w"), { B: 130 });
  });
});

describe("operands that are packed in the kernel", () => {
  it.each([["along its columns", "x @ v", "64, 40"], ["along the contracted axis", "x @ transpose(v)", "40, 64"], ["an element at a time", "x @ (v * 2.0)", "64, 37"]])("on the right, %s", async (_, body, shape) => {
    for (const B of [1, 2, 7, 33]) await check(`model M[B](x: f32[B, 64], v: f32[${shape}]) -> f32[B, ${body.includes("transpose") ? 40 : shape.split(", ")[1]}] {\n  return ${body}\n}`, { B });
  });

  it("on the left, along the rows", async () => {
    await check("model M(x: f32[48, 36], v: f32[48, 24]) -> f32[36, 24] {\n  return transpose(x) @ v\n}");
  });

  it("in batches", async () => {
    await check("model M(q: f32[3, 33, 16], k: f32[3, 21, 16], v: f32[3, 21, 16]) -> f32[3, 33, 16] {\n  return attention(q, k, v)\n}");
  });
});

describe("windows", () => {
  const conv = (side: readonly [number, number], channels: readonly [number, number], more: string): string =>
    `model M[B](x: f32[B, ${channels[0]}, ${side.join(", ")}]) -> f32[B, ${channels[1]}, ${more.includes("stride") ? `${Math.ceil(side[0] / 2)}, ${Math.ceil(side[1] / 2)}` : side.join(", ")}] {\n  param w: f32[${channels[1]}, ${channels[0]}, 3, 3] = glorot_uniform\n  return conv(silu(x), w, before = [1, 1], after = [1, 1]${more})\n}`;

  it.each([
    ["whose rows hold whole panels", [6, 16], [5, 12], ""],
    ["whose rows do not", [5, 7], [4, 9], ""],
    ["that are cut into parts", [4, 8], [150, 8], ""],
    ["that move by two", [8, 16], [6, 8], ", stride = [2, 2]"],
  ] as const)("%s", async (_, side, channels, more) => {
    expect(await check(conv(side, channels, more), { B: 2 })).toContain("block");
  });
});

it("sums of rows and columns of a convolution's input are made before it, in vectors", async () => {
  await check("model M[B](x: f32[B, 16, 4, 8]) -> f32[B, 16, 4, 8] {\n  param gain: f32[16] = ones\n  param bias: f32[16] = zeros\n  return silu(image_group_norm[4](x, gain, bias))\n}", { B: 3 });
});
