/**
 * Workers that help the calling thread through the plans of a wasm device: one message a call of the program, none a kernel.
 * Flow: wasm.ts -> here -> wasm-share.ts on every thread. What a worker is, wasm-node.ts and wasm-browser.ts say.
 */
import { RuntimeError } from "../errors.ts";
import { type Call, Control, patience, type Run, type WorkerMessage } from "./wasm-share.ts";

export interface WasmWorker {
  postMessage(message: WorkerMessage): void;
  terminate(): unknown;
}

/** `failed` is called at most once, when the worker has ended or thrown by itself. */
export type OpenWorker = (failed: (reason: string) => void) => WasmWorker;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Time without an end of a workgroup after which the thread looks for news of its workers. unit: milliseconds */
const quiet = 20;

export class WasmTeam {
  readonly #memory: WebAssembly.Memory;
  #workers: readonly WasmWorker[];
  #failure: string | undefined;
  #mayBlock = true;

  constructor(memory: WebAssembly.Memory, workers: number, open: OpenWorker) {
    this.#memory = memory;
    this.#workers = Array.from({ length: workers }, (_, i) => open((reason) => (this.#failure ??= `worker ${i + 1} ended: ${reason}`)));
    this.tell({ kind: "memory", memory });
  }

  /** Threads that work, the calling one included. */
  get threads(): number {
    return 1 + this.#workers.length;
  }

  tell(message: WorkerMessage): void {
    for (const worker of this.#workers) worker.postMessage(message);
  }

  /**
   * Runs list `id`. `scratch`: of this thread, then of each worker, `scratchBytes` apart. Gives the number of a call that
   * trapped.
   *
   * throws: RuntimeError `device-lost` when a worker has ended; the device goes on with this thread alone
   */
  async run(id: number, calls: readonly Call[], runs: readonly Run[], address: number, scratch: number, scratchBytes: number): Promise<number | undefined> {
    const control = new Control(this.#memory, address, calls.length);
    control.reset();
    const { threads } = this;
    this.#workers.forEach((worker, i) => worker.postMessage({ kind: "run", id, control: address, threads, scratch: scratch + (i + 1) * scratchBytes }));
    for (const [at, call] of calls.entries()) {
      const run = runs[at];
      if (run) control.share(at, call, run, threads, scratch);
      for (let turns = 0; control.done(at) < call.groups; turns++) if (turns > patience) await this.#wait(control, at, call.groups);
    }
    // A worker that is late must not meet the counters of the next call.
    while (control.left < this.#workers.length) await this.#yield();
    return control.failed;
  }

  close(): void {
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
  }

  async #wait(control: Control, at: number, groups: number): Promise<void> {
    const done = control.done(at);
    if (done >= groups) return;
    try {
      // The calling thread of a page may not block.
      if (this.#mayBlock) control.sleep(at, done, quiet);
    } catch {
      this.#mayBlock = false;
    }
    if (control.done(at) === done) await this.#yield();
  }

  /** Lets messages in, such as the end of a worker. */
  async #yield(): Promise<void> {
    await pause();
    if (this.#failure === undefined) return;
    const reason = this.#failure;
    this.close();
    throw new RuntimeError("device-lost", `A thread of the device was lost: ${reason}.`, "Call again: the device goes on with one thread.");
  }
}
