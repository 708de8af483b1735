/** A step that is called once for each element: outputs may have the names of inputs, and the calls give what the scan gives. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkSource, compileModel, evaluateReference, sourceFile, type TensorFunction } from "../../compiler/index.ts";
import { required } from "../../compiler/errors.ts";
import type { Device } from "../../runtime/device.ts";
import { openWasm } from "../../runtime/devices/wasm.ts";
import { openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { load, openStream } from "../../runtime/index.ts";
import type { Tensor } from "../../runtime/tensor.ts";
import { hostData, toReference } from "../support/tensor-function.ts";

const source = `model Sequence(xs: f32[6, 2, 3]) -> (ys: f32[6, 2, 4], h: f32[2, 4], c: f32[2, 4]) = LnLstm[3, 4](xs, states = true)
model Step(x: f32[2, 3], h: f32[2, 4], c: f32[2, 4]) -> (h: f32[2, 4], c: f32[2, 4]) {
  let (_, h1, c1) = LnLstm[3, 4](reshape(x, [1, 2, 3]), h0 = h, c0 = c, states = true)
  return (h1, c1)
}
model Told(x: f32[2, 3], h: f32[2, 4], c: f32[2, 4]) -> (y: f32[2, 4], h: f32[2, 4], c: f32[2, 4]) {
  let (y, h1, c1) = LnLstm[3, 4](reshape(x, [1, 2, 3]), h0 = h, c0 = c, states = true)
  return (reshape(y, [2, 4]), h1, c1)
}
model Same(h: f32[4], x: f32[4]) -> (h: f32[4], w: f32[4], x: f32[4]) {
  param w: f32[4] = ones
  let n = tanh(x + h)
  return (n, 2 * w, flip(n, axis = 0) * h)
}
model Handed(h: f32[4]) -> (h: f32[4], twice: f32[4]) = (h, h * 2)`;

function modelOf(name: string): TensorFunction {
  return required(checkSource(sourceFile("step.nf", source)).models.find((model) => model.name === name), "test", name);
}

describe.each(["wasm", "wgsl"] as const)("on %s", (target) => {
  let device: Device | undefined;
  beforeAll(async () => {
    device = target === "wasm" ? openWasm() : await openWebGpu();
  });
  afterAll(() => device?.destroy());

  const loaded = async (name: string) => load(compileModel(modelOf(name), target).artifact, required(device, "test", "device"));

  it.each(["Same", "Handed"])("outputs with the names of inputs and parameters: %s", async (name) => {
    const fn = modelOf(name);
    const { inputs, parameters } = hostData(fn, {}, 3);
    const program = await loaded(name);
    await program.prepare(parameters);
    const want = evaluateReference(fn, {}, toReference(inputs), toReference(parameters));
    for (let again = 0; again < 2; again++) {
      const { outputs } = await program.run(inputs);
      for (const { name: output } of fn.outputs) {
        const got = required(outputs[output], "test", output).data as Float32Array;
        expect(Math.max(...got.map((value, i) => Math.abs(value - (want[output]?.data[i] ?? Number.NaN)))), output).toBeLessThan(1e-6);
      }
    }
    program.dispose();
  });

  it("a stream hands the state on by itself", async () => {
    const fn = modelOf("Sequence");
    const { inputs, parameters } = hostData(fn, {}, 5);
    const xs = required(inputs["xs"], "test", "xs");
    const want = evaluateReference(fn, {}, toReference(inputs), toReference(parameters))["ys"];
    const program = await loaded("Told");
    await program.prepare(parameters);
    const zero = (): Tensor => ({ dtype: "f32", shape: [2, 4], data: new Float32Array(8) });
    const stream = openStream(program, { h: zero(), c: zero() });
    for (let round = 0; round < 2; round++) {
      // Not awaited one by one: steps run in the order of the calls.
      const steps = [0, 1, 2, 3, 4, 5].map((t) => stream.step({ x: { dtype: "f32", shape: [2, 3], data: Float32Array.from(xs.data.subarray(t * 6, (t + 1) * 6)) } }));
      const results = (await Promise.all(steps)) as unknown as { readonly outputs: Readonly<Record<string, Tensor>> }[];
      results.forEach(({ outputs }, t) => {
        expect(Object.keys(outputs)).toEqual(["y"]);
        expect(Math.max(...[...required(outputs["y"], "test", "y").data].map((value, i) => Math.abs(value - (want?.data[t * 8 + i] ?? Number.NaN))))).toBeLessThan(1e-5);
      });
      expect("buffer" in ((await stream.state())["h"] as object)).toBe(target === "wgsl");
      await stream.reset({ h: zero(), c: zero() });
    }
    await expect(stream.step({})).rejects.toThrow("'x'");
    await stream.close();
    expect(() => openStream(program, { h: zero() })).toThrow("no initial 'c'");
    program.dispose();
    const stateless = await loaded("Sequence");
    expect(() => openStream(stateless, {})).toThrow("No output has the name of an input");
    stateless.dispose();
  });

  it.each(target === "wgsl" ? (["host", "gpu"] as const) : (["host"] as const))("states from call to call equal the scan, left on the %s", async (where) => {
    const fn = modelOf("Sequence");
    const { inputs, parameters } = hostData(fn, {}, 5);
    const xs = required(inputs["xs"], "test", "xs");
    const want = evaluateReference(fn, {}, toReference(inputs), toReference(parameters));
    const program = await loaded("Step");
    await program.prepare(parameters);
    const zero: Tensor = { dtype: "f32", shape: [2, 4], data: new Float32Array(8) };
    let states: object = { h: zero, c: zero };
    const element = (t: number): Tensor => ({ dtype: "f32", shape: [2, 3], data: Float32Array.from(xs.data.subarray(t * 6, (t + 1) * 6)) });
    for (let t = 0; t < 5; t++) {
      const given = { x: element(t), ...states };
      states = (await (where === "gpu" ? program.run(given, { output: "gpu" }) : program.run(given))).outputs;
    }
    const { outputs } = await program.run({ x: element(5), ...states });
    for (const name of ["h", "c"]) {
      const got = required(outputs[name], "test", name).data as Float32Array;
      expect(Math.max(...got.map((value, i) => Math.abs(value - (want[name]?.data[i] ?? Number.NaN)))), name).toBeLessThan(1e-5);
    }
    program.dispose();
  });
});
