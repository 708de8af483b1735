/**
 * The public entry of the runtime: `load` turns an artifact and a device into a program. Devices are entries of their own
 * (normfuse/runtime/devices/...), so that a page bundles the one it uses.
 */
import { type Artifact, artifactVersion } from "./artifact.ts";
import type { Device } from "./device.ts";
import { RuntimeError } from "./errors.ts";
import { LoadedProgram, openExecution } from "./execute.ts";
import type { Bindings } from "./extents.ts";
import type { HostValue } from "./host-values.ts";
import type { Program } from "./program.ts";
import type { Tensor } from "./tensor.ts";

export type { Artifact } from "./artifact.ts";
export type { Device } from "./device.ts";
export { RuntimeError, type RuntimeErrorCode } from "./errors.ts";
export type { HostValue, Value, Weight } from "./host-values.ts";
export type { GpuOutputs, KeptOutputs, Program, RunOptions, RunResult } from "./program.ts";
export { openStream, type StepProgram, type Stream } from "./stream.ts";
export type { ArrayOf, GpuTensor, Tensor, TensorData } from "./tensor.ts";

/**
 * Compiles all kernels of the artifact, in parallel.
 *
 * throws: RuntimeError `artifact-version`, `artifact-invalid` (also for a device of another target), `kernel-failed`
 */
export async function load<
  Inputs extends object = Readonly<Record<string, HostValue>>,
  Parameters extends object = Readonly<Record<string, HostValue>>,
  Outputs extends object = Readonly<Record<string, Tensor>>,
  Extents extends object = Bindings,
>(artifact: Artifact, device: Device): Promise<Program<Inputs, Parameters, Outputs, Extents>> {
  const version: unknown = artifact.version;
  if (version !== artifactVersion)
    throw new RuntimeError(
      "artifact-version",
      `The artifact of ${artifact.model} has version ${String(version)}; this runtime reads version ${artifactVersion}.`,
      "Build the model again with the normfuse version that is installed.",
    );
  if (artifact.target !== device.target)
    throw new RuntimeError(
      "artifact-invalid",
      `The artifact of ${artifact.model} is for ${artifact.target}, the device (${device.description}) runs ${device.target}.`,
      `Build the model for ${device.target}, or open a device for ${artifact.target}.`,
    );
  return new LoadedProgram<Inputs, Parameters, Outputs, Extents>(artifact, device, await openExecution(artifact, device));
}
