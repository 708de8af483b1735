/**
 * Fusion of one program: inline, recentre, then weigh placements with and without each deferral. Pure; the result is a
 * placement and the rules that led to it. No rule knows a layer: what a norm is, only its folds say.
 */
import type { Expressions } from "../folds/expression.ts";
import { inlineProgram } from "../folds/inline.ts";
import type { Definition, Program } from "../folds/node.ts";
import { InternalError } from "../errors.ts";
import { candidateMaps } from "./candidates.ts";
import { contractionShape } from "./contraction-shape.ts";
import { inlineMaps } from "../folds/inline.ts";
import type { CostContext } from "./cost.ts";
import { place, type Placement, type PlaceOptions } from "./place.ts";
import type { ContractionRegion, Templates } from "./region.ts";
import { defer } from "./rules/defer.ts";
import { recentre } from "./rules/projection.ts";
import { admitted, type Application, type Contract } from "./rules/rule.ts";

export interface FuseOptions {
  readonly contract: Contract;
  readonly templates: Templates;
  readonly context: (program: Program) => CostContext;
  readonly lanes: (program: Program) => (region: ContractionRegion) => number;
}

export interface Alternative {
  readonly description: string;
  readonly dispatches: number;
  readonly microseconds: number;
}

export interface Fused {
  readonly placement: Placement;
  readonly applications: readonly Application[];
  readonly alternatives: readonly Alternative[];
}

export function fuse(e: Expressions, lowered: Program, options: FuseOptions): Fused {
  const keep = candidateMaps(e, lowered);
  let program = inlineProgram(e, lowered, (definition) => keep.has(definition.name));
  const applications: Application[] = [];
  if (admitted[options.contract].has("real-equal")) {
    const centred = recentre(e, program);
    program = centred.program;
    applications.push(...centred.applications);
  }
  const placed = (candidate: Program): Placement | undefined => {
    const placeOptions: PlaceOptions = { e, context: options.context(candidate), templates: options.templates, lanes: options.lanes(candidate) };
    const result = place(candidate, placeOptions);
    return "illegal" in result ? undefined : result;
  };
  let best = placed(program);
  if (!best) throw new InternalError("fuse", `no legal placement of ${lowered.name}: storing every value must always be one`);
  const alternatives: Alternative[] = [{ description: "statistics before or after each contraction", ...summary(best) }];
  if (admitted[options.contract].has("real-equal") && options.templates === "workgroup")
    for (const definition of contractionsOf(e, program)) {
      const deferred = defer(e, best.program, definition.name);
      const next = deferred && placed(deferred.program);
      if (!deferred || !next) continue;
      alternatives.push({ description: `${definition.name} deferred: its row statistics ride in the main loop`, ...summary(next) });
      if (next.microseconds >= best.microseconds) continue;
      best = next;
      applications.push(...deferred.applications);
    }
  return { placement: best, applications, alternatives: [...alternatives].sort((a, b) => a.microseconds - b.microseconds) };
}

const summary = (placement: Placement): { dispatches: number; microseconds: number } => ({
  dispatches: placement.regions.filter((region) => region.phase === "run").length,
  microseconds: placement.microseconds,
});

function contractionsOf(e: Expressions, program: Program): Definition[] {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  return program.definitions.filter((definition) => definition.fold && contractionShape(e, { ...definition, body: inlineMaps(e, definition.body, (name) => byName.get(name)) }));
}
