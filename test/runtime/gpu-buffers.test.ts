/** GPUBuffers in and out on SwiftShader: two models without a read-back between, weights on the GPU, and every buffer that does not fit. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkSource, compileModel, sourceFile } from "../../compiler/index.ts";
import type { Artifact } from "../../runtime/artifact.ts";
import { openGpuJs } from "../../runtime/devices/gpujs.ts";
import { type WebGpuDevice, webGpuDevice } from "../../runtime/devices/webgpu.ts";
import { openGpuDevice, openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { load, type Program } from "../../runtime/index.ts";
import type { GpuTensor } from "../../runtime/tensor.ts";
import { sampleNumbers } from "../support/sample-artifacts.ts";

const text = `model First[B](x: f32[B, 6]) -> f32[B, 5] {
  param w: f32[6, 5]
  return layer_norm(x) @ w
}

model Second[B](x: f32[B, 5]) -> f32[B, 3] {
  param w: f32[5, 3]
  return relu(x @ w)
}

model Marks[B](x: f32[B], keep: bool[B]) -> (scores: f32[B], large: bool[B]) = (where(keep, x, 0), x > 1)
`;
const { models } = checkSource(sourceFile("chain.nf", text));
const artifactOf = (name: string): Artifact => {
  const model = models.find((each) => each.name === name);
  if (!model) throw new Error(`no model ${name}`);
  return compileModel(model, "wgsl").artifact;
};
const [first, second, marks] = [artifactOf("First"), artifactOf("Second"), artifactOf("Marks")];
const weights = { first: { w: sampleNumbers(30, 1) }, second: { w: sampleNumbers(15, 2) } };

let device: WebGpuDevice;
beforeAll(async () => {
  device = await openWebGpu({ prefer: "swiftshader" });
});
afterAll(() => device.destroy());

function upload(data: Float32Array | Uint32Array, gpu = device.gpu, usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC): GPUBuffer {
  const buffer = gpu.createBuffer({ size: data.byteLength, usage });
  if (usage & GPUBufferUsage.COPY_DST) gpu.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  return buffer;
}

async function download(buffer: GPUBuffer, bytes = buffer.size): Promise<ArrayBuffer> {
  const staging = device.gpu.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
  device.gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  return staging.getMappedRange().slice(0);
}

const outputOf = (outputs: Readonly<Record<string, unknown>>): GpuTensor => outputs["output"] as GpuTensor;

async function loadBoth(): Promise<[Program, Program]> {
  const [a, b] = await Promise.all([load(first, device), load(second, device)]);
  await a.prepare(weights.first);
  await b.prepare(weights.second);
  return [a, b];
}

describe("GPUBuffers", { timeout: 60_000 }, () => {
  it("chain two models, with nothing mapped between, and give the same numbers as through the host", async () => {
    const [a, b] = await loadBoth();
    const x = sampleNumbers(7 * 6, 3);
    const between = (await a.run({ x })).outputs["output"];
    const want = (await b.run({ x: between ?? new Float32Array() })).outputs["output"];

    const maps: GPUBuffer[] = [];
    const createBuffer = device.gpu.createBuffer;
    Object.defineProperty(device.gpu, "createBuffer", { configurable: true, value: (descriptor: GPUBufferDescriptor) => {
      const made = Reflect.apply(createBuffer, device.gpu, [descriptor]) as GPUBuffer;
      if (descriptor.usage & GPUBufferUsage.MAP_READ) maps.push(made);
      return made;
    } });
    const hidden = await a.run({ x }, { output: "gpu" });
    const last = await b.run({ x: hidden.outputs["output"] as GpuTensor }, { output: "gpu" });
    Reflect.deleteProperty(device.gpu, "createBuffer");
    expect(maps).toEqual([]);

    expect(hidden).toMatchObject({ extents: { B: 7 }, outputs: { output: { dtype: "f32", shape: [7, 5] } } });
    expect(last.dispatches).toBeGreaterThan(0);
    const result = outputOf(last.outputs);
    expect(result).toMatchObject({ dtype: "f32", shape: [7, 3] });
    expect(new Float32Array(await download(result.buffer)).slice(0, 21)).toEqual(want?.data);
    // The result of an earlier call is the caller's: a later call leaves it alone.
    const again = outputOf((await a.run({ x: sampleNumbers(42, 9) }, { output: "gpu" })).outputs);
    expect(again.buffer).not.toBe(outputOf(hidden.outputs).buffer);
    a.dispose();
    b.dispose();
    await device.gpu.queue.onSubmittedWorkDone();
    expect(new Float32Array(await download(outputOf(hidden.outputs).buffer)).slice(0, 35)).toEqual(between?.data);
    for (const tensor of [result, again, outputOf(hidden.outputs)]) tensor.buffer.destroy();
  });

  it("are bound as they are: bare ones count as flat, larger ones need their shape, and the same one may be given again and again", async () => {
    const [a] = await loadBoth();
    const x = sampleNumbers(4 * 6, 4);
    const want = (await a.run({ x })).outputs["output"]?.data;
    const buffer = upload(x);
    expect((await a.run({ x: buffer })).outputs["output"]?.data).toEqual(want);
    const large = upload(Float32Array.of(...x, 7, 7, 7, 7, 7, 7, 7, 7));
    for (let i = 0; i < 3; i++) expect((await a.run({ x: { dtype: "f32", shape: [4, 6], buffer: large } })).outputs["output"]?.data).toEqual(want);
    await expect(a.run({ x: large })).rejects.toMatchObject({ code: "shape-mismatch" });
    // Changed on the GPU, without a word to the program.
    device.gpu.queue.writeBuffer(buffer, 0, new Float32Array(24).fill(1));
    expect((await a.run({ x: buffer })).outputs["output"]?.data).not.toEqual(want);
    expect((await a.run({ x })).outputs["output"]?.data).toEqual(want);
  });

  it("hold truth values as words, and tensors without elements need none", async () => {
    const program = await load(marks, device);
    const keep = upload(Uint32Array.of(1, 0, 1));
    const { outputs } = await program.run({ x: Float32Array.of(2, 3, 0.5), keep }, { output: "gpu" });
    expect(new Float32Array(await download(outputs["scores"]?.buffer as GPUBuffer)).slice(0, 3)).toEqual(Float32Array.of(2, 0, 0.5));
    expect(new Uint32Array(await download(outputs["large"]?.buffer as GPUBuffer)).slice(0, 3)).toEqual(Uint32Array.of(1, 1, 0));
    const none = await program.run({ x: { dtype: "f32", shape: [0], buffer: keep }, keep: new Uint8Array(0) }, { output: "gpu" });
    expect(none).toMatchObject({ dispatches: 0, outputs: { scores: { shape: [0] } } });
  });

  it("give weights, which are copied: the buffer may be destroyed afterwards", async () => {
    const [a] = await loadBoth();
    const x = sampleNumbers(2 * 6, 5);
    const want = (await a.run({ x })).outputs["output"]?.data;
    const given = upload(weights.first.w);
    await a.prepare({ w: { dtype: "f32", shape: [6, 5], buffer: given } });
    given.destroy();
    expect((await a.run({ x })).outputs["output"]?.data).toEqual(want);
  });

  it("that do not fit are refused by name, and the program goes on", async () => {
    const [a] = await loadBoth();
    const x = sampleNumbers(2 * 6, 6);
    const want = (await a.run({ x })).outputs["output"]?.data;
    const refused = async (value: GPUBuffer | GpuTensor, message: RegExp): Promise<void> => {
      await expect(a.run({ x: value })).rejects.toMatchObject({ code: "buffer-invalid", message: expect.stringMatching(message) });
      await expect(a.run({ x: value }, { output: "gpu" })).rejects.toMatchObject({ code: "buffer-invalid" });
    };
    await refused({ dtype: "f32", shape: [3, 6], buffer: upload(x) }, /The GPUBuffer of the input 'x' has 48 bytes; 18 elements of f32 need 72\. Make it larger/);
    await refused(upload(x, device.gpu, GPUBufferUsage.COPY_DST), /lacks the usage STORAGE\. Create it with usage: GPUBufferUsage\.STORAGE/);
    const mapped = device.gpu.createBuffer({ size: 48, usage: GPUBufferUsage.STORAGE, mappedAtCreation: true });
    await refused(mapped, /is mapped\. Call unmap\(\)/);
    const destroyed = upload(x);
    destroyed.destroy();
    await refused(destroyed, /The GPU refused the input 'x', given as a GPUBuffer: .*destroyed/);
    const { device: other } = await openGpuDevice({ prefer: "swiftshader" });
    await refused(upload(x, other), /The GPUBuffer of the input 'x' cannot be used on this device: .*device\.gpu/s);
    other.destroy();
    await expect(a.run({ x: { dtype: "i32", shape: [2, 6], buffer: upload(x) } })).rejects.toMatchObject({ code: "dtype-mismatch", message: expect.stringContaining("a tensor of i32 over a GPUBuffer, expected f32[B, 6]") });
    await expect(a.run({ x: { dtype: "f32", shape: [2.5, 6], buffer: upload(x) } })).rejects.toMatchObject({ code: "shape-mismatch" });
    expect((await a.run({ x })).outputs["output"]?.data).toEqual(want);
  });

  it("for weights need COPY_SRC and the program's own device", async () => {
    const program = await load(first, device);
    await expect(program.prepare({ w: upload(weights.first.w, device.gpu, GPUBufferUsage.STORAGE) })).rejects.toMatchObject({ code: "buffer-invalid", message: expect.stringContaining("parameter 'w' lacks the usage COPY_SRC") });
    const { device: other } = await openGpuDevice({ prefer: "swiftshader" });
    await expect(program.prepare({ w: upload(weights.first.w, other) })).rejects.toMatchObject({ code: "buffer-invalid", message: expect.stringContaining("cannot be used on this device") });
    other.destroy();
    await expect(program.run({ x: new Float32Array(6) })).rejects.toMatchObject({ code: "missing-parameter" });
  });

  it("are shared with code that opened the device itself", async () => {
    const { device: gpu } = await openGpuDevice({ prefer: "swiftshader" });
    const own = webGpuDevice(gpu);
    expect(own.gpu).toBe(gpu);
    const program = await load(second, own);
    await program.prepare(weights.second);
    const buffer = upload(sampleNumbers(10, 1), gpu);
    expect((await program.run({ x: buffer })).outputs["output"]?.shape).toEqual([2, 3]);
    gpu.destroy();
  });

  it("are refused by a device without them", async () => {
    const [model] = checkSource(sourceFile("one.nf", "model One(x: f32[2]) -> f32[2] = x + 1")).models;
    if (!model) throw new Error("no model");
    const cpu = openGpuJs(await import("gpu.js"), { mode: "cpu" });
    const program = await load(compileModel(model, "gpujs").artifact, cpu);
    await expect(program.run({ x: upload(Float32Array.of(1, 2)) })).rejects.toMatchObject({ code: "buffer-invalid", message: expect.stringContaining("the device (gpu.js cpu) has none") });
    await expect(program.run({ x: Float32Array.of(1, 2) }, { output: "gpu" })).rejects.toMatchObject({ code: "buffer-invalid" });
    cpu.destroy();
  });
});

describe("a batch of another size", () => {
  it("compiles nothing: no shader module and no pipeline is made after load()", async () => {
    const own = await openWebGpu({ prefer: "swiftshader" });
    let made = 0;
    for (const method of ["createShaderModule", "createComputePipeline", "createComputePipelineAsync"] as const) {
      const original = own.gpu[method] as (...args: never[]) => unknown;
      Object.defineProperty(own.gpu, method, { value: (...args: never[]) => (made++, Reflect.apply(original, own.gpu, args)) });
    }
    const program = await load(first, own);
    // A shader module and a pipeline for each kernel that differs.
    expect(made).toBe(2 * new Set(first.kernels.map((kernel) => kernel.code)).size);
    await program.prepare(weights.first);
    for (const rows of [2, 33, 5, 128]) expect((await program.run({ x: sampleNumbers(rows * 6, rows) })).outputs["output"]?.shape).toEqual([rows, 5]);
    await program.run({ x: sampleNumbers(60, 1) }, { output: "gpu" });
    expect(made).toBe(2 * new Set(first.kernels.map((kernel) => kernel.code)).size);
    own.destroy();
  });
});
