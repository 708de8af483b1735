/**
 * Template "stream": one invocation owns a row. It walks along k a few elements at a time: makes the scores, moves the
 * maximum, rescales its sums if it grew, and adds to them. Nothing but the row's own operand and its sums is kept, in
 * registers; no workgroup memory, no barrier. All invocations of a workgroup read the same element of k at the same time.
 */
import type { Expr, Range } from "../folds/expression.ts";
import { extentValue } from "../ir/extent.ts";
import type { StreamRegion } from "../fusion/region.ts";
import { streamTotal } from "../fusion/region.ts";
import * as k from "../kernel/build.ts";
import type { Expression, Lanes } from "../kernel/node.ts";
import { emitElement, emitElements, emitStore, type ElementScope } from "./element.ts";
import { Flattening } from "./flatten.ts";
import { type BoundKernel, ceilDivide, type KernelWriter } from "./kernel-writer.ts";
import { emitRowFolds, knownParts, lastPart, levelsOf, sourcesAt, vectorizes } from "./row-folds.ts";
import { merge } from "./statistics.ts";
import type { StreamTile } from "./tile.ts";

const float = (dtype: "f32" | "f16", value: number): Expression => k.constant(dtype, value);

export function scheduleStream(writer: KernelWriter, region: StreamRegion, tile: StreamTile, name: string): BoundKernel {
  const flattening = new Flattening(writer.e);
  const { shape, scores } = region;
  const batchRange = flattening.flat("batch", shape.batch);
  const rowRange = flattening.flat("row", shape.rows);
  const innerRange = flattening.flat("k", shape.inner);
  const columnRange = flattening.flat("column", shape.columns);
  const depthRange = flattening.flat("depth", scores.shape.inner);
  const dtype = region.definition.dtype === "f16" ? "f16" : "f32";
  const thread = writer.let("thread", k.builtin("thread"));
  const rawRow = writer.let("row", k.add(k.mul(k.builtin("group_x"), k.int(tile.threads)), thread));
  const rows = writer.extent(rowRange.extent);
  const row = writer.let("row_read", k.min(rawRow, k.sub(rows, k.int(1))));
  const batch = extentValue(batchRange.extent) === 1 ? k.int(0) : writer.let("batch", k.builtin("group_z"));
  const counters = new Map<Range, Expression>([[rowRange, row], [batchRange, batch]]);
  const prologue = emitRowFolds({ writer, flattening, team: { rows: [thread], rowCount: tile.threads, lane: k.int(0), lanes: 1 }, counters }, region.prologue);
  const own: ElementScope = { writer, counters, sources: sourcesAt(prologue, thread) };

  // The row's own operand, kept for the whole walk.
  const left = flattening.apply(scores.shape.left);
  const right = flattening.apply(scores.shape.right);
  const depth = extentValue(depthRange.extent) ?? 0;
  const depthLanes: Lanes = [left, right].every((body) => vectorizes(writer, body, depthRange, depthRange.extent)) ? 4 : 1;
  const knownLeft = knownParts(own, [left], new Set([depthRange]));
  const lefts = Array.from({ length: depth / depthLanes }, (_, i) => {
    const scope: ElementScope = { ...own, known: knownLeft, counters: new Map([...counters, [depthRange, k.int(i * depthLanes)]]), vector: { range: depthRange, lanes: depthLanes } };
    const value = emitElement(scope, left);
    return writer.let(`own_${i}`, value.type.lanes === depthLanes ? value : k.splat(value, depthLanes));
  });

  const product = flattening.apply(shape.right);
  const columns = extentValue(columnRange.extent) ?? 0;
  const lanes: Lanes = vectorizes(writer, product, columnRange, columnRange.extent) ? 4 : 1;
  const zero = float(dtype, 0);
  const totals = Array.from({ length: columns / lanes }, (_, j) => writer.variable(`sum_${j}`, k.splat(zero, lanes)));
  const folds = region.folds.map((fold) => ({ fold, body: flattening.apply(fold.body), total: writer.variable(`${lastPart(fold.definition.name)}_sum`, zero) }));
  const lowest = float(dtype, Number.NEGATIVE_INFINITY);
  const shift = region.shift && { member: region.shift, body: flattening.apply(region.shift.body), running: writer.variable("maximum", lowest) };
  const core = flattening.apply(shape.left);
  const length = writer.extent(innerRange.extent);
  const known = extentValue(innerRange.extent);
  const exact = known !== undefined && known % tile.step === 0;
  const isScore = (expr: Expr): boolean => expr.kind === "load" && (expr.source === scores.definition.name || expr.source === region.shift?.definition.name);
  const knownCore = knownParts(own, [core, ...(shift ? [shift.body] : []), ...folds.map(({ body }) => body)], new Set([innerRange]), isScore);

  writer.for("k", k.int(0), length, k.int(tile.step), (at) => {
    const steps = Array.from({ length: tile.step }, (_, i) => {
      const wanted = k.add(at, k.int(i));
      const inner = exact ? wanted : writer.let(`k_${i}`, k.min(wanted, k.sub(length, k.int(1))));
      return { inner, exists: exact || i === 0 ? undefined : k.lt(wanted, length), counters: new Map([...counters, [innerRange, inner]]) };
    });
    const scopes = steps.map((step, i): ElementScope => {
      const terms = lefts.map((value, d) => {
        const scope: ElementScope = { writer, counters: new Map([...step.counters, [depthRange, k.int(d * depthLanes)]]), vector: { range: depthRange, lanes: depthLanes }, sources: new Map() };
        const other = emitElement(scope, right);
        return k.mul(value, other.type.lanes === depthLanes ? other : k.splat(other, depthLanes));
      });
      const dot = writer.let(`dot_${i}`, sumOf(terms, zero));
      const score = writer.let(`score_${i}`, Array.from({ length: depthLanes }, (_, lane) => k.lane(dot, lane)).reduce((a, b) => k.add(a, b)));
      return { ...own, known: knownCore, counters: step.counters, sources: new Map([...(own.sources ?? []), [scores.definition.name, score]]) };
    });
    if (shift) {
      const shifted = scopes.map((scope, i) => {
        const value = emitElement(scope, shift.body);
        const exists = steps[i]?.exists;
        return exists ? k.select(exists, value, lowest) : value;
      });
      const next = writer.let("next", shifted.reduce((a, b) => k.max(a, b), shift.running.ref));
      // Nothing but -inf so far: exp(-inf - -inf) would be NaN where the sums are still 0.
      const about = writer.let("about", k.select(k.eq(next, lowest), zero, next));
      const scale = writer.let("scale", k.instruction("exp", k.sub(shift.running.ref, about)));
      shift.running.assign(next);
      for (const total of totals) total.assign(k.mul(total.ref, k.splat(scale, lanes)));
      for (const { fold, total } of folds) if (fold.rescaled) total.assign(k.mul(total.ref, scale));
      for (const [i, scope] of scopes.entries()) scopes[i] = { ...scope, sources: new Map([...(scope.sources ?? []), [shift.member.definition.name, about]]) };
    }
    const weights = scopes.map((scope, i) => {
      const [weight, ...terms] = emitElements(scope, [core, ...folds.map(({ body }) => body)]) as [Expression, ...Expression[]];
      const exists = steps[i]?.exists;
      const kept = (value: Expression): Expression => (exists ? k.select(exists, value, zero) : value);
      folds.forEach(({ total }, f) => total.assign(k.add(total.ref, kept(terms[f] as Expression))));
      return writer.let(`weight_${i}`, kept(weight));
    });
    totals.forEach((total, j) => {
      const terms = steps.map((step, i) => {
        const scope: ElementScope = { writer, counters: new Map([...step.counters, [columnRange, k.int(j * lanes)]]), vector: { range: columnRange, lanes }, sources: new Map() };
        const value = emitElement(scope, product);
        return k.mul(k.splat(weights[i] as Expression, lanes), value.type.lanes === lanes ? value : k.splat(value, lanes));
      });
      total.assign(k.add(total.ref, sumOf(terms, k.splat(zero, lanes))));
    });
  });

  const finished = new Map<string, Expression>([...folds.map(({ fold, total }) => [fold.definition.name, total.ref] as const), ...(shift ? [[shift.member.definition.name, shift.running.ref] as const] : []), ...(own.sources ?? new Map<string, Expression>()) as Map<string, Expression>]);
  const finish = flattening.apply(region.finish);
  const columnScope = (j: number): ElementScope => ({ writer, counters: new Map([...counters, [columnRange, k.int(j * lanes)]]), vector: { range: columnRange, lanes }, sources: finished });
  const values = totals.map((total, j) => writer.let("value", emitElement({ ...columnScope(j), sources: new Map([...finished, [streamTotal, total.ref]]) }, finish)));
  const withValue = (j: number): ElementScope => ({ ...columnScope(j), sources: new Map([...finished, [region.definition.name, values[j] as Expression]]) });
  for (const level of levelsOf(region.epilogue))
    for (const member of level) {
      const body = flattening.apply(member.body);
      const monoid = member.definition.fold?.monoid ?? "sum";
      const terms = values.map((_, j) => emitElement(withValue(j), body)).map((term) => (term.type.lanes === lanes ? term : k.splat(term, lanes)));
      const total = terms.reduce((a, b) => merge(monoid, a, b));
      finished.set(member.definition.name, writer.let(lastPart(member.definition.name), Array.from({ length: lanes }, (_, lane) => k.lane(total, lane)).reduce((a, b) => merge(monoid, a, b))));
    }
  const bodies = region.outputs.map((output) => flattening.apply(output.body));
  const offsets = region.outputs.map((output) => flattening.offset(output.box));
  writer.comment(`store ${region.outputs.map((output) => output.definition.name).join(", ")}`);
  writer.if(k.lt(rawRow, rows), () => {
    values.forEach((_, j) => {
      const stored = withValue(j);
      emitElements(stored, bodies).forEach((body, o) => emitStore(stored, (region.outputs[o] as (typeof region.outputs)[number]).definition.name, offsets[o] as Expr, body));
    });
  });
  return writer.finish({ name, mode: "workgroup", workgroupSize: tile.threads, grid: [ceilDivide(rowRange.extent, tile.threads), 1, ceilDivide(batchRange.extent, 1)] });
}

/** Neighbours first: a chain of n additions becomes log2 n long. */
function sumOf(terms: readonly Expression[], zero: Expression): Expression {
  if (terms.length === 0) return zero;
  if (terms.length === 1) return terms[0] as Expression;
  const pairs = Array.from({ length: Math.ceil(terms.length / 2) }, (_, i) => terms.slice(2 * i, 2 * i + 2).reduce((a, b) => k.add(a, b)));
  return sumOf(pairs, zero);
}
