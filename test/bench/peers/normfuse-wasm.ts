/** Our own plans in WebAssembly: one thread, two, and one with fused multiply-adds. */
import { build } from "esbuild";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { compileModel } from "../../../compiler/index.ts";
import type { Device } from "../../../runtime/device.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { openWasmThreads } from "../../../runtime/devices/wasm-node.ts";
import { load } from "../../../runtime/index.ts";
import { modelOf, parametersOf } from "../data.ts";
import { joined, type Peer } from "./peer.ts";

/** Workers run JavaScript. */
async function openTwoThreads(): Promise<Device> {
  const outfile = path.resolve(import.meta.dirname, "../../../.cache/bench/wasm-worker-node.mjs");
  await build({ entryPoints: [path.resolve(import.meta.dirname, "../../../runtime/devices/wasm-worker-node.ts")], outfile, bundle: true, format: "esm", platform: "node" });
  return openWasmThreads({ threads: 2, worker: pathToFileURL(outfile) });
}

const peer = (name: string, group: Peer["group"], open: () => Device | Promise<Device>, nodeFlags: readonly string[] = []): Peer => ({
  name, group, nodeFlags,
  open: async () => {
    const device = await open();
    return {
      description: device.description,
      build: async (workload) => {
        const { artifact } = compileModel(modelOf(workload, "Workload"), "wasm", { assume: workload.bind });
        const parameters = parametersOf(workload, artifact);
        const program = await load(artifact, device);
        await program.prepare(parameters);
        return {
          dispatches: artifact.run.length,
          run: async (inputs) => joined(Object.values((await program.run(inputs)).outputs).map(({ data }) => data as Float32Array)),
          dispose: () => program.dispose(),
        };
      },
    };
  },
});

export const normfuseWasm = peer("normfuse-wasm", "one thread", () => openWasm());
export const normfuseWasmRelaxed = peer("normfuse-wasm-relaxed", "one thread", () => openWasm(), ["--experimental-wasm-relaxed-simd"]);
export const normfuseWasm2 = peer("normfuse-wasm-2", "two threads", openTwoThreads);
