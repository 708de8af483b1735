/**
 * Counts what a kernel does, for the cost model and for the claims about bytes: the IR counts itself. Loops are counted
 * by their bounds. A branch that depends on the invocation number or on counters alone is followed exactly; one that
 * depends on the workgroup or on data is counted as taken. Workgroup 0 stands for all.
 */
import { byteSize } from "../ir/types.ts";
import { InternalError } from "../errors.ts";
import { evaluateInstruction, instructions } from "./instructions.ts";
import type { Expression, Kernel, Statement } from "./node.ts";
import { evaluateExtent } from "./numbers.ts";
import { blocksOf, childrenOf, expressionsOf, visitExpression, visitStatements } from "./traverse.ts";

export interface BufferCount {
  /** Elements read and written by all invocations; a vector access counts its lanes. */
  readonly loads: number;
  readonly stores: number;
  /** unit: bytes, of the same accesses */
  readonly loadedBytes: number;
  readonly storedBytes: number;
  /** unit: bytes; an upper bound of what is touched: no more than the accesses, no more than the buffer. */
  readonly distinctBytes: number;
}

export interface KernelCount {
  readonly buffers: ReadonlyMap<string, BufferCount>;
  /** Floating-point operations of all invocations; fma is two, every other float instruction one. */
  readonly flops: number;
  readonly workgroups: number;
  readonly invocations: number;
  /** Barriers that one invocation passes. */
  readonly barriers: number;
  /** Loops whose bounds depend on the workgroup: counted as in workgroup 0. */
  readonly inexact: readonly string[];
}

/** Known i32 and bool values of names; a name that is missing is unknown. */
type Known = Map<string, number>;

interface Tally {
  readonly loads: Map<string, number>;
  readonly stores: Map<string, number>;
  flops: number;
  barriers: number;
}

interface State {
  readonly kernel: Kernel;
  readonly bindings: Readonly<Record<string, number>>;
  readonly inexact: Set<string>;
  /** Values in workgroup 0 of names that depend on the workgroup. */
  readonly guesses: Known;
  /** Names whose value a branch or a loop bound depends on; other counters need not be followed. */
  readonly steering: ReadonlySet<string>;
}

const newTally = (): Tally => ({ loads: new Map(), stores: new Map(), flops: 0, barriers: 0 });

function addTally(into: Tally, from: Tally, times: number): void {
  for (const key of ["loads", "stores"] as const) for (const [name, count] of from[key]) into[key].set(name, (into[key].get(name) ?? 0) + count * times);
  into.flops += from.flops * times;
  into.barriers += from.barriers * times;
}

/** The value of an integer or truth expression; undefined if it depends on data or, unless `group` is set, on the workgroup. */
function valueOf(e: Expression, known: Known, state: State, group?: number): number | undefined {
  switch (e.kind) {
    case "const":
      return e.value;
    case "extent":
      return evaluateExtent(e.extent, state.bindings);
    case "ref":
      return known.get(e.name) ?? (group === undefined ? undefined : state.guesses.get(e.name));
    case "builtin":
      return e.builtin === "thread" ? known.get("thread") : e.builtin === "subgroup_size" ? undefined : group;
    case "instruction": {
      const values = e.args.map((arg) => valueOf(arg, known, state, group));
      const scalar = e.args.at(-1)?.type.scalar ?? "f32";
      const dividesByZero = (e.op === "div" || e.op === "rem") && values[1] === 0;
      return e.type.lanes === 1 && !dividesByZero && values.every((value) => value !== undefined) ? evaluateInstruction(e.op, scalar, values) : undefined;
    }
    default:
      return undefined;
  }
}

function tallyExpression(e: Expression, tally: Tally): void {
  visitExpression(e, (inner) => {
    if (inner.kind === "load") tally.loads.set(inner.buffer, (tally.loads.get(inner.buffer) ?? 0) + inner.type.lanes);
    const operand = inner.kind === "instruction" ? inner.args.at(-1)?.type : undefined;
    if (inner.kind === "instruction" && operand && (operand.scalar === "f32" || operand.scalar === "f16"))
      tally.flops += instructions[inner.op].flops * operand.lanes;
  });
}

function turns(start: number, end: number, step: number): number {
  if (step <= 0) throw new InternalError("count", `a loop step of ${step}`);
  return Math.max(0, Math.ceil((end - start) / step));
}

