/** Expressions of the interpreter: each is compiled once to a closure that gives its lanes for one invocation. */
import { instructions, evaluateInstruction } from "./instructions.ts";
import type { Buffer, Builtin, Expression, Kernel, SubgroupOperation } from "./node.ts";
import { bitcastNumber, convertNumber, evaluateExtent } from "./numbers.ts";
import type { ReadBack } from "./read-back.ts";
import type { SharedMemory } from "./shared-memory.ts";
import type { SubgroupMapping } from "./subgroups.ts";
import { required } from "../errors.ts";

/** Memory of a buffer. f16 buffers hold half-precision numbers as f32; bool buffers hold 0 and 1. */
export type BufferData = Float32Array | Int32Array | Uint32Array | Uint8Array;

/** What all invocations share. */
export interface Machine {
  readonly kernel: Kernel;
  readonly bindings: Readonly<Record<string, number>>;
  readonly memory: ReadonlyMap<string, BufferData>;
  readonly shared: SharedMemory;
  readonly readBack: ReadBack;
  readonly subgroups: SubgroupMapping;
  readonly fault: (message: string) => Error;
}

/** One value: its lanes in order. */
export type Lanewise = readonly number[];

/** One invocation: its coordinates and the values of its names, by slot. */
export interface Frame {
  readonly values: Lanewise[];
  readonly arrays: number[][][];
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly thread: number;
  /** What this invocation gives to an operation of its subgroup; interpret.ts puts the result in its place. */
  exchanged: Lanewise;
}

/** Where an invocation waits for others. */
export interface Stop {
  readonly where: string;
  /** Absent: a barrier. */
  readonly subgroup?: { readonly op: SubgroupOperation; readonly scalar: Expression["type"]["scalar"] };
}

export type Compute = (frame: Frame) => Lanewise;

/** Slots are dense numbers for names. */
export type Slots = Map<string, number>;

export function slotOf(slots: Slots, name: string): number {
  const slot = slots.get(name) ?? slots.size;
  slots.set(name, slot);
  return slot;
}

const builtins: Readonly<Record<Exclude<Builtin, "subgroup_size">, (frame: Frame) => number>> = {
  group_x: (frame) => frame.x, group_y: (frame) => frame.y, group_z: (frame) => frame.z, thread: (frame) => frame.thread,
  thread_x: (frame) => frame.x, thread_y: (frame) => frame.y, thread_z: (frame) => frame.z,
};

const first = (value: Lanewise): number => value[0] ?? NaN;

/** Checked position in a buffer, unit: scalar elements. Vector accesses of buffers with lanes must be aligned. */
export function compilePosition(machine: Machine, buffer: Buffer, index: readonly Compute[], lanes: number): (frame: Frame) => number {
  const [row, column] = index;
  const rowOf = required(row, "interpret", `index of '${buffer.name}'`);
  const columns = buffer.columns === undefined ? 1 : evaluateExtent(buffer.columns, machine.bindings);
  const length = required(machine.memory.get(buffer.name), "interpret", `buffer '${buffer.name}'`).length;
  return (frame) => {
    const at = column ? first(rowOf(frame)) * columns + first(column(frame)) : first(rowOf(frame));
    const inside = column ? first(column(frame)) : 0;
    if (!(at >= 0 && at + lanes <= length) || (column && !(inside >= 0 && inside + lanes <= columns)))
      throw machine.fault(`index ${index.map((entry) => first(entry(frame))).join(", ")} of buffer '${buffer.name}', which has ${length} elements${column ? ` in rows of ${columns}` : ""}`);
    if (lanes > 1 && buffer.lanes > 1 && at % lanes !== 0) throw machine.fault(`index ${at} of buffer '${buffer.name}' is not a multiple of ${lanes}`);
    return at;
  };
}

export const bufferOf = (machine: Machine, name: string): Buffer =>
  required(machine.kernel.buffers.find((buffer) => buffer.name === name), "interpret", `buffer '${name}'`);

