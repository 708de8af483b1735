/** Checks a GPUBuffer that the caller hands over for an input (bound as it is) or a parameter (copied from). Used by webgpu.ts. */
import type { BufferRequest } from "../device.ts";
import { RuntimeError } from "../errors.ts";
import { gpuBytes } from "../tensor.ts";

export const byteLength = ({ dtype, length }: BufferRequest): number => length * gpuBytes(dtype);

/** throws: RuntimeError `buffer-invalid` when its size, usage, mapping or device does not fit. That it was destroyed shows only when work is submitted. */
export async function checkGiven(gpu: GPUDevice, request: BufferRequest, label: string, buffer: GPUBuffer): Promise<void> {
  const { dtype, length, role } = request;
  const bytes = Math.ceil(byteLength(request) / 4) * 4;
  const invalid = (problem: string, hint: string): RuntimeError => new RuntimeError("buffer-invalid", `The GPUBuffer of the ${label} ${problem}.`, hint);
  if (buffer.size < bytes) throw invalid(`has ${buffer.size} bytes; ${length} elements of ${dtype} need ${bytes}`, "Make it larger, or correct the shape.");
  const usage = role === "input" ? "STORAGE" : "COPY_SRC";
  if ((buffer.usage & GPUBufferUsage[usage]) === 0) throw invalid(`lacks the usage ${usage}`, `Create it with usage: GPUBufferUsage.${usage} | ...`);
  if (buffer.mapState !== "unmapped") throw invalid(`is ${buffer.mapState === "mapped" ? "mapped" : "being mapped"}`, "Call unmap() on it first.");
  // A buffer does not tell its device: one that belongs to another is found by using it for nothing.
  gpu.pushErrorScope("validation");
  const encoder = gpu.createCommandEncoder();
  const scratch = usage === "COPY_SRC" ? gpu.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST }) : undefined;
  if (scratch) encoder.copyBufferToBuffer(buffer, 0, scratch, 0, 4);
  else {
    const layout = gpu.createBindGroupLayout({ entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "read-only-storage" } }] });
    gpu.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer, size: bytes } }] });
  }
  encoder.finish();
  scratch?.destroy();
  const error = await gpu.popErrorScope();
  if (error) throw invalid(`cannot be used on this device: ${error.message}`, "Make it on the GPUDevice that the model runs on, device.gpu; after a loss that is a new one.");
}
