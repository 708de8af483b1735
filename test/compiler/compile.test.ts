/** The shape of artifacts: roles of buffers, binding order, the two plans, and a batch that the host binds. */
import { describe, expect, it } from "vitest";
import { type Artifact, artifactVersion, type ExtentExpression } from "../../runtime/artifact.ts";
import { evaluateExtent } from "../../runtime/extents.ts";
import { compileFunction, type Compiled, inBindingOrder, type KernelTarget } from "../../compiler/compile.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { modelOf } from "../support/fold-programs.ts";
import { mlp } from "../support/programs.ts";
import { runPlan } from "../support/run-plan.ts";
import { hostData, toReference } from "../support/tensor-function.ts";

const text = `/// Two layers.
model Two[B](x: f32[B, 12]) -> (y: f32[B, 8], norm: f32[B, 12]) {
  param w: f32[12, 8] = glorot_uniform
  param gain: f32[12] = constant(0.5)
  let n = layer_norm(x, gain)
  return (relu(n @ w), n)
}`;

const artifactOf = (source: string, target: KernelTarget = "wgsl"): Artifact => compileFunction(modelOf(source), target).artifact;

const namesWith = (artifact: Artifact, role: string): string[] => artifact.buffers.filter((buffer) => buffer.role === role).map((buffer) => buffer.name);

describe.each<KernelTarget>(["wgsl", "gpujs"])("an artifact for %s", (target) => {
  const artifact = artifactOf(text, target);

  it("has the signature of the model", () => {
    expect(artifact).toMatchObject({ version: artifactVersion, model: "Two", doc: "Two layers.", target, extents: ["B"] });
    expect(artifact.inputs).toEqual([{ name: "x", dtype: "f32", shape: ["B", 12] }]);
    expect(artifact.parameters).toEqual([
      { name: "w", dtype: "f32", shape: [12, 8], initialiser: { name: "glorot_uniform" } },
      { name: "gain", dtype: "f32", shape: [12], initialiser: { name: "constant", value: 0.5 } },
    ]);
    expect(artifact.outputs.map((output) => [output.name, output.shape])).toEqual([["y", ["B", 8]], ["norm", ["B", 12]]]);
  });

  it("has one buffer a name, with a role and a length", () => {
    const names = artifact.buffers.map((buffer) => buffer.name);
    expect(new Set(names).size).toBe(names.length);
    expect([namesWith(artifact, "input"), namesWith(artifact, "parameter"), namesWith(artifact, "output")]).toEqual([["x"], ["w", "gain"], ["y", "norm"]]);
    const length = (name: string): number => evaluateExtent(artifact.buffers.find((buffer) => buffer.name === name)?.length ?? 0, { B: 5 });
    expect(["x", "w", "y", "norm"].map(length)).toEqual([60, 96, 40, 60]);
  });

  it("binds every buffer of a dispatch to a kernel's binding, and nothing twice", () => {
    const known = new Set(artifact.buffers.map((buffer) => buffer.name));
    for (const dispatch of [...artifact.prepare, ...artifact.run]) {
      const kernel = artifact.kernels[dispatch.kernel];
      expect(kernel?.kind).toBe(target);
      expect(dispatch.buffers.filter((name) => !known.has(name))).toEqual([]);
      expect(new Set(dispatch.buffers).size).toBe(dispatch.buffers.length);
      if (kernel?.kind === "wgsl") expect(dispatch.buffers.length).toBe(kernel.bindings.length);
      if (kernel?.kind === "gpujs") expect(dispatch.buffers.length).toBe(kernel.arguments.length + 1);
    }
  });

  it("writes every buffer before it is read, and every output", () => {
    const written = new Set([...namesWith(artifact, "input"), ...namesWith(artifact, "parameter")]);
    for (const dispatch of [...artifact.prepare, ...artifact.run]) {
      const kernel = artifact.kernels[dispatch.kernel];
      const isWritten = (i: number): boolean => (kernel?.kind === "wgsl" ? kernel.bindings[i]?.access === "write" : i === dispatch.buffers.length - 1);
      for (const [i, name] of dispatch.buffers.entries()) if (!isWritten(i)) expect(written, `${name} is read`).toContain(name);
      for (const [i, name] of dispatch.buffers.entries()) if (isWritten(i)) written.add(name);
    }
    for (const name of namesWith(artifact, "output")) expect(written).toContain(name);
  });

  it("is plain data", () => expect(JSON.parse(JSON.stringify(artifact))).toEqual(artifact));
});

