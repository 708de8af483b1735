/** Fold programs over the finite field: the pieces of which certificates are made. Independent of evaluate.ts of folds/. Flow: program and field elements -> here -> certificate.ts. */
import { required } from "../errors.ts";
import { lengthOf } from "../folds/evaluate-expression.ts";
import { type Expr, type Load, operandsOf, type Range, visit } from "../folds/expression.ts";
import { type Definition, type Monoid, monoidIdentity, type Program, type Recurrence } from "../folds/node.ts";
import type { Bindings } from "../ir/extent.ts";
import { isFloat } from "../ir/types.ts";
import { add, convertInField, fromNumber, instructionInField, multiply, scramble } from "./field.ts";

export interface Stored {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

/** Current index of every range, by its id. */
export type Indices = number[];

export interface Scope {
  readonly bindings: Bindings;
  readonly at: Indices;
  readonly stored: ReadonlyMap<string, Stored>;
  /** Values of loads that are made on the spot. */
  readonly inside: (load: Load) => (() => number) | undefined;
}

/** A function of the current indices. Shared parts are computed once: every node has a slot, filled operands first. */
export function compile(expr: Expr, scope: Scope): () => number {
  const slots = new Map<Expr, number>();
  const values: number[] = [];
  const steps: (() => void)[] = [];
  visit(expr, (node) => {
    const own = values.length;
    slots.set(node, own);
    values.push(0);
    const operands = operandsOf(node).map((operand) => slots.get(operand) ?? 0);
    const step = compileStep(node, operands, values, scope);
    if (typeof step === "number") values[own] = step;
    else steps.push(() => void (values[own] = step()));
  });
  const result = slots.get(expr) ?? 0;
  return () => {
    for (const step of steps) step();
    return values[result] ?? 0;
  };
}

/** Slot of an operand that an instruction does not have. */
const missing = -1;

/** What fills the slot of a node, or its value when that never changes. */
function compileStep(node: Expr, operands: readonly number[], values: readonly number[], scope: Scope): number | (() => number) {
  const { at, bindings } = scope;
  const [a = missing, b = missing, c = missing] = operands;
  const value = (slot: number): number => (slot === missing ? 0 : (values[slot] as number));
  switch (node.kind) {
    case "const":
      return isFloat(node.dtype) ? fromNumber(node.value) : node.value;
    case "extent": {
      const length = lengthOf(node.extent, bindings);
      return isFloat(node.dtype) ? fromNumber(length) : length;
    }
    case "index": {
      const { id } = node.range;
      return () => at[id] ?? 0;
    }
    case "load":
      return scope.inside(node) ?? loadFrom(node, operands, values, scope);
    case "apply": {
      const compute = instructionInField(node.op, node.args[node.args.length - 1]?.dtype ?? node.dtype);
      return () => compute(value(a), value(b), value(c));
    }
    case "convert":
      return () => convertInField(value(a), node.arg.dtype, node.dtype);
    case "bitcast": {
      const same = isFloat(node.arg.dtype) === isFloat(node.dtype);
      return () => (same ? value(a) : scramble("bitcast", value(a)));
    }
    default:
      return node satisfies never;
  }
}

/** Beyond the tensor: a guard discards it, or both programs clamp alike. */
function loadFrom(load: Load, operands: readonly number[], values: readonly number[], scope: Scope): () => number {
  const { data, shape } = required(scope.stored.get(load.source), "certificate", `value of '${load.source}'`);
  return () => {
    let offset = 0;
    for (let axis = 0; axis < operands.length; axis++) offset = offset * (shape[axis] as number) + (values[operands[axis] as number] as number);
    return data[offset] ?? 0;
  };
}

/** A loop nest over a box, in row-major order. */
export function loopOver(ranges: readonly Range[], { at, bindings }: Pick<Scope, "at" | "bindings">): (visit: () => void) => void {
  const loops = ranges.map((range) => ({ id: range.id, length: lengthOf(range.extent, bindings) }));
  const run = (visit: () => void, axis: number): void => {
    const loop = loops[axis];
    if (!loop) return visit();
    for (let i = 0; i < loop.length; i++) {
      at[loop.id] = i;
      run(visit, axis + 1);
    }
  };
  return (visit) => run(visit, 0);
}

export const combine: Readonly<Record<Monoid, (a: number, b: number) => number>> = { sum: add, product: multiply, max: Math.max, min: Math.min };
const combineIntegers: Readonly<Record<Monoid, (a: number, b: number) => number>> = { sum: (a, b) => (a + b) | 0, product: Math.imul, max: Math.max, min: Math.min };

export interface FoldBody {
  readonly monoid: Monoid;
  readonly ranges: readonly Range[];
  readonly body: () => number;
  readonly float: boolean;
}

export function folding({ monoid, ranges, body, float }: FoldBody, scope: Pick<Scope, "at" | "bindings">): () => number {
  const operation = (float ? combine : combineIntegers)[monoid];
  const identity = float ? fromNumber(monoidIdentity[monoid]) : monoidIdentity[monoid];
  const loop = loopOver(ranges, scope);
  let total = identity;
  const step = (): void => void (total = operation(total, body()));
  return () => {
    const outer = total;
    total = identity;
    loop(step);
    const result = total;
    total = outer;
    return result;
  };
}

/** Every definition's value over the field, row-major. `sources`: field elements for floats. */
export function evaluateInField(program: Program, bindings: Bindings, sources: ReadonlyMap<string, Float64Array>): Map<string, Stored> {
  const stored = new Map<string, Stored>();
  for (const { name, type } of program.sources) stored.set(name, { data: required(sources.get(name), "certificate", name), shape: type.shape.map((extent) => lengthOf(extent, bindings)) });
  const recurrences = new Map<Recurrence, readonly Float64Array[]>();
  for (const definition of program.definitions) {
    const { recurrence } = definition;
    if (recurrence && !recurrences.has(recurrence.of)) recurrences.set(recurrence.of, recurrenceInField(recurrence.of, bindings, stored));
    const data = recurrence ? required(recurrences.get(recurrence.of)?.[recurrence.result], "certificate", definition.name) : definitionInField(definition, bindings, stored, []);
    stored.set(definition.name, { data, shape: definition.box.map((range) => lengthOf(range.extent, bindings)) });
  }
  return stored;
}

function definitionInField(definition: Definition, bindings: Bindings, stored: ReadonlyMap<string, Stored>, at: Indices): Float64Array {
  const scope: Scope = { bindings, at, stored, inside: () => undefined };
  const body = compile(definition.body, scope);
  const { fold: folded } = definition;
  return overBox(definition.box, scope, folded ? folding({ ...folded, body, float: isFloat(definition.dtype) }, scope) : body);
}

/** Step after step; results in the order of the recurrence. */
export function recurrenceInField({ step, carries, body, results }: Recurrence, bindings: Bindings, outside: ReadonlyMap<string, Stored>): readonly Float64Array[] {
  const stored = new Map(outside);
  const valueOf = (name: string): Float64Array => required(stored.get(name), "certificate", name).data;
  const keep = (name: string, box: readonly Range[], data: Float64Array): void => void stored.set(name, { data, shape: box.map((range) => lengthOf(range.extent, bindings)) });
  for (const carry of carries) keep(carry.name, carry.box, definitionInField({ ...carry, fold: undefined, body: carry.initial, origin: undefined }, bindings, outside, []));
  const rows: number[][] = results.map(() => []);
  for (let t = 0; t < lengthOf(step.extent, bindings); t++) {
    const at: Indices = [];
    at[step.id] = t;
    for (const definition of body) keep(definition.name, definition.box, definitionInField(definition, bindings, stored, at));
    results.forEach((result, i) => {
      if (result.kind === "stack") rows[i]?.push(...valueOf(result.value));
    });
    const next = carries.map((carry) => valueOf(carry.next));
    carries.forEach((carry, i) => keep(carry.name, carry.box, next[i] as Float64Array));
  }
  return results.map((result, i) => (result.kind === "carry" ? valueOf(result.carry) : Float64Array.from(rows[i] ?? [])));
}

export function overBox(box: readonly Range[], scope: Pick<Scope, "at" | "bindings">, value: () => number): Float64Array {
  const out: number[] = [];
  loopOver(box, scope)(() => void out.push(value()));
  return Float64Array.from(out);
}
