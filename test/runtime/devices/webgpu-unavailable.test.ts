import { describe, expect, it, vi } from "vitest";
import { openWebGpu as openInBrowser } from "../../../runtime/devices/webgpu-browser.ts";
import { openWebGpu as openInNode } from "../../../runtime/devices/webgpu-node.ts";

vi.mock(import("../../../runtime/devices/packed-files.ts"), async (original) => ({ ...(await original()), findPackage: () => undefined }));

describe("a device that is not to be had", () => {
  it("in Node: says what was tried and what to install", async () => {
    await expect(openInNode({ prefer: "swiftshader" })).rejects.toMatchObject({
      name: "RuntimeError",
      code: "device-unavailable",
      message: "No WebGPU device in Node; tried SwiftShader (the npm package @sparticuz/chromium is not installed). Install the npm packages webgpu@0.6.2 and, on a machine without a GPU, @sparticuz/chromium@147 (or Mesa's libegl1 and libgl1-mesa-dri).",
    });
  });

  it("in a browser without WebGPU: says what to use", async () => {
    vi.stubGlobal("navigator", {});
    await expect(openInBrowser()).rejects.toMatchObject({ code: "device-unavailable", message: expect.stringContaining("navigator.gpu is missing") });
    vi.stubGlobal("navigator", { gpu: { requestAdapter: async () => null } });
    await expect(openInBrowser()).rejects.toMatchObject({ code: "device-unavailable", message: expect.stringContaining("no adapter") });
    vi.unstubAllGlobals();
  });
});
