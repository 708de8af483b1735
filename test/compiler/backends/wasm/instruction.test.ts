/** Instructions that are no single opcode of WebAssembly. */
import { afterAll, describe, expect, it } from "vitest";
import { openWasm } from "../../../../runtime/devices/wasm.ts";
import { load } from "../../../../runtime/index.ts";
import { wasmModel } from "../../../support/wasm-model.ts";

const device = openWasm();
afterAll(() => device.destroy());

const least = -(2 ** 31);
const x = Int32Array.of(least, 7, -7, 5, least, 9, least, 2 ** 31 - 1);
const y = Int32Array.of(-1, -1, 2, -3, 1, 4, 2, -1);

describe("quotients of integers do not trap", () => {
  // Four at a time and one at a time.
  it.each(["4 * B", "B"])("of length %s: the least one by -1 wraps around", async (extent) => {
    const program = await load(wasmModel(`model M[B](x: i32[${extent}], y: i32[${extent}]) -> (q: i32[${extent}], r: i32[${extent}]) = (x / y, x % y)`).artifact, device);
    const { outputs } = await program.run({ x, y });
    expect(outputs["q"]?.data).toEqual(x.map((value, i) => (value / (y[i] ?? 1)) | 0));
    expect(outputs["r"]?.data).toEqual(x.map((value, i) => value % (y[i] ?? 1) | 0));
    // A quotient by 0 is not defined, but the call ends.
    expect((await program.run({ x, y: new Int32Array(8) })).outputs["q"]?.data.length).toBe(8);
  });

  it("by numbers that are known", async () => {
    const program = await load(wasmModel("model M[B](x: i32[B]) -> (a: i32[B], b: i32[B], c: i32[B]) = (x / -1, x / 3, x / -3)").artifact, device);
    const { outputs } = await program.run({ x });
    expect(outputs["a"]?.data).toEqual(x.map((value) => -value | 0));
    expect(outputs["b"]?.data).toEqual(x.map((value) => (value / 3) | 0));
    expect(outputs["c"]?.data).toEqual(x.map((value) => (value / -3) | 0));
  });

  it("without a sign", async () => {
    const program = await load(wasmModel("model M[B](x: u32[B], y: u32[B]) -> (q: u32[B], r: u32[B]) = (x / y, x % y)").artifact, device);
    const [a, b] = [Uint32Array.of(2 ** 32 - 1, 7, 2 ** 31), Uint32Array.of(2 ** 32 - 1, 2, 3)];
    const { outputs } = await program.run({ x: a, y: b });
    expect(outputs["q"]?.data).toEqual(a.map((value, i) => Math.floor(value / (b[i] ?? 1))));
    expect(outputs["r"]?.data).toEqual(a.map((value, i) => value % (b[i] ?? 1)));
    await expect(program.run({ x: a, y: new Uint32Array(3) })).resolves.toBeDefined();
  });
});
