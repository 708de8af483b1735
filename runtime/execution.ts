/**
 * Walks the plan of an artifact on one opening of a device: binds extents, keeps device buffers between runs of the same
 * extents, runs the prepare plan once per set of parameters and the run plan once per call. Flow: execute.ts -> here -> Device.
 */
import { type Artifact, type BufferSpec, bufferName, type Dispatch, type TensorSpec } from "./artifact.ts";
import type { BoundDispatch, BufferRequest, CompiledKernel, Device, DeviceBuffer, DispatchList, SharedMemory } from "./device.ts";
import { RuntimeError, codeOf, messageOf } from "./errors.ts";
import { type Bindings, evaluateExtent, evaluateShape, inferBindings, turnsOf } from "./extents.ts";
import type { GivenValue } from "./host-values.ts";
import { type PlannedBuffer, lifetimesOf, planMemory } from "./plan-memory.ts";
import { type GpuTensor, type Tensor, allocate, gpuBytes } from "./tensor.ts";

type BufferTable = ReadonlyMap<string, DeviceBuffer>;

/** What lives as long as one set of parameter shapes. */
interface Prepared {
  readonly bindings: Bindings;
  readonly buffers: BufferTable;
}

/** What lives as long as one set of extents is among the recent ones. */
interface Instance {
  readonly buffers: BufferTable;
  readonly owned: readonly DeviceBuffer[];
  /** Absent where buffers come from outside: they are bound for each run. */
  readonly list: DispatchList | undefined;
}

export interface Ran {
  readonly outputs: readonly (Tensor | GpuTensor)[];
  readonly bindings: Bindings;
  readonly dispatches: number;
}

/** Sets of extents that keep their buffers; a fifth one takes the place of the one unused for longest. */
const keptInstances = 4;

const lasting: ReadonlySet<BufferSpec["role"]> = new Set<BufferSpec["role"]>(["parameter", "prepared", "constant"]);

const bindingsKey = (bindings: Bindings): string =>
  Object.keys(bindings).sort().map((name) => `${name}=${bindings[name]}`).join();

/** The piece of memory that each buffer of a run gets, by name. */
function slotsOf(specs: readonly BufferSpec[], run: readonly Dispatch[], bindings: Bindings): Map<string, number> {
  const buffers = specs.map(({ name, role, dtype, length }): PlannedBuffer => ({ name, bytes: evaluateExtent(length, bindings) * gpuBytes(dtype), role: role === "input" || role === "output" ? role : "temporary" }));
  const slots = planMemory(lifetimesOf(buffers, run.map((dispatch) => dispatch.buffers)));
  return new Map(slots.flatMap(({ lifetimes }, slot) => lifetimes.map(({ name }) => [name, slot] as const)));
}

type OutsideValue = GivenValue & { readonly buffer: GPUBuffer };

/** Elements that are on the GPU already; without elements there is nothing to bind. */
const isOutside = (value: GivenValue): value is OutsideValue => value.buffer !== undefined && value.length > 0;

export class Execution {
  /** Of the device, when the kernels were compiled. */
  readonly generation: number | undefined;
  readonly #artifact: Artifact;
  readonly #device: Device;
  readonly #kernels: readonly CompiledKernel[];
  readonly #instances = new Map<string, Instance>();
  #prepared: Prepared | undefined;

  constructor(artifact: Artifact, device: Device, kernels: readonly CompiledKernel[]) {
    this.#artifact = artifact;
    this.#device = device;
    this.#kernels = kernels;
    this.generation = device.generation;
  }

