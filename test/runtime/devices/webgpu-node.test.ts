import { describe, expect, it } from "vitest";
import { openGpuDevice, openWebGpu, provideNavigatorGpu } from "../../../runtime/devices/webgpu-node.ts";
import { load } from "../../../runtime/index.ts";
import { columns, expectedOutput, largestError, sampleNumbers, sampleParameters, wgslSample } from "../../support/sample-artifacts.ts";

describe("openWebGpu in Node", () => {
  it("auto finds an adapter without any variable of the environment, and leaves the environment as it was", async () => {
    const before = process.env["VK_ICD_FILENAMES"];
    const device = await openWebGpu();
    expect(device.description).not.toBe("");
    expect(process.env["VK_ICD_FILENAMES"]).toBe(before);
    device.destroy();
  });

  it("runs on SwiftShader", async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    expect(device.description).toMatch(/swiftshader/i);
    const program = await load(wgslSample, device);
    const x = sampleNumbers(3 * columns, 5);
    const parameters = sampleParameters();
    await program.prepare(parameters);
    const { outputs } = await program.run({ x });
    expect(largestError(outputs["y"], expectedOutput(x, parameters))).toBeLessThan(1e-5);
    device.destroy();
  });

  it("opens the null backend for validation, beside others", async () => {
    const { device, description } = await openGpuDevice({ prefer: "null" });
    expect(description).not.toBe("");
    device.pushErrorScope("validation");
    device.createShaderModule({ code: "fn broken(" });
    expect(await device.popErrorScope()).not.toBeNull();
    device.destroy();
  });

  it("runs on Mesa's llvmpipe through OpenGL ES, where it is installed", async ({ skip }) => {
    const device = await openWebGpu({ prefer: "gles" }).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "device-unavailable" });
      return skip("no OpenGL ES driver: install libegl1 and libgl1-mesa-dri");
    });
    const program = await load(wgslSample, device);
    await program.prepare(sampleParameters());
    const x = sampleNumbers(3 * columns, 5);
    expect(largestError((await program.run({ x })).outputs["y"], expectedOutput(x, sampleParameters()))).toBeLessThan(1e-5);
    device.destroy();
  });

  it("gives Node a navigator.gpu once", async () => {
    await provideNavigatorGpu({ prefer: "swiftshader" });
    const { gpu } = globalThis.navigator;
    expect(await gpu.requestAdapter()).not.toBeNull();
    await provideNavigatorGpu();
    expect(globalThis.navigator.gpu).toBe(gpu);
  });
});
