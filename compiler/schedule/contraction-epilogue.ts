/** The end of a contraction kernel: folds along whole rows of the product where the workgroup owns them, then the stores. */
import type { Expr, Range } from "../folds/expression.ts";
import { flattenIndex } from "../folds/index-arithmetic.ts";
import { tilePivot } from "../folds/node.ts";
import { extentValue } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import * as s from "../kernel/statements.ts";
import type { Expression } from "../kernel/node.ts";
import { clamped, type ContractionState } from "./contraction-state.ts";
import { emitElement, emitElements, emitStore, type ElementScope } from "./element.ts";
import { knownParts, lastPart, levelsOf, sourcesAt } from "./row-folds.ts";
import { identityOf, merge, mergeAcross, mergeLanes, type Part } from "./statistics.ts";

export function emitContractionEpilogue(state: ContractionState): void {
  for (const level of levelsOf(state.flat.region.epilogue)) emitLevel(state, level);
  if (state.flat.region.partials.length > 0) emitPartials(state);
  emitStores(state);
}

/** Partial folds of this tile's rows about its first element, one number a row each. */
function emitPartials(state: ContractionState): void {
  const { writer, flat, tile, lanes } = state;
  const { partials, definition } = flat.region;
  const values = state.values.get(definition.name) ?? [];
  const tileRows = tile.threadsY * tile.rowsPerThread;
  writer.comment(`partial folds of this tile: ${partials.map((partial) => partial.definition.name).join(", ")}`);
  const pivots = writer.workgroupArray("tile_pivots", { scalar: definition.dtype, lanes: 1 }, tileRows);
  writer.if(k.eq(state.threadX, k.int(0)), () => values.forEach((line, i) => writer.add(s.set(pivots, localRow(state, i), k.lane(line[0] as Expression, 0)))));
  writer.barrier();
  const parts: Part[] = partials.map((partial) => {
    const monoid = partial.definition.fold?.monoid ?? "sum";
    const start = identityOf(monoid, definition.dtype);
    const element = flat.flattening.apply(partial.element);
    return {
      name: lastPart(partial.definition.name), monoid, dtype: definition.dtype,
      partials: values.map((line, i) => {
        const pivot = k.element(pivots, { scalar: definition.dtype, lanes: 1 }, localRow(state, i));
        const scope = rowScope(state, i, k.add(state.firstRow, localRow(state, i)));
        const terms = line.map((_, j) => {
          const column = columnScope(state, scope, i, j, new Map());
          const emitted = emitElement({ ...column, sources: new Map([...(column.sources ?? []), [tilePivot, pivot]]) }, element);
          return inside(state, j, emitted.type.lanes === lanes ? emitted : k.splat(emitted, lanes), start);
        });
        return writer.let("tile_part", mergeLanes(monoid, terms.reduce((a, b) => merge(monoid, a, b))));
      }),
    };
  });
  const team = { rows: values.map((_, i) => localRow(state, i)), rowCount: tileRows, lane: state.threadX, lanes: tile.threadsX };
  const totals = mergeAcross(writer, team, parts);
  writer.if(k.eq(state.threadX, k.int(0)), () => {
    values.forEach((_, i) => {
      const row = k.add(state.firstRow, localRow(state, i));
      writer.if(k.lt(row, writer.extent(flat.row.extent)), () => {
        partials.forEach((partial, at) => {
          const tiles = partial.definition.box[partial.definition.box.length - 1] as Range;
          const rowBox = [...flat.region.shape.batch, ...flat.region.shape.rows];
          // The partial's own row ranges follow the product's, extent-1 axes apart.
          let next = 0;
          const offset = flattenIndex(writer.e, partial.definition.box.map((range) => (range === tiles ? writer.e.index(tiles) : extentValue(range.extent) === 1 ? writer.e.constant(0, "i32") : flat.flattening.apply(writer.e.index(rowBox[next++] as Range)))), partial.definition.box.map((range) => range.extent));
          const scope: ElementScope = { writer, counters: new Map([[flat.row, row], [flat.batch, state.batchIndex], [tiles, k.builtin("group_x")]]) };
          emitStore(scope, partial.definition.name, offset, (totals[at] as (row: Expression) => Expression)(localRow(state, i)));
        });
      });
    });
  });
}

const localRow = (state: ContractionState, i: number): Expression => k.add(k.mul(state.threadY, k.int(state.tile.rowsPerThread)), k.int(i));

const columnAt = (state: ContractionState, j: number): Expression =>
  k.add(state.firstColumn, k.mul(k.add(state.threadX, k.int(j * state.tile.threadsX)), k.int(state.lanes)));

function rowScope(state: ContractionState, i: number, raw: Expression): ElementScope {
  const { writer, flat, tile } = state;
  const row = clamped(writer, raw, flat.row.extent, tile.threadsY * tile.rowsPerThread);
  return { writer, counters: new Map([[flat.row, row], [flat.batch, state.batchIndex]]), sources: new Map([...sourcesAt(state.statistics, localRow(state, i)), ...[...state.own].map(([name, values]) => [name, values[i] as Expression] as const)]) };
}

