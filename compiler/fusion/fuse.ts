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
import { RegionPrices } from "./evaluate-placement.ts";
import { outlineWide } from "./outline.ts";
import { place, type Placement, type PlaceOptions } from "./place.ts";
import type { ContractionRegion, Templates } from "./region.ts";
import { defer } from "./rules/defer.ts";
import { recentre, type Rewritten } from "./rules/projection.ts";
import { split } from "./rules/split.ts";
import { admitted, type Application, type Contract } from "./rules/rule.ts";

export interface FuseOptions {
  readonly contract: Contract;
  readonly templates: Templates;
  readonly context: (program: Program) => CostContext;
  readonly lanes: (program: Program) => (region: ContractionRegion) => number;
}

/** Columns in a tile that emits partial statistics. */
const partialWidth = 64;

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
  program = outlineWide(e, program, options.context(program).target.limits.storageBuffers);
  const prices = new RegionPrices();
  const placed = (candidate: Program, start?: ReadonlySet<string>): Placement | undefined => {
    const placeOptions: PlaceOptions = { e, context: options.context(candidate), templates: options.templates, lanes: options.lanes(candidate), prices };
    const result = place(candidate, start ? { ...placeOptions, start } : placeOptions);
    return "illegal" in result ? undefined : result;
  };
  let best = placed(program);
  if (!best) throw new InternalError("fuse", `no legal placement of ${lowered.name}: storing every value must always be one`);
  const alternatives: Alternative[] = [{ description: "statistics before or after each contraction", ...summary(best) }];
  if (admitted[options.contract].has("real-equal") && options.templates === "workgroup") {
    const attempt = (rewritten: Rewritten | undefined, description: string): void => {
      const next = rewritten && placed(rewritten.program, best?.stored);
      if (!rewritten || !next || !best) return;
      alternatives.push({ description, ...summary(next) });
      if (next.microseconds >= best.microseconds) return;
      best = next;
      applications.push(...rewritten.applications);
    };
    for (const definition of contractionsOf(e, program)) attempt(defer(e, best.program, definition.name), `${definition.name} deferred: its row statistics ride in the main loop`);
    for (const definition of contractionsOf(e, best.program)) attempt(split(e, best.program, definition.name, partialWidth), `${definition.name} emits partial statistics of its tiles`);
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
