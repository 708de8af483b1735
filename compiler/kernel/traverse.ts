/** Walking and rebuilding kernel IR trees: children, structural equality, visits of every expression and statement. */
import type { Expression, Kernel, Statement } from "./node.ts";
import { extentTreeNames } from "./numbers.ts";

/** The direct operands of an expression, in evaluation order. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "const":
    case "ref":
    case "extent":
    case "builtin":
      return [];
    case "load":
      return expression.index;
    case "element":
      return [expression.index];
    case "instruction":
    case "vector":
      return expression.args;
    case "subgroup":
    case "convert":
    case "bitcast":
    case "splat":
    case "lane":
      return [expression.arg];
    default:
      return expression satisfies never;
  }
}

/** Calls `visit` on an expression and everything below it, parents first. */
export function visitExpression(expression: Expression, visit: (expression: Expression) => void): void {
  visit(expression);
  for (const child of childrenOf(expression)) visitExpression(child, visit);
}

/** The expressions that a statement itself holds; not those of nested statements. */
export function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.kind) {
    case "let":
    case "var":
    case "assign":
      return [statement.value];
    case "set":
      return [statement.index, statement.value];
    case "store":
      return [...statement.index, statement.value];
    case "for":
      return [statement.start, statement.end, statement.step];
    case "if":
      return [statement.condition];
    case "array":
    case "barrier":
    case "comment":
      return [];
    default:
      return statement satisfies never;
  }
}

/** The statement lists nested in a statement. */
export function blocksOf(statement: Statement): readonly (readonly Statement[])[] {
  if (statement.kind === "for") return [statement.body];
  return statement.kind === "if" ? [statement.then, statement.otherwise] : [];
}

/** Calls `visit` on every statement, outer before inner, in text order. */
export function visitStatements(statements: readonly Statement[], visit: (statement: Statement) => void): void {
  for (const statement of statements) {
    visit(statement);
    for (const block of blocksOf(statement)) visitStatements(block, visit);
  }
}

/** Calls `visit` on every expression of a kernel, parents first. */
export function visitExpressions(statements: readonly Statement[], visit: (expression: Expression) => void): void {
  visitStatements(statements, (statement) => {
    for (const expression of expressionsOf(statement)) visitExpression(expression, visit);
  });
}

export const sameValueType = (a: Expression["type"], b: Expression["type"]): boolean => a.scalar === b.scalar && a.lanes === b.lanes;

/** Structural equality; NaN equals NaN, -0 differs from 0. */
export function sameExpression(a: Expression, b: Expression): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || !sameValueType(a.type, b.type)) return false;
  if (a.kind === "const") return b.kind === "const" && Object.is(a.value, b.value);
  if (a.kind === "ref") return b.kind === "ref" && a.name === b.name;
  if (a.kind === "builtin") return b.kind === "builtin" && a.builtin === b.builtin;
  if (a.kind === "extent") return b.kind === "extent" && JSON.stringify(a.extent) === JSON.stringify(b.extent);
  if (a.kind === "load" && b.kind === "load" && a.buffer !== b.buffer) return false;
  if (a.kind === "element" && b.kind === "element" && a.array !== b.array) return false;
  if (a.kind === "instruction" && b.kind === "instruction" && a.op !== b.op) return false;
  if (a.kind === "subgroup" && b.kind === "subgroup" && a.op !== b.op) return false;
  if (a.kind === "lane" && b.kind === "lane" && a.lane !== b.lane) return false;
  const left = childrenOf(a);
  const right = childrenOf(b);
  return left.length === right.length && left.every((child, i) => sameExpression(child, right[i] ?? child));
}

/** Every name that a kernel declares: buffers, arrays, lets, vars and loop counters. */
export function declaredNames(kernel: Kernel): Set<string> {
  const names = new Set([...kernel.buffers.map((b) => b.name), ...kernel.workgroupArrays.map((a) => a.name)]);
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "let" || statement.kind === "var" || statement.kind === "array" || statement.kind === "for") names.add(statement.name);
  });
  return names;
}

/** Names of the extents that a kernel reads, sorted: what its `extents` must list. Row-by-column indices of workgroup kernels read the column count. */
export function extentsRead(kernel: Pick<Kernel, "mode" | "buffers" | "body">): string[] {
  const names = new Set<string>();
  if (kernel.mode === "workgroup")
    for (const buffer of kernel.buffers) for (const name of extentTreeNames(buffer.columns ?? 0)) names.add(name);
  visitExpressions(kernel.body, (e) => {
    if (e.kind === "extent") for (const name of extentTreeNames(e.extent)) names.add(name);
  });
  return [...names].sort();
}
