/** Entry of a worker in Node; see wasm-threads.ts. */
import { parentPort } from "node:worker_threads";
import { Helper, type WorkerMessage } from "./wasm-share.ts";

const helper = new Helper();

parentPort?.on("message", (message: WorkerMessage) => helper.receive(message));
