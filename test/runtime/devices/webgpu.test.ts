import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Artifact, WgslKernel } from "../../../runtime/artifact.ts";
import { webGpuDevice } from "../../../runtime/devices/webgpu.ts";
import { openGpuDevice, openWebGpu, provideNavigatorGpu } from "../../../runtime/devices/webgpu-node.ts";
import { load } from "../../../runtime/index.ts";
import { columns, expectedOutput, largestError, sampleNumbers, sampleParameters, statsKernel, wgslSample } from "../../support/sample-artifacts.ts";

let gpu: GPUDevice;
beforeAll(async () => {
  gpu = (await openGpuDevice({ prefer: "swiftshader" })).device;
});
afterAll(() => gpu.destroy());

const x = sampleNumbers(3 * columns, 1);
const parameters = sampleParameters();
const withKernel = (kernel: WgslKernel): Artifact => ({ ...wgslSample, kernels: wgslSample.kernels.map((other, i) => (i === 1 ? kernel : other)) });

/** Counts calls of a method while `work` runs. */
async function countCalls<K extends "createShaderModule" | "createCommandEncoder" | "createBuffer">(method: K, work: () => Promise<unknown>): Promise<number> {
  const original = gpu[method];
  let count = 0;
  const counted = (...args: never[]): unknown => {
    count++;
    return Reflect.apply(original, gpu, args);
  };
  Object.defineProperty(gpu, method, { value: counted, configurable: true });
  try {
    await work();
  } finally {
    Reflect.deleteProperty(gpu, method);
  }
  return count;
}

