/** Fold programs for tests: from model text or from definitions written by hand, with data and their values in float64. */
import { expect } from "vitest";
import { check } from "../../compiler/check/check.ts";
import { InternalError, required } from "../../compiler/errors.ts";
import { evaluateFolds } from "../../compiler/folds/evaluate.ts";
import { Expressions } from "../../compiler/folds/expression.ts";
import { inlineProgram } from "../../compiler/folds/inline.ts";
import { lowerToFolds } from "../../compiler/folds/lower.ts";
import type { Definition, Program } from "../../compiler/folds/node.ts";
import { candidateMaps } from "../../compiler/fusion/candidates.ts";
import type { PlaceOptions } from "../../compiler/fusion/place.ts";
import type { Templates } from "../../compiler/fusion/region.ts";
import type { Rewritten } from "../../compiler/fusion/rules/projection.ts";
import { type Bindings, bindExtent, extentValue, productOfExtents } from "../../compiler/ir/extent.ts";
import type { TensorFunction } from "../../compiler/ir/node.ts";
import type { TensorType } from "../../compiler/ir/types.ts";
import { lanesOf } from "../../compiler/schedule/schedule-region.ts";
import { sourceFile } from "../../compiler/source/source-file.ts";
import type { Target } from "../../compiler/target.ts";
import { randomNumbers } from "./tensor-function.ts";

/** The one model of a text; a diagnostic fails the test. */
export function modelOf(text: string, bind: Bindings = {}): TensorFunction {
  const { module, diagnostics } = check([sourceFile("test.nf", text)], { bind });
  expect(diagnostics.map((diagnostic) => diagnostic.message)).toEqual([]);
  return required(module.functions[0], "test", "model");
}

export interface FoldProgram {
  readonly e: Expressions;
  readonly fn: TensorFunction;
  readonly lowered: Program;
  /** As the fusion rules meet it. */
  readonly program: Program;
}

export function foldsOf(text: string, bind: Bindings = {}): FoldProgram {
  const e = new Expressions();
  const fn = modelOf(text, bind);
  const lowered = lowerToFolds(fn, e);
  const keep = candidateMaps(e, lowered);
  return { e, fn, lowered, program: inlineProgram(e, lowered, (definition) => keep.has(definition.name)) };
}

export function definition(program: Program, name: string): Definition {
  const found = program.definitions.find((candidate) => candidate.name === name);
  if (!found) throw new InternalError("test", `no definition '${name}' among ${program.definitions.map((each) => each.name).join(", ")}`);
  return found;
}

/** Data of every source, by name: floats about `mean`. */
export function sourceData(program: Program, bindings: Bindings, seed: number, mean = 0): Record<string, Float64Array> {
  const next = randomNumbers(seed);
  return Object.fromEntries(program.sources.map((source) => {
    const length = required(extentValue(bindExtent(productOfExtents(source.type.shape), bindings)), "test", source.name);
    return [source.name, Float64Array.from({ length }, () => mean + next())];
  }));
}

/** Outputs by their name in the signature. */
export function outputsOf(program: Program, bindings: Bindings, data: Readonly<Record<string, ArrayLike<number>>>): Record<string, Float64Array> {
  const values = evaluateFolds(program, bindings, data);
  return Object.fromEntries(program.outputs.map((output) => [output.name, required(values.get(output.definition), "test", output.name)]));
}

/** Both programs compute the same outputs in float64, to 1e-9 of the largest. */
export function expectSameValues(before: Program, after: Program, bindings: Bindings = {}, seeds: readonly number[] = [1, 2, 3]): void {
  for (const seed of seeds) {
    const data = sourceData(before, bindings, seed, seed === 2 ? 5 : 0);
    const [wanted, got] = [outputsOf(before, bindings, data), outputsOf(after, bindings, data)];
    for (const [name, values] of Object.entries(wanted)) {
      const scale = Math.max(1e-300, ...values.map(Math.abs));
      const actual = required(got[name], "test", name);
      expect(actual.length).toBe(values.length);
      expect(Math.max(...values.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN)) / scale)), `${name}, seed ${seed}`).toBeLessThan(1e-9);
    }
  }
}

export const rulesOf = (rewritten: Rewritten | undefined): string[] => rewritten?.applications.map((application) => application.rule) ?? [];

/** What place.ts needs to know, for one program and device. */
export function placing(e: Expressions, program: Program, target: Target, templates: Templates = "workgroup", assume: Bindings = {}): PlaceOptions {
  const types = new Map<string, TensorType>([
    ...program.sources.map((source) => [source.name, source.type] as const),
    ...program.definitions.map((each) => [each.name, { dtype: each.dtype, shape: each.box.map((range) => range.extent) }] as const),
  ]);
  const tensorOf = (name: string): TensorType => required(types.get(name), "test", name);
  return { e, templates, context: { target, assume, tensorOf }, lanes: (region) => lanesOf(e, region, tensorOf) };
}