/** The scope of row i, column group j, with the products' values in place of loads of them. */
function columnScope(state: ContractionState, scope: ElementScope, i: number, j: number, known: ReadonlyMap<Expr, Expression>): ElementScope {
  const { flat, lanes, tile } = state;
  const column = clamped(state.writer, columnAt(state, j), flat.column.extent, tile.threadsX * tile.columnGroups * lanes, lanes);
  return {
    ...scope, known, vector: { range: flat.column, lanes },
    counters: new Map([...scope.counters, [flat.column, column]]),
    sources: new Map([...(scope.sources ?? []), ...[...state.values].map(([name, values]) => [name, values[i]?.[j] as Expression] as const)]),
  };
}

/** Does an expression read a product, which every column has its own value of? */
const productIn = (state: ContractionState) => (expr: Expr): boolean => expr.kind === "load" && state.values.has(expr.source);

function emitLevel(state: ContractionState, level: ContractionState["flat"]["region"]["epilogue"]): void {
  const { writer, flat, tile, lanes } = state;
  writer.comment(`fold ${level.map((member) => member.definition.name).join(", ")} along the rows of the product`);
  const isProduct = productIn(state);
  const parts: Part[] = level.map((member) => ({ name: lastPart(member.definition.name), monoid: member.definition.fold?.monoid ?? "sum", dtype: member.definition.dtype, partials: [] }));
  const partials: Expression[][] = level.map(() => []);
  for (let i = 0; i < tile.rowsPerThread; i++) {
    const scope = rowScope(state, i, k.add(state.firstRow, localRow(state, i)));
    const bodies = level.map((member) => flat.flattening.apply(member.body));
    const known = knownParts(scope, bodies, new Set([flat.column]), isProduct);
    level.forEach((member, at) => {
      const part = parts[at] as Part;
      const start = identityOf(part.monoid, part.dtype);
      let total: Expression | undefined;
      for (let j = 0; j < tile.columnGroups; j++) {
        const emitted = emitElement(columnScope(state, scope, i, j, known), bodies[at] as Expr);
        const wide = emitted.type.lanes === lanes ? emitted : k.splat(emitted, lanes);
        const kept = inside(state, j, wide, start);
        total = writer.let("running", total ? merge(part.monoid, total, kept) : kept);
      }
      (partials[at] as Expression[]).push(writer.let("partial", mergeLanes(part.monoid, total ?? start)));
    });
  }
  const team = { rows: Array.from({ length: tile.rowsPerThread }, (_, i) => localRow(state, i)), rowCount: tile.threadsY * tile.rowsPerThread, lane: state.threadX, lanes: tile.threadsX };
  mergeAcross(writer, team, parts.map((part, at) => ({ ...part, partials: partials[at] as Expression[] }))).forEach((read, at) => {
    state.statistics.set((level[at] as (typeof level)[number]).definition.name, read);
  });
}

/** `value` where its column exists, else the monoid's identity. A group of columns exists as a whole or not at all. */
function inside(state: ContractionState, j: number, value: Expression, identity: Expression): Expression {
  const { writer, flat, tile, lanes } = state;
  const width = extentValue(flat.column.extent);
  if (width !== undefined && width % (tile.threadsX * tile.columnGroups * lanes) === 0) return value;
  const kept = k.lt(columnAt(state, j), writer.extent(flat.column.extent));
  return k.select(lanes === 1 ? kept : k.splat(kept, lanes), value, lanes === 1 ? identity : k.splat(identity, lanes));
}

/** All outputs of an element together: what they share is computed once. */
function emitStores(state: ContractionState): void {
  const { writer, flat, tile } = state;
  const stored = flat.region.outputs.filter((output) => !output.definition.partial);
  const bodies = stored.map((output) => flat.flattening.apply(output.body));
  const offsets = stored.map((output) => flat.flattening.offset(output.box));
  const isProduct = productIn(state);
  writer.comment(`store ${stored.map((output) => output.definition.name).join(", ")}`);
  for (let i = 0; i < tile.rowsPerThread; i++) {
    const raw = k.add(state.firstRow, localRow(state, i));
    const rows = extentValue(flat.row.extent);
    const guard = rows !== undefined && rows % (tile.threadsY * tile.rowsPerThread) === 0 ? k.truth(true) : k.lt(raw, writer.extent(flat.row.extent));
    writer.if(guard, () => {
      const scope = rowScope(state, i, raw);
      const exact: ElementScope = { ...scope, counters: new Map([...scope.counters, [flat.row, raw]]) };
      const known = knownParts(exact, bodies, new Set([flat.column]), isProduct);
      for (let j = 0; j < tile.columnGroups; j++) {
        const width = extentValue(flat.column.extent);
        const column = columnAt(state, j);
        const inTile = width !== undefined && width % (tile.threadsX * tile.columnGroups * state.lanes) === 0;
        writer.if(inTile ? k.truth(true) : k.lt(column, writer.extent(flat.column.extent)), () => {
          const inner = columnScope(state, exact, i, j, known);
          const at: ElementScope = { ...inner, counters: new Map([...inner.counters, [flat.column, column]]) };
          emitElements(at, bodies).forEach((value, o) => emitStore(at, (stored[o] as (typeof stored)[number]).definition.name, offsets[o] as Expr, value));
        });
      }
    });
  }
}
