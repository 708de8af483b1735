/**
 * Buffers that a kernel both reads and writes, watched by the interpreter: who touched each element since the start, and
 * since the last barrier. Workgroups run in any order, so none may read or write what another one writes; within a workgroup
 * a barrier has to stand between.
 */
import { required } from "../errors.ts";
import type { Kernel } from "./node.ts";
import { visitExpressions, visitStatements } from "./traverse.ts";

/** Per element: 1 + the number of the workgroup, 0 for none, -1 for several; and of the invocation that did it, valid for one span between barriers. */
interface Touches {
  readonly group: Int32Array;
  readonly invocation: Int32Array;
  readonly span: Int32Array;
}

interface Cells {
  readonly reads: Touches;
  readonly writes: Touches;
}

const touches = (length: number): Touches => ({ group: new Int32Array(length), invocation: new Int32Array(length), span: new Int32Array(length) });

export class ReadBack {
  /** The invocation that is running. */
  invocation = 0;
  readonly #cells = new Map<string, Cells>();
  readonly #fault: (message: string) => Error;
  #group = 0;
  #span = 0;

  /** `lengthOf`: unit: elements */
  constructor(kernel: Kernel, lengthOf: (buffer: string) => number, fault: (message: string) => Error) {
    this.#fault = fault;
    const loaded = new Set<string>();
    visitExpressions(kernel.body, (e) => {
      if (e.kind === "load") loaded.add(e.buffer);
    });
    visitStatements(kernel.body, (statement) => {
      if (statement.kind !== "store" || !loaded.has(statement.buffer) || this.#cells.has(statement.buffer)) return;
      const length = lengthOf(statement.buffer);
      this.#cells.set(statement.buffer, { reads: touches(length), writes: touches(length) });
    });
  }

  watches(buffer: string): boolean {
    return this.#cells.has(buffer);
  }

  nextWorkgroup(): void {
    this.#group++;
    this.passBarrier();
  }

  passBarrier(): void {
    this.#span++;
  }

  /** throws: the fault of a read of what another invocation has written, or may have */
  read(buffer: string, at: number, lanes: number): void {
    const { reads, writes } = required(this.#cells.get(buffer), "interpret", buffer);
    for (let element = at; element < at + lanes; element++) {
      this.#check(writes, element, `'${buffer}[${element}]' is read`, "written");
      this.#mark(reads, element);
    }
  }

  /** throws: the fault of a write over what another invocation has read or written, or may yet */
  write(buffer: string, at: number, lanes: number): void {
    const { reads, writes } = required(this.#cells.get(buffer), "interpret", buffer);
    for (let element = at; element < at + lanes; element++) {
      this.#check(reads, element, `'${buffer}[${element}]' is written`, "read");
      this.#check(writes, element, `'${buffer}[${element}]' is written`, "written");
      this.#mark(writes, element);
    }
  }

  #check(before: Touches, element: number, what: string, how: string): void {
    const group = before.group[element] ?? 0;
    if (group === 0) return;
    if (group !== this.#group) throw this.#fault(`${what} by workgroup ${this.#group - 1} and ${how} by ${group < 0 ? "several others" : `workgroup ${group - 1}`}, in either order`);
    const other = before.invocation[element] ?? 0;
    if (before.span[element] === this.#span && other !== this.invocation + 1)
      throw this.#fault(`${what} by invocation ${this.invocation} and ${how} by ${other < 0 ? "several" : `invocation ${other - 1}`} with no barrier between`);
  }

  #mark(touched: Touches, element: number): void {
    const group = touched.group[element] ?? 0;
    const invocation = touched.span[element] === this.#span ? (touched.invocation[element] ?? 0) : 0;
    touched.group[element] = group === 0 || group === this.#group ? this.#group : -1;
    touched.invocation[element] = invocation === 0 || invocation === this.invocation + 1 ? this.invocation + 1 : -1;
    touched.span[element] = this.#span;
  }
}
