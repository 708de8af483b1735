/**
 * Splits bodies that read more tensors than one kernel can bind: a part of the body becomes a map of its own. Afterwards
 * every definition has a legal kernel by itself, so that a placement always exists. Flow: rewritten program -> here -> place.ts.
 */
import { type Expr, type Expressions, loadsOf, operandsOf, type Range, rangesOf, rewrite } from "../folds/expression.ts";
import { substitute } from "../folds/inline.ts";
import type { Definition, Program } from "../folds/node.ts";

/** `buffers`: storage buffers of a kernel, its output among them. The same program when all bodies fit. class: exact. */
export function outlineWide(e: Expressions, program: Program, buffers: number): Program {
  let changed = false;
  const definitions = program.definitions.flatMap((definition) => {
    const parts: Definition[] = [];
    let whole = definition;
    for (let next = outlineOne(e, whole, buffers - 1, parts.length); next; next = outlineOne(e, whole, buffers - 1, parts.length)) {
      parts.push(next.part);
      whole = next.whole;
    }
    changed ||= parts.length > 0;
    return [...parts, whole];
  });
  return changed ? { ...program, definitions } : program;
}

const sourcesOf = (expr: Expr): Set<string> => new Set(loadsOf(expr).map((load) => load.source));

function outlineOne(e: Expressions, definition: Definition, most: number, number: number): { readonly part: Definition; readonly whole: Definition } | undefined {
  const { body, fold } = definition;
  if (sourcesOf(body).size <= most) return undefined;
  const ranges = [...definition.box, ...(fold?.ranges ?? [])];
  const name = `${definition.name}.part${number + 1}`;
  let best: { readonly expr: Expr; readonly whole: Expr; readonly box: readonly Range[]; readonly rank: readonly number[] } | undefined;
  const loads = loadsOf(body).length;
  for (const expr of valuesIn(body)) {
    const inside = sourcesOf(expr).size;
    if (expr === body || inside < 2 || inside > most) continue;
    const used = rangesOf(expr);
    const box = ranges.filter((range) => used.has(range));
    const load = e.load(name, box.map((range) => e.index(range)), expr.dtype);
    const whole = rewrite(e, body, (node) => (node === expr ? load : undefined));
    // The part that takes most tensors along, else most places of them (two branches may read the same ones); of equals the
    // one over the smallest box.
    const rank = [sourcesOf(whole).size, loadsOf(whole).length, box.length];
    // As many loads as before are progress too: what is left has fewer operations.
    if (loadsOf(whole).length <= loads && (!best || isBefore(rank, best.rank))) best = { expr, whole, box, rank };
  }
  if (!best) return undefined;
  const fresh = best.box.map((range) => e.range(range.name, range.extent));
  const by = new Map(best.box.map((range, i) => [range, e.index(fresh[i] ?? range)]));
  const part: Definition = { name, dtype: best.expr.dtype, box: fresh, fold: undefined, body: substitute(e, best.expr, by), origin: definition.origin };
  return { part, whole: { ...definition, body: best.whole } };
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && (a[at] as number) < (b[at] as number);
}

/** Every operation in an expression, those inside indices apart. */
function valuesIn(expr: Expr): Set<Expr> {
  const found = new Set<Expr>();
  const walk = (node: Expr): void => {
    if (found.has(node) || node.kind === "load") return;
    if (operandsOf(node).length > 0) found.add(node);
    for (const operand of operandsOf(node)) walk(operand);
  };
  walk(expr);
  return found;
}
