/**
 * Splits bodies that read more tensors than one kernel can bind: a part of the body becomes a map of its own. Afterwards
 * every definition has a legal kernel by itself, so that a placement always exists. Flow: rewritten program -> here -> place.ts.
 */
import { type Expr, type Expressions, loadsOf, operandsOf, type Range, rangesOf, rewrite, visit } from "../folds/expression.ts";
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
  let best: { readonly expr: Expr; readonly box: readonly Range[]; readonly rank: readonly number[] } | undefined;
  const loads = loadsOf(body).length;
  const graph = new Graph(body);
  for (const expr of valuesIn(body)) {
    const inside = sourcesOf(expr).size;
    if (expr === body || inside < 2 || inside > most) continue;
    const used = rangesOf(expr);
    const box = ranges.filter((range) => used.has(range));
    const without = graph.without(expr);
    // The part that takes most tensors along, else most places of them (two branches may read the same ones); of equals the
    // one over the smallest box.
    const rank = [without.sources, without.loads, box.length];
    // As many loads as before are progress too: what is left has fewer operations.
    if (without.loads < loads && (!best || isBefore(rank, best.rank))) best = { expr, box, rank };
  }
  if (!best) return undefined;
  const fresh = best.box.map((range) => e.range(range.name, range.extent));
  const by = new Map(best.box.map((range, i) => [range, e.index(fresh[i] ?? range)]));
  const part: Definition = { name, dtype: best.expr.dtype, box: fresh, fold: undefined, body: substitute(e, best.expr, by), origin: definition.origin };
  const { expr: taken, box } = best;
  const load = e.load(name, box.map((range) => e.index(range)), taken.dtype);
  return { part, whole: { ...definition, body: rewrite(e, body, (node) => (node === taken ? load : undefined)) } };
}

/** The distinct nodes of an expression by number, so that many parts of it can be left out in turn. */
class Graph {
  readonly #numbers = new Map<Expr, number>();
  readonly #operands: number[][] = [];
  readonly #sources: (string | undefined)[] = [];
  readonly #seen: Int32Array;
  #walks = 0;

  constructor(body: Expr) {
    visit(body, (expr) => {
      this.#numbers.set(expr, this.#operands.length);
      this.#operands.push(operandsOf(expr).map((operand) => this.#numbers.get(operand) as number));
      this.#sources.push(expr.kind === "load" ? expr.source : undefined);
    });
    this.#seen = new Int32Array(this.#operands.length);
  }

  /** How many tensors and loads are left when `part` is not walked into. cost: linear in what is left */
  without(part: Expr): { readonly sources: number; readonly loads: number } {
    const walk = ++this.#walks;
    const cut = this.#numbers.get(part);
    const sources = new Set<string>();
    let loads = 0;
    const queue = [this.#operands.length - 1];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (at === cut || this.#seen[at] === walk) continue;
      this.#seen[at] = walk;
      const source = this.#sources[at];
      if (source !== undefined) {
        loads++;
        sources.add(source);
      }
      queue.push(...(this.#operands[at] ?? []));
    }
    return { sources: sources.size, loads };
  }
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