  async prepare(given: readonly GivenValue[], bindings: Bindings): Promise<Prepared> {
    const { buffers: specs, prepare: plan } = this.#artifact;
    if (this.#prepared && bindingsKey(this.#prepared.bindings) !== bindingsKey(bindings)) this.releaseAll();
    const prepared = this.#prepared ?? (await this.#allocateLasting(bindings));
    // From here until the plan has run, the buffers hold a mixture of two sets: a failure must not leave them in use.
    this.#prepared = undefined;
    try {
      for (const value of given) {
        const own = prepared.buffers.get(value.spec.name);
        if (!own) continue;
        if (value.data) this.#device.write(own, value.data);
        else if (isOutside(value)) this.#shared(value.label).copy(await this.#adopt(value, "parameter"), own);
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
      this.releaseAll();
      throw thrown;
    }
    this.#prepared = prepared;
    return prepared;
  }

  /** `kept`: names of outputs that stay in memory of the device. */
  async run(given: readonly GivenValue[], extents: Bindings, kept: ReadonlySet<string>): Promise<Ran> {
    const prepared = this.#prepared ?? (await this.#prepareWithout());
    const bindings = inferBindings(given, { ...extents, ...prepared.bindings });
    const { outputs } = this.#artifact;
    const outside = given.filter(isOutside);
    const instance = await this.#instance(bindings, prepared, new Set([...outside.map(({ spec }) => spec.name), ...outputs.filter(({ name }) => kept.has(name)).map(bufferName)]));
    for (const { spec, data } of given) {
      const buffer = instance.buffers.get(spec.name);
      if (buffer && data) this.#device.write(buffer, data);
    }
    const shapeOf = (spec: TensorSpec): number[] => evaluateShape(spec.shape, bindings);
    const list = instance.list;
    if (list) {
      const data = await this.#device.run(list, outputs.map((spec) => this.#buffer(instance.buffers, bufferName(spec))));
      return { bindings, dispatches: list.dispatches.length, outputs: outputs.map((spec, i) => ({ dtype: spec.dtype, shape: shapeOf(spec), data: data[i] ?? allocate(spec.dtype, 0) })) };
    }
    const shared = this.#shared(outside[0]?.label ?? `output '${[...kept][0]}'`);
    const adopted = await Promise.all(outside.map((value) => this.#adopt(value, "input")));
    const isKept = new Set(outputs.filter(({ name }) => kept.has(name)).map(bufferName));
    const made = await this.#allocate(this.#artifact.buffers.filter(({ name, role }) => role === "output" && isKept.has(name)), bindings);
    const lists: DispatchList[] = [];
    try {
      const buffers = new Map([...instance.buffers, ...adopted.map((buffer) => [buffer.name, buffer] as const), ...made]);
      const bound = await this.#bind(this.#artifact.run, buffers, bindings);
      lists.push(bound);
      const read = outputs.filter(({ name }) => !kept.has(name));
      const data = await this.#runOutside(bound, read.map((spec) => this.#buffer(buffers, bufferName(spec))), outside);
      const results = outputs.map((spec): Tensor | GpuTensor =>
        kept.has(spec.name)
          ? { dtype: spec.dtype, shape: shapeOf(spec), buffer: shared.handOver(this.#buffer(buffers, bufferName(spec))) }
          : { dtype: spec.dtype, shape: shapeOf(spec), data: data[read.indexOf(spec)] ?? allocate(spec.dtype, 0) },
      );
      return { bindings, dispatches: bound.dispatches.length, outputs: results };
    } catch (thrown) {
      this.#device.release([...made.values()], []);
      throw thrown;
    } finally {
      this.#device.release([], lists);
    }
  }

  /** That a buffer was destroyed shows when work with it is submitted, and not before. */
  async #runOutside(list: DispatchList, results: readonly DeviceBuffer[], outside: readonly GivenValue[]): Promise<readonly Tensor["data"][]> {
    try {
      return await this.#device.run(list, results);
    } catch (thrown) {
      if (outside.length === 0 || codeOf(thrown) !== "kernel-failed") throw thrown;
      throw new RuntimeError("buffer-invalid", `The GPU refused the ${outside.map(({ label }) => label).join(" or the ")}, given as a GPUBuffer: ${messageOf(thrown)}`, "A buffer must not be destroyed or mapped before run() has resolved.", thrown);
    }
  }

  releaseAll(): void {
    for (const { owned, list } of this.#instances.values()) this.#device.release(owned, list ? [list] : []);
    this.#instances.clear();
    this.#device.release([...(this.#prepared?.buffers.values() ?? [])], []);
    this.#prepared = undefined;
  }

  #prepareWithout(): Promise<Prepared> {
    const names = this.#artifact.parameters.map((spec) => spec.name);
    if (names.length > 0)
      throw new RuntimeError(
        "missing-parameter",
        `${this.#artifact.model} was run before its ${names.length} parameters were given.`,
        `Call prepare({ ${names.slice(0, 3).map((name) => `"${name}": ...`).join(", ")}${names.length > 3 ? ", ..." : ""} }) first.`,
      );
    return this.prepare([], {});
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

  async #instance(bindings: Bindings, prepared: Prepared, outside: ReadonlySet<string>): Promise<Instance> {
    const key = `${bindingsKey(bindings)}|${[...outside].join()}`;
    const known = this.#instances.get(key);
    this.#instances.delete(key);
    if (known) {
      this.#instances.set(key, known);
      return known;
    }
    for (const [oldest, instance] of this.#instances)
      if (this.#instances.size >= keptInstances) {
        this.#instances.delete(oldest);
        this.#device.release(instance.owned, instance.list ? [instance.list] : []);
      }
    const { run, outputs, buffers: specs } = this.#artifact;
    const used = new Set([...run.flatMap((dispatch) => dispatch.buffers), ...outputs.map(bufferName)]);
    const mine = specs.filter((spec) => used.has(spec.name) && !lasting.has(spec.role) && !outside.has(spec.name));
    const own = await this.#allocate(mine, bindings, slotsOf(mine, run, bindings));
    const owned = [...own.values()];
    const buffers = new Map([...prepared.buffers, ...own]);
    try {
      const instance: Instance = { buffers, owned, list: outside.size > 0 ? undefined : await this.#bind(run, buffers, bindings) };
      this.#instances.set(key, instance);
      return instance;
    } catch (thrown) {
      this.#device.release(owned, []);
      throw thrown;
    }
  }

  #shared(label: string): SharedMemory {
    if (this.#device.shared) return this.#device.shared;
    throw new RuntimeError("buffer-invalid", `The ${label} is to be a GPUBuffer, and the device (${this.#device.description}) has none.`, "Use typed arrays here, or open a WebGPU device.");
  }

  #adopt({ spec, label, length, buffer }: OutsideValue, role: "input" | "parameter"): Promise<DeviceBuffer> {
    return this.#shared(label).adopt({ name: spec.name, role, dtype: spec.dtype, length }, label, buffer);
  }

  async #allocate(specs: readonly BufferSpec[], bindings: Bindings, slots: ReadonlyMap<string, number> = new Map()): Promise<BufferTable> {
    const requests = specs.map(({ name, role, dtype, length }): BufferRequest => {
      const slot = slots.get(name);
      return { name, role, dtype, length: evaluateExtent(length, bindings), ...(slot === undefined ? {} : { slot }) };
    });
    const buffers = await this.#device.allocate(requests);
    return new Map(buffers.map((buffer) => [buffer.name, buffer]));
  }

  async #bind(plan: readonly Dispatch[], buffers: BufferTable, bindings: Bindings): Promise<DispatchList> {
    const bound = plan.flatMap((dispatch): BoundDispatch[] => {
      const kernel = this.#kernels[dispatch.kernel];
      if (!kernel)
        throw new RuntimeError("artifact-invalid", `The plan of ${this.#artifact.model} names kernel ${dispatch.kernel} of ${this.#kernels.length}.`, "Build the model again.");
      const [x, y, z] = kernel.kernel.kind === "gpujs" ? [...kernel.kernel.output, 1] : dispatch.grid;
      const grid = [evaluateExtent(x ?? 1, bindings), evaluateExtent(y ?? 1, bindings), evaluateExtent(z ?? 1, bindings)] as const;
      return turnsOf(dispatch.repeat, bindings).map((turn) => ({ kernel, buffers: dispatch.buffers.map((name) => this.#buffer(buffers, name)), grid, bindings: turn }));
    });
    // Nothing to compute for a tensor without elements; a grid of 0 is not allowed everywhere.
    return this.#device.bind(bound.filter(({ grid }) => !grid.includes(0)));
  }

  #buffer(buffers: BufferTable, name: string): DeviceBuffer {
    const buffer = buffers.get(name);
    if (buffer) return buffer;
    throw new RuntimeError("artifact-invalid", `The artifact of ${this.#artifact.model} has no buffer '${name}' where its plan needs one.`, "Build the model again.");
  }
}
