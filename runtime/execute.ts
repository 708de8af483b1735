/**
 * A loaded program: takes calls one after the other, checks what they hand over, and outlives its device: when that is lost,
 * the kernels are compiled, the parameters uploaded and the call made again on the next one. Flow: caller -> here -> execution.ts.
 */
import type { Artifact } from "./artifact.ts";
import type { Device } from "./device.ts";
import { RuntimeError, codeOf } from "./errors.ts";
import { type Bindings, inferBindings } from "./extents.ts";
import { Execution } from "./execution.ts";
import { givenValues } from "./host-values.ts";
import type { GpuOutputs, KeptOutputs, Program, RunOptions, RunResult } from "./program.ts";

const isLost = (thrown: unknown): boolean => codeOf(thrown) === "device-lost";

type Loader = () => object | Promise<object>;

export class LoadedProgram<Inputs extends object, Parameters extends object, Outputs extends object, Extents extends object>
  implements Program<Inputs, Parameters, Outputs, Extents>
{
  readonly #artifact: Artifact;
  readonly #device: Device;
  #execution: Execution;
  /** Where the parameters in use come from; absent before they are given, and after a failure to prepare them. */
  #loader: Loader | undefined;
  #disposed = false;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(artifact: Artifact, device: Device, execution: Execution) {
    this.#artifact = artifact;
    this.#device = device;
    this.#execution = execution;
  }

  get signature(): Program["signature"] {
    const names = (specs: readonly { readonly name: string }[]): string[] => specs.map(({ name }) => name);
    return { inputs: names(this.#artifact.inputs), outputs: names(this.#artifact.outputs), sharesBuffers: this.#device.shared !== undefined };
  }

  async prepare(parameters: Parameters | (() => Parameters | Promise<Parameters>)): Promise<void> {
    this.#refuseIfDisposed("prepare");
    const loader: Loader = typeof parameters === "function" ? (parameters as Loader) : () => parameters;
    await this.#enqueue(() => this.#surviving((execution) => this.#load(execution, loader)));
  }

  async run(inputs: Inputs, options: RunOptions<Extents> & { readonly output: "gpu" }): Promise<RunResult<GpuOutputs<Outputs>, Extents>>;
  async run<Kept extends keyof Outputs>(inputs: Inputs, options: RunOptions<Extents> & { readonly output: readonly Kept[] }): Promise<RunResult<KeptOutputs<Outputs, Kept>, Extents>>;
  async run(inputs: Inputs, options?: RunOptions<Extents>): Promise<RunResult<Outputs, Extents>>;
  async run(inputs: Inputs, { extents = {}, output = "host" }: RunOptions<Extents> = {}): Promise<RunResult<never, Extents>> {
    const start = performance.now();
    this.#refuseIfDisposed("run");
    const given = givenValues("input", this.#artifact.inputs, inputs);
    const kept = new Set(output === "host" ? [] : output === "gpu" ? this.signature.outputs : output);
    return this.#enqueue(async () => {
      const ran = await this.#surviving((execution) => execution.run(given, extents as Bindings, kept));
      const outputs = Object.fromEntries(this.#artifact.outputs.map(({ name }, i) => [name, ran.outputs[i]]));
      const bound = Object.fromEntries(this.#artifact.extents.map((name) => [name, ran.bindings[name]]));
      // The generated module types both records by the signature that these names come from.
      return { outputs: outputs as never, extents: bound as unknown as Extents, dispatches: ran.dispatches, milliseconds: performance.now() - start };
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    void this.#enqueue(async () => {
      this.#execution.releaseAll();
      this.#loader = undefined;
    });
  }

  #refuseIfDisposed(call: string): void {
    if (this.#disposed)
      throw new RuntimeError("disposed", `${call}() was called on ${this.#artifact.model} after dispose().`, "Load the artifact again.");
  }

  /** One call at a time: buffers are shared between calls. */
  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #load(execution: Execution, loader: Loader): Promise<void> {
    const given = givenValues("parameter", this.#artifact.parameters, await loader());
    const bindings = inferBindings(given, {});
    try {
      await execution.prepare(given, bindings);
    } catch (thrown) {
      // What was there before the call is gone, except when the device is: then the next one gets it again.
      if (!isLost(thrown)) this.#loader = undefined;
      throw thrown;
    }
    this.#loader = loader;
  }

  /** Runs `work`, and once more if the device was lost and could be opened anew. */
  async #surviving<T>(work: (execution: Execution) => Promise<T>): Promise<T> {
    try {
      return await work(await this.#current());
    } catch (thrown) {
      if (!isLost(thrown) || (await this.#device.reopen?.()) !== true) throw thrown;
    }
    try {
      return await work(await this.#current());
    } catch (thrown) {
      if (!isLost(thrown)) throw thrown;
      throw new RuntimeError("device-lost", `${this.#artifact.model} lost its device (${this.#device.description}) twice in one call.`, "A later call tries again; if the memory or time of the GPU is short, use a smaller batch.", thrown);
    }
  }

  /** The kernels and parameters on the device as it is open now: also after another program has opened it anew. */
  async #current(): Promise<Execution> {
    if (this.#execution.generation === this.#device.generation) return this.#execution;
    const renewed = await openExecution(this.#artifact, this.#device);
    this.#execution.releaseAll();
    if (this.#loader) await this.#load(renewed, this.#loader);
    this.#execution = renewed;
    return renewed;
  }
}

/** Compiles the kernels of the artifact, in parallel. */
export const openExecution = async (artifact: Artifact, device: Device): Promise<Execution> => new Execution(artifact, device, await device.compile(artifact.kernels));
