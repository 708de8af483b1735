/**
 * Runs a kernel on the CPU, for tests and for the numeric checker: slow, and strict where devices are lenient. f32
 * arithmetic is rounded after every operation; an access out of bounds, a read of workgroup memory that nobody wrote,
 * a data race between two barriers, one between workgroups on what a kernel reads and writes, and a barrier that not all reach are errors with names and numbers in them.
 * Invocations of a workgroup run in turn, each up to its next barrier or subgroup operation.
 */
import type { Kernel } from "./node.ts";
import { compileBody, type Frame, type Machine, type Stop } from "./interpret-statement.ts";
import { evaluateExtent } from "./numbers.ts";
import type { BufferData } from "./interpret-expression.ts";
import { required } from "../errors.ts";
import { ReadBack } from "./read-back.ts";
import { SharedMemory } from "./shared-memory.ts";
import { linearSubgroups, mergeOverSubgroup, type SubgroupMapping } from "./subgroups.ts";

export type { BufferData };

/** What a kernel did that no device may be asked to do. */
export class KernelFault extends Error {
  constructor(kernel: string, message: string) {
    super(`kernel ${kernel}: ${message}`);
    this.name = "KernelFault";
  }
}

/** Each invocation gets what its subgroup makes of what all of them gave. No memory is ordered by it. */
function exchange({ subgroups }: Machine, frames: readonly Frame[], { op, scalar }: NonNullable<Stop["subgroup"]>): void {
  for (const members of subgroups.members) {
    const inside = members.map((invocation) => required(frames[invocation], "interpret", `invocation ${invocation}`));
    const merged = mergeOverSubgroup(op, scalar, inside.map((frame) => frame.exchanged));
    for (const [lane, frame] of inside.entries()) frame.exchanged = required(merged[lane], "interpret", `lane ${lane}`);
  }
}

/** All invocations of one workgroup: in turn to the next stop, until all are done. */
function runWorkgroup(machine: Machine, frames: readonly Frame[], start: (frame: Frame) => Generator<Stop, void>): void {
  const running = frames.map(start);
  for (;;) {
    const stops = running.map((invocation, i) => {
      machine.shared.invocation = i;
      machine.readBack.invocation = i;
      const step = invocation.next();
      return step.done ? theEnd : step.value;
    });
    const [first] = stops;
    const other = stops.findIndex((stop) => stop !== first);
    if (other >= 0) throw machine.fault(`invocation 0 waits at ${first?.where}, invocation ${other} at ${stops[other]?.where}`);
    if (first === theEnd || first === undefined) return;
    if (first.subgroup) exchange(machine, frames, first.subgroup);
    else {
      machine.shared.passBarrier();
      machine.readBack.passBarrier();
    }
  }
}

const theEnd: Stop = { where: "the end" };

/** What a device without a say in it is likely to have. */
const usualSize = 32;

/**
 * Executes `kernel` over `buffers`, in place; `bindings` are the extents. A buffer must have exactly its declared
 * length. f16 buffers are Float32Arrays that hold half-precision numbers; bool buffers hold 0 and 1. `subgroups`: which
 * invocations work together; neighbours by 32 when left out.
 * throws: KernelFault
 */
export function interpret(kernel: Kernel, buffers: Readonly<Record<string, BufferData>>, bindings: Readonly<Record<string, number>> = {}, subgroups: SubgroupMapping | undefined = linearSubgroups(kernel.workgroupSize, usualSize)): void {
  const fault = (message: string): KernelFault => new KernelFault(kernel.name, message);
  const shared = new SharedMemory(kernel.workgroupArrays, fault);
  const memory = new Map<string, BufferData>();
  for (const buffer of kernel.buffers) {
    const data = required(buffers[buffer.name], "interpret", `buffer '${buffer.name}' of ${kernel.name}`);
    const length = evaluateExtent(buffer.length, bindings);
    if (data.length !== length) throw fault(`buffer '${buffer.name}' has ${data.length} elements, declared ${length}`);
    memory.set(buffer.name, data);
  }
  const readBack = new ReadBack(kernel, (name) => memory.get(name)?.length ?? 0, fault);
  const machine: Machine = { kernel, bindings, memory, shared, readBack, subgroups, fault };
  const { start, slots } = compileBody(machine);
  const [columns, rows, layers] = kernel.grid.map((axis) => evaluateExtent(axis, bindings));
  const grid = [columns ?? 1, rows ?? 1, layers ?? 1] as const;
  for (let z = 0; z < grid[2]; z++)
    for (let y = 0; y < grid[1]; y++)
      for (let x = 0; x < grid[0]; x++) {
        shared.forget();
        readBack.nextWorkgroup();
        const frames = Array.from({ length: kernel.workgroupSize }, (_, thread): Frame => ({ values: new Array(slots), arrays: new Array(slots), x, y, z, thread, exchanged: [] }));
        runWorkgroup(machine, frames, start);
      }
}
