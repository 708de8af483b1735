import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileFunction } from "../../../compiler/compile.ts";
import { required } from "../../../compiler/errors.ts";
import { evaluate } from "../../../compiler/reference/evaluate.ts";
import { compareValues } from "../../../compiler/verify/compare.ts";
import type { Device } from "../../../runtime/device.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { WasmHeap } from "../../../runtime/devices/wasm-memory.ts";
import { load } from "../../../runtime/index.ts";
import { randomProgram } from "../../support/random-programs.ts";
import { gpuJsSample } from "../../support/sample-artifacts.ts";
import { hostData, toReference } from "../../support/tensor-function.ts";
import { wasmModel } from "../../support/wasm-model.ts";

let device: Device;
beforeAll(() => {
  device = openWasm();
});
afterAll(() => device.destroy());

const wave = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7));

/** Programs whose errors are far above rounding are told from wrong ones by the interpreter's tests; here places matter. */
const limit = 1e-3;

describe("random programs compute what the reference says", () => {
  const batch = 40;
  for (let first = 0; first < 160; first += batch)
    it(`seeds ${first} to ${first + batch - 1}`, { timeout: 120_000 }, async () => {
      for (let seed = first; seed < first + batch; seed++) {
        const { fn, bindings } = randomProgram(seed, { wide: seed % 2 === 1 });
        const { inputs, parameters } = hostData(fn, bindings, seed);
        const reference = evaluate(fn, bindings, toReference(inputs), toReference(parameters));
        const program = await load(compileFunction(fn, "wasm").artifact, device);
        await program.prepare(parameters);
        const { outputs } = await program.run(inputs, { extents: bindings });
        for (const [name, { data, shape, dtype }] of Object.entries(reference)) {
          const worst = compareValues(required(outputs[name], "test", name).data, data, shape, dtype, { limit });
          expect(worst?.passed ?? true, `seed ${seed}: ${name}[${worst?.index.join(", ")}] is ${worst?.got}, not ${worst?.want}`).toBe(true);
        }
        program.dispose();
      }
    });
});

describe("products of every shape", () => {
  const shapes = [[1, 1, 1], [1, 8, 8], [3, 5, 7], [4, 16, 8], [5, 33, 9], [64, 100, 36], [129, 801, 12], [130, 1604, 40], [7, 12, 1030]] as const;
  const forms = { "a parameter": "x @ w", "one that is transposed": "x @ transpose(w, [1, 0])", "an input": "x @ v" } as const;

  it.each(Object.entries(forms))("with %s on the right", async (_, form) => {
    for (const [rows, inner, columns] of shapes) {
      const given = form.includes("transpose") ? `param w: f32[${columns}, ${inner}] = zeros\n` : form.includes("w") ? `param w: f32[${inner}, ${columns}] = zeros\n` : "";
      const input = form.includes("v") ? `, v: f32[${inner}, ${columns}]` : "";
      const { artifact } = wasmModel(`model M[B](x: f32[B, ${inner}]${input}) -> f32[B, ${columns}] {\n  ${given}  return ${form} + 1.0\n}`);
      const program = await load(artifact, device);
      const [x, right] = [wave(rows * inner), wave(inner * columns).reverse()];
      await program.prepare(given === "" ? {} : { w: right });
      const { outputs } = await program.run(input === "" ? { x } : { x, v: right });
      const got = required(outputs["output"], "test", "output").data;
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++) {
          let want = 1;
          for (let k = 0; k < inner; k++) want += (x[row * inner + k] ?? 0) * (right[form.includes("transpose") ? column * inner + k : k * columns + column] ?? 0);
          if (Math.abs((got[row * columns + column] ?? 0) - want) > 2e-6 * inner + 1e-6) expect.fail(`[${row}, ${column}] of ${[rows, inner, columns].join(" x ")} is ${got[row * columns + column]}, not ${want}`);
        }
      program.dispose();
    }
  });
});

