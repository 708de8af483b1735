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
  | { readonly kind: "memory"; readonly memory: WebAssembly.Memory; /** Byte address. */ readonly mailbox: number; /** 1 for the first. */ readonly worker: number }
  | { readonly kind: "kernel"; readonly id: number; readonly module: WebAssembly.Module }
  | { readonly kind: "list"; readonly id: number; readonly calls: readonly Call[] }
  | { readonly kind: "drop"; readonly id: number };

/** A call of a list by all threads. Addresses in bytes; `scratch` is that of the calling thread, the others' follow. */
export interface Order {
  readonly id: number;
  readonly control: number;
  readonly threads: number;
  readonly scratch: number;
  readonly scratchBytes: number;
}

/** Words of the mailbox: changes of any kind, messages sent, orders given, the gate, workers that are through, then the order. */
const changesWord = 0;
const sentWord = 1;
const ordersWord = 2;
const gateWord = 3;
const leftWord = 4;
const orderWord = 5;

/** unit: bytes */
export const mailboxBytes = 4 * (orderWord + 5);

/** Of the gate: the rest of it counts the workers that went through. */
const closed = 2 ** 30;

/**
 * Where workers look between calls. An order stands in shared memory and not in a message, since a thread that waits for a word
 * is there sooner; for messages it has to leave that wait, so they are counted here. A worker takes part in an order if it
 * comes while the gate is open: nobody waits for one that has not begun.
 */
export class Mailbox {
  readonly #words: Int32Array;

  constructor(memory: WebAssembly.Memory, address: number) {
    this.#words = new Int32Array(memory.buffer, address, mailboxBytes / 4);
    this.#words.fill(0);
    this.#words[gateWord] = closed;
  }

  /** After a message to every worker was posted. */
  sent(): void {
    Atomics.add(this.#words, sentWord, 1);
    this.#change();
  }

  /** The gate is closed, and all that went through have left. */
  give({ id, control, threads, scratch, scratchBytes }: Order): void {
    this.#words.set([id, control, threads, scratch, scratchBytes], orderWord);
    Atomics.store(this.#words, leftWord, 0);
    Atomics.store(this.#words, gateWord, 0);
    Atomics.add(this.#words, ordersWord, 1);
    this.#change();
  }

  /** Closes the gate; gives the number of workers that went through. */
  close(): number {
    return Atomics.or(this.#words, gateWord, closed) & (closed - 1);
  }

  get left(): number {
    return Atomics.load(this.#words, leftWord);
  }

  /** Waits while `left` workers are through. unit of `most`: milliseconds. throws: TypeError where a thread may not block */
  sleep(left: number, most: number): void {
    Atomics.wait(this.#words, leftWord, left, most);
  }

  #change(): void {
    Atomics.add(this.#words, changesWord, 1);
    Atomics.notify(this.#words, changesWord);
  }
}

/** Words of the control block of a list: what failed (a call's number plus 1), then two for each call. */
const failedWord = 0;
const firstCallWord = 1;

/** unit: bytes */
export const controlBytes = (calls: number): number => 4 * (firstCallWord + 2 * calls);

/** Parts of a call's workgroups that a thread takes at a time, by threads: small enough that all end together. */
const partsOfThread = 4;

const mathFunctions = { sin: Math.sin, cos: Math.cos, rem: (a: number, b: number): number => a % b };

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

  /** Waits while `done` workgroups of call `at` are done. unit of `most`: milliseconds. throws: TypeError where a thread may not block */
  sleep(at: number, done: number, most: number): void {
    Atomics.wait(this.#words, firstCallWord + 2 * at + 1, done, most);
  }
}

/** Turns of looking before a thread sleeps: workgroups of a call end within microseconds of each other. */
export const patience = 2000;

/** The same of a worker between calls: some tens of microseconds, so that it is awake when calls follow each other. */
const idlePatience = 20_000;

/** The other side: what a worker does with its messages and orders. */
export class Helper {
  #memory: WebAssembly.Memory | undefined;
  #words = new Int32Array(1);
  #worker = 0;
  #received = 0;
  #orders = 0;
  readonly #runs = new Map<number, Run>();
  readonly #lists = new Map<number, readonly Call[]>();

  receive(message: WorkerMessage): void {
    switch (message.kind) {
      case "memory":
        this.#memory = message.memory;
        this.#words = new Int32Array(message.memory.buffer, message.mailbox, mailboxBytes / 4);
        this.#worker = message.worker;
        break;
      case "kernel":
        if (this.#memory) this.#runs.set(message.id, instantiate(message.module, this.#memory));
        break;
      case "list":
        this.#lists.set(message.id, message.calls);
        break;
      case "drop":
        this.#lists.delete(message.id);
        break;
      default:
        return message satisfies never;
    }
    this.#received++;
    this.#serve();
  }

  /** Does what is ordered until there is a message to read. */
  #serve(): void {
    const words = this.#words;
    const isAllRead = (): boolean => Atomics.load(words, sentWord) <= this.#received;
    for (let turns = 0; isAllRead(); turns++) {
      const changes = Atomics.load(words, changesWord);
      const orders = Atomics.load(words, ordersWord);
      if (orders !== this.#orders) {
        this.#orders = orders;
        turns = 0;
        if ((Atomics.add(words, gateWord, 1) & closed) !== 0) continue;
        this.#run();
        Atomics.add(words, leftWord, 1);
        Atomics.notify(words, leftWord);
      } else if (turns > idlePatience && isAllRead()) Atomics.wait(words, changesWord, changes);
    }
  }

  #run(): void {
    const [id = 0, address = 0, threads = 1, scratch = 0, scratchBytes = 0] = this.#words.subarray(orderWord);
    const calls = this.#lists.get(id);
    if (!this.#memory || !calls) return;
    const control = new Control(this.#memory, address, calls.length);
    calls.forEach((call, at) => {
      const run = this.#runs.get(call.kernel);
      if (!run) return;
      control.share(at, call, run, threads, scratch + this.#worker * scratchBytes);
      for (let turns = 0; control.done(at) < call.groups; turns++) {
        const done = control.done(at);
        if (turns > patience && done < call.groups) control.sleep(at, done, 1000);
      }
    });
  }
}