describe("wgsl bindings", () => {
  it("are numbered in the order of the list, the extents last", () => {
    const artifact = artifactOf(mlp);
    for (const kernel of artifact.kernels) {
      if (kernel.kind !== "wgsl") throw new Error("not wgsl");
      const declared = [...kernel.code.matchAll(/@group\(0\) @binding\((\d+)\) var<([^>]*)>/g)].map((match) => [Number(match[1]), match[2]]);
      const listed = kernel.bindings.map(({ access }, i) => [i, access === "read" ? "storage, read" : "storage, read_write"]);
      expect(declared).toEqual([...listed, ...(kernel.extents.length > 0 ? [[kernel.bindings.length, "uniform"]] : [])]);
    }
  });

  it("put the output of a gpujs kernel last", () => {
    const { plan } = compileFunction(modelOf(text), "gpujs");
    for (const planned of plan.kernels) {
      const order = inBindingOrder(planned, "gpujs");
      const output = planned.tensors[planned.kernel.buffers.findIndex((buffer) => buffer.access === "write")];
      expect(order.at(-1)).toBe(output);
      expect([...order].sort()).toEqual([...planned.tensors].sort());
    }
  });
});

describe("prepare and run", () => {
  const deferred = "model M[B](x: f32[B, 12]) -> f32[B, 8] {\n  param w: f32[12, 8] = ones\n  param gain: f32[12] = ones\n  return layer_norm(x, gain) @ w\n}";

  it("split by what depends on parameters alone: no run kernel reads what prepare could have made", () => {
    const artifact = artifactOf(deferred);
    expect(artifact.prepare.length).toBeGreaterThan(0);
    const prepared = new Set([...namesWith(artifact, "prepared"), ...namesWith(artifact, "parameter")]);
    for (const { buffers } of artifact.prepare) for (const name of buffers) expect(prepared).toContain(name);
    expect(artifact.run).toHaveLength(1);
    expect(artifact.run[0]?.buffers).not.toContain("gain");
  });

  it("leave everything to run when there is no parameter", () => {
    const artifact = artifactOf("model M[B](x: f32[B, 12]) -> f32[B, 12] {\n  return softmax(x)\n}");
    expect([artifact.prepare.length, artifact.run.length, namesWith(artifact, "prepared").length]).toEqual([0, 1, 0]);
  });

  it("run an output that depends on parameters alone", () => {
    const artifact = artifactOf("model M[B](x: f32[B, 4]) -> (y: f32[B, 4], s: f32[4]) {\n  param g: f32[4] = ones\n  return (x * g, g * 2)\n}");
    expect(artifact.run.flatMap((dispatch) => dispatch.buffers)).toContain("s");
  });
});

describe("a symbolic batch", () => {
  const compiled: Compiled = compileFunction(modelOf(text), "wgsl");

  it("is one artifact for every length: grids and lengths are expressions of B", () => {
    const mentions = (value: ExtentExpression): boolean => value === "B" || (typeof value === "object" && (mentions(value[1]) || mentions(value[2])));
    expect(compiled.artifact.run.some((dispatch) => dispatch.grid.some(mentions))).toBe(true);
    expect(compiled.artifact.kernels.some((kernel) => kernel.extents.includes("B"))).toBe(true);
    expect(JSON.stringify(compiled.artifact.prepare.map((dispatch) => dispatch.grid))).not.toContain("B");
  });

  it.each([1, 2, 3, 5, 17, 64])("computes what the reference says for B = %d", (B) => {
    const { inputs, parameters } = hostData(compiled.fn, { B }, B);
    const got = runPlan(compiled, { B }, Object.fromEntries(Object.entries({ ...inputs, ...parameters }).map(([name, tensor]) => [name, tensor.data])));
    for (const [name, { data }] of Object.entries(evaluate(compiled.fn, { B }, toReference(inputs), toReference(parameters))))
      expect(Math.max(...data.map((value, i) => Math.abs(value - (got[name]?.[i] ?? Number.NaN)))), name).toBeLessThan(2e-5);
  });

  it("bound at compile time leaves no name", () => {
    const { artifact } = compileFunction(modelOf(text, { B: 4 }), "wgsl");
    expect(artifact.extents).toEqual([]);
    expect(artifact.inputs[0]?.shape).toEqual([4, 12]);
    expect(artifact.kernels.every((kernel) => kernel.extents.length === 0)).toBe(true);
  });
});
