/**
 * Checks one compiled model on one device against the float64 reference: the rewrites in float64, the whole model, and
 * every kernel on its own from exact operands, so that the first kernel that diverges is named whatever came before it.
 * Flow: compiled model, device -> here -> plain data, which cli/check.ts and tests print.
 */
import type { Device } from "../../runtime/device.ts";
import { evaluateShape, turnsOf } from "../../runtime/extents.ts";
import { messageOf, RuntimeError } from "../../runtime/errors.ts";
import { load, type Program } from "../../runtime/index.ts";
import { assemble, type Compiled } from "../compile.ts";
import type { Bindings } from "../ir/extent.ts";
import type { Origin } from "../ir/node.ts";
import { countKernel } from "../kernel/count.ts";
import { verifyKernel } from "../kernel/verify.ts";
import { originsOf, type PlannedKernel } from "../plan.ts";
import { type CaseGroup, type CheckCase, chooseCases, indexLimits } from "./cases.ts";
import { type Deviation, worse } from "./compare.ts";
import { type Expected, ExpectedOutputs, type HostTensors, ordinaryRms } from "./expected.ts";
import { inputTensor, isFiniteKind, type ParameterKind, parameterTensor } from "./inputs.ts";
import { expectKernels, type KernelExpectation } from "./expected-kernels.ts";
import { interpretKernel, interpretWithSubgroups, type KernelOutcome, LoadedKernel } from "./run-kernel.ts";
import { compareSteps, definitionSteps, type FirstStep, outputSteps, type StepAxis } from "./steps.ts";

/** A deviation and where it was seen. */
export interface Sighting extends Deviation {
  /** The model's output, or the value that a kernel stores. */
  readonly value: string;
  /** Kind of the inputs and of the parameters. */
  readonly input: string;
  readonly bindings: Bindings;
  readonly by: "float64" | "device" | "interpreter";
  /** Of a value that fails and whose elements belong to the steps of a scan: the first step that differs. */
  readonly step?: FirstStep | undefined;
}

export interface CheckedPart {
  readonly passed: boolean;
  /** Largest error over rms in all cases; beyond 1e-5 where rounding of the operands alone carries it there. */
  readonly largest: number;
  /** The element that came closest to its bound; of what failed, the first one that was seen to exceed it. */
  readonly worst: Sighting | undefined;
  /** Why it could not be run: refused by the device, or a fault that the interpreter found. */
  readonly fault: string | undefined;
}

export interface CheckedKernel extends CheckedPart {
  readonly name: string;
  readonly phase: "prepare" | "run";
  /** Where the source says what the kernel computes last. */
  readonly span: Origin | undefined;
}

export interface ModelCheck {
  readonly model: string;
  /** Description of the device. */
  readonly device: string;
  readonly passed: boolean;
  /** Runs of the whole model. */
  readonly cases: number;
  readonly groups: readonly { readonly bindings: Bindings; readonly cases: readonly CheckCase[] }[];
  /** The rewritten program in float64 against the reference. */
  readonly rules: CheckedPart;
  /** Outputs of the whole model on the device. */
  readonly outputs: CheckedPart;
  /** In the order of the plan. */
  readonly kernels: readonly CheckedKernel[];
  /** The first kernel that diverges. */
  readonly first: CheckedKernel | undefined;
}

export interface CheckOptions {
  readonly seed?: number;
  /** What to check with; chosen by the size of the model when left out. */
  readonly groups?: readonly CaseGroup[];
  /** Called before each case. */
  readonly progress?: (done: number, total: number) => void;
}

/** Loads and flops of a kernel that the interpreter still manages in about a second. */
const interpretedWork = 6e5;

interface Tally {
  largest: number;
  worst: Sighting | undefined;
  fault: string | undefined;
}

/** `compiled.plan` is what is checked: its kernels may be others than the compiler planned. */
export async function checkModel(compiled: Compiled, device: Device, options: CheckOptions = {}): Promise<ModelCheck> {
  const groups = options.groups ?? chooseCases(compiled.fn, compiled.plan.program);
  const check = new Checking(compiled, device, options.seed ?? 1);
  const total = groups.reduce((sum, group) => sum + group.cases.length, 0);
  let done = 0;
  try {
    await check.open();
    for (const group of groups)
      for (const [i, one] of group.cases.entries()) {
        options.progress?.(done++, total);
        await check.run(group.bindings, one, i === 0);
      }
  } finally {
    check.close();
  }
  return check.result(groups, total);
}

