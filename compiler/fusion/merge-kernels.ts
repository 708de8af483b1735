/**
 * R5, several outputs: two kernels of a placement become one when their outputs have equal boxes and one reads what the other
 * makes, or both read the same values. What is stored is then computed where it is needed as well. Flow: place.ts -> here.
 */
import type { Legal, PlacedRegion, PlacementEvaluator } from "./evaluate-placement.ts";
import { tensorsRead } from "./cost.ts";

/** The placement with kernels merged wherever that is cheaper, best first. cost: linear in the kernels, times the merges. */
export function mergeKernels(evaluator: PlacementEvaluator, placement: Legal): Legal {
  let regions = placement.regions;
  let microseconds = placement.microseconds;
  for (let merged = bestMerge(evaluator, regions, placement.stored); merged; merged = bestMerge(evaluator, regions, placement.stored)) {
    const { into, from, region, gain } = merged;
    regions = evaluator.inOrder(regions.flatMap((placed) => (placed === into ? [region] : placed === from ? [] : [placed])));
    microseconds -= gain;
  }
  return { ...placement, regions, microseconds };
}

interface Merge {
  readonly into: PlacedRegion;
  readonly from: PlacedRegion;
  readonly region: PlacedRegion;
  /** unit: microseconds */
  readonly gain: number;
}

function bestMerge(evaluator: PlacementEvaluator, regions: readonly PlacedRegion[], stored: ReadonlySet<string>): Merge | undefined {
  const running = regions.filter((placed) => placed.phase === "run");
  const readsOf = new Map(running.map((placed) => [placed, tensorsRead(placed.region)]));
  const makerOf = new Map(running.flatMap((placed) => placed.roots.map((root) => [root, placed] as const)));
  const readersOf = new Map<string, PlacedRegion[]>();
  for (const [placed, reads] of readsOf) for (const read of reads) readersOf.set(read, [...(readersOf.get(read) ?? []), placed]);
  let best: Merge | undefined;
  const tried = new Set<string>();
  for (const placed of running) {
    const reads = readsOf.get(placed) as Set<string>;
    const near = new Set([...reads].flatMap((read) => [...(evaluator.isParameterOnly(read) ? [] : (readersOf.get(read) ?? [])), ...(makerOf.has(read) ? [makerOf.get(read) as PlacedRegion] : [])]));
    for (const other of near) {
      const [a, b] = running.indexOf(other) < running.indexOf(placed) ? [other, placed] : [placed, other];
      const key = `${running.indexOf(a)},${running.indexOf(b)}`;
      if (a === b || tried.has(key)) continue;
      tried.add(key);
      if (!evaluator.sameBoxes(a.roots, b.roots) || between(a, b, readsOf, makerOf)) continue;
      const region = evaluator.priced([...a.roots, ...b.roots], stored);
      if (!region) continue;
      const gain = a.cost.microseconds + b.cost.microseconds - region.cost.microseconds;
      if (gain > (best?.gain ?? 1e-9)) best = { into: a, from: b, region, gain };
    }
  }
  return best;
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
