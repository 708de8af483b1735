/**
 * The search on a device that is fast for one size of workgroups, and what a tile may change: kernels with any tile that fits
 * compute the same numbers, and tiles that do not fit are left out.
 */
import { describe, expect, it } from "vitest";
import { compileFunction, type Compiled, type TileTable } from "../../../compiler/compile.ts";
import { required } from "../../../compiler/errors.ts";
import type { Tile } from "../../../compiler/fusion/cost.ts";
import type { BufferData } from "../../../compiler/kernel/interpret.ts";
import { neighboursOf } from "../../../compiler/tune/moves.ts";
import { tileTable, tune } from "../../../compiler/tune/tune.ts";
import type { CompiledKernel, Device, DeviceBuffer } from "../../../runtime/device.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { runPlan } from "../../support/run-plan.ts";
import { hostData } from "../../support/tensor-function.ts";

const text = `model Net[B](x: f32[B, 64]) -> (n: f32[B, 64], y: f32[B, 32]) {
  param w: f32[64, 32] = glorot_uniform
  return (layer_norm(x), relu(x @ w))
}`;

/** Runs nothing; a dispatch takes half a millisecond in workgroups of `fast` invocations, and as much again for each factor of 2 away from it. */
function fakeDevice(fast: number): Device {
  const unused = (): never => {
    throw new Error("not used by the tuner");
  };
  return {
    target: "wgsl", description: "fake",
    compile: async (kernels) => kernels.map((kernel): CompiledKernel => ({ kernel })),
    allocate: async (requests) => requests.map((request): DeviceBuffer => ({ ...request, kind: "device-buffer" })),
    write: unused,
    bind: async (dispatches) => ({ dispatches }),
    run: async ({ dispatches }) => {
      const sizes = dispatches.map(({ kernel }) => Number(/@workgroup_size\((\d+)/.exec(String(kernel.kernel.code))?.[1]));
      const end = performance.now() + Math.max(...sizes.map((size) => 0.5 + 0.5 * Math.abs(Math.log2(size / fast))));
      while (performance.now() < end);
      return [];
    },
    release: () => undefined, destroy: () => undefined,
  };
}

const contraction = (tile: Partial<Extract<Tile, { template: "contraction" }>["tile"]>): Tile => ({ template: "contraction", tile: { threadsX: 8, threadsY: 8, rowsPerThread: 2, columnGroups: 1, innerBlock: 8, staged: true, ...tile } });

describe("tune", () => {
  it("finds the tile that is faster on the device, for each kernel that it helps", async () => {
    const tuned = await tune(modelOf(text), fakeDevice(128), { plan: { cost: "gpu" }, bindings: { B: 70 }, budget: 20_000 });
    const { plan } = compileFunction(modelOf(text), "wgsl", { cost: "gpu" });
    expect(tuned.map(({ name }) => name)).toEqual(plan.kernels.filter(({ phase }) => phase === "run").map(({ name }) => name));
    const tiles = tileTable(tuned);
    expect(Object.keys(tiles)).toEqual(tuned.map(({ name }) => name));
    const after = compileFunction(modelOf(text), "wgsl", { cost: "gpu", tiles });
    for (const { name, kernel } of after.plan.kernels) if (tiles[name]) expect(kernel.workgroupSize, name).toBe(128);
    for (const { milliseconds, millisecondsBefore, tried } of tuned) {
      expect(milliseconds).toBeLessThan(millisecondsBefore);
      expect(tried).toBeGreaterThan(1);
    }
  });

  it("keeps the cost model's tile where it has no time to look for another", async () => {
    const tuned = await tune(modelOf(text), fakeDevice(128), { plan: { cost: "gpu" }, bindings: { B: 70 }, budget: 1 });
    expect(tileTable(tuned)).toEqual({});
    expect(tuned.map(({ tried }) => tried)).toEqual([1, 1]);
  });
});

const rmsOf = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length);

describe("a given tile", () => {
  const fn = modelOf(text);
  const start = compileFunction(fn, "wgsl", { cost: "software" });
  const host = hostData(fn, { B: 9 });
  /** Fresh arrays: a run writes into them. */
  const run = (compiled: Compiled, output: string): BufferData => required(runPlan(compiled, { B: 9 }, Object.fromEntries(Object.entries({ ...host.inputs, ...host.parameters }).map(([name, { data }]) => [name, data.slice()])))[output], "test", output);
  const rows = start.plan.kernels.filter(({ phase }) => phase === "run");

  it("changes the kernel and never its numbers", () => {
    const want = { n: run(start, "n"), y: run(start, "y") };
    let changed = 0;
    for (const { name, cost, kernel } of rows)
      for (const tile of neighboursOf(cost.tile)) {
        const tiled = compileFunction(fn, "wgsl", { cost: "software", tiles: { [name]: tile } });
        const now = required(tiled.plan.kernels.find((each) => each.name === name), "test", name);
        if (JSON.stringify(now.cost.tile) !== JSON.stringify(tile)) continue;
        changed++;
        expect(JSON.stringify(now.kernel)).not.toBe(JSON.stringify(kernel));
        for (const output of ["n", "y"] as const) {
          const got = run(tiled, output);
          const worst = Math.max(...Array.from(want[output], (value, i) => Math.abs(value - (got[i] as number)))) / rmsOf(want[output]);
          expect(worst, `${output} by ${name} with ${JSON.stringify(tile)}`).toBeLessThan(1e-5);
        }
      }
    expect(changed).toBeGreaterThan(8);
  });

  it.each<[string, Tile]>([
    ["half a row of invocations", { template: "rows", tile: { lanes: 0.5, rowsPerGroup: 4 } }],
    ["more invocations than the device has", contraction({ threadsX: 64, threadsY: 8 })],
    ["more workgroup memory than the device has", contraction({ threadsX: 16, threadsY: 16, rowsPerThread: 16, innerBlock: 64 })],
    ["no power of two", contraction({ threadsX: 12 })],
    ["another template", { template: "elementwise", tile: { threads: 32 } }],
  ])("is left out when it does not fit: %s", (_, tile) => {
    const tiles: TileTable = Object.fromEntries(rows.map(({ name }) => [name, tile]));
    expect(compileFunction(fn, "wgsl", { cost: "software", tiles }).artifact).toEqual(start.artifact);
  });
});
