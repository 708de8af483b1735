/**
 * One kernel by itself: as an artifact with its operands as inputs, on any device of the runtime, or in the interpreter,
 * which finds out-of-bounds accesses, races and missing barriers besides. Flow: planned kernel and operand values -> here
 * -> values of its outputs.
 */
import { type Artifact, artifactVersion, type BufferSpec, type TensorSpec } from "../../runtime/artifact.ts";
import type { Device } from "../../runtime/device.ts";
import { messageOf, RuntimeError } from "../../runtime/errors.ts";
import type { Program } from "../../runtime/program.ts";
import { load } from "../../runtime/index.ts";
import { turnsOf } from "../../runtime/extents.ts";
import { allocate, type TensorData } from "../../runtime/tensor.ts";
import { artifactKernel } from "../backends/artifact-kernel.ts";
import { inBindingOrder, type KernelTarget } from "../compile.ts";
import { InternalError } from "../errors.ts";
import type { Bindings } from "../ir/extent.ts";
import { interpret, KernelFault } from "../kernel/interpret.ts";
import { evaluateExtent } from "../kernel/numbers.ts";
import { type SubgroupMapping, unusualSubgroups } from "../kernel/subgroups.ts";
import { isFloat } from "../ir/types.ts";
import type { PlannedKernel } from "../plan.ts";

/** Values by tensor name: what a kernel reads, or what it wrote. */
export type KernelValues = ReadonlyMap<string, TensorData>;

/** The outputs, or why there are none. */
export type KernelOutcome = { readonly values: KernelValues } | { readonly fault: string };

/** Tensor of each buffer that the kernel reads, or writes, with the buffer. */
export const boundTensors = ({ kernel, tensors }: PlannedKernel, access: "read" | "write"): { readonly tensor: string; readonly buffer: PlannedKernel["kernel"]["buffers"][number] }[] =>
  kernel.buffers.flatMap((buffer, i) => (buffer.access === access ? [{ tensor: tensors[i] ?? buffer.name, buffer }] : []));

/** An artifact of this kernel alone. All tensors are flat; every extent has to be given to `run`. */
export function kernelArtifact(planned: PlannedKernel, target: KernelTarget): Artifact {
  const specs = (access: "read" | "write"): TensorSpec[] => boundTensors(planned, access).map(({ tensor, buffer }) => ({ name: tensor, dtype: buffer.dtype, shape: [buffer.length] }));
  const buffers = (access: "read" | "write"): BufferSpec[] => specs(access).map(({ name, dtype, shape }) => ({ name, dtype, length: shape[0] ?? 0, role: access === "read" ? "input" : "output" }));
  return {
    version: artifactVersion, model: planned.name, doc: "", target, extents: planned.kernel.extents.filter((name) => name !== planned.repeat?.extent),
    inputs: specs("read"), parameters: [], outputs: specs("write"),
    buffers: [...buffers("read"), ...buffers("write")],
    kernels: [artifactKernel(planned, target)],
    prepare: [], run: [{ kernel: 0, buffers: inBindingOrder(planned, target), grid: planned.kernel.grid, ...(planned.repeat ? { repeat: planned.repeat } : {}) }],
  };
}

/** A kernel that is loaded on a device, for many runs. */
export class LoadedKernel {
  readonly #planned: PlannedKernel;
  readonly #program: Program | { readonly fault: string };

  private constructor(planned: PlannedKernel, program: Program | { readonly fault: string }) {
    this.#planned = planned;
    this.#program = program;
  }

  /** A kernel that the device refuses is loaded too: its runs report why. */
  static async load(planned: PlannedKernel, device: Device): Promise<LoadedKernel> {
    return new LoadedKernel(planned, await orFault(() => load(kernelArtifact(planned, device.target), device)));
  }

  async run(operands: KernelValues, bindings: Bindings): Promise<KernelOutcome> {
    const program = this.#program;
    if ("fault" in program) return program;
    return orFault(async () => {
      const given = Object.fromEntries(boundTensors(this.#planned, "read").map(({ tensor }) => [tensor, operandOf(operands, tensor)]));
      const { outputs } = await program.run(given, { extents: bindings });
      return { values: new Map(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data])) };
    });
  }

  dispose(): void {
    if (!("fault" in this.#program)) this.#program.dispose();
  }
}

async function orFault<T>(work: () => Promise<T>): Promise<T | { readonly fault: string }> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RuntimeError && error.code !== "device-lost") return { fault: messageOf(error) };
    throw error;
  }
}

/** Subgroups as no device has them, small enough for several in every workgroup. */
const unusual = ({ kernel }: PlannedKernel): SubgroupMapping => unusualSubgroups(kernel.workgroupSize, 8);

/** Runs the form for devices with subgroups in the interpreter; undefined where there is none. */
export const interpretWithSubgroups = (planned: PlannedKernel, operands: KernelValues, bindings: Bindings, subgroups = unusual(planned)): KernelOutcome | undefined =>
  planned.withSubgroups && interpretKernel({ ...planned, kernel: planned.withSubgroups }, operands, bindings, subgroups);

/** Runs in the interpreter. Floats that the kernel does not write are NaN. */
export function interpretKernel(planned: PlannedKernel, operands: KernelValues, bindings: Bindings, subgroups?: SubgroupMapping): KernelOutcome {
  const written = boundTensors(planned, "write").map(({ tensor, buffer }) => {
    const data = allocate(buffer.dtype, evaluateExtent(buffer.length, bindings));
    return { tensor, buffer, data: isFloat(buffer.dtype) ? data.fill(Number.NaN) : data };
  });
  const read = boundTensors(planned, "read").map(({ tensor, buffer }): [string, TensorData] => [buffer.name, operandOf(operands, tensor)]);
  try {
    for (const turn of turnsOf(planned.repeat, bindings)) interpret(planned.kernel, Object.fromEntries([...read, ...written.map(({ buffer, data }): [string, TensorData] => [buffer.name, data])]), turn, subgroups);
  } catch (error) {
    if (error instanceof KernelFault) return { fault: error.message };
    throw error;
  }
  return { values: new Map(written.map(({ tensor, data }) => [tensor, data])) };
}

function operandOf(operands: KernelValues, tensor: string): TensorData {
  const data = operands.get(tensor);
  if (!data) throw new InternalError("verify", `no value for the operand '${tensor}'`);
  return data;
}
