import { afterEach, describe, expect, it, vi } from "vitest";
import { openAuto } from "../../../runtime/devices/auto.ts";

afterEach(() => vi.unstubAllGlobals());

const withAdapter = (adapter: unknown): void => {
  vi.stubGlobal("navigator", { gpu: { requestAdapter: () => Promise.resolve(adapter) } });
};

describe("the device chosen by itself", () => {
  it.each([
    ["there is no navigator.gpu", undefined],
    ["there is no adapter", null],
    ["the adapter is a fallback", { info: { isFallbackAdapter: true, architecture: "", description: "" } }],
    ["the adapter is software", { info: { isFallbackAdapter: false, architecture: "swiftshader", description: "" } }],
  ])("is the CPU where %s", async (_, adapter) => {
    if (adapter === undefined) vi.stubGlobal("navigator", {});
    else withAdapter(adapter);
    const device = await openAuto();
    expect(device.target).toBe("wasm");
    device.destroy();
  });

  it("is the GPU where there is one", async () => {
    withAdapter({ info: { isFallbackAdapter: false, architecture: "ampere", description: "" }, limits: {}, features: new Set(), requestDevice: () => Promise.reject(new Error("asked for")) });
    await expect(openAuto()).rejects.toThrow("asked for");
  });
});
