import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Artifact } from "../../runtime/artifact.ts";
import type { Device } from "../../runtime/device.ts";
import { openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { load } from "../../runtime/index.ts";
import { gpuJsSample, wgslSample } from "../support/sample-artifacts.ts";

let real: Device;
beforeAll(async () => {
  real = await openWebGpu({ prefer: "swiftshader" });
});
afterAll(() => real.destroy());

describe("load", () => {
  it("refuses artifacts of another version or target", async () => {
    const old = { ...wgslSample, version: 0 } as unknown as Artifact;
    await expect(load(old, real)).rejects.toMatchObject({ code: "artifact-version", message: expect.stringContaining("has version 0; this runtime reads version 1") });
    await expect(load(gpuJsSample, real)).rejects.toMatchObject({ code: "artifact-invalid", message: expect.stringContaining("Build the model for wgsl") });
  });
});
