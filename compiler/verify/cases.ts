/**
 * Which inputs a model is checked with: lengths for the extents that the host binds, and for each of them a list of input
 * and parameter kinds. Small models get everything, large ones what fits into seconds on a software adapter.
 */
import { required } from "../errors.ts";
import { lengthOf } from "../folds/evaluate-expression.ts";
import { loadsOf, type Range, visit } from "../folds/expression.ts";
import type { Definition, Program } from "../folds/node.ts";
import { type Bindings, type Extent, extentNames, extentValue } from "../ir/extent.ts";
import type { TensorFunction } from "../ir/node.ts";
import { type InputKind, inputKinds, type ParameterKind } from "./inputs.ts";

export interface CheckCase {
  readonly inputs: InputKind;
  readonly parameters: ParameterKind;
}

/** All cases that share their extents. */
export interface CaseGroup {
  readonly bindings: Bindings;
  readonly cases: readonly CheckCase[];
}

/** Beyond a row tile, on its edge and inside it. */
const lengths = [1, 3, 8, 33, 70];

/** Products and terms of one evaluation: beyond the first, a group gets few cases; beyond the second it is left out. */
const fewCasesWork = 5e5;
const mostWork = 2e7;

/** Terms that one evaluation of the program folds, and elements that it maps. */
export function programWork(program: Program, bindings: Bindings): number {
  const sizeOf = (ranges: readonly Range[]): number => ranges.reduce((product, range) => product * lengthOf(range.extent, bindings), 1);
  const workOf = (definitions: readonly Definition[]): number => definitions.reduce((sum, { box, fold }) => sum + sizeOf([...box, ...(fold?.ranges ?? [])]), 0);
  const loops = new Set(program.definitions.flatMap(({ recurrence }) => recurrence?.of ?? []));
  return workOf(program.definitions) + [...loops].reduce((sum, { step, body }) => sum + sizeOf([step]) * workOf(body), 0);
}

/** Lengths in ascending order; an extent that is divided gets multiples of its divisors. */
export function bindingChoices(fn: TensorFunction, program: Program): Bindings[] {
  if (fn.extents.length === 0) return [{}];
  const divisors = new Map(fn.extents.map((name) => [name, divisorOf(name, program)]));
  const choices = lengths.map((_, k): Bindings => Object.fromEntries(fn.extents.map((name, i) => {
    const wanted = lengths[(k + i) % lengths.length] ?? 1;
    const divisor = divisors.get(name) ?? 1;
    return [name, Math.ceil(wanted / divisor) * divisor];
  })));
  const legal = choices.filter((bindings) => allExtents(program).every((extent) => lengthOf(extent, bindings) > 0));
  const small = legal.filter((bindings) => programWork(program, bindings) <= mostWork);
  const least = [...legal].sort((a, b) => programWork(program, a) - programWork(program, b))[0];
  return small.length > 0 ? small : least ? [least] : [];
}

const allExtents = (program: Program): Extent[] => [
  ...program.sources.flatMap((source) => source.type.shape),
  ...program.definitions.flatMap((definition) => [...definition.box, ...(definition.fold?.ranges ?? [])].map((range) => range.extent)),
];

/** Least common multiple of the numbers that extents with this name are divided by. */
function divisorOf(name: string, program: Program): number {
  let multiple = 1;
  for (const extent of allExtents(program))
    for (const term of extent.terms)
      for (const atom of term.atoms) {
        const divisor = atom.quotient ? extentValue(atom.quotient.denominator) : undefined;
        if (atom.quotient && divisor !== undefined && divisor > 0 && extentNames(atom.quotient.numerator).includes(name)) multiple = (multiple * divisor) / greatestDivisor(multiple, divisor);
      }
  return multiple;
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

const everything: readonly CheckCase[] = [{ inputs: "ordinary", parameters: "initial" }, ...inputKinds.map((inputs): CheckCase => ({ inputs, parameters: "varied" }))];

/** What each group of a large model is asked; the last group gets more. */
const few: readonly CheckCase[] = [{ inputs: "ordinary", parameters: "initial" }];

const more: readonly CheckCase[] = [
  ...few,
  { inputs: "a different kind in each row", parameters: "varied" },
  { inputs: "mean 10000 sigma", parameters: "varied" },
  { inputs: "one NaN", parameters: "varied" },
];

/** Groups in the order of their work. Without inputs, or without parameters, only the other differs from case to case. */
export function chooseCases(fn: TensorFunction, program: Program): CaseGroup[] {
  const choices = bindingChoices(fn, program);
  return choices.map((bindings, i): CaseGroup => {
    const cases = programWork(program, bindings) <= fewCasesWork ? everything : i === choices.length - 1 ? more : few;
    const some = fn.inputs.length === 0 ? cases.filter((one) => one.inputs === "ordinary") : cases;
    return { bindings, cases: fn.parameters.length === 0 ? distinctInputs(some) : some };
  });
}

const distinctInputs = (cases: readonly CheckCase[]): CheckCase[] => [...new Set(cases.map((one) => one.inputs))].map((inputs) => ({ inputs, parameters: "initial" }));

/** For integer inputs that pick elements: the length of the axis they pick from. */
export function indexLimits(program: Program, bindings: Bindings): Map<string, number> {
  const limits = new Map<string, number>();
  const shapes = new Map<string, readonly Extent[]>(program.sources.map((source) => [source.name, source.type.shape]));
  for (const definition of program.definitions) {
    shapes.set(definition.name, definition.box.map((range) => range.extent));
    for (const load of loadsOf(definition.body))
      load.indices.forEach((index, axis) => {
        const extent = required(shapes.get(load.source)?.[axis], "verify", `axis ${axis} of '${load.source}'`);
        visit(index, (inner) => {
          if (inner.kind === "load") limits.set(inner.source, Math.min(limits.get(inner.source) ?? Number.POSITIVE_INFINITY, lengthOf(extent, bindings)));
        });
      });
  }
  return limits;
}
