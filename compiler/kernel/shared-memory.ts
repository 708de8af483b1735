/**
 * Workgroup memory of the interpreter. It remembers who touched each element since the last barrier, so that a missing
 * barrier is an error rather than a number that depends on the order of execution; and it starts out poisoned.
 */
import type { ValueType, WorkgroupArray } from "./node.ts";
import { required } from "../errors.ts";

interface Cells {
  readonly data: Float64Array;
  readonly written: Uint8Array;
  /** Invocation + 1 that wrote, or read, since the last barrier; 0 for none, -1 for several readers. */
  readonly writer: Int32Array;
  readonly reader: Int32Array;
  readonly type: ValueType;
  readonly length: number;
}

export class SharedMemory {
  /** The invocation that is running. */
  invocation = 0;
  private readonly cells = new Map<string, Cells>();
  private readonly fault: (message: string) => Error;

  constructor(arrays: readonly WorkgroupArray[], fault: (message: string) => Error) {
    this.fault = fault;
    for (const { name, type, length } of arrays)
      this.cells.set(name, {
        data: new Float64Array(length * type.lanes), written: new Uint8Array(length),
        writer: new Int32Array(length), reader: new Int32Array(length), type, length,
      });
  }

  has(name: string): boolean {
    return this.cells.has(name);
  }

  /** A new workgroup: nothing is written yet. */
  forget(): void {
    for (const cells of this.cells.values()) cells.written.fill(0);
    this.passBarrier();
  }

  passBarrier(): void {
    for (const cells of this.cells.values()) {
      cells.writer.fill(0);
      cells.reader.fill(0);
    }
  }

  private locate(name: string, index: number): Cells {
    const cells = required(this.cells.get(name), "interpret", `workgroup array '${name}'`);
    if (index < 0 || index >= cells.length) throw this.fault(`index ${index} of workgroup array '${name}', which has ${cells.length} elements`);
    return cells;
  }

  /** Floats that nobody wrote read as NaN, so that they show in the result; integers and truth values are an error. */
  read(name: string, index: number, lane: number): number {
    const cells = this.locate(name, index);
    const me = this.invocation + 1;
    const writer = cells.writer[index] ?? 0;
    if (writer !== 0 && writer !== me)
      throw this.fault(`race on '${name}[${index}]': written by invocation ${writer - 1} and read by invocation ${me - 1} with no barrier between`);
    const reader = cells.reader[index] ?? 0;
    cells.reader[index] = reader === 0 || reader === me ? me : -1;
    if (cells.written[index] === 0) {
      if (cells.type.scalar === "f32" || cells.type.scalar === "f16") return NaN;
      throw this.fault(`'${name}[${index}]' is read before it is written`);
    }
    return cells.data[index * cells.type.lanes + lane] ?? NaN;
  }

  write(name: string, index: number, values: readonly number[]): void {
    const cells = this.locate(name, index);
    const me = this.invocation + 1;
    for (const [what, other] of [["written", cells.writer[index] ?? 0], ["read", cells.reader[index] ?? 0]] as const)
      if (other !== 0 && other !== me)
        throw this.fault(`race on '${name}[${index}]': ${what} by ${other < 0 ? "several invocations" : `invocation ${other - 1}`} and written by invocation ${me - 1} with no barrier between`);
    cells.writer[index] = me;
    cells.written[index] = 1;
    for (const [lane, value] of values.entries()) cells.data[index * cells.type.lanes + lane] = value;
  }
}
