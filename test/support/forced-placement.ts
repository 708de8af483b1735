/**
 * One norm between two products, placed by hand in each of the five ways, and run by the interpreter. The model: a parameter
 * `w` makes the row, a norm follows, and the product with `v` reads it.
 */
import { required } from "../../compiler/errors.ts";
import { PlacementEvaluator, type PlacedRegion } from "../../compiler/fusion/evaluate-placement.ts";
import { RegionPrices } from "../../compiler/fusion/region-prices.ts";
import type { ContractionRegion } from "../../compiler/fusion/region.ts";
import { defer } from "../../compiler/fusion/rules/defer.ts";
import { recentre } from "../../compiler/fusion/rules/projection.ts";
import { split } from "../../compiler/fusion/rules/split.ts";
import type { Expressions } from "../../compiler/folds/expression.ts";
import type { Program } from "../../compiler/folds/node.ts";
import type { Bindings } from "../../compiler/ir/extent.ts";
import { interpret } from "../../compiler/kernel/interpret.ts";
import { evaluateExtent } from "../../compiler/kernel/numbers.ts";
import { scheduleRegion } from "../../compiler/schedule/schedule-region.ts";
import { costPresets, defaultLimits } from "../../compiler/target.ts";
import { allocate, type TensorData } from "../../runtime/tensor.ts";
import { foldsOf, placing } from "./fold-programs.ts";

export const placements = ["prologue", "epilogue", "ride", "partial", "separate"] as const;
export type PlacementName = (typeof placements)[number];

/** `norm`: the body of a function of z [..., N], gain [N] and bias [N]. */
export const normBetweenProducts = (norm: string, inner: number, columns: number): string => `fn norm(z: f32[..., N], gain: f32[N], bias: f32[N]) -> f32[..., N] {
  ${norm}
}
model M[B](x: f32[B, ${inner}]) -> f32[B, 3] {
  param w: f32[${inner}, ${columns}] = normal(1)
  param gain: f32[${columns}] = ones
  param bias: f32[${columns}] = zeros
  param v: f32[${columns}, 3] = normal(1)
  return norm(x @ w, gain, bias) @ v
}
`;

/** What is in memory beside what must be, and the program for it; undefined where the rule that it needs does not apply. */
function chosenFor(e: Expressions, program: Program, placement: PlacementName): { readonly program: Program; readonly stored: readonly string[] } | undefined {
  const statistics = (from: Program): string[] => from.definitions.filter((each) => each.fold && !each.partial && !each.name.startsWith("matmul")).map((each) => each.name);
  const operand = program.definitions.filter((each) => !each.fold && !each.name.startsWith("matmul")).at(-1)?.name;
  switch (placement) {
    case "prologue":
      return { program, stored: ["matmul.1"] };
    case "epilogue":
      return { program, stored: [required(operand, "test", "operand of the second product")] };
    case "ride": {
      const deferred = defer(e, program, "matmul.2");
      return deferred && { program: deferred.program, stored: ["matmul.1"] };
    }
    case "partial": {
      const parts = split(e, program, "matmul.1", 64);
      return parts && { program: parts.program, stored: ["matmul.1"] };
    }
    case "separate":
      return { program, stored: ["matmul.1", ...statistics(program)] };
    default:
      return placement satisfies never;
  }
}

export interface Forced {
  readonly regions: readonly PlacedRegion[];
  /** Runs the plan in f32. */
  readonly run: (bindings: Bindings, tensors: Readonly<Record<string, TensorData>>) => TensorData;
}

/** undefined when the placement does not exist for these lengths. */
export function forcePlacement(text: string, placement: PlacementName): Forced | undefined {
  const { e, program: inlined } = foldsOf(text);
  const made = chosenFor(e, recentre(e, inlined).program, placement);
  if (!made) return undefined;
  const { program } = made;
  const options = placing(e, program, { name: "wgsl", limits: defaultLimits, cost: costPresets.gpu });
  const found = new PlacementEvaluator(program, options, new RegionPrices()).evaluate(new Set(made.stored));
  if ("illegal" in found) throw new Error(`${placement}: ${found.illegal}`);
  const kernels = found.regions.map((placed, i) => scheduleRegion(e, placed.region, placed.cost.tile, `k${i}`, options.context.tensorOf));
  const run: Forced["run"] = (bindings, tensors) => {
    const memory = new Map<string, TensorData>(Object.entries(tensors));
    for (const { kernel, tensors: names } of kernels) {
      const buffers = kernel.buffers.map((buffer, i) => {
        const name = required(names[i], "test", buffer.name);
        const data = memory.get(name) ?? allocate(buffer.dtype, evaluateExtent(buffer.length, bindings));
        memory.set(name, data);
        return [buffer.name, data] as const;
      });
      interpret(kernel, Object.fromEntries(buffers), bindings);
    }
    return required(memory.get(required(program.outputs[0], "test", "output").definition), "test", "output");
  };
  return { regions: found.regions, run };
}

export const contractionsOf = (forced: Forced): ContractionRegion[] => forced.regions.flatMap(({ region }) => (region.template === "contraction" ? [region] : []));
