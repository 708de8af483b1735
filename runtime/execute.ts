/**
 * Walks the plan of an artifact: binds extents, keeps device buffers between runs of the same extents, runs the prepare
 * plan once per set of parameters and the run plan once per call. Flow: host values -> here -> Device.
 */
import type { Artifact, BufferSpec, Dispatch } from "./artifact.ts";
import type { BoundDispatch, BufferRequest, CompiledKernel, Device, DeviceBuffer, DispatchList } from "./device.ts";
import { RuntimeError } from "./errors.ts";
import { type Bindings, evaluateExtent, evaluateShape, inferBindings } from "./extents.ts";
import { type HostTensor, type HostValue, hostTensors } from "./host-values.ts";
import { type Tensor, allocate } from "./tensor.ts";

export interface RunResult<Outputs = Readonly<Record<string, Tensor>>> {
  readonly outputs: Outputs;
  /** Kernels launched by this run; those with nothing to do are left out. */
  readonly dispatches: number;
  /** From the call to the outputs in host memory, waiting for earlier calls included. */
  readonly milliseconds: number;
}

export interface RunOptions {
  /** Extents that no input shape decides, for example the length of a generated sequence. */
  readonly extents?: Bindings;
}

/** A model on a device. Calls may overlap: they run one after the other, in the order of the calls. */
export interface Program<
  Inputs extends object = Readonly<Record<string, HostValue>>,
  Parameters extends object = Readonly<Record<string, HostValue>>,
  Outputs extends object = Readonly<Record<string, Tensor>>,
> {
  /** Uploads parameters (keys are paths such as `dense_2.gain`) and does all work that depends on them alone. */
  prepare(parameters: Parameters): Promise<void>;
  /** throws: RuntimeError; see RuntimeErrorCode */
  run(inputs: Inputs, options?: RunOptions): Promise<RunResult<Outputs>>;
  /** Frees device memory after the calls under way; later calls throw `disposed`. */
  dispose(): void;
}

type BufferTable = ReadonlyMap<string, DeviceBuffer>;

/** What lives as long as one set of parameter shapes. */
interface Prepared {
  readonly bindings: Bindings;
  readonly buffers: BufferTable;
}

/** What lives as long as one set of extents is among the recent ones. */
interface Instance {
  readonly bindings: Bindings;
  readonly buffers: BufferTable;
  readonly owned: readonly DeviceBuffer[];
  readonly list: DispatchList;
}

/** Sets of extents that keep their buffers; a fifth one takes the place of the one unused for longest. */
const keptInstances = 4;

const lasting: ReadonlySet<BufferSpec["role"]> = new Set<BufferSpec["role"]>(["parameter", "prepared", "constant"]);

const bindingsKey = (bindings: Bindings): string =>
  Object.keys(bindings).sort().map((name) => `${name}=${bindings[name]}`).join();

const sameBindings = (a: Bindings, b: Bindings): boolean => bindingsKey(a) === bindingsKey(b);

