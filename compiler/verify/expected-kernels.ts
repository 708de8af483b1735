/**
 * Exact values of what each kernel of a plan stores, from operands as they are in memory: the exact values of earlier
 * kernels rounded to their dtype. So a kernel answers for its own errors only. Flow: plan, source values -> here -> run and
 * compare in check-model.ts.
 */
import { allocate, type TensorData } from "../../runtime/tensor.ts";
import { required } from "../errors.ts";
import { lengthOf } from "../folds/evaluate-expression.ts";
import { evaluateFolds } from "../folds/evaluate.ts";
import { loadsOf } from "../folds/expression.ts";
import type { Definition, Program, Source } from "../folds/node.ts";
import type { Bindings } from "../ir/extent.ts";
import { roundTo } from "../kernel/numbers.ts";
import type { Plan, PlannedKernel } from "../plan.ts";
import { allowance, disturbedValues, roundingUnit } from "./bounds.ts";
import { type Expected, named, once } from "./expected.ts";
import { boundTensors, type KernelValues } from "./run-kernel.ts";

export interface KernelExpectation {
  readonly operands: KernelValues;
  /** By the tensor that the kernel writes. */
  readonly stored: ReadonlyMap<string, Expected>;
}

/** The part of the plan's program that one kernel computes: what it reads are its sources. */
export function kernelProgram(plan: Plan, planned: PlannedKernel): Program {
  const byName = new Map(plan.program.definitions.map((definition) => [definition.name, definition]));
  const read = new Set(boundTensors(planned, "read").map(({ tensor }) => tensor));
  const wanted = boundTensors(planned, "write").map(({ tensor }) => tensor);
  const needed = new Set<string>();
  const queue = [...wanted];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const definition = byName.get(name);
    if (!definition || needed.has(name)) continue;
    needed.add(name);
    for (const load of loadsOf(definition.body)) if (!read.has(load.source)) queue.push(load.source);
  }
  const typeOf = (definition: Definition): Source["type"] => ({ dtype: definition.dtype, shape: definition.box.map((range) => range.extent) });
  const sources = [...read].map((name): Source => {
    const made = byName.get(name);
    return made ? { name, role: "input", type: typeOf(made) } : required(plan.program.sources.find((source) => source.name === name), "verify", `operand '${name}' of ${planned.name}`);
  });
  return {
    name: planned.name, sources,
    definitions: plan.program.definitions.filter((definition) => needed.has(definition.name)),
    outputs: wanted.map((name) => ({ name, definition: name, type: typeOf(required(byName.get(name), "verify", `definition '${name}'`)) })),
  };
}

/** Expectations of all kernels of the plan, in its order. `sources`: inputs and parameters by name. */
export function expectKernels(plan: Plan, bindings: Bindings, sources: Readonly<Record<string, TensorData>>, seed: number): KernelExpectation[] {
  const memory = new Map<string, TensorData>(Object.entries(sources));
  return plan.kernels.map((planned) => {
    const program = kernelProgram(plan, planned);
    const operands = new Map(program.sources.map(({ name }) => [name, required(memory.get(name), "verify", `value of '${name}'`)]));
    const given = Object.fromEntries(operands);
    const values = evaluateFolds(program, bindings, given);
    const disturbed = once(() => disturbedValues(program, bindings, given, roundingUnit.f32, seed));
    const stored = program.outputs.map(({ name, type }): [string, Expected] => {
      const want = named(values, name);
      const shape = type.shape.map((extent) => lengthOf(extent, bindings));
      const inMemory = allocate(type.dtype, want.length);
      for (let i = 0; i < want.length; i++) inMemory[i] = roundTo[type.dtype](want[i] as number);
      memory.set(name, inMemory);
      return [name, { shape, dtype: type.dtype, want, allowance: () => allowance(want, disturbed().map((run) => named(run, name)), shape) }];
    });
    return { operands, stored: new Map(stored) };
  });
}
