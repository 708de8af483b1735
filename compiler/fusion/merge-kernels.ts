/**
 * R5, several outputs: two kernels of a placement become one when their outputs have equal boxes and one reads what the other
 * makes, or both read the same values. What is stored is then computed where it is needed as well. Flow: place.ts -> here.
 */
import type { Legal, PlacedRegion, PlacementEvaluator } from "./evaluate-placement.ts";
import { tensorsRead } from "./cost.ts";
import type { Memory } from "./memory.ts";

/** The placement with kernels merged wherever that is cheaper, best first. cost: quadratic in the kernels of a segment, with few regions built */
export function mergeKernels(evaluator: PlacementEvaluator, placement: Legal): Legal {
  const merging = new Merging(evaluator, placement);
  let microseconds = placement.microseconds;
  for (let best = merging.best(); best; best = merging.best()) {
    merging.merge(best);
    microseconds -= best.gain;
  }
  return { ...placement, regions: merging.regions, microseconds };
}

/** Gains below this are rounding. unit: microseconds */
const least = 1e-9;

interface Pair {
  readonly into: PlacedRegion;
  readonly from: PlacedRegion;
  /** At most, until `region` is known. unit: microseconds */
  gain: number;
  region?: PlacedRegion;
}

class Merging {
  regions: readonly PlacedRegion[];
  readonly #evaluator: PlacementEvaluator;
  readonly #stored: Memory;
  readonly #readsOf = new Map<PlacedRegion, ReadonlySet<string>>();
  readonly #makerOf = new Map<string, PlacedRegion>();
  readonly #readersOf = new Map<string, PlacedRegion[]>();
  #pairs: Pair[] = [];

  constructor(evaluator: PlacementEvaluator, placement: Legal) {
    this.#evaluator = evaluator;
    this.#stored = evaluator.inMemory(placement.stored);
    this.regions = placement.regions;
    const running = placement.regions.filter((placed) => placed.phase === "run");
    for (const placed of running) this.#enter(placed);
    const seen = new Set<PlacedRegion>();
    for (const placed of running) {
      seen.add(placed);
      this.#pairUp(placed, seen);
    }
  }

  /** The pair that gains most, made exact where it looks best. */
  best(): Required<Pair> | undefined {
    for (;;) {
      let best: Pair | undefined;
      for (const pair of this.#pairs) if (pair.gain > (best?.gain ?? least)) best = pair;
      if (!best) return undefined;
      const { into, from, region } = best;
      if (region) {
        if (!between(into, from, this.#readsOf, this.#makerOf)) return { into, from, region, gain: best.gain };
        // It stays so until one of the two is merged with what lies between.
        best.gain = 0;
        continue;
      }
      const priced = this.#evaluator.priced([...into.roots, ...from.roots], this.#stored);
      best.gain = priced ? into.cost.microseconds + from.cost.microseconds - priced.cost.microseconds : 0;
      if (priced) best.region = priced;
    }
  }

  merge({ into, from, region }: Required<Pair>): void {
    this.regions = this.#evaluator.inOrder(this.regions.flatMap((placed) => (placed === into ? [region] : placed === from ? [] : [placed])));
    this.#pairs = this.#pairs.filter((pair) => pair.gain > least && ![pair.into, pair.from].some((placed) => placed === into || placed === from));
    for (const placed of [into, from]) {
      for (const read of this.#readsOf.get(placed) ?? []) this.#readersOf.set(read, (this.#readersOf.get(read) ?? []).filter((each) => each !== placed));
      this.#readsOf.delete(placed);
    }
    this.#enter(region);
    this.#pairUp(region, undefined);
  }

  #enter(placed: PlacedRegion): void {
    const reads = tensorsRead(placed.region);
    this.#readsOf.set(placed, reads);
    for (const root of placed.roots) this.#makerOf.set(root, placed);
    for (const read of reads) {
      const known = this.#readersOf.get(read);
      if (known) known.push(placed);
      else this.#readersOf.set(read, [placed]);
    }
  }

  /** Pairs with kernels that read the same data, or of which one reads what the other makes; among `others`, when given. */
  #pairUp(placed: PlacedRegion, others: ReadonlySet<PlacedRegion> | undefined): void {
    const evaluator = this.#evaluator;
    const near = new Set<PlacedRegion>(placed.roots.flatMap((root) => this.#readersOf.get(root) ?? []));
    for (const read of this.#readsOf.get(placed) ?? []) {
      const maker = this.#makerOf.get(read);
      if (maker) near.add(maker);
      if (!evaluator.isParameterOnly(read)) for (const reader of this.#readersOf.get(read) ?? []) near.add(reader);
    }
    near.delete(placed);
    for (const other of near) {
      if ((others && !others.has(other)) || !evaluator.sameBoxes(other.roots, placed.roots)) continue;
      const [into, from] = this.regions.indexOf(other) < this.regions.indexOf(placed) ? [other, placed] : [placed, other];
      const gain = into.cost.microseconds + from.cost.microseconds - evaluator.quote([...into.roots, ...from.roots], this.#stored).atLeast;
      if (gain > least) this.#pairs.push({ into, from, gain });
    }
  }
}

/** Is there a kernel that needs `a` and is needed by `b`? Merged, they would wait for it and it for them. */
function between(a: PlacedRegion, b: PlacedRegion, readsOf: ReadonlyMap<PlacedRegion, ReadonlySet<string>>, makerOf: ReadonlyMap<string, PlacedRegion>): boolean {
  const seen = new Set<PlacedRegion>();
  const reaches = (from: PlacedRegion): boolean => {
    if (seen.has(from)) return false;
    seen.add(from);
    return [...(readsOf.get(from) ?? [])].some((read) => {
      const maker = makerOf.get(read);
      return maker !== undefined && (maker === a || reaches(maker));
    });
  };
  return [...(readsOf.get(b) ?? [])].some((read) => {
    const maker = makerOf.get(read);
    return maker !== undefined && maker !== a && maker !== b && reaches(maker);
  });
}
