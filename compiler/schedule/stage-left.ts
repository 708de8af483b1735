/**
 * Staging of the left operand of a contraction: each element of the tile is made once by one invocation, and statistics
 * that ride are accumulated right there, so that they cost nothing per column.
 */
import { type Expr, rewrite } from "../folds/expression.ts";
import { hasLongIndices } from "../folds/index-arithmetic.ts";
import type { Monoid } from "../folds/node.ts";
import type { Member } from "../fusion/region.ts";
import * as k from "../kernel/build.ts";
import type { Expression, Lanes } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import { clamped, type ContractionState, rowCounters, type Variable } from "./contraction-state.ts";
import { emitElements, type ElementScope } from "./element.ts";
import { lastPart, sourcesAt } from "./row-folds.ts";
import { mergeAcross } from "./merge-across.ts";
import { identityOf, merge, mergeLanes } from "./statistics.ts";

/** One place of the tile that an invocation fills in every block. */
interface Place {
  readonly at: Expression;
  readonly row: Expression;
  readonly rowRead: Expression;
  /** Present when some invocations have no such place. */
  readonly active: Expression | undefined;
}

export interface LeftStaging {
  readonly thread: Expression;
  readonly threads: number;
  readonly leftTile: string;
  readonly innerLanes: Lanes;
  /** Too much text to repeat for each place: a loop over the places instead. */
  readonly asLoop: boolean;
  /** Every block is full: no element lies past the end of the contracted axis. */
  readonly exact: boolean;
  readonly rowValues: ReadonlyMap<Expr, (row: Expression) => Expression>;
  readonly places: readonly Place[];
}

export interface Rider {
  readonly member: Member;
  readonly monoid: Monoid;
  readonly body: Expr;
  /** One running value per place. */
  readonly totals: readonly Variable[];
}

const widthOf = (state: ContractionState, innerLanes: Lanes): number => state.tile.innerBlock / innerLanes;


/**
 * Places are written out one by one, so that their rows are computed once, outside the main loop; but not where the
 * operand's indices take much arithmetic: a compiler's time grows faster than the text.
 */
export function stagesByLoop(left: Expr, placeCount: number, riders: number): boolean {
  return riders === 0 && placeCount > 1 && hasLongIndices(left);
}

export const placeCount = (state: ContractionState, threads: number, innerLanes: Lanes): number =>
  Math.ceil((state.tile.threadsY * state.tile.rowsPerThread * widthOf(state, innerLanes)) / threads);

export function stagingPlaces(state: ContractionState, thread: Expression, threads: number, innerLanes: Lanes): Place[] {
  const { writer, flat, tile } = state;
  const tileRows = tile.threadsY * tile.rowsPerThread;
  const width = widthOf(state, innerLanes);
  const total = tileRows * width;
  return Array.from({ length: Math.ceil(total / threads) }, (_, i) => {
    const at = writer.let("left_at", k.add(thread, k.int(i * threads)));
    const row = writer.let("left_row", k.div(at, k.int(width)));
    const rowRead = writer.let("left_row_read", clamped(writer, k.add(state.firstRow, row), flat.row.extent, tileRows));
    return { at, row, rowRead, active: (i + 1) * threads <= total ? undefined : k.lt(at, k.int(total)) };
  });
}

const stagedLeft = "@left";

export function startRiders(state: ContractionState, staging: LeftStaging): Rider[] {
  const { writer, flat } = state;
  const staged = writer.e.load(stagedLeft, [], flat.left.dtype);
  return flat.region.ride.map((member) => {
    const monoid = member.definition.fold?.monoid ?? "sum";
    const start = identityOf(monoid, member.definition.dtype);
    return {
      member, monoid,
      // The value just staged stands in for its own recomputation.
      body: rewrite(writer.e, flat.flattening.apply(member.body), (node) => (node === flat.left ? staged : undefined)),
      totals: staging.places.map(() => writer.variable(`${lastPart(member.definition.name)}_part`, staging.innerLanes === 1 ? start : k.splat(start, staging.innerLanes))),
    };
  });
}

export function stageLeft(state: ContractionState, staging: LeftStaging, block: Expression, riders: readonly Rider[]): void {
  const { writer, flat, tile } = state;
  const { innerLanes, exact } = staging;
  const width = widthOf(state, innerLanes);
  const each = (place: Place, i: number): void => {
    const column = k.add(block, k.mul(k.rem(place.at, k.int(width)), k.int(innerLanes)));
    writer.if(place.active ?? k.truth(true), () => {
      const wanted = writer.let("left_k", column);
      const inner = exact ? wanted : writer.let("left_k_read", k.min(wanted, k.sub(writer.extent(flat.inner.extent), k.int(innerLanes))));
      const known = new Map([...staging.rowValues].map(([part, read]) => [part, read(place.row)]));
      const scope: ElementScope = {
        writer, known, counters: new Map([...rowCounters(state, place.rowRead), [flat.inner, inner]]),
        vector: { range: flat.inner, lanes: innerLanes }, multiples: new Map([[flat.inner, 4]]), sources: sourcesAt(state.statistics, place.row),
      };
      const [value] = emitElements(scope, [flat.left]) as [Expression];
      const wide = writer.let("left", value.type.lanes === innerLanes ? value : k.splat(value, innerLanes));
      writer.add(s.set(staging.leftTile, place.at, wide));
      if (riders.length === 0) return;
      const bodies = emitElements({ ...scope, sources: new Map([...(scope.sources ?? []), [stagedLeft, wide]]) }, riders.map((rider) => rider.body));
      const accumulate = (): void =>
        riders.forEach((rider, at) => {
          const body = bodies[at] as Expression;
          const total = rider.totals[i] as Variable;
          total.assign(merge(rider.monoid, total.ref, body.type.lanes === innerLanes ? body : k.splat(body, innerLanes)));
        });
      if (exact) accumulate();
      else writer.if(k.lt(wanted, writer.extent(flat.inner.extent)), accumulate);
    });
  };
  if (!staging.asLoop) return staging.places.forEach(each);
  const tileRows = tile.threadsY * tile.rowsPerThread;
  writer.for("left_at", staging.thread, k.int(tileRows * width), k.int(staging.threads), (at) => {
    const row = writer.let("left_row", k.div(at, k.int(width)));
    const rowRead = writer.let("left_row_read", clamped(writer, k.add(state.firstRow, row), flat.row.extent, tileRows));
    each({ at, row, rowRead, active: undefined }, 0);
  });
}

/** Merges the riders' parts over the invocations that staged a row; afterwards they are statistics like any other. */
export function finishRiders(state: ContractionState, staging: LeftStaging, riders: readonly Rider[]): void {
  const { writer, tile } = state;
  const width = widthOf(state, staging.innerLanes);
  const first = staging.places[0];
  const team = {
    rows: staging.places.map((place) => place.row), rowCount: tile.threadsY * tile.rowsPerThread,
    lane: k.rem(staging.thread, k.int(width)), lanes: width, readByAll: true as const,
    ...(first?.active ? { active: first.active } : {}),
  };
  const parts = riders.map((rider) => ({
    name: lastPart(rider.member.definition.name), monoid: rider.monoid, dtype: rider.member.definition.dtype,
    partials: rider.totals.map((total) => writer.let("ridden", mergeLanes(rider.monoid, total.ref))),
  }));
  mergeAcross(writer, team, parts).forEach((read, i) => {
    state.statistics.set((riders[i] as Rider).member.definition.name, read);
  });
}
