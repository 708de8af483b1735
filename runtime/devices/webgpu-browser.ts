/** Opens a WebGPU device in a browser, through navigator.gpu. */
import { RuntimeError } from "../errors.ts";
import { type WebGpuDevice, describeAdapter, requestDevice, webGpuDevice } from "./webgpu.ts";

/**
 * A device that opens itself anew when the browser takes it away: programs on it go on by themselves.
 *
 * throws: RuntimeError `device-unavailable` when the browser, the page or the machine offers no WebGPU
 */
export async function openWebGpu(options: GPURequestAdapterOptions = {}): Promise<WebGpuDevice> {
  const adapter = await findAdapter(options);
  const reopen = async (): Promise<GPUDevice> => requestDevice(await findAdapter(options));
  return webGpuDevice(await requestDevice(adapter), { description: describeAdapter(adapter), owned: true, reopen });
}

async function findAdapter(options: GPURequestAdapterOptions): Promise<GPUAdapter> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (!gpu)
    throw new RuntimeError(
      "device-unavailable",
      globalThis.isSecureContext === false ? "WebGPU is offered to secure pages only, and this page is not one." : "This browser has no WebGPU (navigator.gpu is missing).",
      globalThis.isSecureContext === false ? "Serve the page over https or from localhost." : "Build the model for gpujs as well, and open that device instead.",
    );
  const adapter = await gpu.requestAdapter(options);
  if (!adapter)
    throw new RuntimeError("device-unavailable", "The browser has WebGPU but offers no adapter on this machine.", "Check that the GPU is not on the browser's block list, or use the gpujs device.");
  return adapter;
}
