/**
 * The best device of a browser or of Node without further packages: a GPU through navigator.gpu, else the CPU through
 * WebAssembly. A software adapter counts as none: its kernels run on the CPU too, and slower.
 */
import type { Device } from "../device.ts";
import { openWasm, type WasmOptions } from "./wasm.ts";
import { openWebGpu } from "./webgpu-browser.ts";

/**
 * For modules that were built with `--target auto`, which hold kernels for both.
 *
 * throws: RuntimeError `device-unavailable` where there is neither
 */
export async function openAuto(options: WasmOptions = {}): Promise<Device> {
  return (await hasGpu()) ? openWebGpu() : openWasm(options);
}

async function hasGpu(): Promise<boolean> {
  try {
    const adapter = await globalThis.navigator?.gpu?.requestAdapter();
    return adapter !== null && adapter !== undefined && !adapter.info.isFallbackAdapter && !/swiftshader|llvmpipe/i.test(`${adapter.info.architecture} ${adapter.info.description}`);
  } catch {
    return false;
  }
}
