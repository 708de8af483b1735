/** One WGSL kernel to a compute pipeline with an explicit layout; errors carry the line of the shader text. Used by webgpu.ts. */
import type { ArtifactKernel, WgslKernel } from "../artifact.ts";
import { RuntimeError, messageOf } from "../errors.ts";

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroupLayout: GPUBindGroupLayout;
}

const faultOfArtifact = "This is a fault of the artifact, not of the call; please report it with the model.";

/** For messages: the name, and where the source has what it computes. */
export const kernelLabel = ({ name, places = [] }: ArtifactKernel): string => `'${name}'${places.length > 0 ? ` (${places.join(", ")})` : ""}`;

/** throws: RuntimeError `kernel-failed`, `device-unavailable` when the kernel needs f16, which the device lacks */
export async function compileKernel(gpu: GPUDevice, kernel: WgslKernel): Promise<Pipeline> {
  if (/^\s*enable\s[^;]*\bf16\b/m.test(kernel.code) && !gpu.features.has("shader-f16"))
    throw new RuntimeError("device-unavailable", `Kernel ${kernelLabel(kernel)} needs the feature shader-f16, which this device lacks.`, "Build the model with f16 as f32 (--f16 as-f32; option f16: \"as-f32\" of the plugin), or open a device of an adapter that has it.");

  const entries = kernel.bindings.map(
    ({ access }, binding): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: access === "read" ? "read-only-storage" : "storage" },
    }),
  );
  if (kernel.extents.length > 0) entries.push({ binding: entries.length, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform" } });

  // Push and pop frame synchronous calls only, so kernels that compile at the same time do not see each other's errors.
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ label: kernel.name, code: kernel.code });
  const bindGroupLayout = gpu.createBindGroupLayout({ label: kernel.name, entries });
  const layout = gpu.createPipelineLayout({ label: kernel.name, bindGroupLayouts: [bindGroupLayout] });
  const invalid = gpu.popErrorScope();
  const compiling = gpu.createComputePipelineAsync({ label: kernel.name, layout, compute: { module, entryPoint: kernel.entryPoint } });
  const [error, compiled] = await Promise.allSettled([invalid, compiling]);
  const shaderErrors = await shaderMessages(module, kernel);
  const refused = error.status === "fulfilled" ? error.value?.message : messageOf(error.reason);
  if (compiled.status === "fulfilled" && !refused) return { pipeline: compiled.value, bindGroupLayout };
  const reason = shaderErrors ?? refused ?? (compiled.status === "rejected" ? messageOf(compiled.reason) : "");
  throw new RuntimeError("kernel-failed", `Kernel ${kernelLabel(kernel)} does not compile: ${reason}`, faultOfArtifact, compiled.status === "rejected" ? compiled.reason : undefined);
}

/** The shader compiler's errors, each with the line it points at; undefined when there are none. */
async function shaderMessages(module: GPUShaderModule, kernel: WgslKernel): Promise<string | undefined> {
  const { messages } = await module.getCompilationInfo();
  const lines = kernel.code.split("\n");
  const errors = messages.filter(({ type }) => type === "error");
  if (errors.length === 0) return undefined;
  // The lines after the first list every overload that was tried.
  return errors
    .map(({ lineNum, linePos, message }) => `${message.split("\n", 1)[0]} (line ${lineNum}, column ${linePos}: ${lines[lineNum - 1]?.trim() ?? ""}${sourceOf(lines, lineNum, kernel)}).`)
    .join(" ");
}

/** A value's place stands above its store, which comes after the lines that compute it. */
function sourceOf(lines: readonly string[], lineNum: number, { places = [] }: WgslKernel): string {
  if (places.length < 2) return "";
  for (const line of lines.slice(lineNum - 1)) {
    const place = places.find((each) => line.trimStart().startsWith(`// ${each}:`));
    if (place !== undefined) return `; for ${place}`;
  }
  return "";
}
