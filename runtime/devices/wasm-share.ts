/**
 * How several threads run one plan on shared memory: every thread walks through all calls, takes workgroups from a common
 * counter, and goes on when all workgroups of the call are done. Who does a workgroup does not matter to its result. Used by
 * wasm-threads.ts on the calling thread, and by the workers.
 */

export type Run = (first: number, last: number, columns: number, rows: number, frame: number, scratch: number) => void;

/** A dispatch as numbers. */
export interface Call {
  /** Number of a kernel that was handed over before. */
  readonly kernel: number;
  readonly groups: number;
  readonly columns: number;
  readonly rows: number;
  /** Byte address. */
  readonly frame: number;
}

/** What a worker is told, in order. */
export type WorkerMessage =
  | { readonly kind: "memory"; readonly memory: WebAssembly.Memory }
  | { readonly kind: "kernel"; readonly id: number; readonly module: WebAssembly.Module }
  | { readonly kind: "list"; readonly id: number; readonly calls: readonly Call[] }
  | { readonly kind: "drop"; readonly id: number }
  | { readonly kind: "run"; readonly id: number; readonly control: number; readonly threads: number; readonly scratch: number };

/** Words of the control block: what failed (a call's number plus 1), workers that are through, then two for each call. */
const failedWord = 0;
const leftWord = 1;
const firstCallWord = 2;

/** unit: bytes */
export const controlBytes = (calls: number): number => 4 * (firstCallWord + 2 * calls);

/** Parts of a call's workgroups that a thread takes at a time, by threads: small enough that all end together. */
const partsOfThread = 4;

const mathFunctions = { sin: Math.sin, cos: Math.cos, pow: Math.pow, rem: (a: number, b: number): number => a % b };

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Run {
  const { run } = new WebAssembly.Instance(module, { env: { memory, ...mathFunctions } }).exports;
  if (typeof run !== "function") throw new TypeError("the module exports no function 'run'");
  return run as Run;
}

export class Control {
  readonly #words: Int32Array;

  /** `address`: of a control block, in bytes. */
  constructor(memory: WebAssembly.Memory, address: number, calls: number) {
    this.#words = new Int32Array(memory.buffer, address, firstCallWord + 2 * calls);
  }

  reset(): void {
    this.#words.fill(0);
  }

  /** Number of a call that trapped. */
  get failed(): number | undefined {
    const word = Atomics.load(this.#words, failedWord);
    return word === 0 ? undefined : word - 1;
  }

  get left(): number {
    return Atomics.load(this.#words, leftWord);
  }

  leave(): void {
    Atomics.add(this.#words, leftWord, 1);
  }

  /** Does workgroups of call `at` until none is left to take. A trap is noted, and its workgroups count as done. */
  share(at: number, { groups, columns, rows, frame }: Call, run: Run, threads: number, scratch: number): void {
    const next = firstCallWord + 2 * at;
    const size = Math.max(1, Math.floor(groups / (threads * partsOfThread)));
    for (;;) {
      const first = Atomics.add(this.#words, next, size);
      if (first >= groups) return;
      const last = Math.min(groups, first + size);
      try {
        if (this.failed === undefined) run(first, last, columns, rows, frame, scratch);
      } catch {
        Atomics.store(this.#words, failedWord, at + 1);
      }
      Atomics.add(this.#words, next + 1, last - first);
      Atomics.notify(this.#words, next + 1);
    }
  }

  /** Workgroups of call `at` that are done. */
  done(at: number): number {
    return Atomics.load(this.#words, firstCallWord + 2 * at + 1);
  }

  /** Waits while `done` workgroups are done. unit of `most`: milliseconds. throws: TypeError where a thread may not block */
  sleep(at: number, done: number, most: number): void {
    Atomics.wait(this.#words, firstCallWord + 2 * at + 1, done, most);
  }
}

/** Turns of looking before a thread sleeps: workgroups of a call end within microseconds of each other. */
export const patience = 2000;

/** The other side: what a worker does with its messages. */
export class Helper {
  #memory: WebAssembly.Memory | undefined;
  readonly #runs = new Map<number, Run>();
  readonly #lists = new Map<number, readonly Call[]>();

  receive(message: WorkerMessage): void {
    switch (message.kind) {
      case "memory":
        this.#memory = message.memory;
        return;
      case "kernel":
        if (this.#memory) this.#runs.set(message.id, instantiate(message.module, this.#memory));
        return;
      case "list":
        this.#lists.set(message.id, message.calls);
        return;
      case "drop":
        this.#lists.delete(message.id);
        return;
      case "run":
        return this.#run(message);
      default:
        return message satisfies never;
    }
  }

  #run({ id, control: address, threads, scratch }: Extract<WorkerMessage, { kind: "run" }>): void {
    const calls = this.#lists.get(id);
    if (!this.#memory || !calls) return;
    const control = new Control(this.#memory, address, calls.length);
    calls.forEach((call, at) => {
      const run = this.#runs.get(call.kernel);
      if (!run) return;
      control.share(at, call, run, threads, scratch);
      for (let turns = 0; control.done(at) < call.groups; turns++) {
        const done = control.done(at);
        if (turns > patience && done < call.groups) control.sleep(at, done, 1000);
      }
    });
    control.leave();
  }
}
