/** Every peer by name, ours first. Flow: run.ts and child.ts look peers up here. */
import { gpuJsWasm, gpuJsWebGpu } from "./gpujs.ts";
import { jaxWasm, jaxWasm2, jaxWebGpu } from "./jax.ts";
import { normfuse, normfuseBare, normfuseGpuPlan, normfuseUnfused } from "./normfuse.ts";
import { normfuseWasm, normfuseWasm2, normfuseWasmRelaxed } from "./normfuse-wasm.ts";
import { ortCpu, ortCpu2, ortWasm, ortWasm2, ortWebGpu, ortWebWebGpu } from "./onnxruntime.ts";
import type { Group, Peer } from "./peer.ts";
import { tensorflowWasm, tensorflowWebGpu } from "./tensorflow.ts";

export const peers: readonly Peer[] = [
  normfuse, normfuseGpuPlan, normfuseUnfused, normfuseBare,
  jaxWebGpu, ortWebGpu, ortWebWebGpu, tensorflowWebGpu, gpuJsWebGpu,
  normfuseWasm, normfuseWasmRelaxed, ortCpu, ortWasm, jaxWasm, tensorflowWasm, gpuJsWasm,
  normfuseWasm2, ortCpu2, ortWasm2, jaxWasm2,
];

/** Ours of each group, by name. */
export const ours: Readonly<Record<Group, string>> = { adapter: "normfuse", "one thread": "normfuse-wasm", "two threads": "normfuse-wasm-2" };

export function peerOf(name: string): Peer {
  const found = peers.find((peer) => peer.name === name);
  if (!found) throw new Error(`there is no peer '${name}'; peers: ${peers.map((peer) => peer.name).join(", ")}`);
  return found;
}
