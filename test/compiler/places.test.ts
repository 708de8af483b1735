/** From a kernel back to the source: comments and `places` in the artifact, and errors of the shader compiler that name the model's line. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkSource, compileModel, sourceFile } from "../../compiler/index.ts";
import type { Artifact, WgslKernel } from "../../runtime/artifact.ts";
import { openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import type { WebGpuDevice } from "../../runtime/devices/webgpu.ts";
import { load } from "../../runtime/index.ts";
import { validateWgsl } from "../support/validate-wgsl.ts";

const file = sourceFile("net.nf", `model Net[B](x: f32[B, 8]) -> (y: f32[B, 8], h: f32[B, 8]) {
  param w: f32[8, 8]
  let h = x @ w
  let y = exp(h) + 1
  return (y, h)
}
`);
const [model] = checkSource(file).models;
if (!model) throw new Error("no model");
const placed = compileModel(model, "wgsl", { sourceOf: (path) => (path === "net.nf" ? file : undefined) }).artifact;
const plain = compileModel(model, "wgsl").artifact;
const kernel = placed.kernels[0] as WgslKernel;

let device: WebGpuDevice;
beforeAll(async () => {
  device = await openWebGpu({ prefer: "swiftshader" });
});
afterAll(() => device.destroy());

const broken = (edit: (code: string) => string, from: Artifact = placed): Artifact => ({ ...from, kernels: from.kernels.map((each) => ({ ...each, code: edit(each.code) })) });

describe("places of a kernel", () => {
  it("stand at its head, and above each store what is stored", async () => {
    expect(kernel.places).toEqual(expect.arrayContaining(["net.nf:3:11", "net.nf:4:11"]));
    expect(kernel.code).toMatch(/^\/\/ k1_\w+: .*\n(?:\/\/ net\.nf:\d+:\d+: .*\n){2}/);
    expect(kernel.code).toContain("// net.nf:3:11: let h = x @ w\n");
    expect(kernel.code).toMatch(/\/\/ net\.nf:4:11: let y = exp\(h\) \+ 1\n\s*add_1\[/);
    expect(await validateWgsl(kernel.code)).toEqual([]);
  });

  it("are left out unless asked for, and change no code", () => {
    expect(JSON.stringify(plain)).not.toContain("net.nf");
    const withoutNotes = kernel.code.split("\n").filter((line) => !line.includes("// net.nf:")).join("\n");
    expect(withoutNotes).toBe(plain.kernels[0]?.code);
  });

  it("of gpujs kernels are there too", () => {
    const { kernels } = compileModel(model, "gpujs", { sourceOf: () => file }).artifact;
    for (const { places } of kernels) expect(places?.length).toBeGreaterThan(0);
  });

  it("are named by the shader compiler's errors: the kernel, and the value whose lines are wrong", async () => {
    const storeOfY = (code: string): string => code.replace(/(\n\s*add_1\[[^\n]*= )/, "$1nonsense + ");
    await expect(load(broken(storeOfY), device)).rejects.toMatchObject({ code: "kernel-failed", message: expect.stringMatching(/^Kernel 'k1_\w+' \((?=.*net\.nf:3:11)(?=.*net\.nf:4:11)[^)]*\) does not compile: .*nonsense.* \(line \d+, column \d+: add_1\[.*\)\./) });
    await expect(load(broken((code) => code.replace("fn main(", "fn main(wrong: nonsense, ")), device)).rejects.toMatchObject({ message: expect.stringMatching(/\(line \d+, column \d+: fn main\(.*; for net\.nf:[34]:11\)\./) });
  });

  it("are named by errors of the device when it runs", async () => {
    const artifact: Artifact = { ...placed, run: placed.run.map((dispatch) => ({ ...dispatch, grid: [70_000, 1, 1] })) };
    const program = await load(artifact, device);
    await program.prepare({ w: new Float32Array(64) });
    await expect(program.run({ x: new Float32Array(8) })).rejects.toMatchObject({ code: "kernel-failed", message: expect.stringMatching(/^Kernel 'k1_\w+' \(.*net\.nf:3:11.*\) needs 70000 x 1 x 1 workgroups/) });
  });
});
