/** A kernel as the artifact holds it: code of its target and bindings, by the target's printer. Flow: kernel IR -> here -> compile.ts. */
import type { ArtifactKernel } from "../../runtime/artifact.ts";
import type { Kernel } from "../kernel/node.ts";
import { base64 } from "./base64.ts";
import { emitGpuJs } from "./gpujs/emit.ts";
import { emitWasm, usesFma } from "./wasm/emit.ts";
import { emitWgsl } from "./wgsl/emit.ts";

export type KernelTarget = "wgsl" | "gpujs" | "wasm";

/** Places in the source: of a whole kernel, and of what it stores to a buffer, by the buffer's name. */
export interface Places {
  readonly all: readonly Place[];
  readonly ofBuffer: ReadonlyMap<string, string>;
}

export interface Place {
  /** `net.nf:4:10` */
  readonly at: string;
  /** The place and the line of text. */
  readonly note: string;
}

export const noPlaces: Places = { all: [], ofBuffer: new Map() };

/** What is printed of a planned kernel. */
export interface Texts {
  readonly kernel: Kernel;
  /** The same for devices with subgroups. */
  readonly withSubgroups?: Kernel;
}

export const artifactKernel = (texts: Texts, name: KernelTarget, places: Places = noPlaces): ArtifactKernel => ({
  ...bodyOf[name](texts, places),
  ...(places.all.length > 0 ? { places: places.all.map(({ at }) => at) } : {}),
});

function wgslKernel({ kernel, withSubgroups }: Texts, places: Places): ArtifactKernel {
  const text = (each: Kernel): string => emitWgsl(each, { head: places.all.map(({ note }) => note), ofBuffer: places.ofBuffer });
  return {
    kind: "wgsl", name: kernel.name, code: text(kernel), ...(withSubgroups ? { subgroupCode: text(withSubgroups) } : {}), entryPoint: "main",
    bindings: kernel.buffers.map((buffer) => ({ name: buffer.name, access: buffer.access })), extents: kernel.extents,
  };
}

function wasmKernel({ kernel }: Texts): ArtifactKernel {
  const plain = emitWasm(kernel, { relaxed: false });
  return {
    kind: "wasm", name: kernel.name, code: base64(plain.bytes), sharedAt: plain.sharedAt, scratchBytes: plain.scratchBytes,
    ...(usesFma(kernel) ? { relaxedCode: base64(emitWasm(kernel, { relaxed: true }).bytes) } : {}),
    bindings: kernel.buffers.map((buffer) => ({ name: buffer.name, access: buffer.access })), extents: kernel.extents,
  };
}

const bodyOf: Readonly<Record<KernelTarget, (texts: Texts, places: Places) => ArtifactKernel>> = { wgsl: wgslKernel, gpujs: gpuJsKernel, wasm: wasmKernel };

function gpuJsKernel({ kernel }: Texts): ArtifactKernel {
  return {
    kind: "gpujs", name: kernel.name, code: emitGpuJs(kernel),
    arguments: kernel.buffers.filter((buffer) => buffer.access === "read").map((buffer) => ({ name: buffer.name, columns: buffer.columns ?? buffer.length, length: buffer.length })),
    output: [kernel.grid[0], kernel.grid[1]], extents: kernel.extents,
  };
}
