/**
 * The legality of streams: a product whose left operand is a map of another product and of folds along the same k. With a
 * maximum m over k of a(k), sums over k of exp(a(k) - m) g(k) are kept for the maximum so far and multiplied by
 * exp(m_old - m_new) when it grows: the sum is the same, and no element is seen twice. Factors that are constant along k
 * leave the sum.
 */
import { type Expr, type Expressions, loadsOf, type Range, rangesOf } from "../folds/expression.ts";
import { substitute } from "../folds/inline.ts";
import { sameExtent } from "../ir/extent.ts";
import { contractionShape } from "./contraction-shape.ts";
import { type Member, type RegionOutput, type StreamRegion, streamTotal } from "./region.ts";

const plainRanges = (at: readonly Expr[]): Range[] => at.flatMap((index) => (index.kind === "index" ? [index.range] : []));

const sameBox = (a: readonly Range[], b: readonly Range[]): boolean => a.length === b.length && a.every((range, i) => sameExtent(range.extent, (b[i] as Range).extent));

/** `members` in program order. Undefined: no stream. */
export function classifyStream(e: Expressions, outputs: readonly RegionOutput[], members: readonly Member[]): StreamRegion | undefined {
  const products = members.flatMap((member) => {
    const shape = contractionShape(e, { ...member.definition, body: member.body, box: plainRanges(member.at) });
    return shape ? [{ member, shape }] : [];
  });
  const [scores, total] = products;
  if (!scores || !total || products.length !== 2) return undefined;
  const { member: outer, shape } = total;
  const rows = [...shape.batch, ...shape.rows];
  const isRow = new Set(rows);
  if (!outputs.every((output) => sameRanges(new Set(output.box.filter((range) => rows.includes(range) || shape.columns.includes(range))), [...rows, ...shape.columns]) && atOwnPlace(output.body, outer))) return undefined;
  if (!sameRanges(new Set(scores.shape.columns), shape.inner) || ![...scores.shape.batch, ...scores.shape.rows].every((range) => isRow.has(range))) return undefined;
  const prologue: Member[] = [];
  const along: Member[] = [];
  const epilogue: Member[] = [];
  for (const member of members) {
    if (member === outer || member === scores.member) continue;
    if (!sameRanges(new Set(plainRanges(member.at)), rows)) return undefined;
    if (reads(member.body, [outer, ...epilogue])) {
      const moved = sameBox(member.ranges, shape.columns) ? substitute(e, member.body, new Map(member.ranges.map((range, i) => [range, e.index(shape.columns[i] as Range)]))) : undefined;
      if (!moved || !atOwnPlace(moved, outer) || reads(moved, [scores.member])) return undefined;
      epilogue.push({ ...member, body: moved, ranges: shape.columns });
    } else if (!reads(member.body, [scores.member, ...along])) prologue.push(member);
    else if (sameBox(member.ranges, shape.inner)) along.push({ ...member, body: substitute(e, member.body, new Map(member.ranges.map((range, i) => [range, e.index(shape.inner[i] as Range)]))), ranges: shape.inner });
    else return undefined;
  }
  if (![shape.left, ...along.map((member) => member.body)].every((body) => atOwnPlace(body, scores.member)) || reads(shape.right, members)) return undefined;
  if (outputs.some((output) => reads(output.body, [scores.member]))) return undefined;
  const peeled = peel(e, shape.left, new Set(shape.inner));
  const shift = shiftOf(peeled.core, along);
  const inLoop = along.filter((member) => member !== shift);
  if (reads(peeled.core, inLoop) || (shift === undefined && reads(peeled.core, along)) || (shift && reads(shift.body, along))) return undefined;
  const folds = inLoop.map((member) => ({ ...member, rescaled: shift !== undefined && member.body === peeled.core }));
  if (!folds.every((fold) => fold.definition.fold?.monoid === "sum" && (fold.rescaled || !reads(fold.body, along)))) return undefined;
  return {
    template: "stream", outputs, definition: outer.definition, shape: { ...shape, left: peeled.core }, scores: { definition: scores.member.definition, shape: scores.shape }, prologue, shift, folds, epilogue,
    finish: peeled.wrap(e.load(streamTotal, [], outer.definition.dtype)),
  };
}

const atOwnPlace = (body: Expr, member: Member): boolean => loadsOf(body).every((load) => load.source !== member.definition.name || load.indices.every((index, axis) => index === member.at[axis]));

const reads = (body: Expr, members: readonly Member[]): boolean => loadsOf(body).some((load) => members.some((member) => member.definition.name === load.source));

const sameRanges = (a: ReadonlySet<Range>, b: readonly Range[]): boolean => a.size === b.length && b.every((range) => a.has(range));

/** The factors of a product that vary along `inner`, and what makes the whole of their sum. */
function peel(e: Expressions, expr: Expr, inner: ReadonlySet<Range>): { readonly core: Expr; readonly wrap: (total: Expr) => Expr } {
  const varies = (part: Expr): boolean => [...rangesOf(part)].some((range) => inner.has(range));
  const [a, b] = expr.kind === "apply" ? expr.args : [];
  if (expr.kind !== "apply" || a === undefined || b === undefined || (expr.op !== "mul" && expr.op !== "div")) return { core: expr, wrap: (total) => total };
  if (!varies(b)) {
    const rest = peel(e, a, inner);
    return { core: rest.core, wrap: (total) => e.apply(expr.op, rest.wrap(total), b) };
  }
  if (expr.op === "mul" && !varies(a)) {
    const rest = peel(e, b, inner);
    return { core: rest.core, wrap: (total) => e.apply("mul", rest.wrap(total), a) };
  }
  return { core: expr, wrap: (total) => total };
}

/** The maximum that the core is shifted by: core = exp(a - m) with m = max over k of a. */
function shiftOf(core: Expr, folds: readonly Member[]): Member | undefined {
  if (core.kind !== "apply" || core.op !== "exp") return undefined;
  const [argument] = core.args;
  if (argument?.kind !== "apply" || argument.op !== "sub") return undefined;
  const [a, m] = argument.args as readonly [Expr, Expr];
  return folds.find((member) => m.kind === "load" && m.source === member.definition.name && member.definition.fold?.monoid === "max" && member.body === a);
}
