/** One random graph through the compiler and its certificate: over a finite field, kernel by kernel, and in float64. */
import { compileFunction } from "../../compiler/compile.ts";
import { required } from "../../compiler/errors.ts";
import { evaluateFolds } from "../../compiler/folds/evaluate.ts";
import { certify } from "../../compiler/verify/certificate.ts";
import { allowance, disturbedValues, roundingUnit } from "../../compiler/verify/bounds.ts";
import { compareValues } from "../../compiler/verify/compare.ts";
import { lengthOf } from "../../compiler/folds/evaluate-expression.ts";
import { settings } from "./check-program.ts";
import { randomProgram } from "./random-programs.ts";
import { hostData } from "./tensor-function.ts";

/** What is wrong with the plan of one seed; seeds take turns in targets, constants and families of ops. */
export function certificateFaults(seed: number): string[] {
  const { fn, bindings } = randomProgram(seed, { wide: seed % 3 === 0 });
  const { target, options, title } = required(settings[seed % settings.length], "test", "setting");
  const { e, lowered, plan } = compileFunction(fn, target, options);
  const faults = certify(e, lowered, plan, bindings, seed);
  const { inputs, parameters } = hostData(fn, bindings, seed);
  const sources = Object.fromEntries(Object.entries({ ...inputs, ...parameters }).map(([name, { data }]) => [name, data]));
  const [before, after] = [evaluateFolds(lowered, bindings, sources), evaluateFolds(plan.program, bindings, sources)];
  for (const { name, definition, type } of plan.program.outputs) {
    const source = required(lowered.outputs.find((output) => output.name === name), "test", name).definition;
    const want = required(before.get(source), "test", source);
    const shape = type.shape.map((extent) => lengthOf(extent, bindings));
    const moves = (): Float64Array => allowance(want, disturbedValues(lowered, bindings, sources, roundingUnit.f64, seed).map((values) => required(values.get(source), "test", source)), shape).map((move) => 16 * move);
    const found = compareValues(required(after.get(definition), "test", definition), want, shape, type.dtype, { limit: 1e-9, allowance: moves });
    if (found?.passed === false) faults.push(`output '${name}' is ${found.got} instead of ${found.want} in float64`);
  }
  return faults.map((fault) => `seed ${seed}, ${title}: ${fault}`);
}
