/** Panels of right operands: which are laid out in prepare, how, and that the product reads them. */
import { describe, expect, it } from "vitest";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { load } from "../../../runtime/index.ts";
import { wasmModel } from "../../support/wasm-model.ts";

const product = (right: string, params: string, inputs = "", columns = 10): string => `model M[B](x: f32[B, 6]${inputs}) -> f32[B, ${columns}] {\n${params}  return x @ ${right}\n}`;

const preparedOf = (text: string): { readonly name: string; readonly shape: string; readonly reason: string }[] =>
  wasmModel(text).plan.kept.filter(({ value }) => value.endsWith(".panels")).map(({ value, type, reason }) => ({ name: value, shape: type.shape.map(({ key }) => key).join(" "), reason }));

describe("operands that become panels", () => {
  it("are parameters: eight columns, one element of k after the other, the last column repeated", () => {
    expect(preparedOf(product("w", "  param w: f32[6, 10] = zeros\n"))).toEqual([{ name: "matmul.1.panels", shape: "2 6 8", reason: expect.stringContaining("made once, in prepare") as string }]);
  });

  it.each([
    ["read across", "transpose(w)", "  param w: f32[10, 6] = zeros\n"],
    ["made of parameters alone", "(w * g)", "  param w: f32[6, 10] = zeros\n  param g: f32[10] = ones\n"],
  ])("also %s", (_, right, params) => expect(preparedOf(product(right, params)).map(({ shape }) => shape)).toEqual(["2 6 8"]));

  it("are no inputs, and no batches of matrices", () => {
    expect(preparedOf(product("v", "", ", v: f32[6, 10]"))).toEqual([]);
    expect(preparedOf("model M[B](x: f32[3, B, 6]) -> f32[3, B, 10] {\n  param w: f32[3, 6, 10] = zeros\n  return x @ w\n}")).toEqual([]);
  });

  it("are those of both products that one kernel makes", () => {
    const { plan } = wasmModel("model M[B](x: f32[B, 64]) -> f32[B, 96] {\n  param g: f32[64, 96] = zeros\n  param u: f32[64, 96] = zeros\n  return silu(x @ g) * (x @ u)\n}");
    const run = plan.kernels.filter(({ phase }) => phase === "run");
    expect(run).toHaveLength(1);
    expect(run[0]?.tensors.filter((name) => name.endsWith(".panels"))).toHaveLength(2);
    expect(plan.kernels.filter(({ phase }) => phase === "prepare")).toHaveLength(2);
  });
});

it("read nothing past the last column", () => {
  const [prepare] = wasmModel(product("w", "  param w: f32[6, 10] = zeros\n")).plan.kernels;
  expect(prepare && printKernel(prepare.kernel)).toMatch(/min\(.*, 9\)/);
});

describe("the numbers in panels", () => {
  it.each([[6, 10], [1, 8], [5, 1], [33, 17]])("%d x %d: product and parameter agree, whichever way it lies", async (inner, columns) => {
    const device = openWasm();
    const x = Float32Array.from({ length: 3 * inner }, (_, i) => (i % 5) - 2);
    const w = Float32Array.from({ length: inner * columns }, (_, i) => (i % 11) - 5);
    const across = Float32Array.from({ length: inner * columns }, (_, i) => w[(i % inner) * columns + Math.floor(i / inner)] ?? 0);
    const wanted = Float32Array.from({ length: 3 * columns }, (_, i) => Array.from({ length: inner }, (_, k) => (x[Math.floor(i / columns) * inner + k] ?? 0) * (w[k * columns + (i % columns)] ?? 0)).reduce((a, b) => a + b, 0));
    for (const [right, shape, data] of [["w", [inner, columns], w], ["transpose(w)", [columns, inner], across]] as const) {
      const program = await load(wasmModel(`model M(x: f32[3, ${inner}]) -> f32[3, ${columns}] {\n  param w: f32[${shape.join(", ")}] = zeros\n  return x @ ${right}\n}`).artifact, device);
      await program.prepare({ w: data });
      expect((await program.run({ x })).outputs["output"]?.data).toEqual(wanted);
    }
    device.destroy();
  });
});
