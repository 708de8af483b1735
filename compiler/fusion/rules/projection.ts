/**
 * Centring is a projection: x - sum(x)/n = d - sum(d)/n for d = x - p and any pivot p that is constant along the fold.
 * With p the mean of the row or of a sample of it, d is near-exact and every later square is free of cancellation, whatever the
 * mean of x. Two identities follow and are applied here:
 *
 *   x - S/n          ->  d - C/n                       with C = sum(d)
 *   sum((d - C/n)^2) ->  max(sum(d^2) - C^2/n, 0)      so that C and the second moment ride in one pass
 *
 * class: real-equal. In: a program with maps inlined. source: spec/numerics.md, "Centred sums".
 */
import { type Expr, type Expressions, loadsOf, type Range, rangesOf, rewrite } from "../../folds/expression.ts";
import { addIndex, scaleIndex, unflattenIndex } from "../../folds/index-arithmetic.ts";
import { bindBox, sortDefinitions, substitute, withoutDead } from "../../folds/inline.ts";
import type { Definition, Program } from "../../folds/node.ts";
import { constantExtent, extentValue, productOfExtents } from "../../ir/extent.ts";
import { isFloat } from "../../ir/types.ts";
import { contractionShape } from "../contraction-shape.ts";
import { unify } from "../unify.ts";
import type { Application } from "./rule.ts";

/** Elements whose mean is the pivot of a row in memory (spec/numerics.md). */
const pivotLength = 64;

interface Centring {
  /** The fold that sums x. */
  readonly total: Definition;
  readonly pivot: Definition;
  readonly pivotCount: number | undefined;
  readonly centred: Definition;
}

/** A second moment taken about the pivot, and what its readers subtract. */
interface Moment {
  readonly owner: Definition;
  /** Over the owner's box. */
  readonly correction: Expr;
}

export interface Rewritten {
  readonly program: Program;
  readonly applications: readonly Application[];
}

export function recentre(e: Expressions, program: Program): Rewritten {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const products = productDependent(e, program);
  const isProduct = (name: string): boolean => products.has(name);
  const centrings = new Map<string, Centring>();
  const made: Definition[] = [];
  // In order, and `byName` kept current: a norm of a norm meets its input in rewritten form.
  const rewritten = program.definitions.map((definition) => {
    const body = rewrite(e, definition.body, (node) => {
      const match = matchCentring(e, node, byName);
      if (!match) return undefined;
      let centring = centrings.get(match.total.name);
      if (!centring) {
        centring = makeCentring(e, match.total, isProduct);
        centrings.set(match.total.name, centring);
        made.push(...(centring.pivot === match.total ? [] : [centring.pivot]), centring.centred);
      }
      const indices = match.indices;
      const shifted = e.apply("sub", match.x, pivotAt(e, centring, indices));
      return e.apply("sub", shifted, e.apply("div", e.load(centring.centred.name, indices, node.dtype), countOf(e, match.total)));
    });
    const next = body === definition.body ? definition : { ...definition, body };
    byName.set(next.name, next);
    return next;
  });
  if (centrings.size === 0) return { program, applications: [] };
  const named = new Map([...rewritten, ...made].map((definition) => [definition.name, definition]));
  const moments = new Map<string, Moment>();
  const definitions = [...named.values()].map((definition) => secondMoment(e, definition, centrings, moments) ?? definition);
  const final = definitions.map((definition) => replaceMoments(e, definition, moments));
  const applications = [...centrings.values()].map((centring): Application => ({
    rule: "R9 recentre",
    class: "real-equal",
    subjects: [centring.pivot.name, centring.centred.name],
    conditions: [`${centring.total.name} sums the very value it is subtracted from`, `the divisor is its element count ${countOf(e, centring.total).kind === "const" ? (countOf(e, centring.total) as { value: number }).value : ""}`.trim()],
  }));
  return { program: withoutDead({ ...program, definitions: sortDefinitions(final) }), applications };
}

/** Products, and maps of them: what a kernel has on chip when it has just made it. */
function productDependent(e: Expressions, program: Program): Set<string> {
  const found = new Set<string>();
  for (const definition of program.definitions)
    if (contractionShape(e, definition) || (!definition.fold && loadsOf(definition.body).some((load) => found.has(load.source)))) found.add(definition.name);
  return found;
}

const countOf = (e: Expressions, total: Definition): Expr => e.extent(productOfExtents((total.fold?.ranges ?? []).map((range) => range.extent)), total.dtype);

