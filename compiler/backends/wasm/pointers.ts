/**
 * Addresses of an innermost loop as pointers that move along with the counter: what is linear in it is added up, not
 * multiplied out at every access. WebAssembly engines leave such arithmetic as it is written. Used by loop.ts.
 */
import * as k from "../../kernel/build.ts";
import type { Expression, Statement } from "../../kernel/node.ts";
import { type Facts, rangeOf } from "../../kernel/ranges.ts";
import { blocksOf, childrenOf, expressionsOf, sameExpression, visitStatements } from "../../kernel/traverse.ts";
import { bytesOf } from "./expression.ts";

export type Loop = Extract<Statement, { kind: "for" }>;

/** counter * factor + rest + constant; `rest` is the same in all turns. */
interface Linear {
  readonly factor: number;
  readonly rest: Expression;
  readonly constant: number;
}

/** All accesses of an array or buffer whose addresses differ by numbers only. */
export interface Pointer {
  /** Name of the array or buffer. */
  readonly name: string;
  /** unit: bytes of one element of the index */
  readonly stride: number;
  readonly factor: number;
  readonly rest: Expression;
}

/** Beyond this many a loop would move more pointers than it computes addresses. */
const mostPointers = 6;

const zero = k.int(0);

export interface LoopPointers {
  readonly pointers: readonly Pointer[];
  /** The pointer of an access and the elements to add to it. */
  find(name: string, index: Expression, stride: number): { readonly pointer: number; readonly constant: number } | undefined;
  /** Nothing but addresses needs the counter and the integers that are made from it. */
  readonly addressesOnly: boolean;
  /** Integers of the body that only addresses need. */
  readonly unneeded: ReadonlySet<string>;
}

/** Of a loop without loops inside; undefined where nothing is gained. */
export function pointersOf(loop: Loop, facts: Facts): LoopPointers | undefined {
  if (loop.body.some((statement) => statement.kind === "for" || statement.kind === "if")) return undefined;
  const changed = new Set([loop.name]);
  visitStatements(loop.body, (statement) => {
    if (statement.kind === "let" || statement.kind === "var" || statement.kind === "assign") changed.add(statement.name);
  });
  const known = new Map<string, Linear>();
  const linear = (e: Expression): Linear | undefined => linearIn(e, loop.name, changed, known);
  for (const statement of loop.body) {
    const form = statement.kind === "let" && statement.value.type.scalar === "i32" && statement.value.type.lanes === 1 ? linear(statement.value) : undefined;
    if (form && statement.kind === "let") known.set(statement.name, form);
  }
  const pointers: Pointer[] = [];
  const place = (name: string, index: Expression, stride: number): { pointer: number; constant: number } | undefined => {
    const form = linear(index);
    // What the access adds must not be negative; the pointer never is.
    if (!form || form.factor <= 0 || form.constant < 0 || form.constant > 2 ** 20 || rangeOf(form.rest, facts).low < 0) return undefined;
    const same = (pointer: Pointer): boolean => pointer.name === name && pointer.stride === stride && pointer.factor === form.factor && sameExpression(pointer.rest, form.rest);
    const at = pointers.findIndex(same);
    if (at >= 0) return { pointer: at, constant: form.constant };
    if (pointers.length === mostPointers) return undefined;
    pointers.push({ name, stride, factor: form.factor, rest: form.rest });
    return { pointer: pointers.length - 1, constant: form.constant };
  };
  const needed = namesBesideAddresses(loop.body, known, place);
  if (pointers.length === 0) return undefined;
  return { pointers, find: place, addressesOnly: !needed.has(loop.name), unneeded: new Set([...known.keys()].filter((name) => !needed.has(name))) };
}

function linearIn(e: Expression, counter: string, changed: ReadonlySet<string>, known: ReadonlyMap<string, Linear>): Linear | undefined {
  const again = (inner: Expression | undefined): Linear | undefined => inner && linearIn(inner, counter, changed, known);
  if (e.kind === "const") return { factor: 0, rest: zero, constant: e.value };
  if (e.kind === "ref" && e.name === counter) return { factor: 1, rest: zero, constant: 0 };
  if (e.kind === "ref" && known.has(e.name)) return known.get(e.name);
  if (isFixed(e, changed)) return { factor: 0, rest: e, constant: 0 };
  if (e.kind !== "instruction") return undefined;
  const [a, b] = [again(e.args[0]), again(e.args[1])];
  if (!a || !b) return undefined;
  if (e.op === "add") return { factor: a.factor + b.factor, rest: k.add(a.rest, b.rest), constant: a.constant + b.constant };
  const by = k.constantValue(b.rest) === 0 && b.factor === 0 ? b.constant : undefined;
  return e.op === "mul" && by !== undefined && by >= 0 ? { factor: a.factor * by, rest: k.mul(a.rest, k.int(by)), constant: a.constant * by } : undefined;
}

function isFixed(e: Expression, changed: ReadonlySet<string>): boolean {
  if (e.kind === "load" || e.kind === "element") return false;
  if (e.kind === "ref") return !changed.has(e.name);
  return childrenOf(e).every((child) => isFixed(child, changed));
}

/** Names that the body needs for something else than the addresses that `place` takes over. */
function namesBesideAddresses(body: readonly Statement[], known: ReadonlyMap<string, Linear>, place: (name: string, index: Expression, stride: number) => object | undefined): ReadonlySet<string> {
  const needed = new Set<string>();
  const see = (e: Expression): void => {
    if (e.kind === "ref") needed.add(e.name);
    if (e.kind === "load" && e.index[0] && place(e.buffer, e.index[0], 4)) return;
    if (e.kind === "element" && place(e.array, e.index, bytesOf(e.type))) return;
    for (const child of childrenOf(e)) see(child);
  };
  // From the end: an integer that nothing needs does not need its own operands.
  for (const statement of [...body].reverse()) {
    if (statement.kind === "let" && known.has(statement.name) && !needed.has(statement.name)) continue;
    if (statement.kind === "store" && statement.index[0]) {
      if (!place(statement.buffer, statement.index[0], 4)) see(statement.index[0]);
      see(statement.value);
    } else if (statement.kind === "set") {
      if (!place(statement.array, statement.index, bytesOf(statement.value.type))) see(statement.index);
      see(statement.value);
    } else for (const e of expressionsOf(statement)) see(e);
    for (const block of blocksOf(statement)) for (const inner of block) for (const e of expressionsOf(inner)) see(e);
  }
  return needed;
}
