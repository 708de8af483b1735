import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emitWgsl } from "../../../../compiler/backends/wgsl/emit.ts";
import { wgslWords } from "../../../../compiler/backends/wgsl/names.ts";
import { interpret } from "../../../../compiler/kernel/interpret.ts";
import type { Expression, Kernel } from "../../../../compiler/kernel/node.ts";
import { isLegalName } from "../../../../compiler/kernel/names.ts";
import { parseKernel } from "../../../../compiler/kernel/parse.ts";
import { simplify } from "../../../../compiler/kernel/simplify.ts";
import { verifyKernel } from "../../../../compiler/kernel/verify.ts";
import { buffersOf, expressions, inputs, kernelOf } from "../../../support/random-kernels.ts";
import { runKernel } from "../../../support/run-kernel.ts";
import { rowSum, workgroupSamples } from "../../../support/sample-kernels.ts";
import { validateWgsl } from "../../../support/validate-wgsl.ts";

const emit = (body: string, head = "workgroup 8 grid 1 read x: f32[64] read v: f32x4[64] read flags: bool[64] write y: f32[64] write w: f32x4[64] write marks: bool[64] shared tile: f32[8]"): string => {
  const kernel = parseKernel(`kernel k { ${head} ${body} }`);
  expect(verifyKernel(kernel).violations).toEqual([]);
  return emitWgsl(kernel);
};

/** The lines of `main`, without indentation. */
const mainOf = (code: string): string[] => (code.split("fn main")[1] ?? "").split("\n").slice(1, -2).map((line) => line.trim());

describe("the validator that these tests rest on", () => {
  it("finds faults", async () => {
    expect(await validateWgsl("fn broken(")).not.toEqual([]);
    expect((await validateWgsl("@compute @workgroup_size(9999) fn main() {}")).join()).toContain("pipeline");
  });
});

describe.each(workgroupSamples)("$kernel.name", ({ kernel, buffers, bindings, output, expected }) => {
  it("is valid WGSL, also simplified", async () => {
    expect(await validateWgsl(emitWgsl(kernel))).toEqual([]);
    expect(await validateWgsl(emitWgsl(simplify(kernel)))).toEqual([]);
  });

  it("computes on the software adapter what it should", async () => {
    for (const variant of [kernel, simplify(kernel)]) {
      const data = buffers();
      const got = await runKernel(variant, data, bindings, output, "swiftshader");
      for (const [i, value] of expected(data).entries()) expect(got[i]).toBeCloseTo(value, 5);
    }
  });
});

