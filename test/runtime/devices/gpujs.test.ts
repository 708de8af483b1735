import * as gpujs from "gpu.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Artifact, GpuJsKernel } from "../../../runtime/artifact.ts";
import type { Device } from "../../../runtime/device.ts";
import { type GpuJsMode, openGpuJs } from "../../../runtime/devices/gpujs.ts";
import { provideNavigatorGpu } from "../../../runtime/devices/webgpu-node.ts";
import { load } from "../../../runtime/index.ts";
import { columns, expectedOutput, gpuJsSample, largestError, outputs, reshapeOutputs, reshapeSample, sampleNumbers, sampleParameters } from "../../support/sample-artifacts.ts";

const modes: readonly GpuJsMode[] = ["cpu", "webasm", "webgpu", "async"];

beforeAll(() => provideNavigatorGpu({ prefer: "swiftshader" }));

describe.each(modes)("gpu.js mode %s", (mode) => {
  let device: Device;
  beforeAll(() => {
    device = openGpuJs(gpujs, { mode });
  });
  afterAll(() => device.destroy());

  it("runs the chain for several batch sizes, in any order", async () => {
    const program = await load(gpuJsSample, device);
    const parameters = sampleParameters();
    await program.prepare(parameters);
    for (const rows of [3, 1, 7, 3]) {
      const x = sampleNumbers(rows * columns, rows + 10);
      const result = await program.run({ x });
      expect(result.outputs["y"]).toMatchObject({ dtype: "f32", shape: [rows, outputs] });
      expect(largestError(result.outputs["y"], expectedOutput(x, parameters))).toBeLessThan(2e-5);
      expect(result.dispatches).toBe(2);
    }
    program.dispose();
  });

  it("takes new parameters, and no rows", async () => {
    const program = await load(gpuJsSample, device);
    await program.prepare(sampleParameters(1));
    await program.prepare(sampleParameters(7));
    const x = sampleNumbers(2 * columns, 3);
    expect(largestError((await program.run({ x })).outputs["y"], expectedOutput(x, sampleParameters(7)))).toBeLessThan(2e-5);
    const empty = await program.run({ x: new Float32Array(0) });
    expect(empty.outputs["y"]?.shape).toEqual([0, outputs]);
    expect(empty.dispatches).toBe(0);
    program.dispose();
  });

  it("reads a result at another width, and converts integers and booleans", async () => {
    const program = await load(reshapeSample, device);
    for (const rows of [2, 1]) {
      const n = Int32Array.from({ length: rows * 6 }, (_, i) => i);
      const { outputs: got } = await program.run({ n });
      const { sum, large } = reshapeOutputs(rows);
      expect(got["sum"]).toEqual({ dtype: "i32", shape: [rows * 3], data: Int32Array.from(sum) });
      expect(got["large"]).toEqual({ dtype: "bool", shape: [rows * 3], data: Uint8Array.from(large) });
    }
    program.dispose();
  });

  it("keeps both results of a kernel that runs twice", async () => {
    const pair = (name: string): GpuJsKernel["arguments"][number] => ({ name, columns: 4, length: 4 });
    const twice: Artifact = {
      ...gpuJsSample,
      extents: [],
      inputs: ["a", "b"].map((name) => ({ name, dtype: "f32", shape: [4] })),
      parameters: [],
      outputs: [{ name: "d", dtype: "f32", shape: [4] }],
      buffers: [
        ...["a", "b"].map((name) => ({ name, role: "input", dtype: "f32", length: 4 }) as const),
        ...["a2", "b2"].map((name) => ({ name, role: "temporary", dtype: "f32", length: 4 }) as const),
        { name: "d", role: "output", dtype: "f32", length: 4 },
      ],
      kernels: [
        { kind: "gpujs", name: "square", arguments: [pair("v")], output: [4, 1], extents: [], code: "function square(v) { return v[0][this.thread.x] * v[0][this.thread.x]; }" },
        { kind: "gpujs", name: "difference", arguments: [pair("v"), pair("w")], output: [4, 1], extents: [], code: "function difference(v, w) { return v[0][this.thread.x] - w[0][this.thread.x]; }" },
      ],
      prepare: [],
      run: [
        { kernel: 0, buffers: ["a", "a2"], grid: [1, 1, 1] },
        { kernel: 0, buffers: ["b", "b2"], grid: [1, 1, 1] },
        { kernel: 1, buffers: ["a2", "b2", "d"], grid: [1, 1, 1] },
      ],
    };
    const program = await load(twice, device);
    const { outputs: got } = await program.run({ a: Float32Array.of(5, 4, 3, 2), b: Float32Array.of(1, 2, 3, 4) });
    expect(got["d"]?.data).toEqual(Float32Array.of(24, 12, 0, -12));
    program.dispose();
  });

  it("runs loops of computed length to their end", async () => {
    const long: Artifact = {
      ...gpuJsSample,
      extents: [],
      inputs: [{ name: "n", dtype: "f32", shape: [1] }],
      parameters: [],
      outputs: [{ name: "count", dtype: "i32", shape: [1] }],
      buffers: [{ name: "n", role: "input", dtype: "f32", length: 1 }, { name: "count", role: "output", dtype: "i32", length: 1 }],
      kernels: [
        {
          kind: "gpujs",
          name: "counting",
          arguments: [{ name: "n", columns: 1, length: 1 }],
          output: [1, 1],
          extents: [],
          code: "function counting(n) { const end = n[0][0]; let count = 0; for (let i = 0; i < end; i += 1) { count += 1; } return count; }",
        },
      ],
      prepare: [],
      run: [{ kernel: 0, buffers: ["n", "count"], grid: [1, 1, 1] }],
    };
    const program = await load(long, device);
    expect((await program.run({ n: Float32Array.of(5000) })).outputs["count"]?.data).toEqual(Int32Array.of(5000));
    program.dispose();
  });

  it("names the kernel that gpu.js refuses", async () => {
    const [first] = gpuJsSample.kernels;
    if (first?.kind !== "gpujs") throw new Error("the sample begins with a gpujs kernel");
    const broken: Artifact = { ...gpuJsSample, kernels: [{ ...first, code: "function scale_w(gain, w) { return nowhere[0]; }" }, ...gpuJsSample.kernels.slice(1)] };
    const program = await load(broken, device);
    await expect(program.prepare(sampleParameters())).rejects.toMatchObject({ code: "kernel-failed", message: expect.stringContaining("'scale_w'") });
  });
});

