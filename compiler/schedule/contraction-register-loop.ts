/**
 * The main loop without workgroup memory: every invocation reads its rows of the left operand and its columns of the right
 * one into registers. No barrier, at the price of more loads that hit a cache. What is inlined in the left operand, and
 * statistics that ride, are computed by each invocation for its own rows. For devices whose barriers are dear.
 */
import { type Expr, type Range, rewrite } from "../folds/expression.ts";
import { extentValue, productOfExtents } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression, Lanes } from "../kernel/node.ts";
import { addInto, clamped, type ContractionState, grid, type Grid, refsOf, rightValue, rowCounters, type Variable } from "./contraction-state.ts";
import { emitElements, type ElementScope } from "./element.ts";
import { knownParts, lastPart, sourcesAt, vectorizes } from "./row-folds.ts";
import { identityOf, merge, mergeLanes } from "./statistics.ts";

/** Sums in two levels beyond this many terms: a step adds four products at a time, so that a chain has a quarter of them. */
const longSum = 1024;
const blockLength = 256;

/** The same for windows, whose taps are neighbours two to four at a time: beyond so many terms, so many steps of their first range. */
const longWindows = 256;
const windowBlock = 16;

const longestWindow = 5;

const stagedLeft = "@left";

export function emitRegisterLoop(state: ContractionState): void {
  const { writer, flat, tile, lanes } = state;
  const { rowsPerThread, columnGroups } = tile;
  const dtype = flat.region.definition.dtype;
  const multiples = new Map([[flat.inner, 4]]);
  const ride = flat.region.ride.map((member) => ({ member, body: flat.flattening.apply(member.body) }));
  const innerLanes: Lanes = [flat.left, ...ride.map(({ body }) => body)].every((body) => vectorizes(writer, body, flat.inner, flat.inner.extent, multiples)) ? 4 : 1;
  const zero = lanes === 1 ? k.constant(dtype, 0) : k.splat(k.constant(dtype, 0), lanes);
  const totals = flat.products.map(() => grid(rowsPerThread, columnGroups, (i, j) => writer.variable(`sum_${i}_${j}`, zero)));
  const rows = Array.from({ length: rowsPerThread }, (_, i) => rowOf(state, i));
  // The value just read stands in for its own recomputation.
  const read = writer.e.load(stagedLeft, [], flat.left.dtype);
  const riders = ride.map(({ member, body }) => {
    const monoid = member.definition.fold?.monoid ?? "sum";
    const start = identityOf(monoid, member.definition.dtype);
    return {
      member, monoid, body: rewrite(writer.e, body, (node) => (node === flat.left ? read : undefined)),
      totals: rows.map(() => writer.variable(`${lastPart(member.definition.name)}_part`, innerLanes === 1 ? start : k.splat(start, innerLanes))),
    };
  });
  const known = rows.map(({ scope }) => knownParts(scope, [flat.left, ...riders.map((rider) => rider.body)], new Set([flat.inner, ...flat.outer]), (expr) => expr === read));
  const inner = writer.extent(flat.inner.extent);
  /** The left operand's elements from `at` on, by row; what rides is added up. */
  const leftsAt = (at: Expression): Expression[] => rows.map(({ scope }, i) => {
    const here: ElementScope = { ...scope, known: known[i] as ReadonlyMap<Expr, Expression>, counters: new Map([...scope.counters, ...state.outer, [flat.inner, at]]), vector: { range: flat.inner, lanes: innerLanes }, multiples };
    const [value] = emitElements(here, [flat.left]) as [Expression];
    const left = writer.let(`left_${i}`, value.type.lanes === innerLanes ? value : k.splat(value, innerLanes));
    emitElements({ ...here, sources: new Map([...(here.sources ?? []), [stagedLeft, left]]) }, riders.map((rider) => rider.body)).forEach((body, r) => {
      const rider = riders[r] as (typeof riders)[number];
      const total = rider.totals[i] as Variable;
      total.assign(merge(rider.monoid, total.ref, body.type.lanes === innerLanes ? body : k.splat(body, innerLanes)));
    });
    return left;
  });
  /** Products of neighbours are added up before they go to the sum: the chain of additions is as much shorter. */
  const step = (places: readonly Expression[], sums: readonly Grid[]): void => {
    const lefts = places.map(leftsAt);
    flat.products.forEach((product, p) => {
      for (let j = 0; j < columnGroups; j++) {
        const group = k.add(state.threadX, k.int(j * tile.threadsX));
        const rights = places.map((at) => Array.from({ length: innerLanes }, (_, c) => writer.let(`right_${j}`, rightValue(state, product, k.add(at, k.int(c)), group))));
        for (let i = 0; i < rowsPerThread; i++) {
          const sum = sums[p]?.[i]?.[j] as Variable;
          const terms = rights.flatMap((ofPlace, at) => ofPlace.map((right, c) => {
            const left = k.lane(lefts[at]?.[i] as Expression, c);
            return k.mul(lanes === 1 ? left : k.splat(left, lanes), right);
          }));
          sum.assign(k.add(sum.ref, terms.reduce((a, b) => k.add(a, b))));
        }
      }
    });
  };
  const length = extentValue(productOfExtents(flat.region.shape.inner.map((range) => range.extent)));
  const isShort = length !== undefined && length <= (flat.outer.length > 0 ? longWindows : longSum);
  const newParts = (): readonly Grid[] => flat.products.map(() => grid(rowsPerThread, columnGroups, (i, j) => writer.variable(`part_${i}_${j}`, zero)));
  const taps = flat.outer.length > 0 && innerLanes === 1 && isUnrolled(flat.inner) ? (extentValue(flat.inner.extent) ?? 1) : 1;
  const along = (sums: readonly Grid[]): void => {
    if (taps > 1) step(Array.from({ length: taps }, (_, tap) => k.int(tap)), sums);
    else writer.for("k", k.int(0), inner, k.int(innerLanes), (at) => step([at], sums), isUnrolled(flat.inner));
  };
  const nest = (outer: readonly Range[], sums: readonly Grid[]): void => {
    const [first, ...rest] = outer;
    if (!first) return along(sums);
    const within = (from: Expression, to: Expression, into: readonly Grid[]): void => writer.for(first.name, from, to, k.int(1), (counter) => {
      state.outer.set(first, counter);
      nest(rest, into);
    }, isUnrolled(first));
    const end = writer.extent(first.extent);
    if (sums !== totals || isShort) return within(k.int(0), end, sums);
    writer.for("block", k.int(0), end, k.int(windowBlock), (block) => {
      const parts = newParts();
      within(block, writer.let("block_end", k.min(k.add(block, k.int(windowBlock)), end)), parts);
      totals.forEach((total, p) => addInto(total, parts[p] as Grid));
    });
  };
  if (isShort || flat.outer.length > 0) nest(flat.outer, totals);
  else
    writer.for("block", k.int(0), inner, k.int(blockLength), (block) => {
      const parts = newParts();
      const end = writer.let("block_end", k.min(k.add(block, k.int(blockLength)), inner));
      writer.for("k", block, end, k.int(innerLanes), (at) => step([at], parts));
      totals.forEach((total, p) => addInto(total, parts[p] as Grid));
    });
  for (const rider of riders) state.own.set(rider.member.definition.name, rider.totals.map((total) => writer.let("ridden", mergeLanes(rider.monoid, total.ref))));
  flat.products.forEach((product, p) => state.values.set(product.name, refsOf(totals[p] as Grid)));
}

/** Loops over the few taps of a window are written out. */
const isUnrolled = (range: Range): boolean => (extentValue(range.extent) ?? longestWindow) < longestWindow;

/** Row i of this invocation: rows past the end repeat the last one and are never stored. */
function rowOf(state: ContractionState, i: number): { readonly scope: ElementScope } {
  const { writer, flat, tile } = state;
  const local = k.add(k.mul(state.threadY, k.int(tile.rowsPerThread)), k.int(i));
  const row = writer.let(`row_${i}`, clamped(writer, k.add(state.firstRow, local), flat.row.extent, tile.threadsY * tile.rowsPerThread));
  return { scope: { writer, counters: new Map(rowCounters(state, row)), sources: sourcesAt(state.statistics, local) } };
}