class Checking {
  readonly #compiled: Compiled;
  readonly #device: Device;
  readonly #seed: number;
  readonly #rules: Tally = newTally();
  readonly #outputs: Tally = newTally();
  readonly #kernels: { readonly planned: PlannedKernel; readonly tally: Tally; loaded: LoadedKernel | undefined }[];
  /** The steps of outputs, and of what kernels store. */
  readonly #steps: ReadonlyMap<string, StepAxis>;
  /** Rms of each value under ordinary inputs, per group. */
  #ordinary = new Map<string, number>();
  #program: Program | undefined;
  #prepared: string | undefined;

  constructor(compiled: Compiled, device: Device, seed: number) {
    this.#compiled = compiled;
    this.#device = device;
    this.#seed = seed;
    this.#kernels = compiled.plan.kernels.map((planned) => ({ planned, tally: newTally(), loaded: undefined }));
    const stored = compiled.plan.program.definitions.flatMap((definition) => {
      const steps = definitionSteps(definition);
      return steps ? [[storedKey(definition.name), steps] as const] : [];
    });
    this.#steps = new Map([...outputSteps(compiled.fn), ...stored]);
  }

  async open(): Promise<void> {
    for (const kernel of this.#kernels) {
      const { kernel: plain, withSubgroups = plain } = kernel.planned;
      const [violation] = [plain, withSubgroups].flatMap((each) => verifyKernel(each).violations);
      if (violation) kernel.tally.fault = `kernel ${kernel.planned.name} breaks rule ${violation.label} of the kernel IR: ${violation.message}`;
      else kernel.loaded = await LoadedKernel.load(kernel.planned, this.#device);
    }
    try {
      this.#program = await load(assemble(this.#compiled.fn, this.#compiled.plan, this.#device.target), this.#device);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      this.#outputs.fault = messageOf(error);
    }
  }

  close(): void {
    this.#program?.dispose();
    for (const { loaded } of this.#kernels) loaded?.dispose();
  }

  async run(bindings: Bindings, one: CheckCase, firstOfGroup: boolean): Promise<void> {
    const inputs = this.#inputs(bindings, one);
    const parameters = this.#parameters(bindings, one.parameters);
    const expected = new ExpectedOutputs(this.#compiled, bindings, inputs, parameters, this.#seed);
    const seen = { input: one.parameters === "initial" ? one.inputs : `${one.inputs}, ${one.parameters} parameters`, bindings };
    const outputs = expected.outputs();
    const sources = Object.fromEntries(Object.entries({ ...inputs, ...parameters }).map(([name, tensor]) => [name, tensor.data]));
    const kernels = expectKernels(this.#compiled.plan, bindings, sources, this.#seed);
    if (firstOfGroup) this.#learnOrdinary(outputs, kernels);
    if (isFiniteKind(one.inputs)) {
      const rewrites = expected.compareRewrites(this.#ordinary);
      if (rewrites) keepWorse(this.#rules, { ...rewrites.worst, ...seen, value: rewrites.output, by: "float64" });
    }
    await this.#runModel(bindings, one.parameters, inputs, parameters, outputs, seen);
    for (const [i, { planned, tally, loaded }] of this.#kernels.entries()) {
      const expectation = kernels[i];
      // A kernel that is not even legal has its fault already.
      if (!expectation || !loaded) continue;
      const { operands, stored } = expectation;
      this.#judge(tally, await loaded.run(operands, bindings), stored, { ...seen, by: "device" });
      // Faults of memory and order do not depend on the values: one case of each size is enough.
      if (!firstOfGroup || workOf(planned, bindings) > interpretedWork) continue;
      for (const outcome of [interpretKernel(planned, operands, bindings), interpretWithSubgroups(planned, operands, bindings)])
        if (outcome) this.#judge(tally, outcome, stored, { ...seen, by: "interpreter" });
    }
  }

  #learnOrdinary(outputs: ReadonlyMap<string, Expected>, kernels: readonly KernelExpectation[]): void {
    this.#ordinary = new Map([...outputs].map(([name, value]) => [name, ordinaryRms(value)]));
    for (const { stored } of kernels) for (const [name, value] of stored) this.#ordinary.set(storedKey(name), ordinaryRms(value));
  }

  #inputs(bindings: Bindings, { inputs: kind }: CheckCase): HostTensors {
    const limits = indexLimits(this.#compiled.lowered, bindings);
    return Object.fromEntries(this.#compiled.artifact.inputs.map(({ name, dtype, shape }) => [name, inputTensor(name, dtype, evaluateShape(shape, bindings), kind, this.#seed, limits.get(name))]));
  }

  #parameters(bindings: Bindings, kind: ParameterKind): HostTensors {
    return Object.fromEntries(this.#compiled.artifact.parameters.map((spec) => [spec.name, parameterTensor(spec, evaluateShape(spec.shape, bindings), kind, this.#seed)]));
  }

  async #runModel(bindings: Bindings, kind: ParameterKind, inputs: HostTensors, parameters: HostTensors, outputs: ReadonlyMap<string, Expected>, seen: { readonly input: string; readonly bindings: Bindings }): Promise<void> {
    if (!this.#program || this.#outputs.fault !== undefined) return;
    const key = JSON.stringify([kind, bindings]);
    try {
      if (this.#prepared !== key) await this.#program.prepare(parameters);
      this.#prepared = key;
      const { outputs: got } = await this.#program.run(inputs, { extents: bindings });
      for (const [name, want] of outputs) {
        const compared = compareSteps(this.#steps.get(name), got[name]?.data ?? [], want, this.#ordinary.get(name) ?? 0);
        if (compared) keepWorse(this.#outputs, { ...compared, ...seen, value: name, by: "device" });
      }
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code === "device-lost") throw error;
      this.#outputs.fault = messageOf(error);
    }
  }

  #judge(tally: Tally, outcome: KernelOutcome, stored: ReadonlyMap<string, Expected>, seen: Pick<Sighting, "input" | "bindings" | "by">): void {
    if ("fault" in outcome) {
      tally.fault ??= outcome.fault;
      return;
    }
    for (const [name, want] of stored) {
      const compared = compareSteps(this.#steps.get(storedKey(name)), outcome.values.get(name) ?? [], want, this.#ordinary.get(storedKey(name)) ?? 0);
      if (compared) keepWorse(tally, { ...compared, ...seen, value: name });
    }
  }

  result(groups: readonly CaseGroup[], cases: number): ModelCheck {
    const kernels = this.#kernels.map(({ planned, tally }): CheckedKernel => ({ name: planned.name, phase: planned.phase, ...partOf(tally), span: originsOf(planned)[0] }));
    const [rules, outputs] = [partOf(this.#rules), partOf(this.#outputs)];
    return {
      model: this.#compiled.fn.name, device: this.#device.description, passed: rules.passed && outputs.passed && kernels.every((kernel) => kernel.passed),
      cases, groups, rules, outputs, kernels, first: kernels.find((kernel) => !kernel.passed),
    };
  }
}

const newTally = (): Tally => ({ largest: 0, worst: undefined, fault: undefined });

const storedKey = (tensor: string): string => `stored ${tensor}`;

const partOf = ({ worst, fault, largest }: Tally): CheckedPart => ({ passed: fault === undefined && worst?.passed !== false, largest, worst, fault });

/** The first failure stays: it has the simplest inputs. */
function keepWorse(tally: Tally, sighting: Sighting): void {
  tally.largest = Math.max(tally.largest, sighting.largest);
  if (tally.worst?.passed === false) return;
  if (worse(sighting, tally.worst)) tally.worst = sighting;
}

function workOf(planned: PlannedKernel, bindings: Bindings): number {
  const count = countKernel(planned.kernel, { ...turnsOf(planned.repeat, bindings)[0] });
  return count.flops + [...count.buffers.values()].reduce((sum, buffer) => sum + buffer.loads + buffer.stores, 0);
}
