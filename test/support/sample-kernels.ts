/** Hand-built kernels that the tests of the kernel tools and of the printers share, with inputs and expected outputs. */
import { add, and, builtin, constant, convert, div, element, extent, float, fma, instruction, int, lane, load, lt, max, mul, ref, rem, select, splat, sub } from "../../compiler/kernel/build.ts";
import type { BufferData } from "../../compiler/kernel/interpret.ts";
import { bool, type Expression, f32, i32, type Kernel, type ValueType } from "../../compiler/kernel/node.ts";
import { array, assign, barrier, comment, define, forLoop, set, store, variable, when } from "../../compiler/kernel/statements.ts";

export interface SampleKernel {
  readonly kernel: Kernel;
  readonly bindings: Readonly<Record<string, number>>;
  readonly buffers: () => Record<string, BufferData>;
  /** Expected contents, in double precision, of the one written buffer. */
  readonly output: string;
  readonly expected: (buffers: Readonly<Record<string, BufferData>>) => readonly number[];
}

/** Repeatable numbers in [-1, 1). */
export function numbers(length: number, seed: number): Float32Array {
  let state = (seed * 2654435761) >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2147483648 - 1;
  });
}

const thread = builtin("thread");
const groupX = builtin("group_x");
const f32x4: ValueType = { scalar: "f32", lanes: 4 };
const at = (data: ArrayLike<number> | undefined, i: number): number => data?.[i] ?? NaN;

const position = ref("i", i32);

/** y = max(x * 2, -1), 64 elements a workgroup, a tail guard for the rest. */
export const scaleAndClamp: SampleKernel = {
  kernel: {
    name: "scale_and_clamp", mode: "workgroup", workgroupSize: 64, grid: [["/", ["+", "N", 63], 64], 1, 1], extents: ["N"],
    buffers: [
      { name: "x", dtype: "f32", access: "read", lanes: 1, length: "N" },
      { name: "y", dtype: "f32", access: "write", lanes: 1, length: "N" },
    ],
    workgroupArrays: [],
    body: [
      define("i", add(mul(groupX, int(64)), thread)),
      when(lt(position, extent("N")), [store("y", position, max(mul(load("x", "f32", position), float(2)), float(-1)))]),
    ],
  },
  bindings: { N: 100 },
  buffers: () => ({ x: numbers(100, 1), y: new Float32Array(100) }),
  output: "y",
  expected: ({ x }) => Array.from(x ?? [], (value) => Math.max(value * 2, -1)),
};

/** Sums rows of 100: each invocation a strided part, then a tree over workgroup memory. */
export const rowSum: SampleKernel = {
  kernel: {
    name: "row_sum", mode: "workgroup", workgroupSize: 32, grid: ["R", 1, 1], extents: [],
    buffers: [
      { name: "x", dtype: "f32", access: "read", lanes: 1, length: ["*", "R", 100] },
      { name: "y", dtype: "f32", access: "write", lanes: 1, length: "R" },
    ],
    workgroupArrays: [{ name: "partial", type: f32, length: 32 }],
    body: [
      comment("each invocation adds up every 32nd element"),
      variable("sum", float(0)),
      forLoop("column", int(100), (column) => [assign("sum", add(ref("sum", f32), load("x", "f32", add(mul(groupX, int(100)), column))))], { start: thread, step: int(32) }),
      set("partial", thread, ref("sum", f32)),
      barrier,
      forLoop("turn", int(5), (turn) => [
        define("stride", instruction("shift_right", int(16), turn)),
        when(lt(thread, ref("stride", i32)), [
          set("partial", thread, add(element("partial", f32, thread), element("partial", f32, add(thread, ref("stride", i32))))),
        ]),
        barrier,
      ]),
      when(instruction("eq", thread, int(0)), [store("y", groupX, element("partial", f32, int(0)))]),
    ],
  },
  bindings: { R: 3 },
  buffers: () => ({ x: numbers(300, 2), y: new Float32Array(3) }),
  output: "y",
  expected: ({ x }) => [0, 1, 2].map((row) => Array.from(x ?? []).slice(row * 100, row * 100 + 100).reduce((sum, value) => sum + value, 0)),
};

const acc = (index: Expression): Expression => element("acc", f32x4, index);

