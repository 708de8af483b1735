/**
 * Fusion of one segment: recentre, then weigh placements with and without each rewrite of its products. Pure; the result is a
 * placement and the rules that led to it. Flow: segments.ts -> here -> place.ts.
 */
import { InternalError } from "../errors.ts";
import type { Expressions } from "../folds/expression.ts";
import type { Program } from "../folds/node.ts";
import type { CostContext } from "./cost.ts";
import { outlineWide } from "./outline.ts";
import { place, type Placement, type PlaceOptions } from "./place.ts";
import { type ContractionRegion, productsOf, type Templates } from "./region.ts";
import type { RegionPrices } from "./region-prices.ts";
import { defer } from "./rules/defer.ts";
import { hoist } from "./rules/hoist.ts";
import { join, sharedLeft } from "./rules/join.ts";
import { recentre, type Rewritten } from "./rules/projection.ts";
import { admitted, type Application, type Contract } from "./rules/rule.ts";
import { split } from "./rules/split.ts";
import { splitInner } from "./rules/split-inner.ts";

export interface FuseOptions {
  readonly contract: Contract;
  /** `none`: each op is a kernel of its own. */
  readonly fusion?: "all" | "none";
  /** Steps of a recurrence in one dispatch; as many as its time allows when left out. */
  readonly stepsAtOnce?: number;
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

/** A rewritten program is searched exactly up to fewer decisions: it starts from the best placement so far. */
const exactBeside = 5;

/** A product that leaves the device idle may be cut along its contracted axis, in so many parts. */
const fewestParts = 4;
const mostParts = 64;

/** Columns in a tile that emits partial statistics. */
const partialWidth = 64;

export function fuseSegment(e: Expressions, inlined: Program, exports: ReadonlySet<string>, options: FuseOptions, prices: RegionPrices): Fused {
  const { contract, templates } = options;
  const hoisted = hoist(e, inlined, admitted[contract].has("reassociated"));
  const applications: Application[] = [...hoisted.applications];
  let program = hoisted.program;
  if (admitted[contract].has("real-equal")) {
    const centred = recentre(e, program);
    program = centred.program;
    applications.push(...centred.applications);
  }
  program = outlineWide(e, program, options.context(program).target.limits.storageBuffers);
  const placed = (candidate: Program, start?: Placement): Placement | undefined => {
    const placeOptions: PlaceOptions = { e, context: options.context(candidate), templates, lanes: options.lanes(candidate), prices, exports, rescales: admitted[contract].has("real-equal") };
    const result = place(candidate, start ? { ...placeOptions, start, exactUpTo: exactBeside } : placeOptions);
    return "illegal" in result ? undefined : result;
  };
  let best = placed(program);
  if (!best) throw new InternalError("fuse", `no legal placement of ${inlined.name}: storing every value must always be one`);
  const alternatives: Alternative[] = [{ description: "statistics before or after each contraction", ...summary(best) }];
  if (admitted[contract].has("real-equal") && templates === "workgroup") {
    const attempt = (rewritten: Rewritten | undefined, description: string): void => {
      const next = rewritten && placed(rewritten.program, best);
      if (!rewritten || !next || !best) return;
      alternatives.push({ description, ...summary(next) });
      const fewer = summary(next).dispatches < summary(best).dispatches;
      if (next.microseconds >= best.microseconds * (fewer ? undecided : 1)) return;
      best = next;
      applications.push(...rewritten.applications);
    };
    for (const group of sharedLeft(e, program)) attempt(join(e, best.program, names(group)), `${names(group).join(", ")} joined: one product over their columns`);
    for (const group of sharedLeft(e, best.program)) attempt(deferAll(e, best.program, names(group)), `${names(group).join(", ")} deferred: row statistics ride in the main loop`);
    for (const { name } of sharedLeft(e, best.program).flat()) attempt(split(e, best.program, name, partialWidth), `${name} emits partial statistics of its tiles`);
    for (const { name, parts } of idleProducts(best)) attempt(splitInner(e, best.program, name, parts), `${name} summed in ${parts} parts`);
  }
  return { placement: best, applications, alternatives };
}

/** Estimates this close are equal; then fewer kernels are better. */
const undecided = 1.005;

/** Products in kernels that leave most of the device idle, and the parts that would fill it. */
const idleProducts = (placement: Placement): { readonly name: string; readonly parts: number }[] =>
  placement.regions.flatMap(({ region, cost, phase }) => {
    const parts = Math.min(mostParts, 2 ** Math.floor(Math.log2(1 / cost.occupancy)));
    return phase === "run" && region.template === "contraction" && parts >= fewestParts ? productsOf(region).map(({ definition }) => ({ name: definition.name, parts })) : [];
  });

const names = (definitions: readonly { readonly name: string }[]): string[] => definitions.map(({ name }) => name);

const summary = (placement: Placement): { dispatches: number; microseconds: number } => ({
  dispatches: placement.regions.filter((region) => region.phase === "run").length,
  microseconds: placement.microseconds,
});

/** Products of one left operand are deferred together: apart, they would share it no longer. */
function deferAll(e: Expressions, program: Program, products: readonly string[]): Rewritten | undefined {
  let whole: Rewritten | undefined = { program, applications: [] };
  for (const name of products) {
    const next: Rewritten | undefined = whole && defer(e, whole.program, name);
    whole = whole && next ? { program: next.program, applications: [...whole.applications, ...next.applications] } : undefined;
  }
  return whole;
}