/** x - load(total)/n where total = sum over R of x. */
function matchCentring(e: Expressions, node: Expr, byName: ReadonlyMap<string, Definition>): { total: Definition; x: Expr; indices: readonly Expr[] } | undefined {
  if (node.kind !== "apply" || node.op !== "sub" || !isFloat(node.dtype)) return undefined;
  const [x, subtrahend] = node.args as readonly [Expr, Expr];
  // The mean may be a value of its own: an output beside the normalised one.
  const kept = subtrahend.kind === "load" ? byName.get(subtrahend.source) : undefined;
  const mean = subtrahend.kind === "load" && kept && !kept.fold ? substitute(e, kept.body, bindBox(kept, subtrahend.indices)) : subtrahend;
  if (mean.kind !== "apply" || mean.op !== "div") return undefined;
  const [sum, count] = mean.args as readonly [Expr, Expr];
  if (sum.kind !== "load") return undefined;
  const total = byName.get(sum.source);
  if (!total || total.fold?.monoid !== "sum") return undefined;
  const length = productOfExtents(total.fold.ranges.map((range) => range.extent));
  const counted = count.kind === "const" ? extentValue(length) === count.value : count.kind === "extent" && count.extent.key === length.key;
  if (!counted) return undefined;
  const holes = new Set<Range>([...total.box, ...total.fold.ranges]);
  const bound = unify(total.body, x, holes);
  if (!bound) return undefined;
  const aligned = total.box.every((range, axis) => {
    const there = bound.get(range);
    return there === undefined ? extentValue(range.extent) === 1 : there === sum.indices[axis];
  });
  return aligned ? { total, x, indices: sum.indices } : undefined;
}

/**
 * The pivot need only be near the row. A row in memory is sampled: elements at equal distances, wherever outliers may sit. A row
 * that a product makes is folded whole: it is on chip, or its tiles are.
 */
function makeCentring(e: Expressions, total: Definition, isProduct: (name: string) => boolean): Centring {
  const ranges = total.fold?.ranges ?? [];
  const extents = ranges.map((range) => range.extent);
  const length = extentValue(productOfExtents(extents));
  const sampled = length !== undefined && length > pivotLength && extents.every((extent) => extentValue(extent) !== undefined) && !loadsOf(total.body).some((load) => isProduct(load.source));
  let pivot = total;
  if (sampled) {
    const sample = e.range("s", constantExtent(pivotLength));
    const step = Math.floor(length / pivotLength);
    // From the middle of the first step: a single huge channel is most often the first one.
    const offset = addIndex(e, scaleIndex(e, e.index(sample), constantExtent(step)), e.constant(step >> 1, "i32"));
    const by = new Map(unflattenIndex(e, offset, extents).map((index, i) => [ranges[i] as Range, index]));
    pivot = { ...total, name: `${total.name}.pivot`, body: substitute(e, total.body, by), fold: { monoid: "sum", ranges: [sample] } };
  }
  const indices = total.box.map((range) => e.index(range));
  const partial: Centring = { total, pivot, pivotCount: sampled ? pivotLength : undefined, centred: total };
  const body = e.apply("sub", total.body, pivotAt(e, partial, indices));
  return { ...partial, centred: { ...total, name: `${total.name}.centred`, body } };
}

function pivotAt(e: Expressions, centring: Centring, indices: readonly Expr[]): Expr {
  const count = centring.pivotCount === undefined ? countOf(e, centring.total) : e.constant(centring.pivotCount, centring.total.dtype);
  return e.apply("div", e.load(centring.pivot.name, indices, centring.total.dtype), count);
}

/** sum((d - C/n)^2) over the same R as C: becomes sum(d^2), and `moments` tells its readers what to subtract. */
function secondMoment(e: Expressions, definition: Definition, centrings: ReadonlyMap<string, Centring>, moments: Map<string, Moment>): Definition | undefined {
  const { fold, body } = definition;
  if (fold?.monoid !== "sum" || body.kind !== "apply" || body.op !== "mul" || body.args[0] !== body.args[1]) return undefined;
  const factor = body.args[0] as Expr;
  if (factor.kind !== "apply" || factor.op !== "sub") return undefined;
  const [d, mean] = factor.args as readonly [Expr, Expr];
  if (mean.kind !== "apply" || mean.op !== "div" || mean.args[0]?.kind !== "load") return undefined;
  const load = mean.args[0];
  const centring = [...centrings.values()].find((candidate) => candidate.centred.name === load.source);
  if (!centring) return undefined;
  const bound = unify(centring.centred.body, d, new Set([...centring.centred.box, ...(centring.centred.fold?.ranges ?? [])]));
  const folded = new Set<Range>(fold.ranges);
  const centredOver = new Set((centring.centred.fold?.ranges ?? []).map((range) => bound?.get(range)).map((there) => (there?.kind === "index" ? there.range : undefined)));
  // One to one: a further range would repeat the squares, and C^2/n with them.
  const sameRanges = centredOver.size === folded.size && fold.ranges.every((range) => centredOver.has(range));
  if (!sameRanges || load.indices.some((index) => [...rangesOf(index)].some((range) => folded.has(range)))) return undefined;
  const sum = e.load(load.source, load.indices, definition.dtype);
  const correction = e.apply("div", e.apply("mul", sum, sum), countOf(e, centring.total));
  moments.set(definition.name, { owner: definition, correction });
  return { ...definition, body: e.apply("mul", d, d) };
}

function replaceMoments(e: Expressions, definition: Definition, moments: ReadonlyMap<string, Moment>): Definition {
  if (!loadsOf(definition.body).some((load) => moments.has(load.source))) return definition;
  const body = rewrite(e, definition.body, (node) => {
    const moment = node.kind === "load" ? moments.get(node.source) : undefined;
    if (!moment || node.kind !== "load") return undefined;
    const moved = substitute(e, moment.correction, bindBox(moment.owner, node.indices));
    return e.apply("max", e.apply("sub", node, moved), e.constant(0, node.dtype));
  });
  return { ...definition, body };
}
