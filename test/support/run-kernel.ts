/** Runs one kernel through its printed text and the runtime: WGSL on the software adapter, GPU.js source in one of its modes. */
import * as gpujs from "gpu.js";
import { emitGpuJs } from "../../compiler/backends/gpujs/emit.ts";
import { emitWgsl } from "../../compiler/backends/wgsl/emit.ts";
import type { BufferData } from "../../compiler/kernel/interpret.ts";
import type { Kernel } from "../../compiler/kernel/node.ts";
import { evaluateExtent } from "../../compiler/kernel/numbers.ts";
import type { ArtifactKernel } from "../../runtime/artifact.ts";
import type { Device } from "../../runtime/device.ts";
import { openGpuJs } from "../../runtime/devices/gpujs.ts";
import { openWebGpu, provideNavigatorGpu } from "../../runtime/devices/webgpu-node.ts";

type Bindings = Readonly<Record<string, number>>;
export type DeviceName = "swiftshader" | "gpujs-cpu" | "gpujs-webasm" | "gpujs-webgpu";

const opened = new Map<DeviceName, Promise<Device>>();

async function open(name: DeviceName): Promise<Device> {
  if (name === "swiftshader") return openWebGpu({ prefer: "swiftshader" });
  if (name === "gpujs-webgpu") await provideNavigatorGpu({ prefer: "swiftshader" });
  return openGpuJs(gpujs, { mode: name === "gpujs-cpu" ? "cpu" : name === "gpujs-webasm" ? "webasm" : "webgpu" });
}

function printed(kernel: Kernel): ArtifactKernel {
  const { name, extents, buffers } = kernel;
  if (kernel.mode === "workgroup")
    return { kind: "wgsl", name, code: emitWgsl(kernel), entryPoint: "main", bindings: buffers.map((buffer) => ({ name: buffer.name, access: buffer.access })), extents };
  const read = buffers.filter((buffer) => buffer.access === "read");
  return {
    kind: "gpujs", name, code: emitGpuJs(kernel), output: [kernel.grid[0], kernel.grid[1]], extents,
    arguments: read.map((buffer) => ({ name: buffer.name, length: buffer.length, columns: buffer.columns ?? buffer.length })),
  };
}

/** Executes the kernel and returns the contents of `output`. Thread kernels take a gpujs device, workgroup kernels the other. */
export async function runKernel(kernel: Kernel, buffers: Readonly<Record<string, BufferData>>, bindings: Bindings, output: string, on: DeviceName): Promise<readonly number[]> {
  const opening = opened.get(on) ?? open(on);
  opened.set(on, opening);
  const device = await opening;
  const [compiled] = await device.compile([printed(kernel)]);
  if (!compiled) throw new Error("nothing compiled");
  const inOrder = kernel.mode === "workgroup" ? kernel.buffers : [...kernel.buffers].sort((a, b) => Number(a.access === "write") - Number(b.access === "write"));
  const allocated = await device.allocate(inOrder.map(({ name, dtype, length }) => ({ name, dtype, role: "temporary" as const, length: evaluateExtent(length, bindings) })));
  for (const buffer of allocated) {
    const data = buffers[buffer.name];
    if (data) device.write(buffer, data);
  }
  const [x = 1, y = 1, z = 1] = kernel.grid.map((axis) => evaluateExtent(axis, bindings));
  const list = await device.bind([{ kernel: compiled, buffers: allocated, grid: [x, y, z], bindings }]);
  const [result] = await device.run(list, allocated.filter((buffer) => buffer.name === output));
  device.release(allocated, [list]);
  return Array.from(result ?? []);
}
