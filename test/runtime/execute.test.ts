import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Artifact } from "../../runtime/artifact.ts";
import type { BufferRequest, Device } from "../../runtime/device.ts";
import { openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { load } from "../../runtime/index.ts";
import { columns, expectedOutput, largestError, outputs, sampleNumbers, sampleParameters, wgslSample } from "../support/sample-artifacts.ts";

interface Recording {
  readonly device: Device;
  readonly allocated: BufferRequest[];
  readonly released: string[];
  /** Names of the kernels of each run, comma-separated. */
  readonly runs: string[];
}

/** Passes everything on to `inner` and notes it. */
function record(inner: Device): Recording {
  const allocated: BufferRequest[] = [];
  const released: string[] = [];
  const runs: string[] = [];
  const device: Device = {
    target: inner.target,
    description: inner.description,
    compile: (kernels) => inner.compile(kernels),
    allocate: (requests) => {
      allocated.push(...requests);
      return inner.allocate(requests);
    },
    write: (buffer, data) => inner.write(buffer, data),
    bind: (dispatches) => inner.bind(dispatches),
    run: (list, results) => {
      runs.push(list.dispatches.map(({ kernel }) => kernel.kernel.name).join());
      return inner.run(list, results);
    },
    release: (buffers, lists) => {
      released.push(...buffers.map(({ name }) => name));
      inner.release(buffers, lists);
    },
    destroy: () => inner.destroy(),
  };
  return { device, allocated, released, runs };
}

let real: Device;
beforeAll(async () => {
  real = await openWebGpu({ prefer: "swiftshader" });
});
afterAll(() => real.destroy());

const parameters = sampleParameters();
const batch = (rows: number): Float32Array => sampleNumbers(rows * columns, rows);
const names = (requests: readonly BufferRequest[]): string[] => requests.map(({ name }) => name);

describe("a program", () => {
  it("runs the prepare plan once for a set of parameters, and the run plan for every call", async () => {
    const { device, runs } = record(real);
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    await program.run({ x: batch(2) });
    await program.run({ x: batch(2) });
    await program.prepare(sampleParameters(9));
    const result = await program.run({ x: batch(2) });
    const step = "row_stats,normalise_matmul";
    expect(runs).toEqual(["scale_w", step, step, "scale_w", step]);
    expect(largestError(result.outputs["y"], expectedOutput(batch(2), sampleParameters(9)))).toBeLessThan(1e-5);
    expect(result.milliseconds).toBeGreaterThan(0);
    program.dispose();
  });

  it("keeps the buffers of the four extents used last", async () => {
    const { device, allocated, released } = record(real);
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    expect(names(allocated)).toEqual(["norm.gain", "w", "scaled"]);
    allocated.length = 0;
    for (const rows of [1, 2, 3, 4, 1]) await program.run({ x: batch(rows) });
    expect(names(allocated)).toEqual(Array.from({ length: 4 }, () => ["x", "stats", "y"]).flat());
    expect(released).toEqual([]);
    await program.run({ x: batch(5) });
    expect(released).toEqual(["x", "stats", "y"]);
    allocated.length = 0;
    await program.run({ x: batch(1) });
    expect(allocated).toEqual([]);
    await program.run({ x: batch(2) });
    expect(allocated.map(({ length }) => length)).toEqual([2 * columns, 4, 2 * outputs]);
    program.dispose();
  });

  it("gives right results for overlapping calls of different sizes", async () => {
    const program = await load(wgslSample, real);
    await program.prepare(parameters);
    const sizes = [3, 40, 3, 1];
    const inputs = sizes.map((rows, i) => sampleNumbers(rows * columns, 100 + i));
    const results = await Promise.all(inputs.map((x) => program.run({ x })));
    results.forEach((result, i) => expect(largestError(result.outputs["y"], expectedOutput(inputs[i] ?? batch(1), parameters))).toBeLessThan(1e-5));
    program.dispose();
  });

  it("launches nothing for a batch of none, and gives empty outputs", async () => {
    const { device, runs } = record(real);
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    const { outputs: got, dispatches } = await program.run({ x: { dtype: "f32", shape: [0, columns], data: new Float32Array(0) } });
    expect(got["y"]).toEqual({ dtype: "f32", shape: [0, outputs], data: new Float32Array(0) });
    expect([dispatches, runs[1]]).toEqual([0, ""]);
    program.dispose();
  });

  it("refuses wrong calls by code, and works afterwards", async () => {
    const program = await load(wgslSample, real);
    await expect(program.run({ x: batch(1) })).rejects.toMatchObject({ code: "missing-parameter", message: expect.stringContaining('Call prepare({ "norm.gain": ..., "w": ... }) first.') });
    await expect(program.prepare({ w: parameters.w })).rejects.toMatchObject({ code: "missing-parameter" });
    await program.prepare(parameters);
    await expect(program.prepare({ ...parameters, w: new Float32Array(5) })).rejects.toMatchObject({ code: "shape-mismatch" });
    await expect(program.run({})).rejects.toMatchObject({ code: "missing-input" });
    await expect(program.run({ x: batch(1), labels: 1 })).rejects.toMatchObject({ code: "unknown-input" });
    await expect(program.run({ x: new Int32Array(6) })).rejects.toMatchObject({ code: "dtype-mismatch" });
    await expect(program.run({ x: new Float32Array(7) })).rejects.toMatchObject({ code: "shape-mismatch" });
    const { outputs: got } = await program.run({ x: batch(2) });
    expect(largestError(got["y"], expectedOutput(batch(2), parameters))).toBeLessThan(1e-5);
    program.dispose();
  });

  it("frees its memory on dispose, after the calls under way; later calls are refused", async () => {
    const { device, released } = record(real);
    const program = await load(wgslSample, device);
    await program.prepare(parameters);
    const last = program.run({ x: batch(1) });
    program.dispose();
    program.dispose();
    await expect(program.run({ x: batch(1) })).rejects.toMatchObject({ code: "disposed", message: "run() was called on NormLinear after dispose(). Load the artifact again." });
    await expect(program.prepare(parameters)).rejects.toMatchObject({ code: "disposed" });
    expect(largestError((await last).outputs["y"], expectedOutput(batch(1), parameters))).toBeLessThan(1e-5);
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(released.sort()).toEqual(["norm.gain", "scaled", "stats", "w", "x", "y"]);
  });

  it("takes extents that no input decides as an option", async () => {
    const generator: Artifact = {
      ...wgslSample,
      extents: ["N"],
      inputs: [],
      parameters: [],
      outputs: [{ name: "n", dtype: "i32", shape: ["N"] }],
      buffers: [{ name: "n", role: "output", dtype: "i32", length: "N" }],
      kernels: [
        {
          kind: "wgsl",
          name: "count",
          entryPoint: "main",
          bindings: [{ name: "n", access: "write" }],
          extents: ["N"],
          code: "@group(0) @binding(0) var<storage, read_write> n: array<i32>; @group(0) @binding(1) var<uniform> e: array<vec4<i32>, 1>; @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) { if (i32(id.x) < e[0].x) { n[id.x] = i32(id.x) - 1; } }",
        },
      ],
      prepare: [],
      run: [{ kernel: 0, buffers: ["n"], grid: [["ceil/", "N", 4], 1, 1] }],
    };
    const program = await load(generator, real);
    await expect(program.run({})).rejects.toMatchObject({ code: "artifact-invalid", message: expect.stringContaining("The extent N is not known") });
    expect((await program.run({}, { extents: { N: 5 } })).outputs["n"]?.data).toEqual(Int32Array.of(-1, 0, 1, 2, 3));
    program.dispose();
  });
});

describe("a broken plan", () => {
  it("is refused when it names buffers or kernels which are not there", async () => {
    for (const run of [[{ kernel: 1, buffers: ["x", "nothing"], grid: [1, 1, 1] }], [{ kernel: 9, buffers: [], grid: [1, 1, 1] }]] as const) {
      const program = await load({ ...wgslSample, run }, real);
      await program.prepare(parameters);
      await expect(program.run({ x: batch(1) })).rejects.toMatchObject({ code: "artifact-invalid" });
      program.dispose();
    }
  });
});
