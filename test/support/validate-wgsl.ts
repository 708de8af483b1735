/** Tint and Dawn's pipeline validation over the null backend: checks WGSL text on a machine without any GPU driver. */
import { openGpuDevice } from "../../runtime/devices/webgpu-node.ts";

let opened: ReturnType<typeof openGpuDevice> | undefined;

/** Errors and warnings, each as `line:column message`; empty when the text and its pipeline are valid. */
export async function validateWgsl(code: string, entryPoint = "main"): Promise<readonly string[]> {
  opened ??= openGpuDevice({ prefer: "null" });
  const { device } = await opened;
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  await device.popErrorScope();
  const found = messages.map((message) => `${message.lineNum}:${message.linePos} ${message.message}`);
  if (found.length > 0) return found;
  device.pushErrorScope("validation");
  try {
    await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint } });
  } catch (error) {
    found.push(`pipeline: ${error instanceof Error ? error.message : String(error)}`);
  }
  await device.popErrorScope();
  return found;
}
