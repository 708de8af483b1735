/**
 * Accesses of single elements that stand side by side: four loads of neighbours that make up a vector, and four stores of
 * its lanes. WebAssembly reads and writes vectors at any address, so each is one access. Used by expression.ts and emit.ts.
 */
import * as k from "../../kernel/build.ts";
import type { Expression, Statement } from "../../kernel/node.ts";
import { sameExpression } from "../../kernel/traverse.ts";

type Access = Extract<Expression, { kind: "load" | "element" }>;

/** A statement that stores. */
export type Store = Extract<Statement, { kind: "set" | "store" }>;

/** base + constant */
function apart(index: Expression): { readonly base: Expression; readonly constant: number } {
  if (index.kind === "const") return { base: k.int(0), constant: index.value };
  const [a, b] = index.kind === "instruction" && index.op === "add" ? index.args : [];
  return a && b?.kind === "const" ? { base: a, constant: b.value } : { base: index, constant: 0 };
}

/** Is `index` the place `distance` elements after `first`? */
function isBehind(first: Expression, index: Expression, distance: number): boolean {
  const [from, to] = [apart(first), apart(index)];
  return to.constant - from.constant === distance && sameExpression(from.base, to.base);
}

const indexOf = (access: Access | Store): Expression | undefined => (access.kind === "load" || access.kind === "store" ? access.index[0] : access.index);
const memoryOf = (access: Access | Store): string => (access.kind === "load" || access.kind === "store" ? access.buffer : access.array);

/** The first of four loads of neighbouring elements, if that is what the parts of a vector are. */
export function firstOfNeighbours(args: readonly Expression[]): Access | undefined {
  const [first] = args;
  if (args.length !== 4 || first === undefined || (first.kind !== "load" && first.kind !== "element") || first.type.scalar === "bool" || first.type.lanes !== 1) return undefined;
  const start = indexOf(first);
  const rest = args.slice(1).every((arg, i) => {
    if (arg.kind !== first.kind || memoryOf(arg) !== memoryOf(first)) return false;
    const index = indexOf(arg);
    return start !== undefined && index !== undefined && isBehind(start, index, i + 1);
  });
  return rest ? first : undefined;
}

/** The vector whose lanes four statements store side by side. */
export function vectorOfStores(statements: readonly Statement[]): { readonly first: Store; readonly value: Expression } | undefined {
  const [first] = statements;
  if (statements.length !== 4 || first === undefined || (first.kind !== "set" && first.kind !== "store")) return undefined;
  const value = first.value.kind === "lane" ? first.value.arg : undefined;
  const start = indexOf(first);
  if (value?.kind !== "ref" || value.type.lanes !== 4 || value.type.scalar === "bool" || start === undefined) return undefined;
  const fits = statements.every((statement, i) => {
    if (statement.kind !== first.kind || memoryOf(statement) !== memoryOf(first)) return false;
    const index = indexOf(statement);
    const given = statement.value;
    return given.kind === "lane" && given.lane === i && given.arg.kind === "ref" && given.arg.name === value.name && index !== undefined && isBehind(start, index, i);
  });
  return fits ? { first, value } : undefined;
}