/** C[16, 16] = A[16, 8] B[8, 16]: 16 invocations, tiles of B in workgroup memory, rows of 4 by vec4. */
export const tiledMatmul: SampleKernel = {
  kernel: {
    name: "tiled_matmul", mode: "workgroup", workgroupSize: 16, grid: [1, 1, 1], extents: [],
    buffers: [
      { name: "a", dtype: "f32", access: "read", lanes: 1, length: 128 },
      { name: "b", dtype: "f32", access: "read", lanes: 4, length: 128 },
      { name: "c", dtype: "f32", access: "write", lanes: 4, length: 256 },
    ],
    workgroupArrays: [{ name: "tile", type: f32x4, length: 16 }],
    body: [
      define("tile_row", div(thread, int(4))),
      define("tile_column", rem(thread, int(4))),
      array("acc", f32x4, 4),
      forLoop("block", int(2), (block) => [
        comment("four rows of b, one vec4 each invocation"),
        set("tile", thread, load("b", "f32", add(mul(add(mul(block, int(4)), ref("tile_row", i32)), int(16)), mul(ref("tile_column", i32), int(4))), 4)),
        barrier,
        forLoop("k", int(4), (k) => [
          define("right", element("tile", f32x4, add(mul(k, int(4)), ref("tile_column", i32)))),
          forLoop("row", int(4), (row) => [
            define("left", load("a", "f32", add(mul(add(mul(ref("tile_row", i32), int(4)), row), int(8)), add(mul(block, int(4)), k)))),
            set("acc", row, fma(splat(ref("left", f32), 4), ref("right", f32x4), acc(row))),
          ], { unroll: true }),
        ]),
        barrier,
      ]),
      forLoop("out_row", int(4), (row) => [
        store("c", add(mul(add(mul(ref("tile_row", i32), int(4)), row), int(16)), mul(ref("tile_column", i32), int(4))), acc(row)),
      ]),
    ],
  },
  bindings: {},
  buffers: () => ({ a: numbers(128, 3), b: numbers(128, 4), c: new Float32Array(256) }),
  output: "c",
  expected: ({ a, b }) => matmul(a, b, 16, 8, 16),
};

function matmul(a: ArrayLike<number> | undefined, b: ArrayLike<number> | undefined, rows: number, inner: number, columns: number): number[] {
  return Array.from({ length: rows * columns }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += at(a, Math.floor(i / columns) * inner + k) * at(b, k * columns + (i % columns));
    return sum;
  });
}

/** One output element per invocation, a bias of one row; K and N are bound by the host. */
export const threadMatmul: SampleKernel = {
  kernel: {
    name: "thread_matmul", mode: "thread", workgroupSize: 1, grid: ["N", "M", 1], extents: ["K"],
    buffers: [
      { name: "x", dtype: "f32", access: "read", lanes: 1, length: ["*", "M", "K"], columns: "K" },
      { name: "w", dtype: "f32", access: "read", lanes: 1, length: ["*", "K", "N"], columns: "N" },
      { name: "bias", dtype: "f32", access: "read", lanes: 1, length: "N" },
      { name: "y", dtype: "f32", access: "write", lanes: 1, length: ["*", "M", "N"], columns: "N" },
    ],
    workgroupArrays: [],
    body: [
      variable("total", load("bias", "f32", builtin("thread_x"))),
      forLoop("k", extent("K"), (k) => [
        assign("total", add(ref("total", f32), mul(load("x", "f32", [builtin("thread_y"), k]), load("w", "f32", [k, builtin("thread_x")])))),
      ]),
      store("y", [builtin("thread_y"), builtin("thread_x")], max(ref("total", f32), float(0))),
    ],
  },
  bindings: { M: 5, K: 7, N: 6 },
  buffers: () => ({ x: numbers(35, 5), w: numbers(42, 6), bias: numbers(6, 7), y: new Float32Array(30) }),
  output: "y",
  expected: ({ x, w, bias }) => matmul(x, w, 5, 7, 6).map((value, i) => Math.max(value + at(bias, i % 6), 0)),
};

