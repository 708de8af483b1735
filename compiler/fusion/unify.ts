/** Structural matching of scalar expressions: is `target` the expression `pattern` with its free ranges renamed? */
import { type Expr, operandsOf, type Range } from "../folds/expression.ts";

/**
 * Binds each range of `holes` in `pattern` to the sub-expression of `target` at its place. Returns the binding, or
 * undefined when the two differ anywhere else.
 */
export function unify(pattern: Expr, target: Expr, holes: ReadonlySet<Range>, bound = new Map<Range, Expr>(), seen = new Set<string>()): Map<Range, Expr> | undefined {
  if (pattern.kind === "index" && holes.has(pattern.range)) {
    const before = bound.get(pattern.range);
    if (before === undefined) bound.set(pattern.range, target);
    else if (before !== target) return undefined;
    return bound;
  }
  if (pattern === target && operandsOf(pattern).length === 0) return bound;
  const key = `${pattern.id}:${target.id}`;
  if (seen.has(key)) return bound;
  seen.add(key);
  if (!sameHead(pattern, target)) return undefined;
  const [a, b] = [operandsOf(pattern), operandsOf(target)];
  if (a.length !== b.length) return undefined;
  for (let i = 0; i < a.length; i++) if (!unify(a[i] as Expr, b[i] as Expr, holes, bound, seen)) return undefined;
  return bound;
}

function sameHead(a: Expr, b: Expr): boolean {
  if (a.kind !== b.kind || a.dtype !== b.dtype) return false;
  switch (a.kind) {
    case "const":
    case "extent":
    case "index":
      return a === b;
    case "load":
      return b.kind === "load" && a.source === b.source;
    case "apply":
      return b.kind === "apply" && a.op === b.op;
    case "convert":
    case "bitcast":
      return true;
    default:
      return a satisfies never;
  }
}
