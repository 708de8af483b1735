/** The CPU of a Node process as a device of several threads. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Device } from "../device.ts";
import { openWasm, type WasmOptions } from "./wasm.ts";
import { withWorkers } from "./wasm-threads.ts";

export interface WasmThreadOptions extends WasmOptions {
  /** The calling thread included; all that the machine runs at once when left out. */
  readonly threads?: number;
  /** The file `wasm-worker-node.js`, where a bundler has moved it. */
  readonly worker?: URL;
}

/**
 * Results are the same bits for any number of threads. Short plans stay on the calling thread. The workers do not keep the
 * process alive.
 */
export function openWasmThreads({ threads = availableParallelism(), worker: file = new URL("./wasm-worker-node.js", import.meta.url), ...options }: WasmThreadOptions = {}): Device {
  return openWasm({
    ...options,
    workers: withWorkers(Math.floor(threads) - 1, (failed) => {
      const worker = new Worker(file);
      worker.once("error", (error) => failed(error.message));
      worker.once("exit", (code) => failed(`exit code ${code}`));
      worker.unref();
      return worker;
    }),
  });
}
