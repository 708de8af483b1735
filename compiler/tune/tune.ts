/**
 * Searches tiles of a plan's kernels on a device: steepest descent from the tile that the cost model chose, by times. The plan
 * itself - which values are in memory - stays. Flow: a compiled model and a device -> tiles by kernel -> tile-file.ts.
 */
import type { Bindings } from "../../runtime/extents.ts";
import { evaluateExtent } from "../../runtime/extents.ts";
import type { Device, DeviceBuffer } from "../../runtime/device.ts";
import { compileFunction, type PlanOptions, type TileTable } from "../compile.ts";
import type { Tile } from "../fusion/cost.ts";
import type { TensorFunction } from "../ir/node.ts";
import { neighboursOf } from "./moves.ts";

export interface TunedKernel {
  readonly name: string;
  readonly before: Tile;
  readonly best: Tile;
  /** unit: milliseconds */
  readonly millisecondsBefore: number;
  readonly milliseconds: number;
  /** Tiles that were run. */
  readonly tried: number;
}

export interface TuneOptions {
  readonly plan: PlanOptions;
  /** Every extent of the model. */
  readonly bindings: Bindings;
  /** For all kernels together; the search ends with the best so far. unit: milliseconds */
  readonly budget: number;
  readonly progress?: (text: string) => void;
}

const repetitions = 3;
/** A tile must be better by so much: less is noise. */
const margin = 0.97;

/** throws: RuntimeError as the device does */
export async function tune(fn: TensorFunction, device: Device, options: TuneOptions): Promise<readonly TunedKernel[]> {
  const { artifact, plan } = compileFunction(fn, "wgsl", options.plan);
  const requests = artifact.buffers.map(({ name, role, dtype, length }) => ({ name, role, dtype, length: evaluateExtent(length, options.bindings) }));
  const mark = { name: "mark", role: "output" as const, dtype: "f32" as const, length: 4 };
  const buffers = new Map((await device.allocate([...requests, mark])).map((buffer) => [buffer.name, buffer]));
  try {
    const tuned: TunedKernel[] = [];
    const end = performance.now() + options.budget;
    const numbers = new Set<number>();
    for (const [i, dispatch] of artifact.run.entries()) {
      // Equal parts of a model share their kernels.
      if (numbers.has(dispatch.kernel)) continue;
      numbers.add(dispatch.kernel);
      const planned = plan.kernels.filter(({ phase }) => phase === "run")[i];
      if (!planned) continue;
      const left = (end - performance.now()) / (artifact.run.length - i);
      tuned.push(await tuneKernel(planned.name, planned.cost.tile, performance.now() + left, (tiles, limit) => timeOf(fn, device, options, buffers, planned.name, tiles, limit)));
      options.progress?.(`${planned.name}: ${describe(tuned.at(-1))}`);
    }
    return tuned;
  } finally {
    device.release([...buffers.values()], []);
  }
}

const describe = (kernel: TunedKernel | undefined): string => (kernel ? `${kernel.millisecondsBefore.toFixed(2)} -> ${kernel.milliseconds.toFixed(2)} ms, ${kernel.tried} tiles` : "");

async function tuneKernel(name: string, before: Tile, end: number, time: (tiles: TileTable, limit: number) => Promise<number>): Promise<TunedKernel> {
  const timedBefore = await time({ [name]: before }, Number.POSITIVE_INFINITY);
  let best = { tile: before, milliseconds: timedBefore };
  const known = new Set([JSON.stringify(before)]);
  for (let improved = true; improved; ) {
    improved = false;
    for (const tile of neighboursOf(best.tile)) {
      const key = JSON.stringify(tile);
      if (known.has(key)) continue;
      known.add(key);
      if (performance.now() > end) return { name, before, best: best.tile, millisecondsBefore: timedBefore, milliseconds: best.milliseconds, tried: known.size - 1 };
      const milliseconds = await time({ [name]: tile }, best.milliseconds);
      if (milliseconds >= margin * best.milliseconds) continue;
      best = { tile, milliseconds };
      improved = true;
    }
  }
  return { name, before, best: best.tile, millisecondsBefore: timedBefore, milliseconds: best.milliseconds, tried: known.size };
}

/** Least time of a kernel with these tiles; no further runs once it is beyond twice `limit`. Infinite for a tile that does not fit. */
async function timeOf(fn: TensorFunction, device: Device, options: TuneOptions, buffers: ReadonlyMap<string, DeviceBuffer>, name: string, tiles: TileTable, limit: number): Promise<number> {
  const { artifact, plan } = compileFunction(fn, "wgsl", { ...options.plan, tiles });
  const runs = plan.kernels.filter(({ phase }) => phase === "run");
  const at = runs.findIndex((planned) => planned.name === name);
  const [planned, dispatch] = [runs[at], artifact.run[at]];
  const kernel = dispatch && artifact.kernels[dispatch.kernel];
  const mark = buffers.get("mark");
  if (!planned || !dispatch || !kernel || !mark || JSON.stringify(planned.cost.tile) !== JSON.stringify(tiles[name])) return Number.POSITIVE_INFINITY;
  const [compiled] = await device.compile([kernel]);
  if (!compiled) return Number.POSITIVE_INFINITY;
  const [x, y, z] = dispatch.grid.map((extent) => evaluateExtent(extent, options.bindings)) as [number, number, number];
  const list = await device.bind([{ kernel: compiled, buffers: dispatch.buffers.map((each) => buffers.get(each) ?? mark), grid: [x, y, z], bindings: options.bindings }]);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= repetitions && (i < 2 || least < 2 * limit); i++) {
    const start = performance.now();
    await device.run(list, [mark]);
    // The first run may still compile.
    if (i > 0) least = Math.min(least, performance.now() - start);
  }
  device.release([], [list]);
  return least;
}

/** The tiles that are better than those of the cost model. */
export const tileTable = (tuned: readonly TunedKernel[]): TileTable => Object.fromEntries(tuned.filter(({ best, before }) => best !== before).map(({ name, best }) => [name, best]));
