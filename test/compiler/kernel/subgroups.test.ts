import { describe, expect, it } from "vitest";
import { emitWgsl } from "../../../compiler/backends/wgsl/emit.ts";
import { interpret } from "../../../compiler/kernel/interpret.ts";
import type { Kernel } from "../../../compiler/kernel/node.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { linearSubgroups, mergeOverSubgroup, type SubgroupMapping, unusualSubgroups, usesSubgroups } from "../../../compiler/kernel/subgroups.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";
import { runKernel } from "../../support/run-kernel.ts";
import { validateWgsl } from "../../support/validate-wgsl.ts";

const head = "workgroup 8 grid 1 read x: f32[8] write y: f32[8] shared tile: f32[8]";
const kernelOf = (body: string): Kernel => parseKernel(`kernel k { ${head} ${body} }`);
const labelsOf = (body: string): string[] => [...new Set(verifyKernel(kernelOf(body)).violations.map(({ label }) => label))];

function run(body: string, subgroups: SubgroupMapping, x: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8]): number[] {
  const y = new Float32Array(8);
  interpret(kernelOf(body), { x: Float32Array.from(x), y }, {}, subgroups);
  return [...y];
}

describe("mappings", () => {
  it.each([1, 3, 4, 8, 64, 128])("have every invocation once, at most %d together", (size) => {
    for (const workgroup of [1, 2, 32, 48, 64])
      for (const { members } of [linearSubgroups(workgroup, size), unusualSubgroups(workgroup, size)]) {
        expect(members.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: workgroup }, (_, i) => i));
        expect(Math.max(...members.map((each) => each.length))).toBeLessThanOrEqual(size);
      }
  });

  it("are neighbours, or anything but", () => {
    expect(linearSubgroups(6, 4).members).toEqual([[0, 1, 2, 3], [4, 5]]);
    expect(unusualSubgroups(8, 4).members).toEqual([[7, 4, 1], [6, 3, 0], [5, 2]]);
  });
});