/** Transposes with extents at run time, and reads by pairs from a buffer of scalars. */
export const interleave: SampleKernel = {
  kernel: {
    name: "interleave", mode: "workgroup", workgroupSize: 8, grid: [["/", ["+", "R", 7], 8], "C", 1], extents: ["C", "R"],
    buffers: [
      { name: "pairs", dtype: "f32", access: "read", lanes: 1, length: ["*", ["*", 2, "R"], "C"] },
      { name: "sums", dtype: "f32", access: "write", lanes: 1, length: ["*", "C", "R"], columns: "R" },
    ],
    workgroupArrays: [],
    body: [
      define("row", add(mul(groupX, int(8)), thread)),
      when(lt(ref("row", i32), extent("R")), [
        define("pair", load("pairs", "f32", mul(add(mul(ref("row", i32), extent("C")), builtin("group_y")), int(2)), 2)),
        store("sums", [builtin("group_y"), ref("row", i32)], sub(lane(ref("pair", { scalar: "f32", lanes: 2 }), 0), lane(ref("pair", { scalar: "f32", lanes: 2 }), 1))),
      ]),
    ],
  },
  bindings: { R: 11, C: 3 },
  buffers: () => ({ pairs: numbers(66, 8), sums: new Float32Array(33) }),
  output: "sums",
  expected: ({ pairs }) => Array.from({ length: 33 }, (_, i) => {
    const from = ((i % 11) * 3 + Math.floor(i / 11)) * 2;
    return at(pairs, from) - at(pairs, from + 1);
  }),
};

/** bool and i32 data: keeps a label where its mask is set and it is even, else -1. */
export const maskLabels: SampleKernel = {
  kernel: {
    name: "mask_labels", mode: "workgroup", workgroupSize: 16, grid: [2, 1, 1], extents: [],
    buffers: [
      { name: "mask", dtype: "bool", access: "read", lanes: 1, length: 32 },
      { name: "labels", dtype: "i32", access: "read", lanes: 1, length: 32 },
      { name: "kept", dtype: "i32", access: "write", lanes: 1, length: 32 },
      { name: "unused", dtype: "f32", access: "read", lanes: 1, length: 1 },
    ],
    workgroupArrays: [],
    body: [
      define("i", add(mul(groupX, int(16)), thread)),
      define("label", load("labels", "i32", position)),
      define("keep", and(load("mask", "bool", position), instruction("eq", rem(ref("label", i32), int(2)), int(0)))),
      store("kept", position, select(ref("keep", bool), ref("label", i32), int(-1))),
    ],
  },
  bindings: {},
  buffers: () => ({
    mask: Uint32Array.from({ length: 32 }, (_, i) => (i % 3 === 0 ? 0 : 1)), labels: Int32Array.from({ length: 32 }, (_, i) => i - 16),
    kept: new Int32Array(32), unused: new Float32Array(1),
  }),
  output: "kept",
  expected: ({ mask, labels }) => Array.from(labels ?? [], (label, i) => (at(mask, i) === 1 && label % 2 === 0 ? label : -1)),
};

/** A thread kernel over i32 and bool: the one-hot difference, with an integer quotient and a float conversion. */
export const threadOneHot: SampleKernel = {
  kernel: {
    name: "one_hot", mode: "thread", workgroupSize: 1, grid: [12, 4, 1], extents: [],
    buffers: [
      { name: "labels", dtype: "i32", access: "read", lanes: 1, length: 4 },
      { name: "active", dtype: "bool", access: "read", lanes: 1, length: 12 },
      { name: "y", dtype: "f32", access: "write", lanes: 1, length: 48, columns: 12 },
    ],
    workgroupArrays: [],
    body: [
      define("quotient", div(builtin("thread_x"), int(3))),
      define("hit", and(instruction("eq", ref("quotient", i32), load("labels", "i32", builtin("thread_y"))), load("active", "bool", builtin("thread_x")))),
      variable("score", constant("f32", -0.5)),
      when(ref("hit", bool), [assign("score", add(ref("score", f32), convert(rem(builtin("thread_x"), int(3)), "f32")))], [assign("score", convert(ref("hit", bool), "f32"))]),
      store("y", [builtin("thread_y"), builtin("thread_x")], ref("score", f32)),
    ],
  },
  bindings: {},
  buffers: () => ({ labels: Int32Array.of(0, 3, 2, 1), active: Uint32Array.from({ length: 12 }, (_, i) => (i === 4 ? 0 : 1)), y: new Float32Array(48) }),
  output: "y",
  expected: ({ labels, active }) => Array.from({ length: 48 }, (_, i) => {
    const column = i % 12;
    return Math.floor(column / 3) === at(labels, Math.floor(i / 12)) && at(active, column) === 1 ? (column % 3) - 0.5 : 0;
  }),
};

export const workgroupSamples: readonly SampleKernel[] = [scaleAndClamp, rowSum, tiledMatmul, interleave, maskLabels];
export const threadSamples: readonly SampleKernel[] = [threadMatmul, threadOneHot];
export const samples: readonly SampleKernel[] = [...workgroupSamples, ...threadSamples];