describe("openGpuJs", () => {
  it("says what to do when the mode is not offered", () => {
    expect(() => openGpuJs(gpujs, { mode: "headlessgl" })).toThrow(expect.objectContaining({ code: "device-unavailable" }));
  });

  it("refuses calls after destroy()", async () => {
    const device = openGpuJs(gpujs, { mode: "cpu" });
    const program = await load(gpuJsSample, device);
    device.destroy();
    await expect(program.prepare(sampleParameters())).rejects.toMatchObject({ code: "device-lost" });
  });

  it("deletes every handle: temporaries after the run, prepared ones on dispose", async () => {
    let alive = 0;
    const makeHandle = (output: readonly number[]): object => {
      alive++;
      return { output, toArray: () => new Float32Array((output[0] ?? 0) * (output[1] ?? 0)), delete: () => alive--, clone: () => makeHandle(output) };
    };
    class GPU {
      createKernel = (_source: string, { output }: { output?: number[] }) => Object.assign(async () => makeHandle(output ?? []), { destroy: () => undefined });
      destroy = (): void => undefined;
    }
    const program = await load(gpuJsSample, openGpuJs({ GPU, input: (value, size) => ({ value, size }) }, { mode: "webgl2" }));
    await program.prepare(sampleParameters());
    expect(alive).toBe(1);
    await program.run({ x: new Float32Array(columns) });
    await program.run({ x: new Float32Array(2 * columns) });
    expect(alive).toBe(1);
    program.dispose();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(alive).toBe(0);
  });
});
