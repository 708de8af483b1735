/** Every peer by name, ours first. Flow: run.ts and child.ts look peers up here. */
import { gpuJsWasm, gpuJsWebGpu } from "./gpujs.ts";
import { jaxWasm, jaxWebGpu } from "./jax.ts";
import { normfuse, normfuseBare, normfuseGpuPlan, normfuseUnfused } from "./normfuse.ts";
import { ortCpu, ortWasm, ortWebGpu, ortWebWebGpu } from "./onnxruntime.ts";
import type { Peer } from "./peer.ts";
import { tensorflowWasm, tensorflowWebGpu } from "./tensorflow.ts";

export const peers: readonly Peer[] = [
  normfuse, normfuseGpuPlan, normfuseUnfused, normfuseBare,
  jaxWebGpu, ortWebGpu, ortWebWebGpu, tensorflowWebGpu, gpuJsWebGpu,
  ortCpu, ortWasm, jaxWasm, tensorflowWasm, gpuJsWasm,
];

export function peerOf(name: string): Peer {
  const found = peers.find((peer) => peer.name === name);
  if (!found) throw new Error(`there is no peer '${name}'; peers: ${peers.map((peer) => peer.name).join(", ")}`);
  return found;
}
