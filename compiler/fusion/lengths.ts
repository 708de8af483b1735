/** Lengths as the cost model counts them: names that the host binds later have an assumed one. Used by cost.ts. */
import type { Range } from "../folds/expression.ts";
import { type Bindings, bindExtent, type Extent, extentNames, extentValue, productOfExtents } from "../ir/extent.ts";

interface Assumptions {
  readonly assume: Bindings;
}

/** Of a name that nothing is assumed of. */
const assumedLength = 64;

/** Lengths by the extents' keys, for each set of assumptions. */
const lengths = new WeakMap<Bindings, Map<string, number>>();

/** Elements of a box. */
export function lengthOf({ assume }: Assumptions, extents: readonly Extent[]): number {
  const known = lengths.get(assume) ?? new Map<string, number>();
  lengths.set(assume, known);
  const key = extents.map((extent) => extent.key).join(",");
  const length = known.get(key) ?? assumedLengthOf(assume, productOfExtents(extents));
  known.set(key, length);
  return length;
}

function assumedLengthOf(assume: Bindings, product: Extent): number {
  const names = Object.fromEntries(extentNames(product).map((name) => [name, assume[name] ?? assumedLength]));
  return extentValue(bindExtent(product, names)) ?? assumedLength;
}

export const lengthOfRanges = (context: Assumptions, ranges: readonly Range[]): number => lengthOf(context, ranges.map((range) => range.extent));

/** Length of ranges with names that the host binds, where something is assumed of each. */
export const likelyLength = (context: Assumptions, ranges: readonly Range[]): number | undefined =>
  ranges.every((range) => extentNames(range.extent).every((name) => context.assume[name] !== undefined)) ? lengthOfRanges(context, ranges) : undefined;
