/**
 * Two hand-written artifacts of one model, for tests of the runtime: row statistics, then layer norm and matmul,
 * y = ((x - mean) * rstd * gain) @ w. The batch extent B is symbolic; the gain is folded into w by the prepare plan.
 */
import type { Artifact, WgslKernel } from "../../runtime/artifact.ts";
import type { Tensor } from "../../runtime/tensor.ts";

export const columns = 6;
export const outputs = 4;

const signature = {
  version: 1,
  model: "NormLinear",
  doc: "Layer norm with gain, then a matmul.",
  extents: ["B"],
  inputs: [{ name: "x", dtype: "f32", shape: ["B", columns] }],
  parameters: [
    { name: "norm.gain", dtype: "f32", shape: [columns], initialiser: { name: "ones" } },
    { name: "w", dtype: "f32", shape: [columns, outputs], initialiser: { name: "glorot_uniform" } },
  ],
  outputs: [{ name: "y", dtype: "f32", shape: ["B", outputs] }],
  buffers: [
    { name: "x", role: "input", dtype: "f32", length: ["*", "B", columns] },
    { name: "norm.gain", role: "parameter", dtype: "f32", length: columns },
    { name: "w", role: "parameter", dtype: "f32", length: columns * outputs },
    { name: "scaled", role: "prepared", dtype: "f32", length: columns * outputs },
    { name: "stats", role: "temporary", dtype: "f32", length: ["*", "B", 2] },
    { name: "y", role: "output", dtype: "f32", length: ["*", "B", outputs] },
  ],
} as const satisfies Omit<Artifact, "target" | "kernels" | "prepare" | "run">;

const extentBlock = (binding: number): string => `@group(0) @binding(${binding}) var<uniform> extents: array<vec4<i32>, 1>;`;

const scaleKernel: WgslKernel = {
  kind: "wgsl",
  name: "scale_w",
  entryPoint: "main",
  bindings: [{ name: "gain", access: "read" }, { name: "w", access: "read" }, { name: "scaled", access: "write" }],
  extents: [],
  code: `@group(0) @binding(0) var<storage, read> gain: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> scaled: array<f32>;
@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x);
  if (i < ${columns * outputs}) { scaled[i] = gain[i / ${outputs}] * w[i]; }
}
`,
};

export const statsKernel: WgslKernel = {
  kind: "wgsl",
  name: "row_stats",
  entryPoint: "main",
  bindings: [{ name: "x", access: "read" }, { name: "stats", access: "write" }],
  extents: ["B"],
  code: `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> stats: array<f32>;
${extentBlock(2)}
@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = i32(id.x);
  if (row >= extents[0].x) { return; }
  var sum = 0.0;
  for (var c = 0; c < ${columns}; c += 1) { sum += x[row * ${columns} + c]; }
  let mean = sum / ${columns}.0;
  var squares = 0.0;
  for (var c = 0; c < ${columns}; c += 1) { let d = x[row * ${columns} + c] - mean; squares += d * d; }
  stats[row * 2] = mean;
  stats[row * 2 + 1] = inverseSqrt(squares / ${columns}.0 + 1e-5);
}
`,
};

const applyKernel: WgslKernel = {
  kind: "wgsl",
  name: "normalise_matmul",
  entryPoint: "main",
  bindings: [
    { name: "x", access: "read" },
    { name: "stats", access: "read" },
    { name: "scaled", access: "read" },
    { name: "y", access: "write" },
  ],
  extents: ["B"],
  code: `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read> scaled: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
${extentBlock(4)}
@compute @workgroup_size(8, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = i32(id.x);
  let column = i32(id.y);
  if (row >= extents[0].x || column >= ${outputs}) { return; }
  var sum = 0.0;
  for (var c = 0; c < ${columns}; c += 1) {
    sum += (x[row * ${columns} + c] - stats[row * 2]) * stats[row * 2 + 1] * scaled[c * ${outputs} + column];
  }
  y[row * ${outputs} + column] = sum;
}
`,
};

export const wgslSample: Artifact = {
  ...signature,
  target: "wgsl",
  kernels: [scaleKernel, statsKernel, applyKernel],
  prepare: [{ kernel: 0, buffers: ["norm.gain", "w", "scaled"], grid: [1, 1, 1] }],
  run: [
    { kernel: 1, buffers: ["x", "stats"], grid: [["ceil/", "B", 32], 1, 1] },
    { kernel: 2, buffers: ["x", "stats", "scaled", "y"], grid: [["ceil/", "B", 8], 1, 1] },
  ],
};

