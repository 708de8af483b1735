/**
 * Exact outputs of one case, from the reference, and how far rounding may carry them; and whether the plan's program says
 * the same in float64. Bounds are worked out when asked for, as few cases need them. Kernels: see expected-kernels.ts.
 */
import { elementCount, type Tensor, type TensorData } from "../../runtime/tensor.ts";
import { required } from "../errors.ts";
import { evaluateFolds } from "../folds/evaluate.ts";
import { visit } from "../folds/expression.ts";
import type { Program } from "../folds/node.ts";
import type { Bindings } from "../ir/extent.ts";
import { type DType, isFloat } from "../ir/types.ts";
import type { ReferenceTensor, Tolerance } from "../ops/define.ts";
import { operations } from "../ops/index.ts";
import type { Plan } from "../plan.ts";
import { evaluate } from "../reference/evaluate.ts";
import type { Compiled } from "../compile.ts";
import { allowance, disturbedValues, roundingUnit } from "./bounds.ts";
import { compareValues, type Deviation, worse } from "./compare.ts";

export type HostTensors = Readonly<Record<string, Tensor>>;

/** A value's exact numbers, and the allowance of its rows. */
export interface Expected {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly want: ArrayLike<number>;
  readonly allowance: () => Float64Array;
}

/** Agreement of the rewritten program with the source's: error over rms. */
const rewriteLimit = 1e-9;

/** Rewriting may cost some of float64's digits where the values cancel. */
const rewriteMargin = 16;

export const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};

export const named = (values: ReadonlyMap<string, ArrayLike<number>>, name: string): ArrayLike<number> => required(values.get(name), "verify", `value of '${name}'`);

export class ExpectedOutputs {
  readonly #compiled: Compiled;
  readonly #plan: Plan;
  readonly #bindings: Bindings;
  readonly #seed: number;
  readonly #sources: Readonly<Record<string, TensorData>>;
  readonly #reference: Readonly<Record<string, ReferenceTensor>>;
  readonly #exactPlan: () => Map<string, Float64Array>;
  readonly #exactLowered: () => Map<string, Float64Array>;

  constructor(compiled: Compiled, bindings: Bindings, inputs: HostTensors, parameters: HostTensors, seed: number) {
    this.#compiled = compiled;
    this.#plan = compiled.plan;
    this.#bindings = bindings;
    this.#seed = seed;
    this.#sources = Object.fromEntries(Object.entries({ ...inputs, ...parameters }).map(([name, tensor]) => [name, tensor.data]));
    this.#reference = evaluate(compiled.fn, bindings, wide(inputs), wide(parameters));
    this.#exactPlan = once(() => this.#evaluate(this.#plan.program));
    this.#exactLowered = once(() => this.#evaluate(compiled.lowered));
  }

  #evaluate(program: Program): Map<string, Float64Array> {
    return evaluateFolds(program, this.#bindings, this.#sources);
  }

  #disturbed(program: Program, unit: number): Map<string, Float64Array>[] {
    return disturbedValues(program, this.#bindings, this.#sources, unit, this.#seed);
  }

