/**
 * Template "block": one invocation makes a block of a product, of whole rows where it can. Both operands are packed into
 * panels in the order in which the register loop reads them; the left one is computed on the way, so that a norm applied to
 * it costs a pass that is made anyway. The finished block is folded along its rows and stored while it is in cache.
 */
import { required } from "../../errors.ts";
import type { Range } from "../../folds/expression.ts";
import { extentValue } from "../../ir/extent.ts";
import * as k from "../../kernel/build.ts";
import type { Expression, Lanes, ValueType } from "../../kernel/node.ts";
import * as s from "../../kernel/statements.ts";
import type { FlatContraction } from "../contraction-state.ts";
import { type BoundKernel, ceilDivide, type KernelWriter } from "../kernel-writer.ts";
import { emitRowFolds, lastPart } from "../row-folds.ts";
import type { BlockTile } from "../tile.ts";
import { emitBlockEpilogue } from "./block-epilogue.ts";
import { packLeft, packRight } from "./block-pack.ts";
import { type BlockState, rowCounters } from "./block-state.ts";
import { panelCount, registerColumns, registerRows } from "./choose-block.ts";
import { packWindows, readsWindows } from "./window-pack.ts";
import { emitPanelRows, type ReadRight } from "./register-tile.ts";
import { emitRowOfPanels, panelsOfRow } from "./row-of-panels.ts";

/** Where the blocks of an axis begin, and how long the one at hand is: numbers where there is one, or all are whole. */
function partOf(writer: KernelWriter, name: string, extent: Range["extent"], size: number, group: Expression): { readonly first: Expression; readonly present: Expression } {
  const value = extentValue(extent);
  if (value !== undefined && value <= size) return { first: k.int(0), present: k.int(value) };
  const first = writer.let(`first_${name}`, k.mul(group, k.int(size)));
  return { first, present: writer.let(`${name}s`, presentOf(writer, first, extent, size)) };
}

/** min(size, extent - first), or `size` where it divides the extent. */
function presentOf(writer: KernelWriter, first: Expression, extent: Range["extent"], size: number): Expression {
  const value = extentValue(extent);
  return value !== undefined && value % size === 0 ? k.int(size) : k.min(k.int(size), k.sub(writer.extent(extent), first));
}

export function scheduleBlock(writer: KernelWriter, flat: FlatContraction, tile: BlockTile, name: string): BoundKernel {
  const { definition } = flat.region;
  const lanes: Lanes = flat.column.extent.terms.length > 0 && flat.column.extent.terms.every((term) => term.coefficient % 4 === 0) ? 4 : 1;
  const vector: ValueType = { scalar: definition.dtype, lanes: 4 };
  const rows = partOf(writer, "row", flat.row.extent, tile.rows, k.builtin("group_y"));
  const columns = partOf(writer, "column", flat.column.extent, tile.columns, k.builtin("group_x"));
  const size = panelCount(tile.rows) * registerRows * tile.columns;
  const state: BlockState = {
    writer, flat, tile, lanes, vector,
    firstRow: rows.first, rows: rows.present, firstColumn: columns.first, columns: columns.present,
    batch: extentValue(flat.batch.extent) === 1 ? k.int(0) : k.builtin("group_z"),
    left: writer.workgroupArray("left_panels", vector, panelCount(tile.rows) * tile.inner),
    right: flat.products.every((_, i) => flat.region.panels?.[i] !== undefined) ? "" : writer.workgroupArray("right_panel", vector, 2 * tile.inner),
    products: new Map(flat.products.map((product) => [product.name, writer.workgroupArray(`${lastPart(product.name)}_block`, { scalar: definition.dtype, lanes }, size / lanes)])),
    statistics: new Map(),
  };
  emitStatistics(state);
  const inner = extentValue(flat.inner.extent);
  if (inner !== undefined && inner <= tile.inner) emitPart(state, k.int(0), k.int(inner));
  else writer.for("inner_first", k.int(0), writer.extent(flat.inner.extent), k.int(tile.inner), (first) => emitPart(state, first, writer.let("inner_count", presentOf(writer, first, flat.inner.extent, tile.inner))));
  emitBlockEpilogue(state);
  return writer.finish({
    name, mode: "workgroup", workgroupSize: 1,
    grid: [ceilDivide(flat.column.extent, tile.columns), ceilDivide(flat.row.extent, tile.rows), ceilDivide(flat.batch.extent, 1)],
  });
}

/** Folds of the left operand's rows. Those that could ride along with the product are made here too: the row is in cache. */
function emitStatistics(state: BlockState): void {
  const { writer, flat, tile } = state;
  const members = [...flat.region.prologue, ...flat.region.ride];
  if (members.length === 0) return;
  const arrays = members.map((member) => ({ member, type: { scalar: member.definition.dtype, lanes: 1 } as ValueType, array: writer.workgroupArray(`${lastPart(member.definition.name)}_rows`, { scalar: member.definition.dtype, lanes: 1 }, tile.rows) }));
  writer.for("row", k.int(0), state.rows, k.int(1), (local) => {
    const team = { rows: [local], rowCount: tile.rows, lane: k.int(0), lanes: 1 };
    const values = emitRowFolds({ writer, flattening: flat.flattening, team, counters: new Map(rowCounters(state, k.add(state.firstRow, local))), alone: true }, members);
    for (const { member, array } of arrays) {
      const read = values.get(member.definition.name);
      if (read) writer.add(s.set(array, local, read(local)));
    }
  });
  for (const { member, array, type } of arrays) state.statistics.set(member.definition.name, (row) => k.element(array, type, row));
}

/** Adds the products of `count` elements of the contracted axis from `first` on to the block. */
function emitPart(state: BlockState, first: Expression, count: Expression): void {
  const { writer, flat, columns } = state;
  packLeft(state, first, count);
  const together = panelsOfRow * registerColumns;
  const reads = flat.region.panels ?? [];
  const isRow = k.constantValue(state.rows) === 1 && flat.products.every((_, i) => reads[i] !== undefined);
  const whole = isRow ? writer.let("whole_columns", k.mul(k.div(columns, k.int(together)), k.int(together))) : k.int(0);
  if (isRow)
    writer.for("panel_column", k.int(0), whole, k.int(together), (start) => flat.products.forEach((product, i) =>
      emitRowOfPanels(state, Array.from({ length: panelsOfRow }, (_, panel) => {
        const column = k.add(start, k.int(panel * registerColumns));
        return { product: product.name, right: storedPanel(state, required(reads[i], "schedule", product.name), column, first), column, first, count };
      }))));
  writer.for("panel_column", whole, columns, k.int(registerColumns), (column) => {
    flat.products.forEach((product, i) => {
      const panels = reads[i];
      if (readsWindows(flat.region, i, product.right, state.tile.inner)) packWindows(state, i, column, first, count);
      else if (panels === undefined) packRight(state, product.right, column, first, count);
      const right: ReadRight = panels === undefined ? (at) => k.element(state.right, state.vector, at) : storedPanel(state, panels, column, first);
      emitPanelRows(state, { product: product.name, right, column, first, count });
    });
  });
}

function storedPanel({ writer, flat, firstColumn, vector }: BlockState, panels: string, column: Expression, first: Expression): ReadRight {
  const panel = k.div(k.add(firstColumn, column), k.int(registerColumns));
  const begin = writer.let("panel", k.mul(k.add(k.mul(panel, writer.extent(flat.inner.extent)), first), k.int(registerColumns)));
  return (at) => writer.load(panels, k.add(begin, k.mul(at, k.int(vector.lanes))), vector.lanes);
}
