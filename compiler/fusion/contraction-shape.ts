/**
 * Recognises a contraction by the shape of its access maps alone: a sum of a product in which some ranges of the result
 * occur in one group of factors only and others in the other group only. No node is marked as a matmul.
 */
import { type Expr, type Expressions, loadsOf, type Range, rangesOf } from "../folds/expression.ts";
import { weightOf } from "../folds/index-arithmetic.ts";
import type { Definition } from "../folds/node.ts";
import { extentValue } from "../ir/extent.ts";

export interface ContractionShape {
  /** Left operand over rows, k and some of batch; right operand over batch, columns and k. */
  readonly left: Expr;
  readonly right: Expr;
  readonly batch: readonly Range[];
  readonly rows: readonly Range[];
  readonly columns: readonly Range[];
  readonly inner: readonly Range[];
}

/** The factors of a product, flattened. */
export function factorsOf(expr: Expr): Expr[] {
  return expr.kind === "apply" && expr.op === "mul" ? expr.args.flatMap(factorsOf) : [expr];
}

const product = (e: Expressions, factors: readonly Expr[]): Expr => factors.reduce((a, b) => e.apply("mul", a, b));

export function contractionShape(e: Expressions, definition: Definition): ContractionShape | undefined {
  const { fold, body } = definition;
  if (fold?.monoid !== "sum" || (definition.dtype !== "f32" && definition.dtype !== "f16")) return undefined;
  const factors = factorsOf(body);
  if (factors.length < 2) return undefined;
  const box = definition.box.filter((range) => extentValue(range.extent) !== 1);
  const uses = factors.map((factor) => new Set(box.filter((range) => rangesOf(factor).has(range))));
  const batch = box.filter((range) => uses.every((used) => used.size === 0 || used.has(range)) && uses.filter((used) => used.size > 0).length > 1);
  const groups = components(uses.map((used) => new Set([...used].filter((range) => !batch.includes(range)))));
  if (groups.length === 1 && groups[0]) return vectorShape(e, definition, factors, groups[0], batch, fold.ranges);
  if (groups.length !== 2) return undefined;
  const [first, second] = groups as [number[], number[]];
  const rangesIn = (group: readonly number[]): Range[] => box.filter((range) => !batch.includes(range) && group.some((i) => uses[i]?.has(range)));
  // The right operand has the last axis, so that a row of columns is stored side by side.
  const secondIsRight = box.indexOf(rangesIn(first).at(-1) as Range) < box.indexOf(rangesIn(second).at(-1) as Range);
  const [left, right] = secondIsRight ? [first, second] : [second, first];
  // Factors over k alone (a gain, say) go with the right operand, which is the parameter side of most products.
  const rest = factors.map((_, i) => i).filter((i) => !left.includes(i) && !right.includes(i));
  // Ranges of the right operand that lie outside of all rows (the images of a batch) repeat the product.
  const outermost = Math.min(...rangesIn(left).map((range) => box.indexOf(range)));
  const repeated = rangesIn(right).filter((range) => box.indexOf(range) < outermost);
  const columns = rangesIn(right).filter((range) => !repeated.includes(range));
  const outside = box.filter((range) => batch.includes(range) || repeated.includes(range));
  return {
    left: product(e, left.map((i) => factors[i] as Expr)),
    right: product(e, [...right, ...rest].map((i) => factors[i] as Expr)),
    // A range that no factor has repeats the product: its rows are further rows.
    batch: outside, rows: box.filter((range) => !outside.includes(range) && !columns.includes(range)), columns, inner: fold.ranges,
  };
}

/** Indices of factors, grouped by shared ranges; factors without ranges are left out. */
function components(uses: readonly ReadonlySet<Range>[]): number[][] {
  const groups: { ranges: Set<Range>; members: number[] }[] = [];
  for (const [i, used] of uses.entries()) {
    if (used.size === 0) continue;
    const touching = groups.filter((group) => [...used].some((range) => group.ranges.has(range)));
    const merged = { ranges: new Set([...used, ...touching.flatMap((group) => [...group.ranges])]), members: [...touching.flatMap((group) => group.members), i] };
    for (const group of touching) groups.splice(groups.indexOf(group), 1);
    groups.push(merged);
  }
  return groups.map((group) => group.members);
}

/** A vector times a matrix: a contraction with one row when the matrix is read along its columns, else a plain row fold. */
function vectorShape(e: Expressions, definition: Definition, factors: readonly Expr[], group: readonly number[], batch: readonly Range[], inner: readonly Range[]): ContractionShape | undefined {
  const rest = factors.map((_, i) => i).filter((i) => !group.includes(i));
  const columns = definition.box.filter((range) => extentValue(range.extent) !== 1 && !batch.includes(range));
  const last = columns[columns.length - 1];
  if (rest.length === 0 || group.length !== 1 || !last) return undefined;
  const matrix = factors[group[0] as number] as Expr;
  const alongColumns = loadsOf(matrix).some((load) => {
    const index = load.indices[load.indices.length - 1];
    return index !== undefined && extentValue(weightOf(index, last) ?? last.extent) === 1;
  });
  if (!alongColumns) return undefined;
  return { left: product(e, rest.map((i) => factors[i] as Expr)), right: matrix, batch, rows: [], columns, inner };
}
