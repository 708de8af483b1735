/**
 * Workers that help the calling thread through the plans of a wasm device: one order a call of the program, none a kernel.
 * Flow: wasm.ts -> here -> wasm-share.ts on every thread. What a worker is, wasm-node.ts and wasm-browser.ts say.
 */
import { RuntimeError } from "../errors.ts";
import { type Call, Control, Mailbox, patience, type Run, type WorkerMessage } from "./wasm-share.ts";

export interface WasmWorker {
  postMessage(message: WorkerMessage): void;
  terminate(): unknown;
}

/** `failed` is called at most once, when the worker has ended or thrown by itself. */
export type OpenWorker = (failed: (reason: string) => void) => WasmWorker;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Time without an end of a workgroup after which the thread looks for news of its workers. unit: milliseconds */
const quiet = 20;

/** Starts the workers of a device on its memory. `mailbox`: byte address of `mailboxBytes` that nobody else uses. */
export type StartTeam = (memory: WebAssembly.Memory, mailbox: number) => WasmTeam;

/** For `openWasm`; undefined for no workers. */
export const withWorkers = (count: number, open: OpenWorker): StartTeam | undefined =>
  count > 0 ? (memory, mailbox) => new WasmTeam(memory, mailbox, count, open) : undefined;

/** Turns that a thread waits where it may not block, before it lets events in: about two milliseconds. */
const openPatience = 500_000;

export interface SharedRun {
  /** Number of a call that trapped. */
  readonly failed: number | undefined;
  /** Workers that were there in time to take part. */
  readonly helpers: number;
}

export class WasmTeam {
  readonly #memory: WebAssembly.Memory;
  readonly #mailbox: Mailbox;
  #workers: readonly WasmWorker[];
  #failure: string | undefined;
  #mayBlock = true;

  constructor(memory: WebAssembly.Memory, mailbox: number, workers: number, open: OpenWorker) {
    this.#memory = memory;
    this.#mailbox = new Mailbox(memory, mailbox);
    this.#workers = Array.from({ length: workers }, (_, i) => open((reason) => (this.#failure ??= `worker ${i + 1} ended: ${reason}`)));
    this.#workers.forEach((worker, i) => worker.postMessage({ kind: "memory", memory, mailbox, worker: i + 1 }));
    this.#mailbox.sent();
  }

  /** Threads that work, the calling one included. */
  get threads(): number {
    return 1 + this.#workers.length;
  }

  tell(message: WorkerMessage): void {
    for (const worker of this.#workers) worker.postMessage(message);
    this.#mailbox.sent();
  }

  /**
   * Runs list `id`. `scratch`: of this thread, then of each worker, `scratchBytes` apart.
   *
   * throws: as `refuseIfLost`
   */
  async run(id: number, calls: readonly Call[], runs: readonly Run[], address: number, scratch: number, scratchBytes: number): Promise<SharedRun> {
    const control = new Control(this.#memory, address, calls.length);
    control.reset();
    const { threads } = this;
    this.#mailbox.give({ id, control: address, threads, scratch, scratchBytes });
    for (const [at, call] of calls.entries()) {
      const run = runs[at];
      if (run) control.share(at, call, run, threads, scratch);
      if (control.done(at) < call.groups) await this.#waitFor(call.groups, () => control.done(at), (done) => control.sleep(at, done, quiet));
    }
    // A worker that is in the midst of it must not meet the counters of the next call.
    const entered = this.#mailbox.close();
    if (this.#mailbox.left < entered) await this.#waitFor(entered, () => this.#mailbox.left, (left) => this.#mailbox.sleep(left, quiet));
    return { failed: control.failed, helpers: entered };
  }

  close(): void {
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
  }

  /** Until `progress` is `end`. `sleep` waits for a change of it, not long. */
  async #waitFor(end: number, progress: () => number, sleep: (before: number) => void): Promise<void> {
    for (let turns = 0; progress() < end; turns++) {
      if (turns <= (this.#mayBlock ? patience : openPatience)) continue;
      const before = progress();
      if (before >= end) return;
      if (this.#mayBlock) {
        try {
          sleep(before);
        } catch {
          // The calling thread of a page may not block.
          this.#mayBlock = false;
        }
        if (progress() !== before) continue;
      }
      await pause();
      this.refuseIfLost();
      turns = 0;
    }
  }

  /** throws: RuntimeError `device-lost`, once, when a worker has ended; the device goes on with this thread alone */
  refuseIfLost(): void {
    if (this.#failure === undefined || this.#workers.length === 0) return;
    this.close();
    throw new RuntimeError("device-lost", `A thread of the device was lost: ${this.#failure}.`, "Call again: the device goes on with one thread.");
  }
}
