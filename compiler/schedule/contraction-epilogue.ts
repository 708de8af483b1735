/** The end of a contraction kernel: folds along whole rows of the product where the workgroup owns them, then the stores. */
import { InternalError, required } from "../errors.ts";
import { type Expr, type Range, visit } from "../folds/expression.ts";
import { flattenIndex } from "../folds/index-arithmetic.ts";
import { tilePivot } from "../folds/node.ts";
import { extentValue } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import * as s from "../kernel/statements.ts";
import type { Expression, Instruction } from "../kernel/node.ts";
import { clamped, type ContractionState } from "./contraction-state.ts";
import { emitElement, emitElements, emitStore, type ElementScope } from "./element.ts";
import { knownParts, lastPart, levelsOf, sourcesAt } from "./row-folds.ts";
import { mergeAcross, type Part, type Team } from "./merge-across.ts";
import { identityOf, merge, mergeLanes } from "./statistics.ts";

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
  const team: Team = { rows: values.map((_, i) => localRow(state, i)), rowCount: tileRows, lane: state.threadX, lanes: tile.threadsX };
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
  const team: Team = { rows: Array.from({ length: tile.rowsPerThread }, (_, i) => localRow(state, i)), rowCount: tile.threadsY * tile.rowsPerThread, lane: state.threadX, lanes: tile.threadsX };
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

/** Values of one invocation by local row and column group. */
interface Values {
  readonly ofRow: (name: string, i: Expression) => Expression;
  readonly ofElement: (name: string, i: Expression, j: Expression) => Expression;
}

/** All outputs of an element together: what they share is computed once. Written out, or as a loop where the text would get long. */
function emitStores(state: ContractionState): void {
  const { writer, flat, tile } = state;
  const stored = flat.region.outputs.filter((output) => !output.definition.partial);
  const bodies = stored.map((output) => flat.flattening.apply(output.body));
  const offsets = stored.map((output) => flat.flattening.offset(output.box));
  writer.comment(`store ${stored.map((output) => output.definition.name).join(", ")}`);
  const emitRow = (i: Expression, values: Values, eachGroup: (emit: (j: Expression) => void) => void): void => {
    const local = k.add(k.mul(state.threadY, k.int(tile.rowsPerThread)), i);
    const raw = k.add(state.firstRow, local);
    const rows = extentValue(flat.row.extent);
    const guard = rows !== undefined && rows % (tile.threadsY * tile.rowsPerThread) === 0 ? k.truth(true) : k.lt(raw, writer.extent(flat.row.extent));
    writer.if(guard, () => {
      const own = [...state.own.keys()].map((name) => [name, values.ofRow(name, i)] as const);
      const exact: ElementScope = { writer, counters: new Map([[flat.batch, state.batchIndex], [flat.row, raw]]), sources: new Map([...sourcesAt(state.statistics, local), ...own]) };
      const known = knownParts(exact, bodies, new Set([flat.column]), productIn(state));
      eachGroup((j) => {
        const width = extentValue(flat.column.extent);
        const column = k.add(state.firstColumn, k.mul(k.add(state.threadX, k.mul(j, k.int(tile.threadsX))), k.int(state.lanes)));
        const inTile = width !== undefined && width % (tile.threadsX * tile.columnGroups * state.lanes) === 0;
        writer.if(inTile ? k.truth(true) : k.lt(column, writer.extent(flat.column.extent)), () => {
          const products = [...state.values.keys()].map((name) => [name, values.ofElement(name, i, j)] as const);
          const at: ElementScope = { ...exact, known, vector: columnVector(state), counters: new Map([...exact.counters, [flat.column, column]]), sources: new Map([...(exact.sources ?? []), ...products]) };
          emitElements(at, bodies).forEach((value, o) => emitStore(at, (stored[o] as (typeof stored)[number]).definition.name, offsets[o] as Expr, value));
        });
      });
    });
  };
  if (isLong(state, bodies)) {
    const values = inArrays(state);
    writer.for("own_row", k.int(0), k.int(tile.rowsPerThread), k.int(1), (i) => emitRow(i, values, (emit) => writer.for("own_group", k.int(0), k.int(tile.columnGroups), k.int(1), emit)));
    return;
  }
  const numbered = (index: Expression): number => k.constantValue(index) ?? 0;
  const values: Values = { ofRow: (name, i) => state.own.get(name)?.[numbered(i)] as Expression, ofElement: (name, i, j) => state.values.get(name)?.[numbered(i)]?.[numbered(j)] as Expression };
  for (let i = 0; i < tile.rowsPerThread; i++) emitRow(k.int(i), values, (emit) => Array.from({ length: tile.columnGroups }, (_, j) => emit(k.int(j))));
}

/** A group of columns. Where operands are stored in more columns than the product has, the last group has lanes past the end. */
function columnVector({ writer, flat, lanes }: ContractionState): NonNullable<ElementScope["vector"]> {
  const width = extentValue(flat.column.extent);
  if (lanes === 1 || (width !== undefined && width % lanes === 0)) return { range: flat.column, lanes };
  return { range: flat.column, lanes, last: k.sub(writer.extent(flat.column.extent), k.int(1)) };
}

/** Instructions that become polynomials or calls, against one of arithmetic. */
const longInstruction = 12;
/** Weight of the written out stores from which on they are a loop. */
const longest = 160;

/** Only for tiles in registers, which software adapters have: those compile what is written out for seconds, and arrays cost them nothing. */
function isLong({ tile }: ContractionState, bodies: readonly Expr[]): boolean {
  if (tile.staged) return false;
  let weight = 0;
  const seen = new Set<Expr>();
  for (const body of bodies) visit(body, (node) => void (weight += node.kind === "apply" && node.dtype !== "i32" ? (cheap.has(node.op) ? 1 : longInstruction) : 0), seen);
  return weight * tile.rowsPerThread * tile.columnGroups >= longest;
}

const cheap: ReadonlySet<Instruction> = new Set<Instruction>(["add", "sub", "mul", "div", "neg", "abs", "min", "max", "fma", "select", "sqrt", "inverse_sqrt", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not"]);

/** Copies what the stores read into arrays, which a loop can index. */
function inArrays(state: ContractionState): Values {
  const { writer, tile } = state;
  const copied = (name: string, values: readonly Expression[]): ((index: Expression) => Expression) => {
    const [first] = values;
    if (!first) throw new InternalError("schedule", `${name} has no values`);
    const array = writer.unique(lastPart(name));
    writer.add(s.array(array, first.type, values.length));
    values.forEach((value, i) => writer.add(s.set(array, k.int(i), value)));
    return (index) => k.element(array, first.type, index);
  };
  const own = new Map([...state.own].map(([name, values]) => [name, copied(name, values)]));
  const products = new Map([...state.values].map(([name, lines]) => [name, copied(name, lines.flat())]));
  return {
    ofRow: (name, i) => required(own.get(name), "schedule", name)(i),
    ofElement: (name, i, j) => required(products.get(name), "schedule", name)(k.add(k.mul(i, k.int(tile.columnGroups)), j)),
  };
}
