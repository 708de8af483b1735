/** What one evaluation of an expression does: arithmetic, and loads that vary along given ranges. Used by cost.ts and unfused.ts. */
import { type Expr, loadsOf, type Range, rangesOf, visit } from "../folds/expression.ts";
import type { Instruction } from "../kernel/node.ts";

const heavy: ReadonlySet<Instruction> = new Set<Instruction>(["exp", "log", "pow"]);
const slow: ReadonlySet<Instruction> = new Set<Instruction>(["div", "sqrt", "inverse_sqrt"]);

const weightOf = (node: Expr): number => (node.kind !== "apply" || node.dtype === "i32" ? 0 : heavy.has(node.op) ? 8 : slow.has(node.op) ? 4 : 1);

const counted = new WeakMap<Expr, number>();

/** Arithmetic of one evaluation; transcendental functions count as several. `along`: only what varies along these ranges, the rest being computed once before. */
export function operationsIn(expr: Expr, along?: readonly Range[]): number {
  const known = along ? undefined : counted.get(expr);
  if (known !== undefined) return known;
  let count = 0;
  visit(expr, (node) => {
    if (along === undefined || along.some((range) => rangesOf(node).has(range))) count += weightOf(node);
  });
  if (!along) counted.set(expr, count);
  return count;
}

/** Loads whose place depends on one of `ranges`. */
export const loadsAlong = (expr: Expr, ranges: readonly Range[]): number => loadsOf(expr).filter((load) => ranges.some((range) => rangesOf(load).has(range))).length;
