/** The report of `check` about failures: kernel, place in the source, element, numbers, input. */
import { expect, it } from "vitest";
import { type CheckedSource, checkJson, checkText } from "../../../compiler/report/check-text.ts";
import { sourceFile } from "../../../compiler/index.ts";
import type { CheckedPart, ModelCheck, Sighting } from "../../../compiler/verify/check-model.ts";

const source: CheckedSource = { file: sourceFile("net.nf", "// two lines\nmodel M(x: f32[3]) -> f32[3] = x @ x\n"), read: (path) => (path === "part.nf" ? sourceFile(path, "\n\n  imported") : undefined) };

const sighting: Sighting = { passed: false, index: [2, 5], got: 1.5, want: 1, bound: 1e-5, relative: 0.5, relativeBound: 1e-5, largest: 0.5, ulp: 4194304, value: "matmul.1", input: "ordinary", bindings: { B: 3 }, by: "device" };
const good: CheckedPart = { passed: true, largest: 2e-7, worst: { ...sighting, passed: true, relative: 2e-7, ulp: 1.2 }, fault: undefined };

const check = (part: CheckedPart, parts: Partial<ModelCheck> = {}): ModelCheck => {
  const kernels = [{ name: "k1_add", phase: "run" as const, span: undefined, ...good }, { name: "k2_matmul", phase: "run" as const, span: { path: "net.nf", start: 44, end: 49 }, ...part }];
  return { model: "M", device: "test device", passed: false, cases: 2, groups: [{ bindings: { B: 3 }, cases: [{ inputs: "ordinary", parameters: "initial" }] }], rules: good, outputs: good, kernels, first: kernels.find((kernel) => !kernel.passed), ...parts };
};

it("names the first kernel that diverges, with line and column", () => {
  const text = checkText([check({ passed: false, largest: 0.5, worst: sighting, fault: undefined })], source);
  expect(text).toContain("FAIL  k2_matmul");
  expect(text).toContain("ok    k1_add");
  expect(text).toContain("first divergence: kernel k2_matmul, net.nf:2:32");
  for (const line of ["at     matmul.1[2, 5]", "got    1.5", "want   1", "input  ordinary; B = 3, seen on the device"]) expect(text).toContain(line);
});

it("shows a fault instead of numbers", () => {
  const text = checkText([check({ passed: false, largest: 0, worst: undefined, fault: "kernel k2_matmul: race on 'tile[0]'" })], source);
  expect(text).toContain("fault  kernel k2_matmul: race on 'tile[0]'");
});

it("blames the rewrites, or the growth from kernel to kernel, when no kernel is wrong", () => {
  const failed: CheckedPart = { passed: false, largest: 0.5, worst: sighting, fault: undefined };
  expect(checkText([check(good, { rules: failed })], source)).toContain("The rewrites changed what the model means");
  expect(checkText([check(good, { outputs: failed })], source)).toContain("Every kernel by itself is right");
});

it("is JSON with strings for numbers that JSON lacks", () => {
  const report = checkJson([check({ passed: false, largest: Number.POSITIVE_INFINITY, worst: { ...sighting, got: Number.NaN }, fault: undefined })], source);
  expect(JSON.parse(JSON.stringify(report))).toMatchObject({ passed: false, models: [{ first: { name: "k2_matmul", largest: "Infinity", worst: { got: "NaN", index: [2, 5] }, span: { path: "net.nf", line: 2, column: 32 } } }] });
});

it("finds places in imported files and in the library, and does without those that are gone", () => {
  const failed: CheckedPart = { passed: false, largest: 0.5, worst: sighting, fault: undefined };
  const titleOf = (path: string): string => {
    const first = { name: "k2_matmul", phase: "run" as const, span: { path, start: 4, end: 5 }, ...failed };
    return checkText([check(failed, { first })], source).split("\n").find((line) => line.startsWith("first divergence")) ?? "";
  };
  expect(titleOf("part.nf")).toBe("first divergence: kernel k2_matmul, part.nf:3:3");
  expect(titleOf("library/activations.nf")).toMatch(/library\/activations\.nf:1:5$/);
  expect(titleOf("gone.nf")).toBe("first divergence: kernel k2_matmul");
});
