/**
 * The plan without fusion: every op that computes is a kernel of its own and its result is in memory. Ops that only rename
 * indices are inlined, as any framework does. Asked for with `fusion: "none"`, to be compared with. Flow: fuse.ts -> here.
 */
import { InternalError } from "../errors.ts";
import { type Expressions, loadsOf } from "../folds/expression.ts";
import { inlineProgram } from "../folds/inline.ts";
import type { Program } from "../folds/node.ts";
import { operationsIn } from "./count-operations.ts";
import { PlacementEvaluator } from "./evaluate-placement.ts";
import type { Fused, FuseOptions } from "./fuse-segment.ts";
import { outlineWide } from "./outline.ts";
import { RegionPrices } from "./region-prices.ts";

/** cost: one evaluation of one placement. */
export function placeUnfused(e: Expressions, lowered: Program, options: FuseOptions): Fused {
  const isOutput = new Set(lowered.outputs.map((output) => output.definition));
  // What depends on constants alone is a number in the kernel of its user.
  const fromData = new Set(lowered.sources.map((source) => source.name));
  for (const { name, body } of lowered.definitions) if (loadsOf(body).some((load) => fromData.has(load.source))) fromData.add(name);
  const inlined = inlineProgram(e, lowered, ({ name, body }) => isOutput.has(name) || (fromData.has(name) && operationsIn(body) > 0));
  const program = outlineWide(e, inlined, options.context(inlined).target.limits.storageBuffers);
  const { templates } = options;
  const evaluator = new PlacementEvaluator(program, { e, context: options.context(program), templates, lanes: options.lanes(program) }, new RegionPrices());
  const found = evaluator.evaluate(new Set(evaluator.decisions.flat()));
  if ("illegal" in found) throw new InternalError("fuse", `storing every value of ${lowered.name} is not legal: ${found.illegal}`);
  const reasons = new Map([...found.stored].filter((name) => !isOutput.has(name)).map((name) => [name, evaluator.isParameterOnly(name) ? "parameters only: made once, in prepare" : "unfused: each op stores its result"]));
  return { placement: { program, regions: found.regions, stored: found.stored, microseconds: found.microseconds, reasons }, applications: [], alternatives: [] };
}