  /** Does the plan's program say the same as the source, in float64? `ordinary`: rms of each output on ordinary input. */
  compareRewrites(ordinary: ReadonlyMap<string, number>): { readonly output: string; readonly worst: Deviation } | undefined {
    const byName = (program: Program): ReadonlyMap<string, string> => new Map(program.outputs.map((output) => [output.name, output.definition]));
    const [inPlan, inLowered] = [byName(this.#plan.program), byName(this.#compiled.lowered)];
    let found: { readonly output: string; readonly worst: Deviation } | undefined;
    for (const [output, { dtype, shape, data }] of Object.entries(this.#reference)) {
      const options = { limit: rewriteLimit, ordinary: ordinary.get(output) ?? 0 };
      const rewritten = named(this.#exactPlan(), inPlan.get(output) ?? output);
      let worst = compareValues(rewritten, data, shape, dtype, options);
      if (worst?.passed === false) {
        // Two steps: the rewritten program against the lowered one, and that against the reference with the ops' own tolerances.
        const name = inLowered.get(output) ?? output;
        const lowered = named(this.#exactLowered(), name);
        const carried = (unit: number): Float64Array => allowance(lowered, this.#disturbed(this.#compiled.lowered, unit).map((values) => named(values, name)), shape).map((move) => rewriteMargin * move);
        worst = compareValues(rewritten, lowered, shape, dtype, { ...options, allowance: () => carried(roundingUnit.f64) });
        const lowering = compareValues(lowered, data, shape, dtype, { ...options, allowance: () => this.#formulaAllowance(name, shape) });
        if (lowering && worse(lowering, worst)) worst = lowering;
      }
      if (worst && worse(worst, found?.worst)) found = { output, worst };
    }
    return found;
  }

  /** What the tolerances of ops that are lowered to approximating formulas may amount to at a value of the lowered program. */
  #formulaAllowance(name: string, shape: readonly number[]): Float64Array {
    const exact = named(this.#exactLowered(), name);
    const tolerances = formulaTolerances(this.#compiled.lowered);
    const runs = [1, -1].map((sign) => {
      const seen = new Map<string, Float64Array>();
      evaluateFolds(this.#compiled.lowered, this.#bindings, this.#sources, {
        seen: (definition, value) => {
          const tolerance = tolerances.get(definition);
          const moved = tolerance ? value.map((each, i) => each + (i % 2 === 0 ? sign : -sign) * (2 * tolerance.ulp * roundingUnit.f32 * Math.abs(each) + (tolerance.absolute ?? 0))) : value;
          seen.set(definition, moved);
          return moved;
        },
      });
      return named(seen, name);
    });
    return allowance(exact, [...runs, ...this.#disturbed(this.#compiled.lowered, roundingUnit.f64).map((values) => named(values, name))], shape);
  }

  /** The model's outputs, as the reference has them. */
  outputs(): ReadonlyMap<string, Expected> {
    const { program } = this.#plan;
    // A rewrite may be better conditioned than the source, and must not be worse: the smaller of the two allowances counts.
    const moves = once(() => [{ program, values: this.#exactPlan() }, { program: this.#compiled.lowered, values: this.#exactLowered() }].map((each) => ({ ...each, disturbed: this.#disturbed(each.program, roundingUnit.f32) })));
    return new Map(program.outputs.map((output): [string, Expected] => {
      const { dtype, shape, data } = required(this.#reference[output.name], "verify", `reference of '${output.name}'`);
      return [output.name, {
        dtype, shape, want: data,
        allowance: () => {
          const each = moves().map(({ program: one, values, disturbed }) => {
            const definition = one.outputs.find((other) => other.name === output.name)?.definition ?? output.definition;
            return allowance(named(values, definition), disturbed.map((run) => named(run, definition)), shape);
          });
          return (each[0] ?? new Float64Array()).map((move, row) => Math.min(move, each[1]?.[row] ?? move));
        },
      }];
    }));
  }
}

/** Definitions whose op is lowered to a formula of its own rather than to one instruction, with the op's tolerance. */
function formulaTolerances(lowered: Program): Map<string, Tolerance> {
  const found = new Map<string, Tolerance>();
  const bodies = new Set(lowered.definitions.flatMap((definition) => definition.recurrence?.of ?? []));
  for (const { name, fold, body } of [...lowered.definitions, ...[...bodies].flatMap((recurrence) => recurrence.body)]) {
    const op = operations.get(name.slice(0, Math.max(0, name.lastIndexOf("."))));
    let instructions = 0;
    visit(body, (node) => {
      if (node.kind === "apply") instructions++;
    });
    if (op?.family === "elementwise" && !fold && instructions > 1) found.set(name, op.tolerance);
  }
  return found;
}

const wide = (tensors: HostTensors): Record<string, ReferenceTensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, { dtype: tensor.dtype, shape: tensor.shape, data: Float64Array.from(tensor.data) }]));

/** Rms of the finite elements. */
export function ordinaryRms(expected: Expected): number {
  if (!isFloat(expected.dtype) || elementCount(expected.shape) === 0) return 0;
  let sum = 0;
  for (let i = 0; i < expected.want.length; i++) {
    const value = expected.want[i] as number;
    if (Number.isFinite(value)) sum += value * value;
  }
  return Math.sqrt(sum / expected.want.length);
}
