/**
 * A box seen with one axis more: where a map reads a fold at r / g, as it does after groups of channels were normalised, the
 * range r is taken apart into r / g and r % g. The elements and their order stay the same; the fold is then read at a plain
 * index, as the templates want it. class: exact
 */
import { type Expr, type Expressions, loadsOf, type Range, rewrite } from "../folds/expression.ts";
import { addIndex, divideIndex, remainderIndex, scaleIndex } from "../folds/index-arithmetic.ts";
import { constantExtent, extentValue } from "../ir/extent.ts";

export interface Boxed {
  readonly box: readonly Range[];
  readonly body: Expr;
}

/** `isFold`: names that the body must read at plain indices. */
export function splitAxes(e: Expressions, from: Boxed, isFold: (name: string) => boolean): Boxed {
  let { box, body } = from;
  for (let found = splitIn(box, body, isFold); found; found = splitIn(box, body, isFold)) {
    const { range, by } = found;
    const outer = e.range(range.name, constantExtent((extentValue(range.extent) as number) / by));
    const inner = e.range(range.name, constantExtent(by));
    const whole = addIndex(e, scaleIndex(e, e.index(outer), constantExtent(by)), e.index(inner));
    box = box.flatMap((each) => (each === range ? [outer, inner] : [each]));
    body = rewrite(e, body, (node) => {
      if (node.kind === "index") return node.range === range ? whole : undefined;
      if (node.kind !== "apply" || node.dtype !== "i32" || (node.op !== "div" && node.op !== "rem")) return undefined;
      const [of, divisor] = node.args as readonly [Expr, Expr];
      if (divisor.kind !== "const") return undefined;
      return (node.op === "div" ? divideIndex : remainderIndex)(e, of, constantExtent(divisor.value));
    });
  }
  return { box, body };
}

function splitIn(box: readonly Range[], body: Expr, isFold: (name: string) => boolean): { readonly range: Range; readonly by: number } | undefined {
  for (const load of loadsOf(body)) {
    if (!isFold(load.source)) continue;
    for (const index of load.indices) {
      if (index.kind !== "apply" || index.op !== "div") continue;
      const [of, divisor] = index.args as readonly [Expr, Expr];
      const length = of.kind === "index" && box.includes(of.range) ? extentValue(of.range.extent) : undefined;
      if (of.kind === "index" && divisor.kind === "const" && divisor.value > 1 && length !== undefined && length > divisor.value && length % divisor.value === 0) return { range: of.range, by: divisor.value };
    }
  }
  return undefined;
}
