/**
 * Placement: which values go to memory, by cost. Every kernel of the plan ends at a stored value; what is not stored is
 * computed inside the kernels that need it. Exact search up to nine decisions, steepest descent beyond.
 */
import type { Program } from "../folds/node.ts";
import { Baseline } from "./baseline.ts";
import { bar, type Candidate, cheaper, descend } from "./descend.ts";
import { type Decision, type Legal, PlacementEvaluator, type PlacedRegion } from "./evaluate-placement.ts";
import { mergeKernels } from "./merge-kernels.ts";
import type { Illegal, Region } from "./region.ts";
import { type EvaluateOptions, RegionPrices } from "./region-prices.ts";
import type { Application } from "./rules/rule.ts";

export interface Placement {
  readonly program: Program;
  readonly regions: readonly PlacedRegion[];
  readonly stored: ReadonlySet<string>;
  /** Of the run plan. */
  readonly microseconds: number;
  /** Why a value is in memory, by name; outputs are not listed. */
  readonly reasons: ReadonlyMap<string, string>;
  /** Of rules that came after the search. */
  readonly applications?: readonly Application[];
  /** Regions before kernels were merged, from which no move helped. */
  readonly settled?: ReadonlySet<Region>;
}

export interface PlaceOptions extends EvaluateOptions {
  /** Prices of earlier placements of the same compilation. */
  readonly prices?: RegionPrices;
  /** A placement of a similar program, to descend from. */
  readonly start?: Pick<Placement, "stored" | "settled">;
  /** Decisions up to which all sets are tried. */
  readonly exactUpTo?: number;
}

const exactSearchLimit = 9;

/** cost: up to 2^9 moves from one placement; beyond, two descents. Most moves are refused before a region is built. */
export function place(program: Program, options: PlaceOptions): Placement | Illegal {
  const evaluator = new PlacementEvaluator(program, options, options.prices ?? new RegionPrices());
  const { decisions } = evaluator;
  const everything = new Set(decisions.flat());
  const { start, exactUpTo = exactSearchLimit } = options;
  let best: Candidate = { chosen: everything, found: evaluator.weigh(everything) };
  let settled: ReadonlySet<Region> = new Set();
  if (start) {
    const chosen = new Set(decisions.filter((names) => names.some((name) => start.stored.has(name))).flat());
    const given = cheaper({ chosen, found: evaluator.weigh(chosen) }, best);
    if (given !== best) settled = start.settled ?? settled;
    best = given;
  }
  if (decisions.length <= exactUpTo) best = exhaust(evaluator, best);
  else {
    best = descend(evaluator, best, settled);
    // A valley that is left only by unstoring many values at once is entered from the other side.
    if (!start) best = cheaper(descend(evaluator, { chosen: new Set(), found: evaluator.weigh(new Set()) }, new Set()), best);
  }
  const { chosen } = best;
  if ("illegal" in best.found) return best.found;
  const found = mergeKernels(evaluator, { ...best.found, regions: evaluator.inOrder(best.found.regions) });
  return {
    program, regions: found.regions, stored: found.stored, microseconds: found.microseconds, settled: new Set(best.found.regions.map((placed) => placed.region)),
    reasons: reasonsOf(evaluator, options.exports ?? new Set(), chosen, found),
  };
}

function exhaust(evaluator: PlacementEvaluator, from: Candidate): Candidate {
  const { decisions } = evaluator;
  const baseline = new Baseline(evaluator, from.chosen);
  let best = from;
  for (let mask = 0; mask < 1 << decisions.length; mask++) {
    const inMask = (_: Decision, i: number): boolean => ((mask >> i) & 1) === 1;
    const move = decisions.filter((names, i) => inMask(names, i) !== from.chosen.has(names[0] as string)).flat();
    if (!("illegal" in from.found) && baseline.exactly(move, bar(best.found) - from.found.microseconds) === Number.POSITIVE_INFINITY) continue;
    const chosen = new Set(decisions.filter(inMask).flat());
    best = cheaper({ chosen, found: evaluator.weigh(chosen) }, best);
  }
  return best;
}

/** Why a value is in memory that later segments read. */
export const crossesCut = "several later values read it: the plan is cut here";

/** For each stored value: what would happen without it. */
function reasonsOf(evaluator: PlacementEvaluator, exports: ReadonlySet<string>, chosen: ReadonlySet<string>, best: Legal): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const name of best.stored) {
    if (evaluator.isParameterOnly(name) && (!evaluator.outputs.has(name) || exports.has(name))) {
      reasons.set(name, "parameters only: made once, in prepare");
      continue;
    }
    if (exports.has(name)) {
      reasons.set(name, crossesCut);
      continue;
    }
    if (evaluator.outputs.has(name)) continue;
    const partial = evaluator.definition(name)?.partial;
    if (partial) {
      reasons.set(name, `partial statistics: the rows of ${partial.product} span workgroups, and only a later dispatch can merge them`);
      continue;
    }
    const decision = evaluator.decisions.find((names) => names.includes(name)) ?? [name];
    const without = evaluator.weigh(new Set([...chosen].filter((other) => !decision.includes(other))), true);
    reasons.set(name, "illegal" in without ? without.illegal : `cost: ${signed(without.microseconds - best.microseconds)} us without it`);
  }
  return reasons;
}

const signed = (value: number): string => `${value >= 0 ? "+" : ""}${value.toFixed(1)}`;
