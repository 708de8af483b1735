/**
 * Which kernels may write over what they read. Each text is a kernel with `t` read and `o` written; those that may must store
 * the same with both in one buffer, and those that may not, forced into one buffer, must be caught by the interpreter or store something else.
 */
import { describe, expect, it } from "vitest";
import { required } from "../../../compiler/errors.ts";
import { inPlace, inPlaceCandidates } from "../../../compiler/kernel/in-place.ts";
import { interpret } from "../../../compiler/kernel/interpret.ts";
import type { Kernel } from "../../../compiler/kernel/node.ts";
import { evaluateExtent } from "../../../compiler/kernel/numbers.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";

const pair = { read: "t", write: "o" };
/** A kernel lists the extents that its body reads, and no others. */
const kernelOf = (head: string, body: string): Kernel => parseKernel(`kernel k { ${body.includes("#") ? head : head.replace(" extents B", "")} ${body} }`);

/** What the kernel has written, by buffer. `o` starts as what `t` is. */
function stored(kernel: Kernel, B: number): Record<string, Float32Array | undefined> {
  const data = Object.fromEntries(kernel.buffers.map(({ name, length }) => [name, Float32Array.from({ length: evaluateExtent(length, { B }) }, (_, i) => (name === "x" ? (i % 5) - 2 : ((i * 7) % 11) + 0.25 * i))]));
  interpret(kernel, data, { B });
  return Object.fromEntries(kernel.buffers.filter(({ access }) => access === "write").map(({ name }) => [name, data[name]]));
}