describe("the WebGPU device", () => {
  it("compiles each kernel once, and none for a new batch size; one encoder a run", async () => {
    const device = webGpuDevice(gpu);
    let program = await load(wgslSample, device);
    await program.prepare(parameters);
    await program.run({ x });
    expect(await countCalls("createShaderModule", () => program.run({ x: sampleNumbers(50 * columns, 2) }))).toBe(0);
    expect(await countCalls("createCommandEncoder", () => program.run({ x }))).toBe(1);
    expect(await countCalls("createBuffer", () => program.run({ x }))).toBe(0);
    expect(await countCalls("createShaderModule", async () => (program = await load(wgslSample, device)))).toBe(0);
  });

  it("reads inputs at once: the caller may change them after the call of run()", async () => {
    const program = await load(wgslSample, webGpuDevice(gpu));
    await program.prepare(parameters);
    const changing = x.slice();
    const result = await program.run({ x: changing });
    changing.fill(0);
    expect(largestError(result.outputs["y"], expectedOutput(x, parameters))).toBeLessThan(1e-5);
  });

  it.each<[string, WgslKernel, RegExp]>([
    ["syntax", { ...statsKernel, code: statsKernel.code.replace("return;", "return") }, /Kernel 'row_stats' does not compile: .*\(line 7, column \d+: if \(row >= extents\[0\]\.x\) \{ return \}\)\./],
    ["types", { ...statsKernel, code: statsKernel.code.replace("var sum = 0.0;", "var sum = 0;") }, /Kernel 'row_stats' does not compile: .*\(line \d+, column \d+:/],
    ["layout", { ...statsKernel, bindings: statsKernel.bindings.map(({ name }) => ({ name, access: "read" as const })) }, /Kernel 'row_stats' does not compile: /],
    ["entry point", { ...statsKernel, entryPoint: "start" }, /Kernel 'row_stats' does not compile: .*start/],
  ])("names the kernel and the line: %s", async (_, kernel, message) => {
    await expect(load(withKernel(kernel), webGpuDevice(gpu))).rejects.toMatchObject({ code: "kernel-failed", message: expect.stringMatching(message) });
  });

  it("names the kernel whose buffers do not fit", async () => {
    const artifact = withKernel(statsKernel);
    const program = await load({ ...artifact, run: [{ kernel: 1, buffers: ["x"], grid: [1, 1, 1] }] }, webGpuDevice(gpu));
    await program.prepare(parameters);
    await expect(program.run({ x })).rejects.toMatchObject({ code: "kernel-failed", message: expect.stringContaining("The buffers of kernel 'row_stats' do not fit") });
    const tooMany = await load({ ...artifact, run: [{ kernel: 1, buffers: ["x", "stats"], grid: [70_000, 1, 1] }] }, webGpuDevice(gpu));
    await tooMany.prepare(parameters);
    await expect(tooMany.run({ x })).rejects.toMatchObject({ code: "kernel-failed", message: expect.stringContaining("'row_stats' needs 70000 x 1 x 1 workgroups") });
  });

  it("says which buffer does not fit the memory", async () => {
    const program = await load({ ...wgslSample, buffers: wgslSample.buffers.map((spec) => (spec.name === "stats" ? { ...spec, length: 2 ** 40 } : spec)) }, webGpuDevice(gpu));
    await program.prepare(parameters);
    await expect(program.run({ x })).rejects.toMatchObject({ code: "out-of-memory", message: expect.stringContaining("Buffer 'stats' of 1099511627776 f32 elements") });
  });

  it("needs shader-f16 for kernels that enable it", async () => {
    if (gpu.features.has("shader-f16")) return;
    await expect(load(withKernel({ ...statsKernel, code: `enable f16;\n${statsKernel.code}` }), webGpuDevice(gpu))).rejects.toMatchObject({ code: "device-unavailable", message: expect.stringContaining("shader-f16") });
  });

  describe("takes the text for subgroups", () => {
    /** Says which text it is: 1 with subgroups. */
    const text = (value: number): string => `@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n@compute @workgroup_size(1) fn main() { y[0] = ${value}.0; }`;
    const artifact: Artifact = {
      ...wgslSample, extents: [], parameters: [], inputs: [], outputs: [{ name: "y", dtype: "f32", shape: [1] }], buffers: [{ name: "y", role: "output", dtype: "f32", length: 1 }],
      kernels: [{ kind: "wgsl", name: "which", entryPoint: "main", bindings: [{ name: "y", access: "write" }], extents: [], code: text(0), subgroupCode: `enable subgroups;\n${text(1)}` }],
      prepare: [], run: [{ kernel: 0, buffers: ["y"], grid: [1, 1, 1] }],
    };
    const chosen = async (on: GPUDevice, which: Artifact = artifact): Promise<number | undefined> => (await (await load(which, webGpuDevice(on))).run({})).outputs["y"]?.data[0];

    it("on a device that has them, where there is one", async () => {
      expect(gpu.features.has("subgroups")).toBe(true);
      expect(await chosen(gpu)).toBe(1);
      const [kernel] = artifact.kernels;
      if (kernel?.kind !== "wgsl") throw new Error("no kernel");
      const { subgroupCode: _, ...plain } = kernel;
      expect(await chosen(gpu, { ...artifact, kernels: [plain] })).toBe(0);
    });

    it("on no device that was opened without, though its adapter has them", async () => {
      await provideNavigatorGpu({ prefer: "swiftshader" });
      const adapter = await navigator.gpu.requestAdapter();
      const bare = await adapter?.requestDevice();
      if (!bare) throw new Error("no device");
      expect(adapter?.features.has("subgroups")).toBe(true);
      expect(await chosen(bare)).toBe(0);
      bare.destroy();
    });

    it("after a loss by what the next device has", async () => {
      const { device: own } = await openGpuDevice({ prefer: "swiftshader" });
      const device = webGpuDevice(own, { reopen: async () => {
        const bare = await (await navigator.gpu.requestAdapter())?.requestDevice();
        if (!bare) throw new Error("no device");
        return bare;
      } });
      const program = await load(artifact, device);
      expect((await program.run({})).outputs["y"]?.data[0]).toBe(1);
      own.destroy();
      expect((await program.run({})).outputs["y"]?.data[0]).toBe(0);
      device.gpu.destroy();
    });
  });

  it("stores f16, i32, u32 and bool as the kernels expect them", async () => {
    const copy: Artifact = {
      ...wgslSample,
      extents: [],
      parameters: [],
      inputs: [{ name: "h", dtype: "f16", shape: [3] }, { name: "i", dtype: "i32", shape: [2] }, { name: "u", dtype: "u32", shape: [2] }, { name: "b", dtype: "bool", shape: [2] }],
      outputs: [{ name: "h2", dtype: "f16", shape: [3] }, { name: "i2", dtype: "i32", shape: [2] }, { name: "u2", dtype: "u32", shape: [2] }, { name: "b2", dtype: "bool", shape: [2] }],
      buffers: (["h", "i", "u", "b"] as const).flatMap((name) => {
        const dtype = { h: "f16", i: "i32", u: "u32", b: "bool" } as const;
        const length = name === "h" ? 3 : 2;
        return [{ name, role: "input", dtype: dtype[name], length } as const, { name: `${name}2`, role: "output", dtype: dtype[name], length } as const];
      }),
      kernels: [
        {
          kind: "wgsl",
          name: "copy_words",
          entryPoint: "main",
          bindings: [{ name: "from", access: "read" }, { name: "to", access: "write" }],
          extents: [],
          code: "@group(0) @binding(0) var<storage, read> a: array<u32>; @group(0) @binding(1) var<storage, read_write> b: array<u32>; @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) { b[id.x] = a[id.x]; }",
        },
      ],
      prepare: [],
      run: ["h", "i", "u", "b"].map((name) => ({ kernel: 0, buffers: [name, `${name}2`], grid: [1, 1, 1] as const })),
    };
    const program = await load(copy, webGpuDevice(gpu));
    const { outputs, dispatches } = await program.run({ h: Float32Array.of(0.1, -2, 1e-7), i: Int32Array.of(-5, 2 ** 30 + 1), u: Uint32Array.of(0, 2 ** 32 - 1), b: Uint8Array.of(1, 0) });
    expect(dispatches).toBe(4);
    expect(Array.from(outputs["h2"]?.data ?? [])).toEqual([0.0999755859375, -2, 1.1920928955078125e-7]);
    expect(outputs["i2"]?.data).toEqual(Int32Array.of(-5, 2 ** 30 + 1));
    expect(outputs["u2"]?.data).toEqual(Uint32Array.of(0, 2 ** 32 - 1));
    expect(outputs["b2"]).toEqual({ dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) });
  });

  it("rejects with device-lost after the device is gone, during a run too", async () => {
    const { device: own } = await openGpuDevice({ prefer: "swiftshader" });
    const program = await load(wgslSample, webGpuDevice(own));
    await program.prepare(parameters);
    const running = program.run({ x: sampleNumbers(400 * columns, 3) });
    own.destroy();
    await expect(running).rejects.toMatchObject({ code: "device-lost" });
    await expect(program.run({ x })).rejects.toMatchObject({ code: "device-lost", message: expect.stringContaining("Open a device again, load the artifact on it and prepare the parameters.") });
    program.dispose();
  });

  it("refuses calls after destroy()", async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(wgslSample, device);
    device.destroy();
    await expect(program.prepare(parameters)).rejects.toMatchObject({ code: "device-lost" });
  });
});
