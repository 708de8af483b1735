import { describe, expect, it } from "vitest";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import type { Kernel, Statement } from "../../../compiler/kernel/node.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";
import { samples } from "../../support/sample-kernels.ts";

const header = "workgroup 8 grid 1 read x: f32[64] read wide: f32x4[64] write y: f32[64] write vectors: f32x4[64] shared tile: f32[8]";
const workgroup = (body: string, head = header): Kernel => parseKernel(`kernel k { ${head} ${body} }`);
const thread = (body: string): Kernel => parseKernel(`kernel k { thread grid 4, 2 read x: f32[8] columns 4 write y: f32[8] columns 4 ${body} }`);
const labels = (kernel: Kernel): string[] => [...new Set(verifyKernel(kernel).violations.map(({ label }) => label))];
const store = "y[thread_y, thread_x] = 0.0";

/** A kernel whose text form cannot express the mistake. */
const patched = (statement: Statement): Kernel => ({ ...workgroup("barrier"), body: [statement] });

describe("verifyKernel accepts", () => {
  it.each(samples)("$kernel.name", ({ kernel }) => expect(verifyKernel(kernel).violations).toEqual([]));

  it("barriers in loops with uniform bounds", () => {
    expect(labels(workgroup("for i in 0 .. 4 { if group_x < 2 { barrier } } for i_2 in 0 .. 1 { let u = x[group_x] if u > 0.0 { barrier } }"))).toEqual([]);
  });
});

describe("verifyKernel reports", () => {
  it.each<[string, Kernel]>([
    ["K1", workgroup("let a = 1 let a = 2")],
    ["K1", workgroup("let x = 1")],
    ["K1", patched({ kind: "let", name: "max", value: { kind: "const", type: { scalar: "i32", lanes: 1 }, value: 1 } })],
    ["K2", patched({ kind: "let", name: "a", value: { kind: "ref", type: { scalar: "i32", lanes: 1 }, name: "b" } })],
    ["K2", workgroup("if thread < 1 { let a = 1 } let b = a")],
    ["K2", workgroup("let a = 1 a = 2")],
    ["K3", workgroup("let a = 1 + 1.0")],
    ["K3", workgroup("let a = thread / 0")],
    ["K3", workgroup("let a = sqrt(thread)")],
    ["K3", workgroup("let a = select(1, 2, 3)")],
    ["K3", workgroup("if thread { barrier }")],
    ["K3", workgroup("var a = 1 a = 1.0")],
    ["K3", workgroup("let a = vec4(1, 2)")],
    ["K3", workgroup("let a = splat4(1).x + splat2(1.0).w")],
    ["K3", patched({ kind: "let", name: "a", value: { kind: "const", type: { scalar: "f32", lanes: 1 }, value: 0.1 } })],
    ["K3", patched({ kind: "let", name: "a", value: { kind: "const", type: { scalar: "i32", lanes: 1 }, value: 1.5 } })],
    ["K4", workgroup("x[0] = 1.0")],
    ["K4", patched({ kind: "store", buffer: "z", index: [], value: { kind: "const", type: { scalar: "f32", lanes: 1 }, value: 1 } })],
    ["K5", workgroup("y[0, 1] = 1.0")],
    ["K5", workgroup("y[0.0] = 1.0")],
    ["K6", workgroup("y[0] = 1")],
    ["K6", workgroup("vectors[0] = 1.0")],
    ["K6", workgroup("let a = wide[0 : 2]")],
    ["K7", workgroup("tile[0] = 1")],
    ["K7", workgroup("tile[0.0] = 1.0")],
    ["K7", workgroup("if thread < 1 { array a: f32[2] } tile[0] = a[0]")],
    ["K8", workgroup("if thread < 4 { barrier }")],
    ["K8", workgroup("for i in 0 .. thread { barrier }")],
    ["K8", workgroup("let v = x[thread] if v > 0.0 { barrier }")],
    ["K8", workgroup("if tile[0] > 0.0 { barrier }")],
    ["K8", workgroup("if y[0] > 0.0 { barrier }")],
    ["K8", workgroup("var s = 0 for i in 0 .. 2 { if s > 0 { barrier } if thread < 1 { s = 1 } }")],
    ["K8", workgroup("array a: i32[2] a[0] = thread if a[1] > 0 { barrier }")],
    ["K9", thread(`barrier ${store}`)],
    ["K9", thread(`${store} ${store}`)],
    ["K9", thread("y[thread_x, thread_y] = 0.0")],
    ["K9", thread(`let a = splat4(1.0) ${store}`)],
    ["K9", thread(`for i in 0 .. thread_x { let a = i } ${store}`)],
    ["K9", thread(`let a = y[0, 0] ${store}`)],
    ["K9", thread(`let a = bits_u32(1.0) ${store}`)],
    ["K9", thread(`let a = group_x ${store}`)],
    ["K9", workgroup("let a = thread_x")],
    ["K10", workgroup("barrier", "workgroup 0 grid 1")],
    ["K10", workgroup("barrier", "workgroup 8 grid 1 shared a: f32[0]")],
    ["K11", workgroup("for i in 0 .. 4 step 0 { barrier }")],
    ["K11", workgroup("var n = 4 for i in 0 .. n { n = 2 }")],
    ["K11", workgroup("for i in 0 .. i32(x[0]) { let a = 1 }")],
    ["K11", workgroup("for i in 0.0 .. 4 { barrier }")],
    ["K12", workgroup("let a = #N")],
    ["K12", workgroup("barrier", "workgroup 8 grid 1 extents N")],
    ["K12", workgroup("let a = #N + #M", "workgroup 8 grid 1 extents N, M")],
    ["K13", patched({ kind: "comment", text: "two\nlines" })],
  ])("%s %#", (label, kernel) => expect(labels(kernel)).toContain(label));

  it("says where, and what", () => {
    const { violations } = verifyKernel(workgroup("for i in 0 .. 2 { if i < 1 { y[i] = 1 } }"));
    expect(violations).toEqual([{ label: "K6", path: "body[0].body[0].then[0]", message: "a store of i32 to 'y', which is f32" }]);
  });

  it("the workgroup memory", () => {
    expect(verifyKernel(workgroup("barrier", "workgroup 8 grid 1 shared a: f32[5] shared b: f16x4[3] shared c: bool[4]")).workgroupBytes).toBe(32 + 32 + 16);
  });
});