/** The names of the two exchanged in text: for kernels that nothing was proved of. */
function forced(kernel: Kernel): Kernel {
  const text = printKernel(kernel).split("\n").filter((line) => !/^\s*read t:/.test(line)).join("\n");
  return parseKernel(text.replace(/\bt\[/g, "o["));
}

const tile = "workgroup 8 grid 2, (B + 3) / 4, 1 extents B";
const rows = "workgroup 4 grid B, 1, 1 extents B read t: f32[8 * B] write o: f32[8 * B] shared parts: f32[4]";
const loneRow = "workgroup 1 grid (B + 3) / 4, 1, 1 extents B read t: f32[8 * B] write o: f32[8 * B]";
const flat = "workgroup 4 grid (8 * B + 3) / 4, 1, 1 extents B read t: f32[8 * B] write o: f32[8 * B]";
const i = "let i = group_x * 4 + thread";
const rowSum = "var sum = 0.0 for c in thread .. 8 step 4 { sum = sum + t[group_x * 8 + c] } parts[thread] = sum barrier let total = parts[0] + parts[1] + parts[2] + parts[3]";
const storeRow = "for d in thread .. 8 step 4 { o[group_x * 8 + d] = t[group_x * 8 + d] - total }";

/** A product's epilogue: two rows for each invocation, columns over the grid, the second operand of a sum read where it is stored. */
const residual = (index: (row: string) => string): string =>
  `let row = group_y * 4 + thread / 4 * 2 let column = group_x * 4 + thread % 4 let a = x[min(row, #B - 1)] ` +
  [0, 1].map((r) => `if row + ${r} < #B { o[(row + ${r}) * 8 + column] = a + t[${index(`(row + ${r})`)}] }`).join(" ");

const may: readonly (readonly [string, string, string])[] = [
  ["a map", flat, `${i} if i < #(8 * B) { o[i] = exp(t[i]) }`],
  ["a map whose load has a name", flat, `${i} if i < #(8 * B) { let v = t[i] o[i] = v * v }`],
  ["a residual in the epilogue of a product", `${tile} read x: f32[B] read t: f32[8 * B] write o: f32[8 * B]`, residual((row) => `${row} * 8 + column`)],
  ["vectors", "workgroup 2 grid B, 1, 1 extents B read t: f32x4[8 * B] write o: f32x4[8 * B]", "let i = (group_x * 2 + thread) * 4 o[i] = t[i : 4] * splat4(2.0)"],
  ["scalars of a vector that is stored", "workgroup 2 grid B, 1, 1 extents B read t: f32x4[8 * B] write o: f32x4[8 * B]", "let i = (group_x * 2 + thread) * 4 o[i] = splat4(t[i + 2])"],
  ["a row: its sum in one loop, a barrier, the map in the next", rows, `${rowSum} ${storeRow}`],
  ["a row in loops that other invocations share, with a barrier between", rows, `var s = 0.0 for c in 0 .. 8 { s = s + t[group_x * 8 + c] } barrier for d in thread .. 8 step 4 { o[group_x * 8 + d] = s }`],
  ["the same turns of two loops, without a barrier", rows, "var s = 0.0 for c in thread .. 8 step 4 { s = s + t[group_x * 8 + c] } for d in thread .. 8 step 4 { o[group_x * 8 + d] = s }"],
  ["rows of one invocation, the last workgroup not full", loneRow, "for r in 0 .. min(4, #B - group_x * 4) { for c in 0 .. 8 { o[(group_x * 4 + r) * 8 + c] = t[(group_x * 4 + r) * 8 + c] * 2.0 } }"],
  ["rows of one workgroup, of which those past the end repeat the last: it is the workgroup's own", "workgroup 4 grid (B + 3) / 4, 1, 1 extents B read t: f32[B] write o: f32[B] shared parts: f32[4]",
    "let row = group_x * 4 + thread parts[thread] = t[min(row, #B - 1)] barrier if row < #B { o[row] = parts[thread] + parts[0] }"],
  ["rows past the end that repeat another's, if they then do nothing at all", "workgroup 1 grid (B + 1) / 2, 2, 1 extents B read t: f32[8 * B] write o: f32[8 * B]",
    "let row = group_x * 2 + group_y let near = min(row, #B - 1) var s = 0.0 for c in 0 .. 8 { s = s + t[near * 8 + c] } if row < #B { for d in 0 .. 8 { o[near * 8 + d] = s + t[near * 8 + d] } }"],
  ["coordinates parted from one number and put together again", flat, `${i} let b = i / 8 let c = i % 8 if i < #(8 * B) { o[b * 8 + c] = t[b * 8 + c] + 1.0 }`],
  ["channels before pixels", "workgroup 8 grid B, 2, 1 extents B read t: f32[16 * B] write o: f32[16 * B]", "let p = group_x * 4 + thread % 4 let c = group_y * 2 + thread / 4 o[p / 4 * 16 + c * 4 + p % 4] = t[p / 4 * 16 + c * 4 + p % 4] + 1.0"],
];

const mayNot: readonly (readonly [string, string, string])[] = [
  ["a transposed read", "workgroup 4 grid 4, 1, 1 read t: f32[16] write o: f32[16]", "o[group_x * 4 + thread] = t[thread * 4 + group_x]"],
  ["a shifted read", flat, `${i} if i < #(8 * B) { o[i] = t[max(i - 1, 0)] }`],
  ["a shifted read of the workgroup's own, without a barrier", "workgroup 4 grid B, 1, 1 extents B read t: f32[4 * B] write o: f32[4 * B]", "o[group_x * 4 + thread] = t[group_x * 4 + (thread + 1) % 4]"],
  ["a broadcast of the first column", flat, `${i} if i < #(8 * B) { o[i] = t[i / 8 * 8] }`],
  ["an operand that is staged for a product with all columns", `${tile} read x: f32[B] read t: f32[8 * B] write o: f32[8 * B] shared tile: f32[8]`,
    "let row = group_y * 4 + thread / 2 tile[thread] = t[min(row, #B - 1) * 8 + thread % 2] barrier if row < #B { o[row * 8 + group_x * 4 + thread % 2 * 2] = tile[thread] o[row * 8 + group_x * 4 + thread % 2 * 2 + 1] = tile[thread] + x[row] }"],
  ["a sum over the other axis", flat, `${i} var s = 0.0 for b in 0 .. #B { s = s + t[b * 8 + i % 8] } if i < #(8 * B) { o[i] = s }`],
  ["a residual of another row", `${tile} read x: f32[B] read t: f32[8 * B] write o: f32[8 * B]`, residual((row) => `min(${row} + 1, #B - 1) * 8 + column`)],
  ["a load outside the store's guard, of an element that another workgroup stores", "workgroup 1 grid (B + 1) / 2, 2, 1 extents B read t: f32[B] read x: f32[B] write o: f32[B] write p: f32[4 * B]",
    "let row = group_x * 2 + group_y let v = t[min(row, #B - 1)] if row < #B { o[row] = v * 2.0 } p[row] = v"],
  ["a load that comes after the store in the text", `${flat} write p: f32[8 * B]`, `${i} if i < #(8 * B) { o[i] = 1.0 p[i] = t[i] }`],
  ["a load beyond the guard that keeps a row's columns apart from the next row's", "workgroup 8 grid B, 1, 1 extents B read t: f32[6 * B + 2] write o: f32[6 * B + 2] write p: f32[8 * B]", "let v = t[group_x * 6 + thread] if thread < 6 { o[group_x * 6 + thread] = v } p[group_x * 8 + thread] = v"],
  ["a load after the store, with another store behind", flat, `${i} if i < #(8 * B) { o[i] = 1.0 let v = t[i] if v > 3.0 { o[i] = v } }`],
  ["a row read whole by each invocation while others store it", rows, "for d in thread .. 8 step 4 { var s = 0.0 for c in 0 .. 8 { s = s + t[group_x * 8 + c] } o[group_x * 8 + d] = s }"],
  ["a barrier that comes too late", rows, `var s = 0.0 for c in 0 .. 8 { s = s + t[group_x * 8 + c] } ${"for d in thread .. 8 step 4 { o[group_x * 8 + d] = s }"} barrier`],
  ["a later loop over what the first has stored", loneRow, "for r in 0 .. min(4, #B - group_x * 4) { o[(group_x * 4 + r) * 8] = 1.0 } for q in 0 .. min(4, #B - group_x * 4) { o[(group_x * 4 + q) * 8 + 1] = t[(group_x * 4 + q) * 8] }"],
  ["one element that all invocations store", "workgroup 4 grid 1, 1, 1 extents B read t: f32[B] write o: f32[B]", "o[0] = t[0] + 1.0"],
  ["an index that memory decides", flat, `${i} if i < #(8 * B) { o[i] = t[i32(t[i]) % 8] }`],
];

describe("a kernel may write over what it reads", () => {
  it.each(may)("%s", (_, head, body) => {
    const kernel = kernelOf(head, body);
    expect(verifyKernel(kernel).violations).toEqual([]);
    expect(inPlaceCandidates(kernel)).toEqual([pair]);
    const made = required(inPlace(kernel, pair), "test", "kernel");
    expect(made.buffers.map(({ name }) => name)).toEqual(kernel.buffers.map(({ name }) => name).filter((name) => name !== "t"));
    expect(verifyKernel(made).violations).toEqual([]);
    for (const B of [1, 2, 3, 4, 5, 9]) {
      // `stored` fills `o` with what `t` would hold.
      expect(stored(made, B), `B = ${B}`).toEqual(stored(kernel, B));
    }
  });
});

describe("a kernel may not write over what it reads", () => {
  it.each(mayNot)("%s", (_, head, body) => {
    const kernel = kernelOf(head, body);
    expect(verifyKernel(kernel).violations).toEqual([]);
    expect(inPlaceCandidates(kernel)).toContainEqual(pair);
    expect(inPlace(kernel, pair)).toBeUndefined();
    const differs = [1, 2, 3, 4, 5, 9].some((B) => {
      try {
        return JSON.stringify(stored(forced(kernel), B)) !== JSON.stringify(stored(kernel, B));
      } catch {
        return true;
      }
    });
    expect(differs, "forced into one buffer, it would store the same").toBe(true);
  });

  it.each([
    ["types", "read t: i32[8 * B] write o: f32[8 * B]"],
    ["lengths", "read t: f32[4 * B] write o: f32[8 * B]"],
    ["widths of the binding", "read t: f32x4[8 * B] write o: f32[8 * B]"],
  ])("that has other %s", (_, buffers) => {
    expect(inPlaceCandidates(kernelOf(`workgroup 4 grid B, 1, 1 extents B ${buffers}`, "o[group_x] = 0.0"))).toEqual([]);
  });

  it("where the result has a meaning before it is written", () => {
    const states = kernelOf(flat, `${i} if i < #(8 * B) { o[i] = o[i] + t[i] }`);
    expect(inPlaceCandidates(states)).toEqual([pair]);
    expect(inPlace(states, pair)).toBeUndefined();
  });

  it("in a thread kernel, which cannot read its output", () => {
    const kernel = kernelOf("thread grid 4, B, 1 extents B read t: f32[4 * B] columns 4 write o: f32[4 * B] columns 4", "o[thread_y, thread_x] = t[thread_y, thread_x]");
    expect(inPlaceCandidates(kernel)).toEqual([]);
  });
});
