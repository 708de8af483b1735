/** `expectKernels` as a project's suite calls it, on the software adapter: what it returns, and what its errors say. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expectKernels, KernelExpectationError } from "normfuse/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../../runtime/device.ts";
import { openWebGpu } from "../../../runtime/devices/webgpu-node.ts";

const folder = mkdtempSync(path.join(tmpdir(), "normfuse-testing-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
};

file("part.nf", `fn scaled(x: f32[..., N], by: f32) -> f32[..., N] {
  return x * rsqrt(mean(x * x, axis = -1, keep = true) + by)
}
`);
const net = file("net.nf", `import { scaled } from "./part.nf"

model Small[B](x: f32[B, 5]) -> f32[B, 3] {
  param w: f32[5, 3] = glorot_uniform
  return layer_norm(x) @ w
}

model Scaled[B](x: f32[B, 4]) -> f32[B, 4] = scaled(x, 0.5)
`);
const empty = file("empty.nf", "fn half(x: f32) -> f32 = x / 2\n");
const typo = file("typo.nf", "model M(x: f32[3]) -> f32[3] = sofmax(x)\n");

let device: Device;
beforeAll(async () => {
  device = await openWebGpu({ prefer: "swiftshader" });
});
afterAll(() => device.destroy());

/** The device with a compiler that gets one thing wrong in every kernel's code. */
const withWrongCode = (from: RegExp, to: string): Device => ({
  target: device.target,
  description: device.description,
  compile: (kernels) => device.compile(kernels.map((kernel) => ({ ...kernel, code: kernel.code.replace(from, to) }))),
  allocate: (requests) => device.allocate(requests),
  write: (buffer, data) => device.write(buffer, data),
  bind: (dispatches) => device.bind(dispatches),
  run: (list, results) => device.run(list, results),
  release: (buffers, lists) => device.release(buffers, lists),
  destroy: () => device.destroy(),
});

async function failure(checked: Promise<unknown>): Promise<KernelExpectationError> {
  const error: unknown = await checked.then(() => "passed", (thrown: unknown) => thrown);
  if (!(error instanceof KernelExpectationError)) throw new Error(`expected a KernelExpectationError, got ${String(error)}`);
  return error;
}

describe("expectKernels", { timeout: 60_000 }, () => {
  it("gives the figures of all models, and leaves a device that it was given open", async () => {
    const checks = await expectKernels(net, { device });
    expect(checks.map(({ model, passed }) => [model, passed])).toEqual([["Small", true], ["Scaled", true]]);
    expect(checks[0]?.kernels.length).toBeGreaterThan(0);
    expect(checks[0]?.cases).toBeGreaterThan(10);
    expect(checks[0]?.device).toContain("SwiftShader");
    expect(await device.allocate([])).toEqual([]);
  });

  it("takes a file URL, the names of models, extents and a seed, and opens a device itself", async () => {
    const [check, ...others] = await expectKernels(pathToFileURL(net), { models: ["Scaled"], bind: { B: 3 }, seed: 7 });
    expect(others).toEqual([]);
    expect(check).toMatchObject({ model: "Scaled", passed: true, groups: [{ bindings: {} }] });
    expect(await expectKernels(pathToFileURL(net).href, { models: ["Scaled"], bind: { B: 3 }, device })).toHaveLength(1);
  });

  it("throws with the first divergence: kernel, line of the model, element, values, bound", async () => {
    const error = await failure(expectKernels(net, { device: withWrongCode(/inverseSqrt\(/, "1.001 * inverseSqrt("), models: ["Small"] }));
    expect(error.name).toBe("KernelExpectationError");
    expect(error.message).toMatch(/^kernels diverge from the reference\nSmall on .*: FAILED/);
    expect(error.message).toMatch(/first divergence: kernel k\d+_\w+, .*net\.nf:5:\d+\n {2}at .*\n {2}got .*\n {2}want .*\n {2}error .*; bound /);
    expect(error.checks[0]).toMatchObject({ model: "Small", passed: false, first: { passed: false } });
  });

  it("names the imported file when the wrong line stands there", async () => {
    const error = await failure(expectKernels(net, { device: withWrongCode(/inverseSqrt\(/, "1.001 * inverseSqrt("), models: ["Scaled"] }));
    expect(error.message).toMatch(/first divergence: kernel k\d+_\w+, .*part\.nf:2:\d+/);
  });

  it("shows the mistakes of a source as the command line does", async () => {
    const error = await failure(expectKernels(typo, { device }));
    expect(error.message).toMatch(/error\[E\d{4}\]/);
    expect(error.message).toMatch(/typo\.nf:1:32/);
    expect(error.message).toContain("softmax");
    expect(error.checks).toEqual([]);
  });

  it("says what is there when a file or a model is not", async () => {
    expect((await failure(expectKernels(path.join(folder, "nowhere.nf"), { device }))).message).toMatch(/nowhere\.nf does not exist/);
    expect((await failure(expectKernels(folder, { device }))).message).toMatch(/is no file/);
    expect((await failure(expectKernels(net, { device, models: ["Smal"] }))).message).toMatch(/net\.nf has no model 'Smal'; it has Small, Scaled/);
    expect((await failure(expectKernels(empty, { device }))).message).toMatch(/empty\.nf has no model/);
  });
});
