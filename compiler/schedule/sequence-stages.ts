/** The stages of one step of a sequence kernel: maps, products and folds over the columns of the workgroup's rows. */
import type { Expr, Range } from "../folds/expression.ts";
import { required } from "../errors.ts";
import { extentValue } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import { emitElement } from "./element.ts";
import { mergeShared } from "./merge-across.ts";
import { knownParts } from "./row-folds.ts";
import { foldColumn, keep, wide } from "./sequence-columns.ts";
import { expressionsOf, type FlatStage } from "./sequence-layout.ts";
import { emitProduct } from "./sequence-product.ts";
import { acrossColumns, clear, type Element, forColumns, forOwn, forRest, forRowGroups, forRuns, inLanes, scopeAt, type SequenceState, settle } from "./sequence-state.ts";
import { identityOf, merge, mergeLanes } from "./statistics.ts";

/** Emits stages of one manner that do not need each other. */
export function emitStages(state: SequenceState, stages: readonly FlatStage[]): void {
  const reads = stages.flatMap((flat) => expressionsOf(flat).flatMap((expr) => expr.loads.map((load) => load.source))).filter((name) => state.flat.values.has(name));
  const [first] = stages;
  if (!first) return;
  state.writer.comment(stages.map(({ stage }) => `${stage.name}${stage.definition.fold ? `, ${stage.manner}` : ""}`).join("; "));
  switch (first.stage.manner) {
    case "map":
      settle(state, reads, stages.map(({ stage }) => stage.name));
      return emitMap(state, first);
    case "product":
      settle(state, reads, stages.map(({ stage }) => stage.name));
      return emitProduct(state, first);
    case "serial":
      settle(state, reads, stages.map(({ stage }) => stage.name));
      return emitSerial(state, first);
    case "shared":
      return emitShared(state, stages, reads);
    default:
      return first.stage satisfies never;
  }
}

/** What a row needs once, before the loop over its columns. Own columns are not among it. */
function knownOf(state: SequenceState, flat: FlatStage, rowGroup: Expression, body: Expr, varying: readonly Range[]): ReadonlyMap<Expr, Expression> {
  return knownParts(scopeAt(state, rowGroup, undefined, flat.column), [body], new Set(varying));
}

/** The same values in as many lanes as an element has. */
function widened(state: SequenceState, known: ReadonlyMap<Expr, Expression>): (element: Element) => ReadonlyMap<Expr, Expression> {
  if (!acrossColumns(state)) return () => known;
  const four = new Map([...known].map(([expr, value]) => [expr, state.writer.let("rows", inLanes(value, 4))]));
  return ({ lanes }) => (lanes ? four : known);
}

function emitMap(state: SequenceState, flat: FlatStage): void {
  forRowGroups(state, (rowGroup) => {
    // One invocation alone reads what its only column replaces.
    const known = widened(state, flat.stage.width === 1 ? new Map<Expr, Expression>() : knownOf(state, flat, rowGroup, flat.body, [flat.column]));
    forColumns(state, flat.stage.width, (element) => keep(state, flat, rowGroup, element, wide(state, emitElement({ ...scopeAt(state, rowGroup, element, flat.column), known: known(element) }, flat.body), element)));
  });
}

function emitSerial(state: SequenceState, flat: FlatStage): void {
  forRowGroups(state, (rowGroup) => forColumns(state, flat.stage.width, (element) => foldColumn(state, flat, rowGroup, element)));
}

/** Vectors of partial sums that are under way, so that additions need not wait for each other. */
const chains = 4;

/** A fold of the one row along its columns, in the lanes of a few vectors. */
function foldInLanes(state: SequenceState, flat: FlatStage, rowGroup: Expression, counters: readonly (readonly [Range, Expression])[], length: number): Expression {
  const { writer } = state;
  const { monoid } = required(flat.stage.definition.fold, "schedule", flat.stage.name);
  const known = widened(state, knownParts(scopeAt(state, rowGroup, undefined, flat.folded, counters), [flat.body], new Set([flat.folded])));
  const term = (element: Element): Expression => wide(state, emitElement({ ...scopeAt(state, rowGroup, element, flat.folded, counters), known: known(element) }, flat.body), element);
  const identity = identityOf(monoid, flat.stage.definition.dtype);
  const parts: Expression[] = [];
  const vectors = Math.floor(length / 4);
  if (vectors > 0) {
    const totals = Array.from({ length: Math.min(chains, vectors) }, () => writer.variable("total", inLanes(identity, 4)));
    const turns = Math.floor(vectors / totals.length);
    const addTo = (total: ReturnType<SequenceState["writer"]["variable"]>, at: Expression): void => total.assign(merge(monoid, total.ref, term({ at, own: at, lanes: 4 })));
    const turn = (at: Expression): void => totals.forEach((total, chain) => addTo(total, k.add(at, k.int(4 * chain))));
    if (turns === 1) turn(k.int(0));
    else writer.for("k", k.int(0), k.int(4 * totals.length * turns), k.int(4 * totals.length), turn);
    totals.slice(0, vectors % totals.length).forEach((total, i) => addTo(total, k.int(4 * (turns * totals.length + i))));
    parts.push(mergeLanes(monoid, writer.let("lanes", totals.map(({ ref }) => ref).reduce((a, b) => merge(monoid, a, b)))));
  }
  forRest(length, (element) => parts.push(writer.let("term", term(element))));
  return writer.let("total", parts.length === 0 ? identity : parts.reduce((a, b) => merge(monoid, a, b)));
}

