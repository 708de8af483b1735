/** Constructors of kernel statements, and of the loops and branches that hold them. */
import { int } from "./build.ts";
import { type Expression, i32, type Statement, type ValueType } from "./node.ts";

/** An immutable name (a `let`). */
export const define = (name: string, value: Expression): Statement => ({ kind: "let", name, value });

export const variable = (name: string, value: Expression): Statement => ({ kind: "var", name, value });

export const assign = (name: string, value: Expression): Statement => ({ kind: "assign", name, value });

/** A private array, zeroed where it is declared. unit of the length: elements of `type`. */
export const array = (name: string, type: ValueType, length: number): Statement => ({ kind: "array", name, type, length });

/** Writes an element of a private or workgroup array. */
export const set = (name: string, index: Expression, value: Expression): Statement => ({ kind: "set", array: name, index, value });

export const store = (buffer: string, index: Expression | readonly Expression[], value: Expression): Statement => ({
  kind: "store", buffer, index: "kind" in index ? [index] : index, value,
});

export const barrier: Statement = { kind: "barrier" };

export const comment = (text: string): Statement => ({ kind: "comment", text });

export const when = (condition: Expression, then: readonly Statement[], otherwise: readonly Statement[] = []): Statement => ({
  kind: "if", condition, then, otherwise,
});

export interface LoopOptions {
  readonly start?: Expression;
  readonly step?: Expression;
  readonly unroll?: boolean;
}

/** for (name = start; name < end; name += step); `body` receives the counter. Starts at 0, steps by 1 unless told. */
export function forLoop(name: string, end: Expression, body: (counter: Expression) => readonly Statement[], options: LoopOptions = {}): Statement {
  return {
    kind: "for", name, start: options.start ?? int(0), end, step: options.step ?? int(1), unroll: options.unroll ?? false,
    body: body({ kind: "ref", type: i32, name }),
  };
}
