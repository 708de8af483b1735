/** Opens the device that a command names. Devices and their packages are imported when asked for, not before. */
import type { Device } from "../../runtime/device.ts";
import type { NodeAdapter } from "../../runtime/devices/webgpu-node.ts";
import type { GpuJsMode, GpuJsModule } from "../../runtime/devices/gpujs.ts";
import { type Arguments, oneOf } from "./arguments.ts";
import { Failure } from "./failure.ts";

export type DeviceName = "webgpu" | "gpujs" | "reference";

export const deviceName = (args: Arguments): DeviceName => {
  if (args.text.device === "wasm") throw new Failure("usage", "--device got 'wasm'", "WebAssembly runs through GPU.js: --device gpujs --mode webasm");
  return oneOf<DeviceName>("device", args.text.device, ["webgpu", "gpujs", "reference"], "webgpu");
};

export async function openDevice(name: "webgpu" | "gpujs", args: Arguments): Promise<Device> {
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
