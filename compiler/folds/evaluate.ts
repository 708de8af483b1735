/**
 * Evaluates a fold program in float64: the expected value of every definition, also of those that exist only after
 * rewriting. Independent of schedules and kernels. Flow: program and source values -> here -> the numeric checker.
 */
import { required } from "../errors.ts";
import { type Bindings, extentValue } from "../ir/extent.ts";
import { isFloat } from "../ir/types.ts";
import { compileColumns, type Disturb, lengthOf, type Stored } from "./evaluate-expression.ts";
import type { Range } from "./expression.ts";
import { type Definition, type Monoid, monoidIdentity, type Program, type Recurrence } from "./node.ts";

export type { Stored } from "./evaluate-expression.ts";

/** Errors that are added to every float result, so that a second evaluation shows how far rounding can carry. */
export interface Disturbance {
  readonly instruction: Disturb;
  /** A sum in any order; `energy` is the sum of the squares of its terms and of its partial sums in index order. */
  readonly sum: (exact: number, energy: number) => number;
}

export interface EvaluateOptions {
  /** What later definitions see of a value; the value itself when left out. */
  readonly seen?: (name: string, value: Float64Array) => Float64Array;
  readonly disturbance?: Disturbance;
}

/**
 * Every definition's value, row-major over its box, by name. `sources` must hold every source of the program.
 *
 * order: folds run in index order
 * cost: the sum of boxes times folds; about 2 ns for one product of a contraction
 */
export function evaluateFolds(program: Program, bindings: Bindings, sources: Readonly<Record<string, ArrayLike<number>>>, options: EvaluateOptions = {}): Map<string, Float64Array> {
  const stored = new Map<string, Stored>();
  for (const source of program.sources) {
    const data = required(sources[source.name], "evaluate-folds", `source '${source.name}'`);
    stored.set(source.name, { data: Float64Array.from(data), shape: source.type.shape.map((extent) => lengthOf(extent, bindings)) });
  }
  const values = new Map<string, Float64Array>();
  const recurrences = new Map<Recurrence, readonly Float64Array[]>();
  const resultsOf = (recurrence: Recurrence): readonly Float64Array[] => {
    const results = recurrences.get(recurrence) ?? evaluateRecurrence(recurrence, bindings, stored, options);
    recurrences.set(recurrence, results);
    return results;
  };
  for (const definition of program.definitions) {
    const { recurrence } = definition;
    const data = recurrence ? required(resultsOf(recurrence.of)[recurrence.result], "evaluate-folds", definition.name) : evaluateDefinition(definition, bindings, stored, options.disturbance);
    values.set(definition.name, data);
    stored.set(definition.name, { data: options.seen?.(definition.name, data) ?? data, shape: definition.box.map((range) => lengthOf(range.extent, bindings)) });
  }
  return values;
}

/** Step after step; results in the order of the recurrence. */
function evaluateRecurrence({ step, carries, body, results }: Recurrence, bindings: Bindings, outside: ReadonlyMap<string, Stored>, { seen, disturbance }: EvaluateOptions): readonly Float64Array[] {
  const stored = new Map(outside);
  const keep = (name: string, box: readonly Range[], data: Float64Array): void => void stored.set(name, { data, shape: box.map((range) => lengthOf(range.extent, bindings)) });
  for (const carry of carries) keep(carry.name, carry.box, evaluateDefinition({ ...carry, fold: undefined, body: carry.initial, origin: undefined }, bindings, outside, disturbance));
  const steps = lengthOf(step.extent, bindings);
  const rows: Float64Array[][] = results.map(() => []);
  for (let t = 0; t < steps; t++) {
    for (const definition of body) {
      const data = evaluateDefinition(definition, bindings, stored, disturbance, [step.id, t]);
      keep(definition.name, definition.box, seen?.(definition.name, data) ?? data);
    }
    results.forEach((result, i) => {
      if (result.kind === "stack") rows[i]?.push(dataOf(stored, result.value));
    });
    const next = carries.map((carry) => dataOf(stored, carry.next));
    carries.forEach((carry, i) => keep(carry.name, carry.box, next[i] as Float64Array));
  }
  return results.map((result, i) => {
    if (result.kind === "carry") return dataOf(stored, result.carry);
    const parts = rows[i] ?? [];
    const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.forEach((part, t) => all.set(part, t * part.length));
    return all;
  });
}

const dataOf = (stored: ReadonlyMap<string, Stored>, name: string): Float64Array => required(stored.get(name), "evaluate-folds", name).data as Float64Array;

