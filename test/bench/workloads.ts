/**
 * The workloads W1 to W9: a source file each, the extents it is measured at, and its form, from which every peer builds the
 * same computation in its own terms. Read by run.ts and by the peers.
 */
import path from "node:path";
import type { Bindings } from "../../compiler/ir/extent.ts";

/** What is computed, with its extents, for those who cannot read the source file. Parameter names are those of the file. */
export type Form =
  | { readonly kind: "norm"; readonly rows: number; readonly width: number }
  | { readonly kind: "norm-product-gelu"; readonly rows: number; readonly inner: number; readonly width: number }
  | { readonly kind: "mlp"; readonly rows: number; readonly widths: readonly [number, number, number, number] }
  | { readonly kind: "lstm"; readonly steps: number; readonly rows: number; readonly inner: number; readonly width: number }
  | { readonly kind: "gated"; readonly rows: number; readonly width: number; readonly hidden: number }
  | { readonly kind: "block"; readonly rows: number; readonly width: number; readonly heads: number; readonly hidden: number }
  | { readonly kind: "residual-norm"; readonly rows: number; readonly width: number }
  | { readonly kind: "group-norm-convolution"; readonly rows: number; readonly channels: number; readonly side: number; readonly groups: number };

export interface Workload {
  readonly id: string;
  readonly title: string;
  readonly file: string;
  readonly bind: Bindings;
  readonly form: Form;
}

/** eps of both norms of the library. */
export const normEpsilon = 1e-5;
export const rmsEpsilon = 1e-6;

const fileOf = (name: string): string => path.join(import.meta.dirname, "workloads", `${name}.nf`);

const normProduct = (id: string, rows: number, inner: number, width: number): Workload => ({
  id, title: `gelu(LN(x) W + b), ${rows}x${inner}x${width}`, bind: { B: rows },
  file: fileOf(inner === 768 ? "w2-norm-product-gelu" : "w9-odd-sizes"), form: { kind: "norm-product-gelu", rows, inner, width },
});

const mlp = (id: string, rows: number): Workload => ({
  id, title: `LN MLP 784-1000-1000-10, batch ${rows}`, file: fileOf("w3-mlp"), bind: { B: rows }, form: { kind: "mlp", rows, widths: [784, 1000, 1000, 10] },
});

const lstm = (id: string, steps: number, rows: number): Workload => ({
  id, title: `layer-norm LSTM 128-256, ${steps} steps, batch ${rows}`, file: fileOf("w4-lstm"), bind: { T: steps, B: rows }, form: { kind: "lstm", steps, rows, inner: 128, width: 256 },
});

export const workloads: readonly Workload[] = [
  { id: "W1", title: "layer norm 4096x768", file: fileOf("w1-layer-norm"), bind: { B: 4096 }, form: { kind: "norm", rows: 4096, width: 768 } },
  normProduct("W2", 256, 768, 3072),
  mlp("W3", 128),
  mlp("W3-4", 4),
  lstm("W4", 64, 32),
  lstm("W4-1", 500, 1),
  { id: "W5", title: "RMSNorm + SwiGLU 128x512x1408", file: fileOf("w5-gated"), bind: { B: 128 }, form: { kind: "gated", rows: 128, width: 512, hidden: 1408 } },
  { id: "W6", title: "pre-norm transformer block 128x256, 4 heads, FFN 1024", file: fileOf("w6-block"), bind: {}, form: { kind: "block", rows: 128, width: 256, heads: 4, hidden: 1024 } },
  { id: "W7", title: "residual + LN 4096x768, both kept", file: fileOf("w7-residual-norm"), bind: { B: 4096 }, form: { kind: "residual-norm", rows: 4096, width: 768 } },
  { id: "W8", title: "group norm (8) + SiLU + conv 3x3, 64x32x32", file: fileOf("w8-group-norm-convolution"), bind: { B: 1 }, form: { kind: "group-norm-convolution", rows: 1, channels: 64, side: 32, groups: 8 } },
  normProduct("W9-1", 1, 768, 3072),
  normProduct("W9-odd", 7, 769, 3071),
];
