/** Collects the statements of one kernel: nested blocks, unique names, buffers and workgroup arrays as they are used. */
import { required } from "../errors.ts";
import type { Expressions } from "../folds/expression.ts";
import { extentTree, extentValue, type Extent, extentNames, productOfExtents, type ExtentTree } from "../ir/extent.ts";
import type { DType } from "../ir/types.ts";
import * as k from "../kernel/build.ts";
import { freshName } from "../kernel/names.ts";
import type { Buffer, Expression, Kernel, Lanes, Statement, ValueType, WorkgroupArray } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";

/** Where a buffer comes from: the runtime binds `tensor` to it. */
export interface TensorInfo {
  readonly dtype: DType;
  readonly shape: readonly Extent[];
}

interface BufferUse {
  readonly tensor: string;
  readonly dtype: DType;
  readonly access: "read" | "write";
  readonly length: Extent;
  readonly columns: Extent | undefined;
  vector: boolean;
}

export interface BoundKernel {
  readonly kernel: Kernel;
  /** Tensor of each buffer, in buffer order. */
  readonly tensors: readonly string[];
  /** The same kernel, buffers included, for devices with subgroups, where that is another one. */
  readonly withSubgroups?: Kernel;
}

/** How an invocation goes through partial results on its subgroup's behalf; see subgroup-merge.ts. */
export interface SubgroupWalk {
  /** Invocations of its subgroup before it, and in it. */
  readonly place: Expression;
  readonly members: Expression;
  /** Whether its subgroup is the one that merges. */
  readonly leads: Expression;
}

export class KernelWriter {
  readonly e: Expressions;
  readonly #tensorOf: (name: string) => TensorInfo;
  readonly #names = new Set<string>();
  readonly #buffers = new Map<string, BufferUse>();
  readonly #bufferNames = new Map<string, string>();
  readonly #arrays: WorkgroupArray[] = [];
  readonly #extents = new Set<string>();
  readonly #subgroups: boolean;
  #block: Statement[] = [];
  #asked = false;
  #walk: SubgroupWalk | undefined;

  /** `subgroups`: write the kernel for devices that have them. */
  constructor(e: Expressions, tensorOf: (name: string) => TensorInfo, subgroups = false) {
    this.e = e;
    this.#tensorOf = tensorOf;
    this.#subgroups = subgroups;
  }

  /** How to merge by subgroups here, where they would do; undefined where the kernel is for devices without. `emit`: before the first use, outside of loops. */
  walkOfSubgroups(emit: (writer: KernelWriter) => SubgroupWalk): SubgroupWalk | undefined {
    this.#asked = true;
    if (this.#subgroups) this.#walk ??= emit(this);
    return this.#walk;
  }

  /** Whether the kernel would be another one with subgroups. */
  get wouldTakeSubgroups(): boolean {
    return this.#asked;
  }

  unique(prefix: string): string {
    return freshName(prefix, this.#names);
  }

  tensor(name: string): TensorInfo {
    return this.#tensorOf(name);
  }

  add(...statements: readonly Statement[]): void {
    this.#block.push(...statements);
  }

  comment(text: string): void {
    this.add(s.comment(text));
  }

  /** Names a value; constants and names stay as they are. */
  let(prefix: string, value: Expression): Expression {
    if (value.kind === "const" || value.kind === "ref") return value;
    const name = this.unique(prefix);
    this.add(s.define(name, value));
    return k.ref(name, value.type);
  }

  variable(prefix: string, value: Expression): { readonly ref: Expression; assign(value: Expression): void } {
    const name = this.unique(prefix);
    this.add(s.variable(name, value));
    return { ref: k.ref(name, value.type), assign: (next) => this.add(s.assign(name, next)) };
  }

  /** Runs `body` with its statements going to a block of their own. */
  block(body: () => void): Statement[] {
    const outer = this.#block;
    this.#block = [];
    body();
    const made = this.#block;
    this.#block = outer;
    return made;
  }

  for(prefix: string, start: Expression, end: Expression, step: Expression, body: (counter: Expression) => void, unroll = false): void {
    const name = this.unique(prefix);
    this.add(s.forLoop(name, end, (counter) => this.block(() => body(counter)), { start, step, unroll }));
  }

  if(condition: Expression, then: () => void): void {
    const value = k.constantValue(condition);
    if (value === 1) then();
    else if (value !== 0) this.add(s.when(condition, this.block(then)));
  }

  barrier(): void {
    this.add(s.barrier);
  }

  workgroupArray(prefix: string, type: ValueType, length: number): string {
    const name = this.unique(prefix);
    this.#arrays.push({ name, type, length });
    return name;
  }

  /** i32 value of an extent. */
  extent(extent: Extent): Expression {
    for (const name of extentNames(extent)) this.#extents.add(name);
    return k.extent(extentTree(extent));
  }

  #use(tensor: string, access: "read" | "write", columns: Extent | undefined): { name: string; use: BufferUse } {
    const known = this.#bufferNames.get(tensor);
    if (known) return { name: known, use: required(this.#buffers.get(known), "schedule", known) };
    const info = this.#tensorOf(tensor);
    const name = this.unique(tensor);
    const use: BufferUse = { tensor, dtype: info.dtype, access, length: productOfExtents(info.shape), columns, vector: false };
    if (columns) for (const each of extentNames(columns)) this.#extents.add(each);
    this.#bufferNames.set(tensor, name);
    this.#buffers.set(name, use);
    return { name, use };
  }

  /** A tensor that the kernel reads before it writes it. */
  writes(tensor: string): void {
    this.#use(tensor, "write", undefined);
  }

  load(tensor: string, index: Expression | readonly Expression[], lanes: Lanes, columns?: Extent): Expression {
    const { name, use } = this.#use(tensor, "read", columns);
    if (lanes === 4) use.vector = true;
    return k.load(name, use.dtype, index, lanes);
  }

  store(tensor: string, index: Expression | readonly Expression[], value: Expression, columns?: Extent): void {
    const { name, use } = this.#use(tensor, "write", columns);
    if (value.type.lanes === 4) use.vector = true;
    this.add(s.store(name, index, value));
  }

  finish(options: { readonly name: string; readonly mode: Kernel["mode"]; readonly workgroupSize: number; readonly grid: Kernel["grid"] }): BoundKernel {
    const buffers = [...this.#buffers.entries()].map(([name, use]): Buffer => ({
      name, dtype: use.dtype, access: use.access, lanes: use.vector ? 4 : 1, length: extentTree(use.length),
      ...(use.columns ? { columns: extentTree(use.columns) } : {}),
    }));
    const used = new Set(this.#extents);
    const kernel: Kernel = { ...options, extents: [...used].sort(), buffers, workgroupArrays: this.#arrays, body: this.#block };
    return { kernel, tensors: [...this.#buffers.values()].map((use) => use.tensor) };
  }
}

/** Whether a tensor of this many elements may be bound as vec4. */
export const divisibleByFour = (length: Extent): boolean => length.terms.every((term) => term.coefficient % 4 === 0);

/** ceil(a / b) for a literal b. */
export function ceilDivide(a: Extent, b: number): ExtentTree {
  const value = extentValue(a);
  if (value !== undefined) return Math.ceil(value / b);
  return b === 1 ? extentTree(a) : ["/", ["+", extentTree(a), b - 1], b];
}