describe("emitWgsl", () => {
  it("prints a kernel as a person would write it", () => {
    expect(emitWgsl(rowSum.kernel)).toBe(`// row_sum: 32 invocations in each workgroup of the grid (R, 1, 1)

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
var<workgroup> partial_2: array<f32, 32>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let group_x = i32(group.x);
  let thread = i32(local);
  // each invocation adds up every 32nd element
  var sum = 0.0;
  let invariant = group_x * 100;
  for (var column = thread; column < 100; column += 32) {
    sum = sum + x[invariant + column];
  }
  partial_2[thread] = sum;
  workgroupBarrier();
  for (var turn = 0; turn < 5; turn++) {
    let stride = 16 >> u32(turn);
    if (thread < stride) {
      partial_2[thread] = partial_2[thread] + partial_2[thread + stride];
    }
    workgroupBarrier();
  }
  if (thread == 0) {
    y[group_x] = partial_2[0];
  }
}
`);
  });

  it.each<[string, string, readonly string[]]>([
    ["vectors of a vector buffer", "w[thread * 4] = v[thread * 8 : 4]", ["w[thread] = v[thread * 2];"]],
    ["scalars of a vector buffer", "y[0] = v[thread]", ["y[0] = v[thread >> 2u][thread & 3];"]],
    ["a known lane of a vector buffer", "y[0] = v[6]", ["y[0] = v[1][2];"]],
    ["vectors of a scalar buffer", "w[0] = x[thread : 4]", ["w[0] = vec4f(x[thread], x[thread + 1], x[thread + 2], x[thread + 3]);"]],
    ["vector stores to a scalar buffer", "y[thread * 2] = vec2(1.0, 2.0)", ["let y_at = thread * 2;", "let y_value = vec2f(1.0, 2.0);", "y[y_at] = y_value.x;", "y[y_at + 1] = y_value.y;"]],
    ["bool words", "marks[0] = not(flags[thread])", ["marks[0] = u32(!bool(flags[thread]));"]],
    ["a scalar beside a vector", "w[0] = v[0 : 4] * splat4(2.0)", ["w[0] = v[0] * 2.0;"]],
    ["logic with its parentheses", "if thread < 1 && thread < 2 || thread < 3 { y[0] = 0.0 }", ["if ((thread < 1 && thread < 2) || thread < 3) {", "y[0] = 0.0;", "}"]],
    ["bits with their parentheses", "y[bit_and(thread, 3) + shift_left(1, thread - 1)] = 0.0", ["y[(thread & 3) + (1 << u32(thread - 1))] = 0.0;"]],
    ["comparisons side by side", "let p = select(thread < 3, thread > 4, true)", ["let p = select(true, (thread > 4), (thread < 3));"]],
    ["else", "if thread < 1 { y[0] = 1.0 } else { y[0] = 2.0 }", ["if (thread < 1) {", "y[0] = 1.0;", "} else {", "y[0] = 2.0;", "}"]],
    ["negation", "y[0] = neg(neg(x[0]) - 1.0) - -1.5", ["y[0] = -(-x[0] - 1.0) + 1.5;"]],
  ])("%s", async (_name, body, lines) => {
    const code = emit(body);
    expect(mainOf(code)).toEqual(expect.arrayContaining([...lines]));
    expect(await validateWgsl(code)).toEqual([]);
  });

  it("orders global memory at barriers only where the kernel reads back what it wrote", () => {
    expect(emit("y[thread] = 1.0 barrier let a = y[0]")).toContain("storageBarrier();\n  workgroupBarrier();");
    expect(emit("y[thread] = 1.0 barrier")).not.toContain("storageBarrier");
    // Read where it is overwritten, after the barrier or before it: nothing to order. Read before, overwritten after: there is.
    expect(emit("barrier let a = y[thread] y[thread] = a + 1.0")).not.toContain("storageBarrier");
    expect(emit("let a = y[0] barrier y[thread] = a").match(/storageBarrier/g)).toHaveLength(1);
    // In a loop what comes after a barrier comes before it in the next turn.
    expect(emit("for i in 0 .. 2 { barrier let a = y[thread] y[thread] = a + 1.0 }").match(/storageBarrier/g)).toHaveLength(1);
    expect(emit("barrier for i in 0 .. 2 { let a = y[0] barrier y[thread] = a barrier }").match(/storageBarrier/g)).toHaveLength(2);
  });

  it("keeps bindings and the uniform block that nothing reads", async () => {
    const code = emit("y[0, thread] = 1.0", "workgroup 8 grid 1 extents N read x: f32[N] write y: f32[N] columns N");
    expect(code).toContain("_ = &x;");
    expect(await validateWgsl(code)).toEqual([]);
  });

  it("reads f16 and all other types", async () => {
    const code = emit(
      "tile[thread] = h[thread] * 2.0h barrier o[thread] = tile[7 - thread] + f16(x[thread]) if bits_u32(x[0]) > 1u { o[0] = infh o[1] = max(h[0], h[1]) } array a: u32x2[2] a[0] = vec2(u[0], 70000u) let m = vec2(true, false) let z = select(m, a[0], a[1]) let q = and(m, not(m)) let b = i32(-2147483648) ",
      "workgroup 8 grid 1 read h: f16[8] read x: f32[8] read u: u32[8] write o: f16[8] shared tile: f16[8]",
    );
    expect(code.startsWith("enable f16;\n")).toBe(true);
    expect(code).toContain("0x11170u");
    expect(await validateWgsl(code)).toEqual([]);
  });

  it("computes vectors of every width lane by lane, by legal nodes too", async () => {
    const kernel = parseKernel(`kernel k { workgroup 1 grid 4 read x: f32x4[16] write y: f32x4[144]
      let a = x[group_x * 4 : 4] let b = x[12 - group_x * 4 : 4]
      let results = max(a, b) + min(a, splat4(1.0)) y[group_x * 36] = results
      y[group_x * 36 + 4] = exp(a) * exp2(b) y[group_x * 36 + 8] = log(a) y[group_x * 36 + 12] = pow(a, b) y[group_x * 36 + 16] = select(and(a < b, not(b == a)), sign(a), round(b))
      y[group_x * 36 + 20] = f32(i32(a)) / splat4(4.0) y[group_x * 36 + 24] = vec4(a.x, b.y, a.z, 1.0) - splat4(b.w) y[group_x * 36 + 28] = pow(a, splat4(2.0)) y[group_x * 36 + 32] = splat4(inf) }`);
    expect(verifyKernel(kernel).violations).toEqual([]);
    expect(await validateWgsl(emitWgsl(kernel))).toEqual([]);
    const data = { x: Float32Array.from({ length: 16 }, (_, i) => (i - 8) / 4), y: new Float32Array(144) };
    const got = await runKernel(kernel, data, {}, "y", "swiftshader");
    interpret(kernel, data);
    for (const [i, want] of data.y.entries()) if (Number.isFinite(want)) expect(got[i]).toBeCloseTo(want, 5); else expect(got[i]).toBe(want);
  });

  it("renames what WGSL keeps for itself", async () => {
    const words = wgslWords.filter(isLegalName);
    expect(words.length).toBeGreaterThan(150);
    const lets = words.map((word, i) => `let ${word} = x[${i % 64}]`).join(" ");
    const code = emit(`${lets} y[0] = ${words.join(" + ")}`);
    expect(await validateWgsl(code)).toEqual([]);
  });

  it("refuses thread kernels", () => {
    expect(() => emitWgsl(parseKernel("kernel k { thread grid 1, 1 write y: f32[1] columns 1 y[thread_y, thread_x] = 1.0 }"))).toThrow("is a thread kernel");
  });

  it("computes random expressions exactly as the interpreter", async () => {
    const { float, integer, truth } = expressions(3);
    const list = fc.sample(fc.oneof(float, integer, truth), { numRuns: 80, seed: 7 });
    const rows = fc.sample(inputs, { numRuns: 8, seed: 8 });
    const kernel = stacked(list, rows.length);
    const data = { ...buffersOf(rows), result: new Float32Array(list.length * rows.length) };
    const got = await runKernel(kernel, data, {}, "result", "swiftshader");
    interpret(kernel, data);
    // 0 and -0 compare equal here: the sign of a zero of max is not defined.
    expect(got.map((value) => value + 0)).toEqual(Array.from(data.result, (value) => value + 0));
    expect(await validateWgsl(emitWgsl(kernel))).toEqual([]);
  });
});

/** Many expressions in one kernel: one pipeline for all. */
function stacked(list: readonly Expression[], rows: number): Kernel {
  const [first] = list;
  if (!first) throw new Error("no expressions");
  const base = kernelOf(first, "workgroup", rows);
  const stores = list.flatMap((value, i) =>
    kernelOf(value, "workgroup", rows).body.filter((statement) => statement.kind === "store").map((store) => ({
      ...store,
      index: store.index.map((row): Expression => ({ kind: "instruction", type: row.type, op: "add", args: [row, { kind: "const", type: row.type, value: i * rows }] })),
    })),
  );
  return {
    ...base,
    buffers: base.buffers.map((buffer) => (buffer.name === "result" ? { ...buffer, length: list.length * rows } : buffer)),
    body: [...base.body.filter((statement) => statement.kind === "let"), ...stores],
  };
}
