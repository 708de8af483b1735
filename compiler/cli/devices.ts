/** Opens the device that a command names. Devices and their packages are imported when asked for, not before. */
import type { Device } from "../../runtime/device.ts";
import type { NodeAdapter } from "../../runtime/devices/webgpu-node.ts";
import type { GpuJsMode, GpuJsModule } from "../../runtime/devices/gpujs.ts";
import { type Arguments, oneOf } from "./arguments.ts";
import { Failure } from "./failure.ts";

export type DeviceName = "webgpu" | "gpujs" | "reference";

export const deviceName = (args: Arguments): DeviceName => {
  const name = oneOf<DeviceName | "wasm">("device", args.text.device, ["webgpu", "gpujs", "wasm", "reference"], "webgpu");
  if (name === "wasm") throw new Failure("device", "the wasm device is not built yet", "use --device gpujs --mode webasm for WebAssembly through GPU.js, or --device reference");
  return name;
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
