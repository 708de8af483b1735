/** A device that is lost: programs on it go on with the next one, kernels and weights and all, or say clearly why they cannot. */
import { describe, expect, it } from "vitest";
import { RuntimeError } from "../../runtime/errors.ts";
import { webGpuDevice } from "../../runtime/devices/webgpu.ts";
import { openGpuDevice, openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { load } from "../../runtime/index.ts";
import { columns, expectedOutput, largestError, sampleNumbers, sampleParameters, wgslSample } from "../support/sample-artifacts.ts";

const x = sampleNumbers(3 * columns, 1);
const parameters = sampleParameters();
const expected = expectedOutput(x, parameters);
const open = async (): Promise<GPUDevice> => (await openGpuDevice({ prefer: "swiftshader" })).device;

/** A GPUDevice whose loss the test tells, as a browser does after a driver reset: with the reason `unknown`. */
async function openLosable(): Promise<{ gpu: GPUDevice; lose: () => void }> {
  const gpu = await open();
  let tell: (info: GPUDeviceLostInfo) => void = () => undefined;
  Object.defineProperty(gpu, "lost", { value: new Promise<GPUDeviceLostInfo>((resolve) => (tell = resolve)) });
  return { gpu, lose: () => (gpu.destroy(), tell({ __brand: "GPUDeviceLostInfo", reason: "unknown", message: "the driver was reset" } as GPUDeviceLostInfo)) };
}

describe("after the loss of a device", { timeout: 60_000 }, () => {
  it("the next run opens one, compiles, uploads the weights and gives the same result", async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    const before = await program.run({ x });
    for (let i = 0; i < 2; i++) {
      const lost = device.gpu;
      lost.destroy();
      expect((await program.run({ x })).outputs["y"]).toEqual(before.outputs["y"]);
      expect(device.gpu).not.toBe(lost);
    }
    // Other sizes too.
    const more = sampleNumbers(8 * columns, 2);
    expect(largestError((await program.run({ x: more })).outputs["y"], expectedOutput(more, parameters))).toBeLessThan(1e-5);
    device.destroy();
  });

  it("a run under way is made again; one that the loss catches by surprise, too", async () => {
    const { gpu, lose } = await openLosable();
    let opened = 0;
    const device = webGpuDevice(gpu, { reopen: () => (opened++, open()) });
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    const running = program.run({ x });
    lose();
    expect(largestError((await running).outputs["y"], expected)).toBeLessThan(1e-5);
    expect(opened).toBe(1);
    device.gpu.destroy();
  });

  it("programs that share the device share the next one", async () => {
    const { gpu, lose } = await openLosable();
    let opened = 0;
    const device = webGpuDevice(gpu, { reopen: () => (opened++, open()) });
    const programs = await Promise.all([load(wgslSample, device), load(wgslSample, device)]);
    for (const program of programs) await program.prepare(parameters);
    lose();
    const results = await Promise.all(programs.map((program) => program.run({ x })));
    for (const { outputs } of results) expect(largestError(outputs["y"], expected)).toBeLessThan(1e-5);
    expect(opened).toBe(1);
    // One that was idle meanwhile finds out by itself.
    const idle = await load(wgslSample, device);
    await idle.prepare(parameters);
    device.gpu.destroy();
    await programs[0]?.run({ x });
    expect(largestError((await idle.run({ x })).outputs["y"], expected)).toBeLessThan(1e-5);
    expect(opened).toBe(2);
    device.gpu.destroy();
  });

  it("weights that a function loads are loaded again, and held by nobody meanwhile", async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(wgslSample, device);
    let loaded = 0;
    await program.prepare(async () => (loaded++, sampleParameters()));
    await program.run({ x });
    await program.run({ x });
    expect(loaded).toBe(1);
    device.gpu.destroy();
    expect(largestError((await program.run({ x })).outputs["y"], expected)).toBeLessThan(1e-5);
    expect(loaded).toBe(2);
    device.destroy();
  });

  it("prepare() works on the next device, and the weights in use stay those that were prepared last", async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(wgslSample, device);
    device.gpu.destroy();
    await program.prepare(parameters);
    expect(largestError((await program.run({ x })).outputs["y"], expected)).toBeLessThan(1e-5);
    device.destroy();
  });

  it("a second loss in one call is an error, and a later call works", async () => {
    const { gpu, lose } = await openLosable();
    let opened = 0;
    // The first one that is opened again is gone at once.
    const device = webGpuDevice(gpu, { description: "unlucky", reopen: async () => {
      const next = await open();
      if (opened++ === 0) next.destroy();
      return next;
    } });
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    lose();
    await expect(program.run({ x })).rejects.toMatchObject({ code: "device-lost", message: "NormLinear lost its device (unlucky) twice in one call. A later call tries again; if the memory or time of the GPU is short, use a smaller batch." });
    expect(largestError((await program.run({ x })).outputs["y"], expected)).toBeLessThan(1e-5);
    expect(opened).toBe(2);
    device.gpu.destroy();
  });

  it("says why no other device could be opened", async () => {
    const { gpu, lose } = await openLosable();
    const device = webGpuDevice(gpu, { description: "last", reopen: () => Promise.reject(new RuntimeError("device-unavailable", "No adapter.", "Buy one.")) });
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    lose();
    await expect(program.run({ x })).rejects.toMatchObject({ code: "device-lost", message: "The device (last) is lost: the driver was reset; no other could be opened: No adapter. Buy one. A later call tries again." });
  });

  it("a buffer of the lost device is refused by name", async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    const buffer = device.gpu.createBuffer({ size: x.byteLength, usage: GPUBufferUsage.STORAGE });
    device.gpu.destroy();
    await expect(program.run({ x: buffer })).rejects.toMatchObject({ code: "buffer-invalid", message: expect.stringContaining("after a loss that is a new one") });
    expect(largestError((await program.run({ x })).outputs["y"], expected)).toBeLessThan(1e-5);
    device.destroy();
  });

  it("weights that were given as buffers are gone: that is said, until they are prepared again", async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(wgslSample, device);
    const { w: data } = parameters;
    const buffer = device.gpu.createBuffer({ size: data.byteLength, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
    device.gpu.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
    await program.prepare({ ...parameters, w: buffer });
    expect(largestError((await program.run({ x })).outputs["y"], expected)).toBeLessThan(1e-5);
    device.gpu.destroy();
    await expect(program.run({ x })).rejects.toMatchObject({ code: "buffer-invalid", message: expect.stringContaining("parameter 'w'") });
    await expect(program.run({ x })).rejects.toMatchObject({ code: "missing-parameter" });
    await program.prepare(parameters);
    expect(largestError((await program.run({ x })).outputs["y"], expected)).toBeLessThan(1e-5);
    device.destroy();
  });

  it("destroy() is final", async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    device.destroy();
    await expect(program.run({ x })).rejects.toMatchObject({ code: "device-lost", message: expect.stringContaining("destroy() was called on it") });
  });
});
