/**
 * The kernels of a plan as a run has them in memory: where a kernel is the last to need a value, and may write its own result
 * over it (kernel/in-place.ts proves that), both have one name, so one buffer, from the kernel that makes the first on. The
 * runtime needs to know nothing of it. Pure. Flow: plan -> here -> compile.ts (assemble), report/memory.ts.
 */
import { lifetimesOf, planMemory, type PlannedBuffer } from "../runtime/plan-memory.ts";
import { lengthOf } from "./fusion/lengths.ts";
import { byteSize, type TensorType } from "./ir/types.ts";
import { inPlace, inPlaceCandidates, type InPlacePair } from "./kernel/in-place.ts";
import type { Kernel } from "./kernel/node.ts";
import type { Plan, PlannedKernel } from "./plan.ts";

/** A value that is overwritten by the result that takes its place. Names are those of the plan. */
export interface Overwritten {
  readonly value: string;
  readonly by: string;
  /** Name of the kernel that reads the one and writes the other. */
  readonly kernel: string;
}

export interface RunMemory {
  /** One for each kernel of the plan, in its order; tensors under the names of their buffers. */
  readonly kernels: readonly PlannedKernel[];
  /** In the order of the kernels. */
  readonly overwritten: readonly Overwritten[];
}

/** A pair of a kernel that this dispatch of it may use. */
interface Choice extends Overwritten {
  readonly at: number;
  readonly pair: InPlacePair;
}

/** Kernels in their forms with pairs applied, each made once: dispatches that share a kernel share what becomes of it. */
class Forms {
  readonly #made = new Map<Kernel, Map<string, Kernel | undefined>>();

  of(kernel: Kernel, pairs: readonly InPlacePair[]): Kernel | undefined {
    const [first, ...rest] = pairs;
    if (!first) return kernel;
    const known = this.#made.get(kernel) ?? new Map<string, Kernel | undefined>();
    this.#made.set(kernel, known);
    const key = `${first.read} > ${first.write}`;
    if (!known.has(key)) known.set(key, inPlace(kernel, first));
    const made = known.get(key);
    return made && this.of(made, rest);
  }

  /** Both texts of a kernel, if both may. */
  ofPlanned({ kernel, withSubgroups }: PlannedKernel, pairs: readonly InPlacePair[]): Pick<PlannedKernel, "kernel" | "withSubgroups"> | undefined {
    const plain = this.of(kernel, pairs);
    const other = withSubgroups && this.of(withSubgroups, pairs);
    if (!plain || (withSubgroups && !other)) return undefined;
    return other ? { kernel: plain, withSubgroups: other } : { kernel: plain };
  }
}

const keyOf = (choices: readonly Choice[]): string => choices.map(({ pair }) => `${pair.read} > ${pair.write}`).join();

/** The run's kernels and their memory. Plans that keep values apart, and those for GPU.js, are as they were. cost: a proof for each kernel that has a candidate */
export function runMemory(plan: Plan): RunMemory {
  if (plan.memory === "separate") return { kernels: plan.kernels, overwritten: [] };
  const forms = new Forms();
  const choices = sparing(plan, forms, choicesOf(plan, forms));
  return { kernels: applied(plan, forms, choices), overwritten: choices.map(({ value, by, kernel }) => ({ value, by, kernel })) };
}

/** What each kernel of the run may overwrite: values in between that nothing needs after it. */
function choicesOf(plan: Plan, forms: Forms): Choice[] {
  const between = new Set(plan.kept.filter(({ phase }) => phase === "run").map(({ value }) => value));
  const results = new Set([...between, ...plan.program.outputs.map(({ definition }) => definition)]);
  const users = new Map<string, number[]>();
  plan.kernels.forEach(({ tensors }, at) => {
    for (const tensor of new Set(tensors)) users.set(tensor, [...(users.get(tensor) ?? []), at]);
  });
  return plan.kernels.flatMap((planned, at): Choice[] => {
    // The turns of a repeated kernel read what earlier ones wrote.
    if (planned.phase !== "run" || planned.repeat) return [];
    const chosen: Choice[] = [];
    const tensorOf = (buffer: string): string => planned.tensors[planned.kernel.buffers.findIndex(({ name }) => name === buffer)] ?? "";
    for (const pair of inPlaceCandidates(planned.kernel)) {
      const [value, by] = [tensorOf(pair.read), tensorOf(pair.write)];
      const isLast = between.has(value) && users.get(value)?.at(-1) === at && users.get(value)?.length !== 1;
      const isFirst = results.has(by) && users.get(by)?.[0] === at;
      if (!isLast || !isFirst || chosen.some((other) => other.value === value || other.by === by)) continue;
      if (forms.ofPlanned(planned, [...chosen.map((other) => other.pair), pair])) chosen.push({ value, by, kernel: planned.name, at, pair });
    }
    return chosen;
  });
}

