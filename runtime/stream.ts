/**
 * Online inference: a program that is called step after step, and whose state goes from each call to the next one. An output
 * with the name of an input is that input of the next call; it stays on the device where the device can keep it.
 */
import { RuntimeError } from "./errors.ts";
import type { HostValue } from "./host-values.ts";
import type { Program, RunResult } from "./program.ts";
import type { GpuTensor } from "./tensor.ts";

type StateNames<Inputs, Outputs> = keyof Inputs & keyof Outputs;

/** What a stream needs of a program, whatever its parameters and extents are. */
export interface StepProgram<Inputs extends object, Outputs extends object> {
  readonly signature: Program["signature"];
  run(inputs: Inputs, options?: { readonly output?: "host" }): Promise<RunResult<Outputs, object>>;
}

interface State {
  readonly values: Readonly<Record<string, HostValue | GpuTensor>>;
  /** Made by a step, in memory of the device. */
  readonly isOwn: boolean;
}

function release({ values, isOwn }: State): void {
  if (isOwn) for (const value of Object.values(values)) (value as GpuTensor).buffer.destroy();
}

/** A running state. Steps may overlap: they run one after the other, in the order of the calls. */
export class Stream<Inputs extends object, Outputs extends object> {
  readonly #program: StepProgram<Inputs, Outputs>;
  readonly #names: readonly string[];
  #state: State;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(program: StepProgram<Inputs, Outputs>, initial: Pick<Inputs, StateNames<Inputs, Outputs>>) {
    const { inputs, outputs } = program.signature;
    this.#program = program;
    this.#names = outputs.filter((name) => inputs.includes(name));
    if (this.#names.length === 0)
      throw new RuntimeError("artifact-invalid", `No output has the name of an input: outputs ${outputs.join(", ")}, inputs ${inputs.join(", ")}.`, "Name what a step hands on like the input that it becomes: model Step(x: ..., h: f32[B, H]) -> (y: ..., h: f32[B, H]).");
    this.#state = this.#pick(initial, false);
  }

  /** One step. Its outputs are those that are no state. throws: as `run` does; the state is then as it was before */
  step(inputs: Omit<Inputs, StateNames<Inputs, Outputs>>): Promise<RunResult<Omit<Outputs, StateNames<Inputs, Outputs>>, object>> {
    return this.#enqueue(async () => {
      const before = this.#state;
      const given = { ...inputs, ...before.values } as unknown as Inputs;
      const { sharesBuffers } = this.#program.signature;
      // Which outputs stay is known by their names alone, not by their types.
      const result = await this.#program.run(given, { output: (sharesBuffers ? this.#names : []) as unknown as "host" });
      const outputs = { ...result.outputs } as Record<string, unknown>;
      this.#state = this.#pick(outputs, sharesBuffers);
      release(before);
      for (const name of this.#names) delete outputs[name];
      return { ...result, outputs: outputs as Omit<Outputs, StateNames<Inputs, Outputs>> };
    });
  }

  /** Begins anew. */
  reset(initial: Pick<Inputs, StateNames<Inputs, Outputs>>): Promise<void> {
    return this.#enqueue(async () => {
      const before = this.#state;
      this.#state = this.#pick(initial, false);
      release(before);
    });
  }

  /** The state after the steps so far: buffers of the GPU that the next step frees, or typed arrays. */
  state(): Promise<Readonly<Record<string, HostValue | GpuTensor>>> {
    return this.#enqueue(async () => this.#state.values);
  }

  /** Frees what it has on the device; the program stays. */
  close(): Promise<void> {
    return this.#enqueue(async () => release(this.#state));
  }

  #pick(from: object, isOwn: boolean): State {
    const values = from as Readonly<Record<string, HostValue | GpuTensor | undefined>>;
    const picked = this.#names.map((name) => {
      const value = values[name];
      if (value === undefined) throw new RuntimeError("missing-input", `The stream has no initial '${name}'.`, `Give every state: ${this.#names.join(", ")}.`);
      return [name, value] as const;
    });
    return { values: Object.fromEntries(picked), isOwn };
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

/** A stream of steps that begins with `initial`, a value for each state. throws: RuntimeError `artifact-invalid`, `missing-input` */
export const openStream = <Inputs extends object, Outputs extends object>(program: StepProgram<Inputs, Outputs>, initial: Pick<Inputs, StateNames<Inputs, Outputs>>): Stream<Inputs, Outputs> => new Stream(program, initial);