/** Folds along an axis that the invocations share out: each folds what it owns, then they are merged in a fixed order. */
function emitShared(state: SequenceState, stages: readonly FlatStage[], reads: readonly string[]): void {
  const { writer, tile, thread, groups } = state;
  settle(state, reads, []);
  const type = { scalar: "f32", lanes: tile.rowLanes } as const;
  /** Each fold of each column, with the array of its partial results. */
  const folds = stages.flatMap((flat) => Array.from({ length: flat.stage.width }, (_, c) => ({ flat, c })));
  folds.forEach(({ flat, c }, i) => {
    const { monoid } = required(flat.stage.definition.fold, "schedule", flat.stage.name);
    const { dtype } = flat.stage.definition;
    const counters: readonly (readonly [Range, Expression])[] = [[flat.column, k.int(c)]];
    forRowGroups(state, (rowGroup) => {
      const length = extentValue(flat.folded.extent);
      if (length !== undefined && acrossColumns(state)) return keep(state, flat, rowGroup, { at: k.int(c), own: k.int(c) }, foldInLanes(state, flat, rowGroup, counters, length));
      const identity = wide(state, identityOf(monoid, dtype));
      const total = writer.variable("total", identity);
      const known = knownParts(scopeAt(state, rowGroup, undefined, flat.folded, counters), [flat.body], new Set([flat.folded]));
      const term = (element: Element): Expression => wide(state, emitElement({ ...scopeAt(state, rowGroup, element, flat.folded, counters), known }, flat.body));
      if (length === undefined)
        writer.for("k", thread, writer.extent(flat.folded.extent), k.int(tile.threads), (at) => total.assign(merge(monoid, total.ref, term({ at, own: at }))));
      else if (tile.columnLanes === 1) forOwn(state, length, (element) => total.assign(merge(monoid, total.ref, term(element))));
      else
        forRuns(state, length, (first, run) => {
          // A run is added up before it goes to the sum, which keeps the chain of additions short.
          const part = writer.variable("part", identity);
          writer.for("l", k.int(0), k.int(tile.columnLanes), k.int(1), (l) => {
            const at = k.add(first, l);
            const add = (): void => part.assign(merge(monoid, part.ref, term({ at, own: k.add(k.mul(run, k.int(tile.columnLanes)), l) })));
            if (length % tile.columnLanes === 0) add();
            else writer.if(k.lt(at, k.int(length)), add);
          });
          total.assign(merge(monoid, total.ref, part.ref));
        });
      if (tile.threads > 1) writer.add(s.set(required(state.parts[i], "schedule", "parts"), k.add(k.mul(thread, k.int(groups)), rowGroup), total.ref));
      else keep(state, flat, rowGroup, { at: k.int(c), own: k.int(c) }, total.ref);
    });
  });
  if (tile.threads === 1) return;
  mergeShared(writer, {
    lane: thread, lanes: tile.threads, forRows: (body) => forRowGroups(state, body), rowCount: groups,
    parts: folds.map(({ flat, c }, i) => {
      const array = required(state.parts[i], "schedule", "parts");
      const at = (rowGroup: Expression, of: Expression): Expression => k.add(k.mul(of, k.int(groups)), rowGroup);
      return {
        monoid: required(flat.stage.definition.fold, "schedule", flat.stage.name).monoid, type,
        read: (rowGroup, of) => k.element(array, type, at(rowGroup, of)),
        write: (rowGroup, value) => writer.add(s.set(array, at(rowGroup, thread), value)),
        finish: (rowGroup, value) => keep(state, flat, rowGroup, { at: k.int(c), own: k.int(c) }, value),
      };
    }),
  });
  clear(state);
}