function tallyLoop(loop: Extract<Statement, { kind: "for" }>, known: Known, state: State, tally: Tally): void {
  const bound = (e: Expression): number => {
    const exact = valueOf(e, known, state);
    if (exact === undefined) state.inexact.add(loop.name);
    const guess = exact ?? valueOf(e, known, state, 0);
    if (guess === undefined) throw new InternalError("count", `the bounds of loop '${loop.name}' depend on data`);
    return guess;
  };
  const [start, end, step] = [bound(loop.start), bound(loop.end), bound(loop.step)];
  const count = turns(start, end, step);
  if (count === 0) return;
  if (!state.steering.has(loop.name)) return addTally(tally, tallyBlock(loop.body, known, state), count);
  for (let turn = 0; turn < count; turn++) addTally(tally, tallyBlock(loop.body, new Map([...known, [loop.name, start + turn * step]]), state), 1);
}

function tallyBlock(statements: readonly Statement[], known: Known, state: State): Tally {
  const tally = newTally();
  for (const statement of statements) {
    for (const e of expressionsOf(statement)) tallyExpression(e, tally);
    if (statement.kind === "let") {
      const value = valueOf(statement.value, known, state);
      if (value !== undefined) known.set(statement.name, value);
      const guess = valueOf(statement.value, known, state, 0);
      if (guess !== undefined) state.guesses.set(statement.name, guess);
    }
    if (statement.kind === "store") tally.stores.set(statement.buffer, (tally.stores.get(statement.buffer) ?? 0) + statement.value.type.lanes);
    if (statement.kind === "barrier") tally.barriers++;
    if (statement.kind === "for") tallyLoop(statement, known, state, tally);
    if (statement.kind === "if") addTally(tally, tallyBlock(valueOf(statement.condition, known, state) === 0 ? statement.otherwise : statement.then, known, state), 1);
  }
  return tally;
}

function namesIn(e: Expression, into: Set<string>): void {
  if (e.kind === "ref") into.add(e.name);
  if (e.kind === "builtin") into.add(e.builtin);
  for (const child of childrenOf(e)) namesIn(child, into);
}

/** Names, and builtins, that conditions and bounds depend on, through lets too. */
function steeringNames(kernel: Kernel): Set<string> {
  const names = new Set<string>();
  const definitions = new Map<string, Expression>();
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "let") definitions.set(statement.name, statement.value);
    if (blocksOf(statement).length > 0) for (const e of expressionsOf(statement)) namesIn(e, names);
  });
  for (const name of names) {
    const definition = definitions.get(name);
    if (definition) namesIn(definition, names);
  }
  return names;
}

/** Counts all workgroups of one dispatch. cost: the text, times the invocations and turns that steer a branch or bound. */
export function countKernel(kernel: Kernel, bindings: Readonly<Record<string, number>>): KernelCount {
  const state: State = { kernel, bindings, inexact: new Set(), guesses: new Map(), steering: steeringNames(kernel) };
  const [x = 1, y = 1, z = 1] = kernel.grid.map((axis) => evaluateExtent(axis, bindings));
  const workgroups = x * y * z;
  const total = newTally();
  if (state.steering.has("thread"))
    for (let thread = 0; thread < kernel.workgroupSize; thread++) addTally(total, tallyBlock(kernel.body, new Map([["thread", thread]]), state), 1);
  else addTally(total, tallyBlock(kernel.body, new Map(), state), kernel.workgroupSize);
  const buffers = kernel.buffers.map((buffer): [string, BufferCount] => {
    const loads = (total.loads.get(buffer.name) ?? 0) * workgroups;
    const stores = (total.stores.get(buffer.name) ?? 0) * workgroups;
    const size = byteSize(buffer.dtype);
    const distinctBytes = Math.min(loads + stores, evaluateExtent(buffer.length, bindings)) * size;
    return [buffer.name, { loads, stores, loadedBytes: loads * size, storedBytes: stores * size, distinctBytes }];
  });
  return {
    buffers: new Map(buffers), flops: total.flops * workgroups, workgroups, invocations: workgroups * kernel.workgroupSize,
    barriers: total.barriers / kernel.workgroupSize, inexact: [...state.inexact].sort(),
  };
}
