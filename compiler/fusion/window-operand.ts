/**
 * The operand of a product over windows, with its padding, as a tensor of its own: where the elements of an operand are chosen
 * by sums of ranges (the row of an image plus the tap of a window), what it computes for a sum, a test for the border among
 * it, is the same for all ranges that add up to it. The map over the sums is stored once; the product reads it at plain sums.
 * class: exact. Used by pack-operands.ts.
 */
import { type Expr, type Expressions, type Range, rangesOf, rewrite } from "../folds/expression.ts";
import { weightOf } from "../folds/index-arithmetic.ts";
import { substitute } from "../folds/inline.ts";
import { constantExtent, extentValue } from "../ir/extent.ts";

export interface WindowOperand {
  /** Of the stored map. */
  readonly box: readonly Range[];
  readonly body: Expr;
  /** Where the product finds its element, axis by axis of the box. */
  readonly indices: readonly Expr[];
}

interface Sum {
  readonly range: Range;
  /** Without its constant. */
  readonly index: Expr;
}

/** `ranges`: all that the operand may have, in the order of the axes to be. `undefined`: nothing is tested or computed on the way, or some range stands outside of its sum. */
export function windowOperand(e: Expressions, operand: Expr, ranges: readonly Range[]): WindowOperand | undefined {
  if (operand.kind === "load") return undefined;
  const sums = new Map<string, Sum>();
  const summed = new Set<Range>();
  const body = rewrite(e, operand, (node) => {
    const form = node.dtype === "i32" ? sumOf(e, node, ranges) : undefined;
    if (!form) return undefined;
    const known = sums.get(form.key) ?? { range: e.range("window", constantExtent(form.largest + 1)), index: form.index };
    sums.set(form.key, known);
    for (const range of rangesOf(node)) summed.add(range);
    return e.apply("add", e.index(known.range), e.constant(form.offset, "i32"));
  });
  if (sums.size === 0 || [...rangesOf(body)].some((range) => summed.has(range))) return undefined;
  const found = [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
  // A sum of sums.
  if (found.some(({ index }) => found.some(({ range }) => rangesOf(index).has(range)))) return undefined;
  const others = [...rangesOf(body)].filter((range) => !found.some((sum) => sum.range === range)).sort((a, b) => ranges.indexOf(a) - ranges.indexOf(b));
  const own = new Map(others.map((range) => [range, e.range(range.name, range.extent)] as const));
  return {
    box: [...own.values(), ...found.map((sum) => sum.range)],
    body: substitute(e, body, new Map([...own].map(([range, fresh]) => [range, e.index(fresh)]))),
    indices: [...others.map((range) => e.index(range)), ...found.map((sum) => sum.index)],
  };
}

/** offset + sum of weight x range, of two ranges or more with positive weights. */
function sumOf(e: Expressions, node: Expr, order: readonly Range[]): { readonly key: string; readonly index: Expr; readonly offset: number; readonly largest: number } | undefined {
  const ranges = [...rangesOf(node)];
  if (ranges.length < 2) return undefined;
  const terms = ranges.map((range) => {
    const weight = weightOf(node, range);
    return { range, weight: weight && extentValue(weight), length: extentValue(range.extent) };
  });
  const rest = substitute(e, node, new Map(ranges.map((range) => [range, e.constant(0, "i32")])));
  if (rest.kind !== "const") return undefined;
  let largest = 0;
  for (const { weight, length } of terms) {
    if (weight === undefined || weight < 1 || length === undefined) return undefined;
    largest += weight * (length - 1);
  }
  return { key: terms.map(({ range, weight }) => `${order.indexOf(range)} x ${weight}`).sort().join(" "), index: e.apply("sub", node, rest), offset: rest.value, largest };
}
