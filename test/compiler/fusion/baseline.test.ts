/** Moves weighed from a placement: against the price of the whole placement before and after, on random programs. */
import { describe, expect, it } from "vitest";
import { Expressions } from "../../../compiler/folds/expression.ts";
import { inlineProgram } from "../../../compiler/folds/inline.ts";
import { lowerToFolds } from "../../../compiler/folds/lower.ts";
import { Baseline } from "../../../compiler/fusion/baseline.ts";
import { candidateMaps } from "../../../compiler/fusion/candidates.ts";
import { descend } from "../../../compiler/fusion/descend.ts";
import { PlacementEvaluator } from "../../../compiler/fusion/evaluate-placement.ts";
import { outlineWide } from "../../../compiler/fusion/outline.ts";
import { RegionPrices } from "../../../compiler/fusion/region-prices.ts";
import { recentre } from "../../../compiler/fusion/rules/projection.ts";
import type { TensorFunction } from "../../../compiler/ir/node.ts";
import { target as makeTarget } from "../../../compiler/target.ts";
import { randomText } from "../../bench-compile/programs.ts";
import { modelOf, placing } from "../../support/fold-programs.ts";
import { numberGenerator, randomProgram } from "../../support/random-programs.ts";

function evaluatorOf(fn: TensorFunction, preset: "gpu" | "software"): PlacementEvaluator {
  const e = new Expressions();
  const lowered = lowerToFolds(fn, e);
  const keep = candidateMaps(e, lowered);
  const target = makeTarget("wgsl", preset);
  const program = outlineWide(e, recentre(e, inlineProgram(e, lowered, (definition) => keep.has(definition.name))).program, target.limits.storageBuffers);
  return new PlacementEvaluator(program, placing(e, program, target), new RegionPrices());
}

const flipped = (stored: ReadonlySet<string>, names: readonly string[]): Set<string> => new Set([...stored, ...names].filter((name) => !(stored.has(name) && names.includes(name))));

const priceOf = (evaluator: PlacementEvaluator, stored: ReadonlySet<string>): number => {
  const found = evaluator.weigh(stored);
  return "illegal" in found ? Number.POSITIVE_INFINITY : found.microseconds;
};

describe("Baseline", () => {
  it("tells exactly what a move does to the whole plan, and before building anything at most that", { timeout: 120_000 }, () => {
    let [compared, illegal] = [0, 0];
    for (let seed = 0; seed < 60; seed++) {
      const fn = seed % 3 === 0 ? modelOf(randomText(12, seed)) : randomProgram(seed, { wide: seed % 2 === 0 }).fn;
      const [evaluator, again] = [evaluatorOf(fn, seed % 2 === 0 ? "gpu" : "software"), evaluatorOf(fn, seed % 2 === 0 ? "gpu" : "software")];
      const random = numberGenerator(seed);
      const { decisions } = evaluator;
      for (let turn = 0; decisions.length > 0 && turn < 20; turn++) {
        const chosen = new Set(decisions.filter(() => random(3) > 0).flat());
        const before = priceOf(evaluator, chosen);
        if (before === Number.POSITIVE_INFINITY) continue;
        const names = [...new Set(Array.from({ length: 1 + random(3) }, () => decisions[random(decisions.length)] ?? []))].flat();
        const baseline = new Baseline(evaluator, chosen);
        const [atLeast, exactly, limited] = [baseline.atLeast(names), baseline.exactly(names, Number.POSITIVE_INFINITY), baseline.exactly(names, 0)];
        const change = priceOf(again, flipped(chosen, names)) - before;
        compared++;
        if (change === Number.POSITIVE_INFINITY) illegal++;
        expect(atLeast, `seed ${seed}, at least`).toBeLessThanOrEqual(change + 1e-6);
        if (change === Number.POSITIVE_INFINITY) expect(exactly, `seed ${seed}`).toBe(change);
        else expect(exactly, `seed ${seed}`).toBeCloseTo(change, 6);
        if (Math.abs(change) > 1e-6) expect(limited < 0, `seed ${seed}, below nothing`).toBe(change < 0);
      }
    }
    expect(compared).toBeGreaterThan(400);
    expect(illegal).toBeGreaterThan(20);
  });

  it("names every value whose moves have another outcome after a step", () => {
    const evaluator = evaluatorOf(modelOf(randomText(16, 5)), "gpu");
    const { decisions } = evaluator;
    const everything = new Set(decisions.flat());
    evaluator.weigh(everything);
    const before = new Baseline(evaluator, everything);
    let compared = 0;
    const known = decisions.map((names) => before.exactly(names, Number.POSITIVE_INFINITY));
    for (const step of decisions) {
      evaluator.weigh(flipped(everything, step));
      const after = new Baseline(evaluator, flipped(everything, step));
      const changed = after.changedSince(before.regions);
      if (!after.isLegal || !changed) continue;
      decisions.forEach((names, i) => {
        if (names.some((name) => changed.has(name))) return;
        compared++;
        const now = after.exactly(names, Number.POSITIVE_INFINITY);
        if (now !== known[i]) expect(now, `${names} after ${step}`).toBeCloseTo(known[i] ?? Number.NaN, 6);
      });
    }
    expect(compared).toBeGreaterThan(30);
  });
});

describe("descend", () => {
  it("ends where no single decision helps", () => {
    for (const seed of [1, 2, 3, 4]) {
      const evaluator = evaluatorOf(modelOf(randomText(16, seed)), seed % 2 === 0 ? "gpu" : "software");
      const everything = new Set(evaluator.decisions.flat());
      const { chosen, found } = descend(evaluator, { chosen: everything, found: evaluator.weigh(everything) }, new Set());
      const best = "illegal" in found ? Number.NaN : found.microseconds;
      expect(best).toBeLessThan(priceOf(evaluator, everything));
      for (const names of evaluator.decisions) expect(priceOf(evaluator, flipped(chosen, names)), `seed ${seed}, ${names}`).toBeGreaterThanOrEqual(best - 1e-6);
    }
  });
});
