/** Entry of a worker in browsers; see wasm-threads.ts. */
import { Helper, type WorkerMessage } from "./wasm-share.ts";

const helper = new Helper();

globalThis.addEventListener("message", (event) => helper.receive((event as MessageEvent<WorkerMessage>).data));