export class LoadedProgram<Inputs extends object, Parameters extends object, Outputs extends object>
  implements Program<Inputs, Parameters, Outputs>
{
  readonly #artifact: Artifact;
  readonly #device: Device;
  readonly #kernels: readonly CompiledKernel[];
  readonly #instances = new Map<string, Instance>();
  #prepared: Prepared | undefined;
  #disposed = false;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(artifact: Artifact, device: Device, kernels: readonly CompiledKernel[]) {
    this.#artifact = artifact;
    this.#device = device;
    this.#kernels = kernels;
  }

  async prepare(parameters: Parameters): Promise<void> {
    this.#refuseIfDisposed("prepare");
    const given = hostTensors("parameter", this.#artifact.parameters, parameters);
    const bindings = inferBindings(given, {});
    await this.#enqueue(() => this.#prepare(given, bindings));
  }

  async run(inputs: Inputs, options: RunOptions = {}): Promise<RunResult<Outputs>> {
    const start = performance.now();
    this.#refuseIfDisposed("run");
    const given = hostTensors("input", this.#artifact.inputs, inputs);
    return this.#enqueue(async () => {
      const prepared = this.#prepared ?? (await this.#prepareWithout());
      const bindings = inferBindings(given, { ...options.extents, ...prepared.bindings });
      const instance = await this.#instance(bindings, prepared);
      for (const { spec, data } of given) {
        const buffer = instance.buffers.get(spec.name);
        if (buffer) this.#device.write(buffer, data);
      }
      const { outputs } = this.#artifact;
      const data = await this.#device.run(instance.list, outputs.map((spec) => this.#buffer(instance.buffers, spec.name)));
      const tensors = outputs.map((spec, i): [string, Tensor] => [
        spec.name,
        { dtype: spec.dtype, shape: evaluateShape(spec.shape, bindings), data: data[i] ?? allocate(spec.dtype, 0) },
      ]);
      // The generated module types the record by the signature that these names come from.
      const record = Object.fromEntries(tensors) as unknown as Outputs;
      return { outputs: record, dispatches: instance.list.dispatches.length, milliseconds: performance.now() - start };
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    void this.#enqueue(async () => this.#releaseAll());
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

  #prepareWithout(): Promise<Prepared> {
    const names = this.#artifact.parameters.map((spec) => spec.name);
    if (names.length > 0)
      throw new RuntimeError(
        "missing-parameter",
        `${this.#artifact.model} was run before its ${names.length} parameters were given.`,
        `Call prepare({ ${names.slice(0, 3).map((name) => `"${name}": ...`).join(", ")}${names.length > 3 ? ", ..." : ""} }) first.`,
      );
    return this.#prepare([], {});
  }

  async #prepare(given: readonly HostTensor[], bindings: Bindings): Promise<Prepared> {
    const { buffers: specs, prepare: plan } = this.#artifact;
    if (this.#prepared && !sameBindings(this.#prepared.bindings, bindings)) this.#releaseAll();
    const prepared = this.#prepared ?? (await this.#allocateLasting(bindings));
    // From here until the plan has run, the buffers hold a mixture of two sets: a failure must not leave them in use.
    this.#prepared = undefined;
    try {
      for (const { spec, data } of given) {
        const buffer = prepared.buffers.get(spec.name);
        if (buffer) this.#device.write(buffer, data);
      }
      const used = new Set(plan.flatMap((dispatch) => dispatch.buffers));
      const scratch = await this.#allocate(specs.filter((spec) => used.has(spec.name) && !lasting.has(spec.role)), bindings);
      const lists: DispatchList[] = [];
      try {
        const list = await this.#bind(plan, new Map([...prepared.buffers, ...scratch]), bindings);
        lists.push(list);
        await this.#device.run(list, []);
      } finally {
        this.#device.release([...scratch.values()], lists);
      }
    } catch (thrown) {
      this.#prepared = prepared;
      this.#releaseAll();
      throw thrown;
    }
    this.#prepared = prepared;
    return prepared;
  }

  async #allocateLasting(bindings: Bindings): Promise<Prepared> {
    const buffers = await this.#allocate(this.#artifact.buffers.filter((spec) => lasting.has(spec.role)), bindings);
    for (const spec of this.#artifact.buffers)
      if (spec.role === "constant") {
        const data = allocate(spec.dtype, evaluateExtent(spec.length, bindings));
        data.set(spec.data ?? []);
        this.#device.write(this.#buffer(buffers, spec.name), data);
      }
    return { bindings, buffers };
  }

  async #instance(bindings: Bindings, prepared: Prepared): Promise<Instance> {
    const key = bindingsKey(bindings);
    const known = this.#instances.get(key);
    this.#instances.delete(key);
    if (known) {
      this.#instances.set(key, known);
      return known;
    }
    for (const [oldest, instance] of this.#instances)
      if (this.#instances.size >= keptInstances) {
        this.#instances.delete(oldest);
        this.#device.release(instance.owned, [instance.list]);
      }
    const { run, outputs, buffers: specs } = this.#artifact;
    const used = new Set([...run.flatMap((dispatch) => dispatch.buffers), ...outputs.map((spec) => spec.name)]);
    const own = await this.#allocate(specs.filter((spec) => used.has(spec.name) && !lasting.has(spec.role)), bindings);
    const owned = [...own.values()];
    const buffers = new Map([...prepared.buffers, ...own]);
    try {
      const instance: Instance = { bindings, buffers, owned, list: await this.#bind(run, buffers, bindings) };
      this.#instances.set(key, instance);
      return instance;
    } catch (thrown) {
      this.#device.release(owned, []);
      throw thrown;
    }
  }

  async #allocate(specs: readonly BufferSpec[], bindings: Bindings): Promise<BufferTable> {
    const requests = specs.map(({ name, role, dtype, length }): BufferRequest => ({ name, role, dtype, length: evaluateExtent(length, bindings) }));
    const buffers = await this.#device.allocate(requests);
    return new Map(buffers.map((buffer) => [buffer.name, buffer]));
  }

  async #bind(plan: readonly Dispatch[], buffers: BufferTable, bindings: Bindings): Promise<DispatchList> {
    const bound = plan.map((dispatch): BoundDispatch => {
      const kernel = this.#kernels[dispatch.kernel];
      if (!kernel)
        throw new RuntimeError("artifact-invalid", `The plan of ${this.#artifact.model} names kernel ${dispatch.kernel} of ${this.#kernels.length}.`, "Build the model again.");
      const [x, y, z] = kernel.kernel.kind === "gpujs" ? [...kernel.kernel.output, 1] : dispatch.grid;
      return {
        kernel,
        buffers: dispatch.buffers.map((name) => this.#buffer(buffers, name)),
        grid: [evaluateExtent(x ?? 1, bindings), evaluateExtent(y ?? 1, bindings), evaluateExtent(z ?? 1, bindings)],
        bindings,
      };
    });
    // Nothing to compute for a tensor without elements; a grid of 0 is not allowed everywhere.
    return this.#device.bind(bound.filter(({ grid }) => !grid.includes(0)));
  }

  #buffer(buffers: BufferTable, name: string): DeviceBuffer {
    const buffer = buffers.get(name);
    if (buffer) return buffer;
    throw new RuntimeError("artifact-invalid", `The artifact of ${this.#artifact.model} has no buffer '${name}' where its plan needs one.`, "Build the model again.");
  }

  #releaseAll(): void {
    for (const { owned, list } of this.#instances.values()) this.#device.release(owned, [list]);
    this.#instances.clear();
    this.#device.release([...(this.#prepared?.buffers.values() ?? [])], []);
    this.#prepared = undefined;
  }
}
