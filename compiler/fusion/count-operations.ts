/** What one evaluation of an expression does: arithmetic, and loads that vary along given ranges. Used by cost.ts and unfused.ts. */
import { type Expr, loadsOf, type Range, rangesOf, visit } from "../folds/expression.ts";

/** Arithmetic of one evaluation; transcendental functions count as several. `along`: only what varies along these ranges, the rest being computed once before. */
export function operationsIn(expr: Expr, along?: readonly Range[]): number {
  let count = 0;
  visit(expr, (node) => {
    if (node.kind === "apply" && node.dtype !== "i32" && (along === undefined || along.some((range) => rangesOf(node).has(range)))) count += node.op === "exp" || node.op === "log" || node.op === "pow" ? 8 : node.op === "div" || node.op === "sqrt" || node.op === "inverse_sqrt" ? 4 : 1;
  });
  return count;
}

/** Loads whose place depends on one of `ranges`. */
export const loadsAlong = (expr: Expr, ranges: readonly Range[]): number => loadsOf(expr).filter((load) => ranges.some((range) => rangesOf(load).has(range))).length;
