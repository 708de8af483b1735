/** Opens the device that a command names. Devices and their packages are imported when asked for, not before. */
import type { Device } from "../../runtime/device.ts";
import type { NodeAdapter } from "../../runtime/devices/webgpu-node.ts";
import type { GpuJsMode, GpuJsModule } from "../../runtime/devices/gpujs.ts";
import type { KernelTarget } from "../index.ts";
import { type Arguments, oneOf } from "./arguments.ts";
import { Failure } from "./failure.ts";

export type DeviceName = "webgpu" | "gpujs" | "wasm" | "reference";

export const deviceName = (args: Arguments): DeviceName => oneOf<DeviceName>("device", args.text.device, ["webgpu", "gpujs", "wasm", "reference"], "webgpu");

/** What a model is compiled for to run there; the reference needs the signature alone. */
export const targetOf: Readonly<Record<DeviceName, KernelTarget>> = { webgpu: "wgsl", gpujs: "gpujs", wasm: "wasm", reference: "wgsl" };

export async function openDevice(name: Exclude<DeviceName, "reference">, args: Arguments): Promise<Device> {
  if (name === "wasm") {
    const { openWasm } = await import("../../runtime/devices/wasm.ts");
    return openWasm();
  }
  if (name === "webgpu") {
    const prefer = oneOf<NodeAdapter | "auto">("adapter", args.text.adapter, ["auto", "gpu", "swiftshader", "gles"], "auto");
    const { openWebGpu } = await import("../../runtime/devices/webgpu-node.ts");
    return openWebGpu({ prefer });
  }
  const mode = oneOf<GpuJsMode>("mode", args.text.mode, ["async", "cpu", "webasm", "webgpu"], "async");
  const { openGpuJs } = await import("../../runtime/devices/gpujs.ts");
  let module: unknown;
  try {
    module = await import("gpu.js");
  } catch {
    throw new Failure("device", "the package gpu.js is not installed", "npm install gpu.js");
  }
  if (mode === "webgpu") {
    const { provideNavigatorGpu } = await import("../../runtime/devices/webgpu-node.ts");
    await provideNavigatorGpu({ prefer: "auto" });
  }
  return openGpuJs(module as GpuJsModule, { mode });
}
