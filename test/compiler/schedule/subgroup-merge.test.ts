/** Kernels that merge numbers over a workgroup, in both forms: as a tree, and by subgroups of every size and any members. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Compiled } from "../../../compiler/compile.ts";
import { linearSubgroups, type SubgroupMapping, unusualSubgroups } from "../../../compiler/kernel/subgroups.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";
import { checkModel } from "../../../compiler/verify/check-model.ts";
import { compareValues } from "../../../compiler/verify/compare.ts";
import { expectKernels } from "../../../compiler/verify/expected-kernels.ts";
import { type InputKind, inputKinds, inputTensor } from "../../../compiler/verify/inputs.ts";
import { interpretKernel, interpretWithSubgroups } from "../../../compiler/verify/run-kernel.ts";
import { openWebGpu } from "../../../runtime/devices/webgpu-node.ts";
import type { WebGpuDevice } from "../../../runtime/devices/webgpu.ts";
import { compileText } from "../../support/plant-fault.ts";
import { validateWgsl } from "../../support/validate-wgsl.ts";

const norm = (body: string) => (n: number): string => `model M[B](x: f32[B, ${n}]) -> f32[B, ${n}] = ${body}`;
const models: Readonly<Record<string, (n: number) => string>> = {
  layer_norm: norm("layer_norm(x)"),
  softmax: norm("softmax(x)"),
  rms_norm: norm("rms_norm(x)"),
  "a norm of the rows of a product": (n) => `model M[B](x: f32[B, 24]) -> f32[B, ${n}] {\n  param w: f32[24, ${n}] = glorot_uniform\n  return layer_norm(x @ w)\n}`,
  "softmax of the rows of a product": (n) => `model M[B](x: f32[B, 24]) -> f32[B, ${n}] {\n  param w: f32[24, ${n}] = glorot_uniform\n  return softmax(x @ w)\n}`,
};

const compiledOf = (text: string, subgroups: "also" | "none" = "also"): Compiled => {
  const [compiled] = compileText(text, "wgsl", { subgroups });
  if (!compiled) throw new Error("no model");
  return compiled;
};

const barriers = (code: string): number => code.match(/workgroupBarrier/g)?.length ?? 0;

describe("the two forms of a kernel", () => {
  it.each(Object.entries(models))("differ in their merges alone: %s", async (_, text) => {
    const { plan, artifact } = compiledOf(text(512));
    for (const [i, { kernel, withSubgroups }] of plan.kernels.entries()) {
      if (!withSubgroups) throw new Error("one form");
      expect({ ...withSubgroups, body: [], workgroupArrays: [] }).toEqual({ ...kernel, body: [], workgroupArrays: [] });
      expect(verifyKernel(withSubgroups).violations).toEqual([]);
      const shipped = artifact.kernels[i];
      if (shipped?.kind !== "wgsl" || shipped.subgroupCode === undefined) throw new Error("one text");
      expect(shipped.code).not.toContain("subgroup");
      expect(barriers(shipped.subgroupCode)).toBeLessThan(barriers(shipped.code));
      expect(await validateWgsl(shipped.subgroupCode)).toEqual([]);
    }
    expect(artifact.kernels.map((kernel) => kernel.kind === "wgsl" && { ...kernel, subgroupCode: "" })).toEqual(compiledOf(text(512), "none").artifact.kernels.map((kernel) => ({ ...kernel, subgroupCode: "" })));
  });

  it.each([["rows that few invocations share", norm("layer_norm(x)")(64)], ["nothing to merge", norm("relu(x)")(512)], ["a product over the row", norm("x * prod(x, axis = -1, keep = true)")(512)]])("are one for %s", (_, text) => {
    expect(compiledOf(text).artifact.kernels.some((kernel) => "subgroupCode" in kernel)).toBe(false);
  });
});

const mappings: readonly (readonly [string, (workgroup: number) => SubgroupMapping])[] = [
  ...[1, 4, 8, 32, 64, 128].flatMap((size) => [
    [`neighbours by ${size}`, (workgroup: number) => linearSubgroups(workgroup, size)] as const,
    [`any by ${size}`, (workgroup: number) => unusualSubgroups(workgroup, size)] as const,
  ]),
  ["one with half of all, and the others alone", (workgroup) => ({ size: 128, members: [Array.from({ length: workgroup >> 1 }, (_, i) => workgroup - 1 - i), ...Array.from({ length: workgroup - (workgroup >> 1) }, (_, i) => [i])] })],
];

const kinds: readonly InputKind[] = ["ordinary", "mean 10000 sigma", "constant rows", "huge inner channel", "one NaN", "one infinity"];

describe("merged in the interpreter", () => {
  const cases = Object.entries(models).flatMap(([name, text]) => [128, 301].map((n) => [name, n, text(n)] as const));
  it.each(cases)("%s, %d wide, is right for all sizes and members", { timeout: 120_000 }, (_, n, text) => {
    const { plan, artifact } = compiledOf(text);
    const rows = text.includes("24") ? 9 : 3;
    const weights = artifact.parameters.map((spec) => [spec.name, inputTensor(spec.name, "f32", [24, n], "ordinary", 1).data] as const);
    for (const [at, kind] of kinds.entries()) {
      const x = inputTensor("x", "f32", [rows, artifact.parameters.length > 0 ? 24 : n], kind, 3).data;
      const expectations = expectKernels(plan, { B: rows }, { x, ...Object.fromEntries(weights) }, 1);
      for (const [i, planned] of plan.kernels.entries()) {
        const expectation = expectations[i];
        if (!expectation) throw new Error("no expectation");
        // The first kind of row meets every mapping, the others one each.
        for (const [title, mapping] of mappings.filter((_, m) => at === 0 || m % (kinds.length - 1) === at - 1)) {
          const outcome = interpretWithSubgroups(planned, expectation.operands, { B: rows }, mapping(planned.kernel.workgroupSize));
          if (!outcome || "fault" in outcome) throw new Error(`${title}: ${outcome ? outcome.fault : "one form"}`);
          for (const [value, { want, shape, dtype, allowance }] of expectation.stored)
            expect({ title, kind, value, ...compareValues(outcome.values.get(value) ?? [], want, shape, dtype, { allowance }) }).toMatchObject({ passed: true });
        }
      }
    }
  });

  it("gives the bits that do not depend on the other subgroups", () => {
    const [planned] = compiledOf(norm("softmax(x)")(512)).plan.kernels;
    if (!planned) throw new Error("no kernel");
    const operands = new Map([["x", inputTensor("x", "f32", [2, 512], "ordinary", 5).data]]);
    const leading = Array.from({ length: 8 }, (_, i) => i);
    const rest = Array.from({ length: 56 }, (_, i) => 8 + i);
    const bits = [[leading, rest], [leading, rest.slice(0, 3), rest.slice(3)], [leading, ...rest.map((each) => [each])]].map((members) => interpretWithSubgroups(planned, operands, { B: 2 }, { size: 64, members }));
    expect(bits[1]).toEqual(bits[0]);
    expect(bits[2]).toEqual(bits[0]);
    expect(interpretKernel(planned, operands, { B: 2 })).not.toHaveProperty("fault");
  });
});

describe("in every step of a recurrence", () => {
  const cell = (width: number): string =>
    `model M[T, B](xs: f32[T, B, ${width}], h0: f32[B, ${width}]) -> f32[T, B, ${width}] {\n  return scan x in xs with (h: f32[B, ${width}] = h0) {\n    next h = tanh(layer_norm(x + h) - max(h, axis = -1, keep = true))\n    emit h\n  }\n}`;

  it.each([[256, "gpu", 4], [96, "gpu", 1], [100, "software", 8]] as const)("%d wide, planned for %s, %d rows", { timeout: 120_000 }, (width, cost, rows) => {
    const [compiled] = compileText(cell(width), "wgsl", { cost, scans: "one-kernel", assume: { B: rows, T: 3 } });
    const planned = compiled?.plan.kernels.find(({ region }) => region.template === "sequence");
    if (!compiled || !planned?.withSubgroups) throw new Error("one form");
    expect(verifyKernel(planned.withSubgroups).violations).toEqual([]);
    // What a subgroup needs to know is found out before the loop over the steps.
    expect(printKernel(planned.withSubgroups)).toMatch(/\n {2}let members = subgroup_add\(1\)\n/);
    const sources = Object.fromEntries(([["xs", [3, rows, width]], ["h0", [rows, width]]] as const).map(([name, shape]) => [name, inputTensor(name, "f32", shape, "ordinary", 2).data]));
    const expectation = expectKernels(compiled.plan, { T: 3, B: rows }, sources, 1)[compiled.plan.kernels.indexOf(planned)];
    if (!expectation) throw new Error("no expectation");
    for (const [title, mapping] of mappings) {
      const outcome = interpretWithSubgroups(planned, expectation.operands, { T: 3, B: rows }, mapping(planned.kernel.workgroupSize));
      if (!outcome || "fault" in outcome) throw new Error(`${title}: ${outcome ? outcome.fault : "one form"}`);
      for (const [value, { want, shape, dtype, allowance }] of expectation.stored)
        expect({ title, value, ...compareValues(outcome.values.get(value) ?? [], want, shape, dtype, { allowance }) }).toMatchObject({ passed: true });
    }
  });

  it("computes the model on SwiftShader", { timeout: 120_000 }, async () => {
    const device = await openWebGpu({ prefer: "swiftshader" });
    const [compiled] = compileText(cell(96), "wgsl", { scans: "one-kernel" });
    if (!compiled) throw new Error("no model");
    expect(compiled.artifact.kernels.some((kernel) => kernel.kind === "wgsl" && kernel.subgroupCode !== undefined)).toBe(true);
    const groups = [{ bindings: { T: 3, B: 5 }, cases: (["ordinary", "mean 10000 sigma", "one NaN"] as const).map((inputs) => ({ inputs, parameters: "varied" as const })) }];
    const checked = await checkModel(compiled, device, { groups });
    expect({ first: checked.first, passed: checked.passed }).toEqual({ first: undefined, passed: true });
    device.destroy();
  });
});

describe("merged on SwiftShader, whose subgroups have four invocations", () => {
  let device: WebGpuDevice;
  beforeAll(async () => {
    device = await openWebGpu({ prefer: "swiftshader" });
  });
  afterAll(() => device.destroy());

  const cases = Object.entries(models).flatMap(([name, text]) => [512, 301].flatMap((n) => (["also", "none"] as const).map((subgroups) => [name, n, subgroups, text(n)] as const)));
  it.each(cases)("%s, %d wide, subgroups: %s, on rows that hurt", { timeout: 120_000 }, async (_, _n, subgroups, text) => {
    expect(device.gpu.features.has("subgroups")).toBe(true);
    const groups = [{ bindings: { B: 5 }, cases: inputKinds.map((inputs) => ({ inputs, parameters: "varied" as const })) }];
    const checked = await checkModel(compiledOf(text, subgroups), device, { groups });
    expect({ first: checked.first, outputs: checked.outputs.passed ? "passed" : checked.outputs, rules: checked.rules.passed }).toEqual({ first: undefined, outputs: "passed", rules: true });
  });
});