describe("operations", () => {
  it("round to f32 in the order of the lanes, and keep NaN", () => {
    expect(mergeOverSubgroup("subgroup_add", "f32", [[16777216], [1], [1]])).toEqual([[16777216], [16777216], [16777216]]);
    expect(mergeOverSubgroup("subgroup_max", "f32", [[1], [Number.NaN], [3]])).toEqual([[Number.NaN], [Number.NaN], [Number.NaN]]);
    expect(mergeOverSubgroup("subgroup_min", "f32", [[1, 5], [2, 4]])).toEqual([[1, 4], [1, 4]]);
    expect(mergeOverSubgroup("subgroup_exclusive_add", "i32", [[1], [1], [2]])).toEqual([[0], [1], [2]]);
  });

  it("run over the members of each subgroup, in the interpreter", () => {
    const sum = "let total = subgroup_add(x[thread]) y[thread] = total";
    expect(run(sum, linearSubgroups(8, 4))).toEqual([10, 10, 10, 10, 26, 26, 26, 26]);
    expect(run(sum, linearSubgroups(8, 1))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(run(sum, linearSubgroups(8, 64))).toEqual(Array.from({ length: 8 }, () => 36));
    expect(run(sum, { size: 4, members: [[7, 0, 3], [1, 2], [4, 5, 6]] })).toEqual([13, 5, 5, 13, 18, 18, 18, 13]);
    expect(run("let place = subgroup_exclusive_add(1) y[thread] = f32(place * 10 + subgroup_size)", { size: 4, members: [[7, 0, 3], [1, 2], [4, 5, 6]] })).toEqual([14, 4, 14, 24, 4, 14, 24, 4]);
  });

  it("order no memory: without a barrier it is a race still", () => {
    expect(() => run("tile[thread] = x[thread] let total = subgroup_add(1.0) y[thread] = tile[7 - thread] + total", linearSubgroups(8, 8))).toThrow("race on 'tile");
  });

  it("print, parse and count as a use of subgroups", () => {
    const kernel = kernelOf("let low = subgroup_min(subgroup_size) let most = subgroup_max(x[thread]) y[thread] = most + f32(low)");
    expect(parseKernel(printKernel(kernel))).toEqual(kernel);
    expect([usesSubgroups(kernel), usesSubgroups(kernelOf("y[thread] = 1.0")), usesSubgroups(kernelOf("y[thread] = f32(subgroup_size)"))]).toEqual([true, false, true]);
    expect(() => kernelOf("let a = subgroup_add(1, 2)")).toThrow("takes one operand");
  });
});

describe("the verifier", () => {
  it.each([
    ["a sum", "let a = subgroup_add(x[thread])", []],
    ["a vector", "let a = subgroup_add(splat4(x[thread]))", []],
    ["in uniform control flow", "for i in 0 .. 2 { let a = subgroup_max(x[thread]) }", []],
    ["under a condition on the invocation", "if thread < 4 { let a = subgroup_add(1) }", ["K8"]],
    ["under a condition on a subgroup's sum", "let a = subgroup_add(1) if a < 4 { let b = subgroup_add(1) }", ["K8"]],
    ["in a loop whose end differs", "for i in 0 .. thread { let a = subgroup_add(1) }", ["K8"]],
    ["inside an expression", "y[thread] = subgroup_add(x[thread]) + 1.0", ["K14"]],
    ["as a variable", "var a = subgroup_add(1)", ["K14"]],
    ["of truth values", "let a = subgroup_add(thread < 4)", ["K3"]],
    ["an exclusive sum of floats", "let a = subgroup_exclusive_add(1.0)", ["K3"]],
    ["a step that changes", "var a = 1 for i in 0 .. 4 step a { y[i] = 1.0 }", ["K11"]],
    ["a step under a name", "let a = subgroup_add(1) for i in thread .. 8 step a { y[thread] = 1.0 }", []],
  ])("%s", (_, body, labels) => expect(labelsOf(body)).toEqual(labels));

  it("knows none in thread kernels", () => {
    const kernel = parseKernel("kernel k { thread grid 1, 1 write y: f32[1] columns 1 let a = subgroup_add(1.0) y[thread_y, thread_x] = a }");
    expect(verifyKernel(kernel).violations.map(({ label }) => label)).toContain("K9");
  });
});

describe("in WGSL", () => {
  const extremes = "let most = subgroup_max(x[thread]) let least = subgroup_min(x[thread]) y[thread] = most + least * 16.0";

  it("the extension is enabled where it is used", async () => {
    expect(emitWgsl(kernelOf(extremes)).startsWith("enable subgroups;\n")).toBe(true);
    expect(emitWgsl(kernelOf("y[thread] = x[thread]"))).not.toContain("subgroup");
    for (const kernel of [kernelOf(extremes), kernelOf("let all = subgroup_add(splat4(x[thread])) y[thread] = all.y"), kernelOf("let place = subgroup_exclusive_add(1) let low = subgroup_min(thread) y[thread] = f32(place + low + subgroup_size)")])
      expect(await validateWgsl(emitWgsl(kernel))).toEqual([]);
  });

  // SwiftShader has subgroups of four neighbours.
  it.each([
    ["numbers of both signs", [3, -1, 2, 0, -8, -5, -6, -7]],
    ["infinities", [3, Number.NEGATIVE_INFINITY, 2, 0, 1, Number.POSITIVE_INFINITY, 0, 1]],
    ["NaN in one subgroup", [3, Number.NaN, 2, 0, 1, 5, 0, 1]],
  ])("extrema are those of the interpreter: %s", { timeout: 60_000 }, async (_, x) => {
    const want = [0, 4].flatMap((at) => x.slice(at, at + 4).map(() => Math.max(...x.slice(at, at + 4)) + 16 * Math.min(...x.slice(at, at + 4))));
    expect(await runKernel(kernelOf(extremes), { x: Float32Array.from(x), y: new Float32Array(8) }, {}, "y", "swiftshader")).toEqual(want);
    expect(run(extremes, linearSubgroups(8, 4), x)).toEqual(want);
  });
});
