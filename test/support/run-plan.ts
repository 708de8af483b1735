/** Runs a compiled model on the kernel interpreter: the kernels of the artifact in f32, results in the place of values as there, without any device. */
import type { Compiled } from "../../compiler/compile.ts";
import { runMemory } from "../../compiler/in-place.ts";
import { required } from "../../compiler/errors.ts";
import type { Bindings } from "../../compiler/ir/extent.ts";
import { type BufferData, interpret } from "../../compiler/kernel/interpret.ts";
import { evaluateExtent } from "../../compiler/kernel/numbers.ts";
import { turnsOf } from "../../runtime/extents.ts";
import { allocate } from "../../runtime/tensor.ts";

/** Outputs by name. `tensors`: data of inputs and parameters, by name or path. */
export function runPlan({ plan }: Compiled, bindings: Bindings, tensors: Readonly<Record<string, BufferData>>): Record<string, BufferData> {
  const memory = new Map<string, BufferData>(Object.entries(tensors));
  for (const { kernel, tensors: names, repeat } of runMemory(plan).kernels) {
    const buffers = kernel.buffers.map((buffer, i) => {
      const name = required(names[i], "test", `tensor of '${buffer.name}'`);
      const data = memory.get(name) ?? allocate(buffer.dtype, evaluateExtent(buffer.length, bindings));
      memory.set(name, data);
      return [buffer.name, data] as const;
    });
    for (const turn of turnsOf(repeat, bindings)) interpret(kernel, Object.fromEntries(buffers), turn);
  }
  return Object.fromEntries(plan.program.outputs.map(({ name, definition }) => [name, required(memory.get(definition) ?? memory.get(name), "test", name)]));
}