function compileInstruction(e: Extract<Expression, { kind: "instruction" }>, args: readonly Compute[], machine: Machine): Compute {
  const { op } = e;
  const scalar = e.args.at(-1)?.type.scalar ?? "f32";
  const integer = scalar === "i32" || scalar === "u32";
  const { lanes } = e.type;
  const divides = integer && (op === "div" || op === "rem");
  const evaluate = (operands: readonly Lanewise[], at: number): number => {
    const values = operands.map((operand) => operand[operand.length === 1 ? 0 : at] ?? NaN);
    if (divides && values[1] === 0) throw machine.fault(`integer ${op} by zero`);
    return evaluateInstruction(op, scalar, values);
  };
  if (lanes === 1 && args.length === 2 && !divides && instructions[op].arity === 2) {
    const [a, b] = args;
    if (a && b) return (frame) => [evaluateInstruction(op, scalar, [first(a(frame)), first(b(frame))])];
  }
  return (frame) => {
    const operands = args.map((arg) => arg(frame));
    return Array.from({ length: lanes }, (_, at) => evaluate(operands, at));
  };
}

/** Compiles an expression. Both operands of `select`, `and` and `or` are evaluated, as in the kernel IR. */
export function compileExpression(e: Expression, machine: Machine, slots: Slots): Compute {
  const compile = (inner: Expression): Compute => compileExpression(inner, machine, slots);
  switch (e.kind) {
    case "const": {
      const value = [e.value];
      return () => value;
    }
    case "ref": {
      const slot = slotOf(slots, e.name);
      return (frame) => required(frame.values[slot], "interpret", `value of '${e.name}'`);
    }
    case "extent": {
      const value = [evaluateExtent(e.extent, machine.bindings)];
      return () => value;
    }
    case "builtin": {
      if (e.builtin === "subgroup_size") return () => [machine.subgroups.size];
      const read = builtins[e.builtin];
      return (frame) => [read(frame)];
    }
    case "load": {
      const { lanes } = e.type;
      const position = compilePosition(machine, bufferOf(machine, e.buffer), e.index.map(compile), lanes);
      const data = required(machine.memory.get(e.buffer), "interpret", `buffer '${e.buffer}'`);
      const watched = machine.readBack.watches(e.buffer);
      return (frame) => {
        const at = position(frame);
        if (watched) machine.readBack.read(e.buffer, at, lanes);
        return lanes === 1 ? [data[at] ?? NaN] : Array.from(data.subarray(at, at + lanes));
      };
    }
    case "element": {
      const index = compile(e.index);
      if (machine.shared.has(e.array)) return (frame) => {
        const at = first(index(frame));
        return Array.from({ length: e.type.lanes }, (_, lane) => machine.shared.read(e.array, at, lane));
      };
      const slot = slotOf(slots, e.array);
      return (frame) => {
        const at = first(index(frame));
        const array = required(frame.arrays[slot], "interpret", `array '${e.array}'`);
        const value = array[at];
        if (!value) throw machine.fault(`index ${at} of array '${e.array}', which has ${array.length} elements`);
        return value;
      };
    }
    case "instruction":
      return compileInstruction(e, e.args.map(compile), machine);
    case "subgroup":
      throw machine.fault(`${e.op} is not the whole value of a let`);
    case "convert":
    case "bitcast": {
      const arg = compile(e.arg);
      const change = e.kind === "convert" ? convertNumber : bitcastNumber;
      const [from, to] = [e.arg.type.scalar, e.type.scalar];
      return (frame) => arg(frame).map((value) => change(value, from, to));
    }
    case "splat": {
      const arg = compile(e.arg);
      return (frame) => new Array<number>(e.type.lanes).fill(first(arg(frame)));
    }
    case "vector": {
      const args = e.args.map(compile);
      return (frame) => args.map((arg) => first(arg(frame)));
    }
    case "lane": {
      const arg = compile(e.arg);
      return (frame) => [arg(frame)[e.lane] ?? NaN];
    }
    default:
      return e satisfies never;
  }
}