export const gpuJsSample: Artifact = {
  ...signature,
  target: "gpujs",
  kernels: [
    {
      kind: "gpujs",
      name: "scale_w",
      arguments: [{ name: "gain", columns, length: columns }, { name: "w", columns: outputs, length: columns * outputs }],
      output: [outputs, columns],
      extents: [],
      code: `function scale_w(gain, w) {
  return gain[0][this.thread.y] * w[this.thread.y][this.thread.x];
}`,
    },
    {
      kind: "gpujs",
      name: "row_stats",
      arguments: [{ name: "x", columns, length: ["*", "B", columns] }],
      output: [2, "B"],
      extents: ["B"],
      code: `function row_stats(x) {
  let sum = 0;
  for (let c = 0; c < ${columns}; c += 1) { sum += x[this.thread.y][c]; }
  const mean = sum / ${columns};
  let squares = 0;
  for (let e = 0; e < ${columns}; e += 1) { const d = x[this.thread.y][e] - mean; squares += d * d; }
  if (this.thread.x === 0) { return mean; }
  return 1 / Math.sqrt(squares / ${columns} + 1e-5);
}`,
    },
    {
      kind: "gpujs",
      name: "normalise_matmul",
      arguments: [
        { name: "x", columns, length: ["*", "B", columns] },
        { name: "stats", columns: 2, length: ["*", "B", 2] },
        { name: "scaled", columns: outputs, length: columns * outputs },
      ],
      output: [outputs, "B"],
      extents: [],
      code: `function normalise_matmul(x, stats, scaled) {
  let sum = 0;
  for (let c = 0; c < ${columns}; c += 1) {
    sum += (x[this.thread.y][c] - stats[this.thread.y][0]) * stats[this.thread.y][1] * scaled[c][this.thread.x];
  }
  return sum;
}`,
    },
  ],
  prepare: [{ kernel: 0, buffers: ["norm.gain", "w", "scaled"], grid: [1, 1, 1] }],
  run: [
    { kernel: 1, buffers: ["x", "stats"], grid: [1, 1, 1] },
    { kernel: 2, buffers: ["x", "stats", "scaled", "y"], grid: [1, 1, 1] },
  ],
};

/** Doubles an R x 6 matrix and reads the result as 3*R rows of two: a handle seen at another width. Integers and booleans. */
export const reshapeSample: Artifact = {
  version: 1,
  model: "Reshape",
  doc: "",
  target: "gpujs",
  extents: ["R"],
  inputs: [{ name: "n", dtype: "i32", shape: ["R", 6] }],
  parameters: [],
  outputs: [
    { name: "sum", dtype: "i32", shape: [["*", "R", 3]] },
    { name: "large", dtype: "bool", shape: [["*", "R", 3]] },
  ],
  buffers: [
    { name: "n", role: "input", dtype: "i32", length: ["*", "R", 6] },
    { name: "twice", role: "temporary", dtype: "i32", length: ["*", "R", 6] },
    { name: "offset", role: "constant", dtype: "f32", length: 1, data: [100] },
    { name: "sum", role: "output", dtype: "i32", length: ["*", "R", 3] },
    { name: "large", role: "output", dtype: "bool", length: ["*", "R", 3] },
  ],
  kernels: [
    {
      kind: "gpujs",
      name: "double",
      arguments: [{ name: "n", columns: 6, length: ["*", "R", 6] }],
      output: [6, "R"],
      extents: [],
      code: "function double(n) { return n[this.thread.y][this.thread.x] * 2; }",
    },
    {
      kind: "gpujs",
      name: "pair_sum",
      arguments: [{ name: "pairs", columns: 2, length: ["*", "R", 6] }, { name: "offset", columns: 1, length: 1 }],
      output: [1, ["*", "R", 3]],
      extents: ["R"],
      code: "function pair_sum(pairs, offset) { return pairs[this.thread.y][0] + pairs[this.thread.y][1] + offset[0][0] + this.constants.R; }",
    },
    {
      kind: "gpujs",
      name: "is_large",
      arguments: [{ name: "sum", columns: 1, length: ["*", "R", 3] }],
      output: [1, ["*", "R", 3]],
      extents: [],
      code: "function is_large(sum) { if (sum[this.thread.y][0] > 120) { return 1; } return 0; }",
    },
  ],
  prepare: [],
  run: [
    { kernel: 0, buffers: ["n", "twice"], grid: [1, 1, 1] },
    { kernel: 1, buffers: ["twice", "offset", "sum"], grid: [1, 1, 1] },
    { kernel: 2, buffers: ["sum", "large"], grid: [1, 1, 1] },
  ],
};

/** What reshapeSample gives for n = 0, 1, 2, ... */
export function reshapeOutputs(rows: number): { sum: number[]; large: number[] } {
  const sum = Array.from({ length: rows * 3 }, (_, i) => 2 * (4 * i + 1) + 100 + rows);
  return { sum, large: sum.map((value) => (value > 120 ? 1 : 0)) };
}

/** Numbers of about -2 to 2, the same on every machine. */
export function sampleNumbers(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 4 - 2;
  });
}

export const sampleParameters = (seed = 1): { "norm.gain": Float32Array; w: Float32Array } => ({
  "norm.gain": sampleNumbers(columns, seed),
  w: sampleNumbers(columns * outputs, seed + 1),
});

/** The model in float64, written a second time. */
export function expectedOutput(x: Float32Array, parameters: { readonly "norm.gain": Float32Array; readonly w: Float32Array }): number[] {
  const result: number[] = [];
  for (let start = 0; start < x.length; start += columns) {
    const row = Array.from(x.subarray(start, start + columns));
    const mean = row.reduce((a, b) => a + b, 0) / columns;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / columns;
    for (let column = 0; column < outputs; column++)
      result.push(
        row.reduce(
          (sum, value, c) => sum + ((value - mean) / Math.sqrt(variance + 1e-5)) * (parameters["norm.gain"][c] ?? 0) * (parameters.w[c * outputs + column] ?? 0),
          0,
        ),
      );
  }
  return result;
}

export function largestError(actual: Tensor | undefined, expected: readonly number[]): number {
  if (!actual || actual.data.length !== expected.length) return Number.POSITIVE_INFINITY;
  return expected.reduce((worst, value, i) => {
    const error = Math.abs(value - (actual.data[i] ?? Number.NaN));
    return error <= worst ? worst : error;
  }, 0);
}
