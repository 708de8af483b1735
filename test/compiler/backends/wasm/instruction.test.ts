/** Instructions that are no single opcode of WebAssembly. */
import { afterAll, describe, expect, it } from "vitest";
import { openWasm } from "../../../../runtime/devices/wasm.ts";
import { emitWasm } from "../../../../compiler/backends/wasm/emit.ts";
import { required } from "../../../../compiler/errors.ts";
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

describe("functions of the host in a choice", () => {
  it.each([["four at a time", 8], ["one at a time", 7]])("are called where one is asked for, %s", (_, length) => {
    const { plan } = wasmModel(`model M(x: f32[${length}]) -> f32[${length}] = sin(x)`);
    const { kernel } = required(plan.kernels[0], "test", "kernel");
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    let calls = 0;
    const sin = (x: number): number => {
      calls++;
      return Math.sin(x);
    };
    const { bytes } = emitWasm(kernel, { relaxed: false });
    const run = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)), { env: { memory, sin } }).exports["run"] as (...of: readonly number[]) => void;
    const [frame, x, y, scratch] = [0, 1024, 2048, 4096];
    const input = new Float32Array(memory.buffer, x, length);
    const output = new Float32Array(memory.buffer, y, length);
    new Int32Array(memory.buffer, frame, 2).set([x, y]);
    const sines = (values: readonly number[]): number => {
      calls = 0;
      input.set(values.slice(0, length));
      run(0, 1, 1, 1, frame, scratch);
      output.forEach((value, i) => expect(Math.abs(value - Math.sin(input[i] ?? 0)), `sin(${input[i]})`).toBeLessThan(4e-7));
      return calls;
    };
    expect(sines([0, 1, -2, 3, 4, -8000, 1e-30, 8191])).toBe(0);
    expect(sines([0, 1, -2, 3, 4, -8000, 1e9, 8191])).toBe(length === 8 ? 4 : 1);
    expect(sines([0, 1e5, -2, 3, 4, -9000, 1e9, 8191])).toBe(length === 8 ? 8 : 3);
  });
});