function evaluateDefinition(definition: Definition, bindings: Bindings, stored: ReadonlyMap<string, Stored>, disturbance: Disturbance | undefined, fixed?: readonly [range: number, index: number]): Float64Array {
  const folded = definition.fold?.ranges ?? [];
  const along = vectorRange(definition, bindings);
  const at = new Map<number, number>(fixed ? [fixed] : []);
  for (const range of [...definition.box, ...folded]) at.set(range.id, 0);
  const { result, run } = compileColumns(definition.body, { bindings, stored, disturb: disturbance?.instruction, along, at });
  const box = definition.box.filter((range) => range !== along);
  const across = along !== undefined && definition.box.includes(along) ? lengthOf(along.extent, bindings) : 1;
  const out = new Float64Array(definition.box.reduce((product, range) => product * lengthOf(range.extent, bindings), 1));
  let place = 0;
  if (!definition.fold)
    forEach(box, bindings, at, () => {
      run();
      for (let i = 0; i < across; i++) out[place++] = result.values[i * result.step] as number;
    });
  else {
    const { monoid } = definition.fold;
    const inner = folded.filter((range) => range !== along);
    const count = along !== undefined && folded.includes(along) ? lengthOf(along.extent, bindings) : 1;
    const accumulator = new Float64Array(across);
    const energy = disturbance && monoid === "sum" && isFloat(definition.dtype) ? new Float64Array(across) : undefined;
    forEach(box, bindings, at, () => {
      accumulator.fill(monoidIdentity[monoid]);
      energy?.fill(0);
      forEach(inner, bindings, at, () => {
        run();
        if (energy) sumWithEnergy(accumulator, energy, result.values, result.step, count);
        else accumulate[monoid](accumulator, result.values, result.step, count);
      });
      for (let i = 0; i < across; i++) out[place++] = energy && disturbance ? disturbance.sum(accumulator[i] as number, energy[i] as number) : (accumulator[i] as number);
    });
  }
  return out;
}

/** The longer of the last axis and the last folded range: the longer the columns, the cheaper an element. */
function vectorRange(definition: Definition, bindings: Bindings): Range | undefined {
  const candidates = [definition.box[definition.box.length - 1], definition.fold?.ranges.at(-1)].filter((range) => range !== undefined && extentValue(range.extent) !== 1);
  const lengths = candidates.map((range) => (range ? lengthOf(range.extent, bindings) : 0));
  return candidates[lengths.indexOf(Math.max(...lengths))];
}

/** Runs through a box in row-major order. */
function forEach(ranges: readonly Range[], bindings: Bindings, at: Map<number, number>, visit: () => void, axis = 0): void {
  const range = ranges[axis];
  if (!range) return visit();
  const length = lengthOf(range.extent, bindings);
  for (let i = 0; i < length; i++) {
    at.set(range.id, i);
    forEach(ranges, bindings, at, visit, axis + 1);
  }
}

/** Column-wise when there are several accumulators, else `count` terms into the one. */
type Accumulate = (into: Float64Array, terms: Float64Array, step: 0 | 1, count: number) => void;

const combining = (combine: (a: number, b: number) => number): Accumulate => (into, terms, step, count) => {
  if (into.length > 1) for (let i = 0; i < into.length; i++) into[i] = combine(into[i] as number, terms[i * step] as number);
  else for (let i = 0; i < count; i++) into[0] = combine(into[0] as number, terms[i * step] as number);
};

const accumulate: Readonly<Record<Monoid, Accumulate>> = {
  sum: (into, terms, step, count) => {
    if (into.length > 1) for (let i = 0; i < into.length; i++) into[i] = (into[i] as number) + (terms[i * step] as number);
    else {
      let total = into[0] as number;
      for (let i = 0; i < count; i++) total += terms[i * step] as number;
      into[0] = total;
    }
  },
  product: combining((a, b) => a * b),
  max: combining(Math.max),
  min: combining(Math.min),
};

function sumWithEnergy(into: Float64Array, energy: Float64Array, terms: Float64Array, step: 0 | 1, count: number): void {
  const several = into.length > 1;
  const turns = several ? into.length : count;
  for (let i = 0; i < turns; i++) {
    const to = several ? i : 0;
    const term = terms[i * step] as number;
    const total = (into[to] as number) + term;
    into[to] = total;
    energy[to] = (energy[to] as number) + total * total + term * term;
  }
}
