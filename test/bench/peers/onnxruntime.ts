/** onnxruntime: its native build with WebGPU (its own Dawn on SwiftShader) and CPU, and its web build with WebGPU and wasm. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { provideGpu, provideNavigator, writeFromSharedMemory } from "../gpu-globals.ts";
import { inputsOf, modelOf } from "../data.ts";
import { joined, loadPackage, type OpenOptions, type OpenPeer, type Peer } from "./peer.ts";
import { onnxModel } from "./onnx-graphs.ts";

interface OrtTensor {
  readonly data: Float32Array;
}

interface Session {
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

interface Ort {
  readonly default?: Ort;
  readonly env: { readonly wasm: { numThreads: number } };
  readonly Tensor: new (dtype: "float32", data: Float32Array, shape: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
}

type Flavour = "node" | "web";
type Provider = "webgpu" | "cpu" | "wasm";

const versionOf = (root: string): string => (JSON.parse(readFileSync(path.resolve(import.meta.dirname, root, "package.json"), "utf8")) as { version: string }).version;

async function open(flavour: Flavour, provider: Provider, threads: number, { adapter }: OpenOptions): Promise<OpenPeer> {
  const web = path.resolve(import.meta.dirname, "../node_modules/onnxruntime-web");
  if (flavour === "web") {
    if (provider === "webgpu") {
      await provideGpu(adapter);
      writeFromSharedMemory();
    } else provideNavigator(threads);
  }
  const loaded = await loadPackage<Ort>(flavour === "node" ? "onnxruntime-node" : provider === "webgpu" ? path.join(web, "dist/ort.webgpu.min.mjs") : "onnxruntime-web");
  const ort = loaded.default ?? loaded;
  if (flavour === "web") ort.env.wasm.numThreads = threads;
  const version = versionOf(flavour === "node" ? "../../../node_modules/onnxruntime-node" : web);
  return {
    description: `onnxruntime-${flavour} ${version}, ${provider}${provider === "webgpu" ? "" : `, ${threads} ${threads === 1 ? "thread" : "threads"}`}`,
    build: async (workload, parameters) => {
      const { bytes, outputs } = onnxModel(workload, inputsOf(workload, modelOf(workload, "Workload"), "ordinary"), parameters);
      const session = await ort.InferenceSession.create(bytes, {
        executionProviders: [provider], graphOptimizationLevel: "all", logSeverityLevel: 3,
        ...(flavour === "node" ? { intraOpNumThreads: threads, interOpNumThreads: 1 } : {}),
      });
      return {
        run: async (inputs) => {
          const results = await session.run(Object.fromEntries(Object.entries(inputs).map(([name, { data, shape }]) => [name, new ort.Tensor("float32", data, shape)])));
          return joined(outputs.map((name) => results[name]?.data ?? new Float32Array()));
        },
        dispose: () => session.release(),
      };
    },
  };
}

const ownDawn = "its own Dawn has Vulkan alone, which llvmpipe is not offered through here";

export const ortWebGpu: Peer = { name: "ort-webgpu", group: "adapter", absentOn: { llvmpipe: ownDawn }, open: (options) => open("node", "webgpu", 2, options) };
/** Without the flag, Node 20 optimises its 24 MB of wasm for half a minute during the first run. */
export const ortWebWebGpu: Peer = { name: "ort-web-webgpu", group: "adapter", nodeFlags: ["--liftoff-only"], open: (options) => open("web", "webgpu", 1, options) };
export const ortCpu: Peer = { name: "ort-cpu", group: "one thread", open: (options) => open("node", "cpu", 1, options) };
export const ortCpu2: Peer = { name: "ort-cpu-2", group: "two threads", open: (options) => open("node", "cpu", 2, options) };
export const ortWasm: Peer = { name: "ort-wasm", group: "one thread", open: (options) => open("web", "wasm", 1, options) };
export const ortWasm2: Peer = { name: "ort-wasm-2", group: "two threads", open: (options) => open("web", "wasm", 2, options) };