/** The kernels with these choices made. */
function applied(plan: Plan, forms: Forms, choices: readonly Choice[]): PlannedKernel[] {
  const next = new Map(choices.map(({ value, by }) => [value, by]));
  const bufferOf = (tensor: string): string => {
    const by = next.get(tensor);
    return by === undefined ? tensor : bufferOf(by);
  };
  return plan.kernels.map((planned, at) => {
    const mine = choices.filter((choice) => choice.at === at);
    const gone = new Set(mine.map(({ pair }) => pair.read));
    const tensors = planned.tensors.filter((_, i) => !gone.has(planned.kernel.buffers[i]?.name ?? "")).map(bufferOf);
    return { ...planned, ...forms.ofPlanned(planned, mine.map(({ pair }) => pair)), tensors };
  });
}

/**
 * Without the choices that need a second text of a kernel for nothing: equal parts of a model share a kernel, and where only
 * some of its dispatches may overwrite, the others need it as it was. That has to lower the peak.
 */
function sparing(plan: Plan, forms: Forms, choices: readonly Choice[]): readonly Choice[] {
  let kept = choices;
  const at = (kernel: number): readonly Choice[] => kept.filter((choice) => choice.at === kernel);
  for (const kernel of new Set(plan.kernels.map((planned) => planned.kernel))) {
    const dispatches = plan.kernels.flatMap((planned, i) => (planned.kernel === kernel ? [i] : []));
    for (const key of new Set(dispatches.map((i) => keyOf(at(i))))) {
      const alike = new Set(dispatches.filter((i) => keyOf(at(i)) === key));
      if (key === "" || alike.size === dispatches.length) continue;
      const fewer = kept.filter((choice) => !alike.has(choice.at));
      if (peakOf(plan, applied(plan, forms, fewer)) <= peakOf(plan, applied(plan, forms, kept))) kept = fewer;
    }
  }
  return kept;
}

/** unit: bytes of memory for the values of a run, at the lengths that the plan assumes */
function peakOf(plan: Plan, kernels: readonly PlannedKernel[]): number {
  const buffers = buffersOfRun(plan, kernels, (type) => lengthOf(plan, type.shape) * byteSize(type.dtype));
  const lifetimes = lifetimesOf(buffers, kernels.filter(({ phase }) => phase === "run").map(({ tensors }) => tensors));
  return planMemory(lifetimes).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What a run keeps in memory besides parameters, for these kernels of the plan. `sizeOf`: unit: bytes */
export function buffersOfRun(plan: Plan, kernels: readonly PlannedKernel[], sizeOf: (type: TensorType) => number): PlannedBuffer[] {
  const used = new Set(kernels.flatMap(({ phase, tensors }) => (phase === "run" ? tensors : [])));
  return [
    ...plan.program.sources.filter(({ role, name }) => role === "input" && used.has(name)).map(({ name, type }): PlannedBuffer => ({ name, role: "input", bytes: sizeOf(type) })),
    ...plan.program.outputs.map(({ definition, type }): PlannedBuffer => ({ name: definition, role: "output", bytes: sizeOf(type) })),
    ...plan.kept.filter(({ phase, value }) => phase === "run" && used.has(value)).map(({ value, type }): PlannedBuffer => ({ name: value, role: "temporary", bytes: sizeOf(type) })),
  ];
}