describe("the device", () => {
  const layer = `model M[B](x: f32[B, 24]) -> f32[B, 40] {\n  param w: f32[24, 40] = zeros\n  return gelu(layer_norm(x) @ w)\n}`;

  it("lays weights out once, in prepare", () => {
    const { artifact } = wasmModel(layer);
    expect(artifact.prepare.length).toBeGreaterThan(0);
    expect(artifact.run.length).toBe(1);
    expect(artifact.buffers.filter(({ role }) => role === "prepared").map(({ length }) => length)).toContain(24 * 40);
  });

  it("gives the same bits for the same call, and does not grow over 2,000 of them", async () => {
    const program = await load(wasmModel(layer).artifact, device);
    await program.prepare({ w: wave(24 * 40) });
    const first = (await program.run({ x: wave(24 * 9) })).outputs["output"]?.data;
    const sizes = new Set<number>();
    for (let i = 0; i < 2000; i++) {
      const { outputs } = await program.run({ x: wave(24 * (1 + (i % 9))) });
      if (i % 9 === 8) expect(outputs["output"]?.data).toEqual(first);
      if (i > 100) sizes.add(process.memoryUsage().arrayBuffers >> 24);
    }
    expect(sizes.size).toBeLessThan(4);
    program.dispose();
  });

  it("takes integers, truth values and no elements", async () => {
    const program = await load(wasmModel("model M[B](x: i32[B], y: bool[B]) -> (a: i32[B], b: bool[B]) {\n  return (where(y, x, -x), not y)\n}").artifact, device);
    const { outputs } = await program.run({ x: Int32Array.of(1, -2, 2 ** 30), y: Uint8Array.of(1, 0, 1) });
    expect(outputs["a"]?.data).toEqual(Int32Array.of(1, 2, 2 ** 30));
    expect(outputs["b"]?.data).toEqual(Uint8Array.of(0, 1, 0));
    expect((await program.run({ x: new Int32Array(0), y: new Uint8Array(0) })).dispatches).toBe(0);
    program.dispose();
  });

  it("refuses artifacts of others, and calls after its end", async () => {
    const own = openWasm();
    await expect(load(gpuJsSample, own)).rejects.toMatchObject({ code: "artifact-invalid" });
    const program = await load(wasmModel(layer).artifact, own);
    own.destroy();
    await expect(program.prepare({ w: wave(24 * 40) })).rejects.toMatchObject({ code: "device-lost" });
  });

  it("says which buffer has no room", async () => {
    const requests = [{ name: "huge", role: "input", dtype: "f32", length: 2 ** 30 }] as const;
    const before = await device.allocate([{ name: "small", role: "input", dtype: "f32", length: 4 }]);
    await expect(device.allocate(requests)).rejects.toMatchObject({ code: "out-of-memory", message: expect.stringContaining("'huge'") as string });
    device.release(before, []);
  });

  it("lays requests of one slot in the same place", async () => {
    const [a, b] = await device.allocate([{ name: "a", role: "temporary", dtype: "f32", length: 4, slot: 0 }, { name: "b", role: "temporary", dtype: "f32", length: 8, slot: 0 }]);
    if (!a || !b) throw new Error("two buffers");
    device.write(b, wave(8));
    const list = await device.bind([]);
    expect((await device.run(list, [a]))[0]).toEqual(wave(8).slice(0, 4));
    device.release([a, b], [list]);
  });

  it("names a module that the engine refuses", async () => {
    const { artifact } = wasmModel(layer);
    const broken = { ...artifact, kernels: artifact.kernels.map((kernel) => ({ ...kernel, code: "AGFzbQ==", relaxedCode: "AGFzbQ==" })) } as typeof artifact;
    await expect(load(broken, openWasm())).rejects.toMatchObject({ code: "kernel-failed" });
  });
});

describe("the heap", () => {
  it("joins what is given back, and grows only when nothing fits", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
    const heap = new WasmHeap(memory);
    const pieces = [100, 200, 0, 60].map((bytes) => heap.allocate(bytes) ?? -1);
    expect(new Set(pieces).size).toBe(4);
    expect(pieces.every((address) => address > 0 && address % 64 === 0)).toBe(true);
    for (const address of [pieces[1], pieces[0], pieces[2]]) heap.release(address ?? -1);
    expect(heap.allocate(400)).toBe(pieces[0]);
    heap.release(12345);
    expect(memory.buffer.byteLength).toBe(65536);
    expect(heap.allocate(65536)).toBeDefined();
    expect(memory.buffer.byteLength).toBe(2 * 65536);
    expect(heap.allocate(4 * 65536)).toBeUndefined();
  });
});
