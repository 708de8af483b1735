/** Substitution of definitions into each other: rules R1 and R2. A map disappears into whatever loads it. */
import { InternalError } from "../errors.ts";
import { type Expr, type Expressions, type Load, loadsOf, type Range, rewrite } from "./expression.ts";
import type { Definition, Program } from "./node.ts";

/** `expr` with each range replaced by an expression; ranges without an entry stay. cost: one look-up for each part that equal bindings met before */
export function substitute(e: Expressions, expr: Expr, bindings: ReadonlyMap<Range, Expr>): Expr {
  const by = withoutOwn(bindings);
  const concerns = (node: Expr): boolean => {
    for (const range of node.ranges) if (by.has(range)) return true;
    return false;
  };
  if (!concerns(expr)) return expr;
  return rewrite(e, expr, (node) => (node.kind === "index" ? by.get(node.range) : undefined), e.substituted(by), concerns);
}

/** The bindings without those of a range to itself. */
function withoutOwn(by: ReadonlyMap<Range, Expr>): ReadonlyMap<Range, Expr> {
  for (const [range, value] of by) if (value.kind === "index" && value.range === range) return new Map([...by].filter(([each, to]) => to.kind !== "index" || to.range !== each));
  return by;
}

export function bindBox(definition: Definition, indices: readonly Expr[]): Map<Range, Expr> {
  if (indices.length !== definition.box.length) throw new InternalError("inline", `${definition.name} has ${definition.box.length} axes, loaded with ${indices.length}`);
  return new Map(definition.box.map((range, axis) => [range, indices[axis] as Expr]));
}

/** Replaces every load of a map that `inlined` names by its body, repeatedly. */
export function inlineMaps(e: Expressions, expr: Expr, mapOf: (name: string) => Definition | undefined, memo = new Map<Expr, Expr>()): Expr {
  const isMap = (load: Load): boolean => {
    const map = mapOf(load.source);
    return map !== undefined && !map.fold;
  };
  return rewrite(e, expr, (node) => {
    if (node.kind !== "load") return undefined;
    const map = mapOf(node.source);
    return map && !map.fold ? inlineMaps(e, substitute(e, map.body, bindBox(map, node.indices)), mapOf, memo) : undefined;
  }, memo, (node) => node.loads.some(isMap));
}

/** R1, R2: the program without the maps that `keep` does not name. class: exact. */
export function inlineProgram(e: Expressions, program: Program, keep: (definition: Definition) => boolean): Program {
  const done = new Map<string, Definition>();
  const kept: Definition[] = [];
  const memo = new Map<Expr, Expr>();
  for (const definition of program.definitions) {
    const body = inlineMaps(e, definition.body, (name) => {
      const known = done.get(name);
      return known && !keep(known) ? known : undefined;
    }, memo);
    const next = body === definition.body ? definition : { ...definition, body };
    done.set(next.name, next);
    if (next.fold || keep(definition)) kept.push(next);
  }
  return withoutDead({ ...program, definitions: kept });
}

/** Drops definitions that no output needs. */
export function withoutDead(program: Program): Program {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const live = new Set<string>();
  const queue = program.outputs.map((output) => output.definition);
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const definition = byName.get(name);
    if (!definition || live.has(name)) continue;
    live.add(name);
    for (const load of loadsOf(definition.body)) queue.push(load.source);
  }
  return { ...program, definitions: program.definitions.filter((definition) => live.has(definition.name)) };
}

/** Operands before users, keeping the given order where it is free. */
export function sortDefinitions(definitions: readonly Definition[]): Definition[] {
  const byName = new Map(definitions.map((definition) => [definition.name, definition]));
  const sorted: Definition[] = [];
  const done = new Set<string>();
  const place = (definition: Definition): void => {
    if (done.has(definition.name)) return;
    done.add(definition.name);
    for (const load of loadsOf(definition.body)) {
      const needed = byName.get(load.source);
      if (needed) place(needed);
    }
    sorted.push(definition);
  };
  for (const definition of definitions) place(definition);
  return sorted;
}
