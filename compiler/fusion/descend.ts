/**
 * Steepest descent: from one placement to a neighbour that is cheaper, the cheapest first, until none is. What a move gains at most is
 * known without building a region, so few are built; and a move is weighed again only when a kernel that it changes has changed.
 * Flow: place.ts -> here.
 */
import { Baseline } from "./baseline.ts";
import type { Decision, Evaluation, PlacementEvaluator } from "./evaluate-placement.ts";
import type { Region } from "./region.ts";

/** A set of stored values, out of the decisions, and what it costs. */
export interface Candidate {
  readonly chosen: ReadonlySet<string>;
  readonly found: Evaluation;
}

/** Gains below this are rounding. unit: microseconds */
const least = 1e-9;

/** What a better plan must stay below. */
export const bar = (found: Evaluation): number => ("illegal" in found ? Number.POSITIVE_INFINITY : found.microseconds - least);

const better = (a: Evaluation, b: Evaluation): boolean => !("illegal" in a) && a.microseconds < bar(b);

export const cheaper = (a: Candidate, b: Candidate): Candidate => (better(a.found, b.found) ? a : b);

/** How far apart two decisions of a pair are at most. */
const pairDistance = 6;
const pairWidth = 2 * pairDistance + 1;
const windowLengths = [2, 3, 4, 5];
const kindsOfMoves = 1 + pairWidth + windowLengths.length;

/**
 * Flips of one decision, then for each of them pairs (store one, unstore another nearby: the end of a kernel moves along a chain)
 * and windows (unstore several in a row: what streams through a kernel is unstored together, a product, the statistics of its
 * rows and the map of it).
 */
class Moves {
  readonly count: number;
  /** The decisions that each move is made from. */
  readonly near: readonly (readonly Decision[])[];

  constructor(decisions: readonly Decision[]) {
    const pairOffsets = Array.from({ length: pairWidth }, (_, i) => i - pairDistance);
    this.near = decisions.flatMap((decision, at) => [
      [decision],
      ...pairOffsets.map((offset) => [decision, ...decisions.slice(at + offset, at + offset + 1)]).map((pair, i) => (at + (pairOffsets[i] as number) >= 0 ? pair : [])),
      ...windowLengths.map((length) => decisions.slice(at, at + length)),
    ]);
    this.count = this.near.length;
  }

  /** The names that it flips; none: it is not possible from here. */
  names(move: number, stored: ReadonlySet<string>): readonly string[] {
    const kind = move % kindsOfMoves;
    const near = this.near[move] ?? [];
    const has = (decision: Decision | undefined): boolean => decision !== undefined && stored.has(decision[0] as string);
    if (kind === 0) return near.flat();
    if (kind <= pairWidth) return near[1] && has(near[0]) && !has(near[1]) ? near.flat() : [];
    const kept = near.filter(has);
    return kept.length > 1 ? kept.flat() : [];
  }
}

function flipped(stored: ReadonlySet<string>, names: readonly string[]): Set<string> {
  const next = new Set(stored);
  for (const name of names) if (!next.delete(name)) next.add(name);
  return next;
}

/** The best neighbour of a placement that is not legal, or itself when none is. */
function legalised(evaluator: PlacementEvaluator, moves: Moves, from: Candidate): Candidate {
  const baseline = new Baseline(evaluator, from.chosen);
  let best = from;
  for (let move = 0; move < moves.count; move++) {
    const names = moves.names(move, from.chosen);
    if (names.length === 0 || !baseline.changesIllegal(names)) continue;
    const chosen = flipped(from.chosen, names);
    best = cheaper({ chosen, found: evaluator.weigh(chosen) }, best);
  }
  return best;
}

/** `settled`: regions of a placement from which no move helped. cost: about twenty moves for each decision, and again for what each step changes */
export function descend(evaluator: PlacementEvaluator, from: Candidate, settled: ReadonlySet<Region>): Candidate {
  const moves = new Moves(evaluator.decisions);
  let best = "illegal" in from.found ? legalised(evaluator, moves, from) : from;
  if ("illegal" in best.found) return best;
  // What each move costs, at least or exactly; from a settled placement nothing helps but what has changed.
  const change = new Float64Array(moves.count).fill(Number.POSITIVE_INFINITY);
  const isExact = new Uint8Array(moves.count);
  let known = settled;
  for (;;) {
    const baseline = new Baseline(evaluator, best.chosen);
    const changed = baseline.changedSince(known);
    known = baseline.regions;
    for (let move = 0; move < moves.count; move++) {
      if (changed && !moves.near[move]?.some((decision) => decision.some((name) => changed.has(name)))) continue;
      const names = moves.names(move, best.chosen);
      change[move] = names.length === 0 ? Number.POSITIVE_INFINITY : baseline.atLeast(names);
      isExact[move] = 0;
    }
    const step = bestMove(baseline, moves, best, change, isExact);
    if (step === undefined) return best;
    const chosen = flipped(best.chosen, moves.names(step, best.chosen));
    const next = cheaper({ chosen, found: evaluator.weigh(chosen) }, best);
    if (next === best) return best;
    best = next;
  }
}

/** The move that gains most, found by making the most promising ones exact. */
function bestMove(baseline: Baseline, moves: Moves, { chosen }: Candidate, change: Float64Array, isExact: Uint8Array): number | undefined {
  for (;;) {
    let best = 0;
    for (let move = 1; move < moves.count; move++) if ((change[move] as number) < (change[best] as number)) best = move;
    if (!((change[best] ?? 0) < -least)) return undefined;
    if (isExact[best] === 1) return best;
    change[best] = baseline.exactly(moves.names(best, chosen), -least);
    isExact[best] = 1;
  }
}
