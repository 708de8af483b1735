/** Template "rows": a workgroup owns whole rows, folds along them and maps over them. Also the plain map template. */
import type { Expr } from "../folds/expression.ts";
import { type Extent, type ExtentTree, extentValue } from "../ir/extent.ts";
import type { ElementwiseRegion, RowsRegion } from "../fusion/region.ts";
import * as k from "../kernel/build.ts";
import { type Expression, type Kernel } from "../kernel/node.ts";
import { emitElement, emitElements, emitStore, type ElementScope, isVectorAccess } from "./element.ts";
import { Flattening } from "./flatten.ts";
import { type BoundKernel, ceilDivide, KernelWriter } from "./kernel-writer.ts";
import { emitRowFolds, knownParts, sourcesAt, vectorizes } from "./row-folds.ts";
import type { MapTile, RowTile } from "./tile.ts";
import type { Team } from "./merge-across.ts";

/** Workgroups beyond this many along x (the device's limit is 65,535) go to a second grid axis. */
const widest = 32768;

/**
 * Grid of `count / per` workgroups, and the number of the own one. The second axis is 1 long until the first is full: a
 * workgroup too many costs as much as one that is needed.
 */
export function linearGrid(count: Extent, per: number): { grid: Kernel["grid"]; group: Expression } {
  const groups = ceilDivide(count, per);
  if (typeof groups === "number" && groups <= widest) return { grid: [groups, 1, 1], group: k.builtin("group_x") };
  const layers: ExtentTree = typeof groups === "number" ? Math.floor(groups / widest) + 1 : ["+", ["/", groups, widest], 1];
  const across: ExtentTree = ["/", ["+", ["+", groups, layers], -1], layers];
  return { grid: [across, layers, 1], group: k.add(k.mul(k.builtin("group_x"), k.extent(layers)), k.builtin("group_y")) };
}

export function scheduleRows(writer: KernelWriter, region: RowsRegion, tile: RowTile, name: string): BoundKernel {
  const { e } = writer;
  const flattening = new Flattening(e);
  const rowRange = flattening.flat("row", region.rows);
  const { grid, group } = linearGrid(rowRange.extent, tile.rowsPerGroup);
  const thread = writer.let("thread", k.builtin("thread"));
  const rowLocal = tile.lanes === 1 ? thread : writer.let("row_local", k.div(thread, k.int(tile.lanes)));
  const lane = tile.lanes === 1 ? k.int(0) : writer.let("lane", k.rem(thread, k.int(tile.lanes)));
  const rawRow = writer.let("row", k.add(k.mul(group, k.int(tile.rowsPerGroup)), rowLocal));
  const rows = writer.extent(rowRange.extent);
  // Rows past the end repeat the last one and store nothing: barriers need every invocation.
  const row = writer.let("row_read", k.min(rawRow, k.sub(rows, k.int(1))));
  const counters = new Map([[rowRange, row]]);
  const team: Team = { rows: [rowLocal], rowCount: tile.rowsPerGroup, lane, lanes: tile.lanes };
  const values = emitRowFolds({ writer, flattening, team, counters, alone: tile.rowsPerGroup * tile.lanes === 1 }, region.folds);
  const sources = sourcesAt(values, rowLocal);
  const scope: ElementScope = { writer, counters, sources };
  for (const output of region.outputs) {
    const columns = output.box.filter((range) => !region.rows.includes(range));
    const columnRange = flattening.flat("column", columns);
    const body = flattening.apply(output.body);
    const offset = flattening.offset(output.box);
    writer.comment(`store ${output.definition.name}`);
    if (extentValue(columnRange.extent) === 1) {
      const whole = new Map([...counters, [columnRange, k.int(0)]]);
      writer.if(k.and(k.eq(lane, k.int(0)), k.lt(rawRow, rows)), () => emitStore({ ...scope, counters: whole }, output.definition.name, offset, emitElement({ ...scope, counters: whole }, body)));
      continue;
    }
    const known = knownParts(scope, [body], new Set([columnRange]));
    const wide = vectorizes(writer, body, columnRange, columnRange.extent) && isVectorAccess({ vector: { range: columnRange, lanes: 4 } }, offset, writer.tensor(output.definition.name).shape);
    const lanes = wide ? 4 : 1;
    writer.if(k.lt(rawRow, rows), () => {
      writer.for("column", k.mul(lane, k.int(lanes)), writer.extent(columnRange.extent), k.int(lanes * tile.lanes), (column) => {
        const inner: ElementScope = { writer, counters: new Map([...counters, [columnRange, column]]), vector: { range: columnRange, lanes }, known, sources };
        emitStore(inner, output.definition.name, offset, emitElement(inner, body));
      });
    });
  }
  return writer.finish({ name, mode: "workgroup", workgroupSize: tile.rowsPerGroup * tile.lanes, grid });
}

export function scheduleMap(writer: KernelWriter, region: ElementwiseRegion, tile: MapTile, name: string): BoundKernel {
  const { e } = writer;
  const first = region.outputs[0];
  const flattening = new Flattening(e);
  const flat = flattening.flat("i", first?.box ?? []);
  const bodies: Expr[] = region.outputs.map((output) => flattening.apply(output.body));
  const offsets = region.outputs.map((output) => flattening.offset(output.box));
  const stored = region.outputs.every((output, i) => isVectorAccess({ vector: { range: flat, lanes: 4 } }, offsets[i] as Expr, writer.tensor(output.definition.name).shape));
  const lanes = stored && bodies.every((body) => vectorizes(writer, body, flat, flat.extent)) ? 4 : 1;
  const { grid, group } = linearGrid(flat.extent, tile.threads * lanes);
  const i = writer.let("i", k.mul(k.add(k.mul(group, k.int(tile.threads)), k.builtin("thread")), k.int(lanes)));
  writer.if(k.lt(i, writer.extent(flat.extent)), () => {
    const scope: ElementScope = { writer, counters: new Map([[flat, i]]), vector: { range: flat, lanes } };
    emitElements(scope, bodies).forEach((value, at) => {
      const output = region.outputs[at];
      if (output) emitStore(scope, output.definition.name, offsets[at] as Expr, value);
    });
  });
  return writer.finish({ name, mode: "workgroup", workgroupSize: tile.threads, grid });
}
