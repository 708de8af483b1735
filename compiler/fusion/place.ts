/**
 * Placement: which values go to memory, by cost. Every kernel of the plan ends at a stored value; what is not stored is
 * computed inside the kernels that need it. Exact search up to nine decisions, steepest descent beyond.
 */
import type { Program } from "../folds/node.ts";
import { type Decision, type EvaluateOptions, type Evaluation, type Legal, PlacementEvaluator, type PlacedRegion, RegionPrices } from "./evaluate-placement.ts";
import { mergeKernels } from "./merge-kernels.ts";
import type { Illegal } from "./region.ts";

export interface Placement {
  readonly program: Program;
  readonly regions: readonly PlacedRegion[];
  readonly stored: ReadonlySet<string>;
  /** Of the run plan. */
  readonly microseconds: number;
  /** Why a value is in memory, by name; outputs are not listed. */
  readonly reasons: ReadonlyMap<string, string>;
}

export interface PlaceOptions extends EvaluateOptions {
  /** Prices of earlier placements of the same compilation. */
  readonly prices?: RegionPrices;
  /** A placement of a similar program, to descend from. */
  readonly start?: ReadonlySet<string>;
  /** Decisions up to which all sets are tried. */
  readonly exactUpTo?: number;
}

const exactSearchLimit = 9;

/** cost: up to 2^9 evaluations; beyond, about 14 for each decision and round, with a few rounds from each end. */
export function place(program: Program, options: PlaceOptions): Placement | Illegal {
  const evaluator = new PlacementEvaluator(program, options, options.prices ?? new RegionPrices());
  const { decisions } = evaluator;
  const everything = new Set(decisions.flat());
  const start = new Set(decisions.filter((names) => names.some((name) => options.start?.has(name))).flat());
  let best: Candidate = { chosen: everything, found: evaluator.evaluate(everything) };
  const { start: given, exactUpTo = exactSearchLimit } = options;
  if (given !== undefined) best = cheaper({ chosen: start, found: evaluator.evaluate(start) }, best);
  if (decisions.length <= exactUpTo) best = exhaust(evaluator, best);
  else {
    best = descend(evaluator, best);
    // A valley that is left only by unstoring many values at once is entered from the other side.
    if (given === undefined) best = cheaper(descend(evaluator, { chosen: new Set(), found: evaluator.weigh(new Set()) }), best);
  }
  const { chosen } = best;
  if ("illegal" in best.found) return best.found;
  const found = mergeKernels(evaluator, { ...best.found, regions: evaluator.inOrder(best.found.regions) });
  return { program, regions: found.regions, stored: found.stored, microseconds: found.microseconds, reasons: reasonsOf(evaluator, options.exports ?? new Set(), chosen, found) };
}

interface Candidate {
  readonly chosen: ReadonlySet<string>;
  readonly found: Evaluation;
}

const better = (a: Evaluation, b: Evaluation): boolean => !("illegal" in a) && ("illegal" in b || a.microseconds < b.microseconds - 1e-9);

const cheaper = (a: Candidate, b: Candidate): Candidate => (better(a.found, b.found) ? a : b);

function exhaust(evaluator: PlacementEvaluator, from: Candidate): Candidate {
  const { decisions } = evaluator;
  let best = from;
  for (let mask = 0; mask < 1 << decisions.length; mask++) {
    const chosen = new Set(decisions.filter((_, i) => (mask >> i) & 1).flat());
    best = cheaper({ chosen, found: evaluator.weigh(chosen) }, best);
  }
  return best;
}

/** Rounds of moves until none helps. In a round the moves that help are made one after the other, the best one first. */
function descend(evaluator: PlacementEvaluator, from: Candidate): Candidate {
  const tried = (chosen: ReadonlySet<string>, move: readonly Decision[]): Candidate => {
    const next = moved(chosen, move);
    return { chosen: next, found: evaluator.weigh(next) };
  };
  let best = from;
  for (let improved = true; improved; ) {
    improved = false;
    const before = best;
    const helping = neighbours(evaluator.decisions, before.chosen)
      .map((move) => ({ move, found: tried(before.chosen, move).found }))
      .filter(({ found }) => better(found, before.found));
    helping.sort((a, b) => microseconds(a.found) - microseconds(b.found));
    for (const { move } of helping) {
      const next = cheaper(tried(best.chosen, move), best);
      improved ||= next !== best;
      best = next;
    }
  }
  return best;
}

const microseconds = (found: Evaluation): number => ("illegal" in found ? Number.POSITIVE_INFINITY : found.microseconds);

/** Decisions up to which pairs are moved too. */
const pairLimit = 120;
const pairDistance = 6;
const windowLengths = [2, 3, 4, 5];

/** Flip one decision, store one and unstore another nearby (moving the end of a kernel along a chain), or unstore several in a row. */
function neighbours(decisions: readonly Decision[], stored: ReadonlySet<string>): (readonly Decision[])[] {
  const has = (decision: Decision): boolean => stored.has(decision[0] as string);
  const singles = decisions.map((decision) => [decision]);
  if (decisions.length > pairLimit) return singles;
  const pairs = decisions.flatMap((a, i) => decisions.slice(Math.max(0, i - pairDistance), i + pairDistance + 1).flatMap((b) => (has(a) && !has(b) ? [[a, b]] : [])));
  // What streams through a kernel is unstored together: a product, the statistics of its rows and the map of it.
  const windows = decisions.flatMap((_, i) => windowLengths.map((length) => decisions.slice(i, i + length).filter(has))).filter((move) => move.length > 1);
  return [...singles, ...pairs, ...windows];
}

function moved(stored: ReadonlySet<string>, move: readonly Decision[]): Set<string> {
  const next = new Set(stored);
  for (const name of move.flat()) if (!next.delete(name)) next.add(name);
  return next;
}

/** For each stored value: what would happen without it. */
function reasonsOf(evaluator: PlacementEvaluator, exports: ReadonlySet<string>, chosen: ReadonlySet<string>, best: Legal): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const name of best.stored) {
    if (evaluator.isParameterOnly(name) && (!evaluator.outputs.has(name) || exports.has(name))) {
      reasons.set(name, "parameters only: made once, in prepare");
      continue;
    }
    if (exports.has(name)) {
      reasons.set(name, "several later values read it: the plan is cut here");
      continue;
    }
    if (evaluator.outputs.has(name)) continue;
    const partial = evaluator.definition(name)?.partial;
    if (partial) {
      reasons.set(name, `partial statistics: the rows of ${partial.product} span workgroups, and only a later dispatch can merge them`);
      continue;
    }
    const decision = evaluator.decisions.find((names) => names.includes(name)) ?? [name];
    const without = evaluator.weigh(new Set([...chosen].filter((other) => !decision.includes(other))));
    reasons.set(name, "illegal" in without ? without.illegal : `cost: ${signed(without.microseconds - best.microseconds)} us without it`);
  }
  return reasons;
}

const signed = (value: number): string => `${value >= 0 ? "+" : ""}${value.toFixed(1)}`;
