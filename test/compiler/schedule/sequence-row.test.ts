/** Recurrences of one row in WebAssembly: columns in the lanes, whatever their number, on the device and compared with sums in float64. */
import { afterAll, describe, expect, it } from "vitest";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { evaluate } from "../../../compiler/reference/evaluate.ts";
import { compareValues } from "../../../compiler/verify/compare.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { load } from "../../../runtime/index.ts";
import { hostData, toReference } from "../../support/tensor-function.ts";
import { wasmModel } from "../../support/wasm-model.ts";

const device = openWasm({ relaxed: false });
afterAll(() => device.destroy());

const lstm = (H: number, B: number | "B"): string => `model Lstm[T${B === "B" ? ", B" : ""}](xs: f32[T, ${B}, 3]) -> (hs: f32[T, ${B}, ${H}], last: f32[${B}, ${H}]) {
  param wx: f32[3, ${4 * H}] = orthogonal
  param wh: f32[${H}, ${4 * H}] = orthogonal
  param gain: f32[${4 * H}] = ones
  return scan x in xs with (h: f32[${B}, ${H}] = 0, c: f32[${B}, ${H}] = 0) {
    let gates = layer_norm(x @ wx) + layer_norm(h @ wh, gain)
    let (f, i, o, g) = split(gates, 4)
    next c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    next h = sigmoid(o) * tanh(layer_norm(c))
    emit h
    emit last h
  }
}`;

const cells: Readonly<Record<string, string>> = {
  "whose columns are read in reverse, at a stride and repeated": "model M[T](xs: f32[T, 1, 8]) -> (ys: f32[T, 1, 8]) {\n  return scan x in xs with (h: f32[1, 8] = 0.5) {\n    let turned = flip(h, -1)\n    let pairs = reshape(broadcast_to(mean(reshape(h, [1, 4, 2]), -1, keep = true), [1, 4, 2]), [1, 8])\n    let thin = concat(h[:, 0:8:2], h[:, 1:8:2], axis = 1)\n    next h = tanh(x + 0.5 * turned + 0.3 * pairs - 0.2 * thin)\n    emit h\n  }\n}",
  "whose products are of the input's making": "model M[T](xs: f32[T, 1, 6], ws: f32[T, 6, 6]) -> (ys: f32[T, 1, 6]) {\n  return scan (x, w) in (xs, ws) with (h: f32[1, 6] = 0.5) {\n    next h = tanh(x + h @ w)\n    emit h\n  }\n}",
  "that change places": "model M[T](xs: f32[T, 1, 7]) -> (a: f32[1, 7], b: f32[1, 7]) {\n  return scan x in xs with (a: f32[1, 7] = 1, b: f32[1, 7] = 2) {\n    let old = a\n    next a = b\n    next b = tanh(old + x)\n  }\n}",
};

async function check(text: string, bind: Readonly<Record<string, number>>): Promise<string> {
  const { fn, artifact, plan } = wasmModel(text);
  const { inputs, parameters } = hostData(fn, bind, 3);
  const wanted = evaluate(fn, bind, toReference(inputs), toReference(parameters));
  const program = await load(artifact, device);
  await program.prepare(parameters);
  const { outputs } = await program.run(inputs, { extents: bind });
  for (const [name, { data, shape, dtype }] of Object.entries(wanted)) {
    const worst = compareValues(outputs[name]?.data ?? [], data, shape, dtype, { limit: 1e-4 });
    expect(worst?.passed ?? true, `${JSON.stringify(bind)}: ${name}[${worst?.index.join(", ")}] is ${worst?.got}, not ${worst?.want}`).toBe(true);
  }
  program.dispose();
  const sequence = plan.kernels.find(({ region }) => region.template === "sequence");
  return sequence ? printKernel(sequence.kernel) : "";
}

describe("one row", () => {
  // Four columns at a time, fewer than four, a rest of each length, and blocks of six vectors with and without a rest.
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 18, 24, 30])("of %d units", async (H) => {
    const kernel = await check(lstm(H, 1), { T: 4 });
    if (H >= 4) expect(kernel).toMatch(/exp\(min\(neg\(vec4\(/);
    else expect(kernel).toMatch(/exp\(min\(neg\(add_/);
  });

  it.each([1, 2, 3])("a workgroup, %d of them bound by the host", async (B) => {
    await check(lstm(6, "B"), { T: 3, B });
  });

  it.each(Object.entries(cells))("%s", async (_, text) => {
    expect(await check(text, { T: 5 })).not.toBe("");
  });

  it("has no more than six sums under way, each with an operand of its own", async () => {
    const kernel = await check(lstm(32, 1), { T: 2 });
    expect(Math.max(...[...kernel.matchAll(/for k\w* in 0 \.\. 32 \{\n((?: {8}.*\n)+)/g)].map(([, body]) => body?.match(/fma/g)?.length ?? 0))).toBe(6);
  });
});
