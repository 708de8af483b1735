/** The CPU of a browser as a device of several threads, where the page is cross-origin isolated; else of one. */
import type { Device } from "../device.ts";
import { openWasm, type WasmOptions } from "./wasm.ts";
import { withWorkers } from "./wasm-threads.ts";

export interface WasmThreadOptions extends WasmOptions {
  /** The calling thread included; navigator.hardwareConcurrency when left out. */
  readonly threads?: number;
  /** The module `wasm-worker.js`, where a bundler has moved it. */
  readonly worker?: URL;
}

/**
 * Results are the same bits for any number of threads. Threads need shared memory, which browsers give to pages with the
 * headers `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`; without them, and in
 * their absence, the device has one thread.
 */
export function openWasmThreads({ threads = globalThis.navigator?.hardwareConcurrency ?? 1, worker: file, ...options }: WasmThreadOptions = {}): Device {
  if (globalThis.crossOriginIsolated !== true) return openWasm(options);
  return openWasm({
    ...options,
    workers: withWorkers(Math.floor(threads) - 1, (failed) => {
      // Bundlers look for these very words.
      const worker = file ? new Worker(file, { type: "module" }) : new Worker(new URL("./wasm-worker.js", import.meta.url), { type: "module" });
      worker.addEventListener("error", (event) => failed(event.message), { once: true });
      return worker;
    }),
  });
}
