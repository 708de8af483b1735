/**
 * One-way matching of argument shapes against a signature: finds what each extent name and `...` stand for. Bare names
 * bind first, computed extents such as `4*H` are solved when one name is left in them, and everything is compared at the end.
 */
import {
  addExtents, constantExtent, divideExtents, type Extent, extentNames, extentValue, multiplyExtents, sameExtent, substituteExtent, subtractExtents, symbolExtent,
} from "../ir/extent.ts";
import type { TensorType } from "../ir/types.ts";
import type { Division } from "./assumptions.ts";
import type { Pattern } from "./pattern.ts";

export interface Solution {
  readonly extents: Map<string, Extent>;
  lead: readonly Extent[] | undefined;
}

export interface Match {
  readonly pattern: Pattern;
  readonly type: TensorType;
}

/** Axis of the argument that clashes, and what was wanted there; or a clash of rank or dtype as a whole. */
export interface Clash {
  readonly match: Match;
  readonly axis: number | undefined;
  readonly wanted: Extent | undefined;
}

/**
 * Solves for `names`. `solution` may hold extents given explicitly; it is extended in place.
 * `divisions` gets the quotients that would have to be exact for a name to be solved for.
 * Scalars are left out by the caller: they take any shape. Returns the first clash, if any.
 */
export function solve(matches: readonly Match[], names: readonly string[], solution: Solution, divisions: Division[] = []): Clash | undefined {
  for (const match of matches) {
    const { pattern, type } = match;
    const rank = type.shape.length;
    if (pattern.dtype !== type.dtype || rank < pattern.extents.length || (!pattern.lead && rank !== pattern.extents.length)) return { match, axis: undefined, wanted: undefined };
  }
  const open = new Set(names.filter((name) => !solution.extents.has(name)));
  const equations = matches.flatMap((match) => {
    const skip = match.type.shape.length - match.pattern.extents.length;
    return match.pattern.extents.map((pattern, i) => ({ pattern, actual: match.type.shape[i + skip] ?? constantExtent(1), match, axis: i + skip }));
  });
  for (const { pattern, actual } of equations)
    if (open.has(pattern.key)) {
      solution.extents.set(pattern.key, actual);
      open.delete(pattern.key);
    }
  for (let progress = true; progress && open.size > 0; ) {
    progress = false;
    for (const { pattern, actual } of equations) {
      const unknown = extentNames(pattern).filter((name) => open.has(name));
      const [name] = unknown;
      if (unknown.length !== 1 || name === undefined) continue;
      const value = solveFor(name, pattern, actual, solution.extents, divisions);
      if (!value) continue;
      solution.extents.set(name, value);
      open.delete(name);
      progress = true;
    }
  }
  for (const match of matches) {
    const { pattern, type } = match;
    if (!pattern.lead) continue;
    const lead = type.shape.slice(0, type.shape.length - pattern.extents.length);
    if (solution.lead === undefined) solution.lead = lead;
    else if (solution.lead.length !== lead.length) return { match, axis: undefined, wanted: undefined };
    const wanted = solution.lead;
    const axis = lead.findIndex((extent, i) => !sameExtent(extent, wanted[i] ?? extent));
    if (axis >= 0) return { match, axis, wanted: wanted[axis] };
  }
  for (const { pattern, actual, match, axis } of equations) {
    if (extentNames(pattern).some((name) => open.has(name))) continue;
    const wanted = substituteExtent(pattern, solution.extents);
    if (!sameExtent(wanted, actual)) return { match, axis, wanted };
  }
  return undefined;
}

/** Solves a pattern that is linear in `name`: slope * name + rest = actual. A name inside a floor quotient is not solved for. */
function solveFor(name: string, pattern: Extent, actual: Extent, known: ReadonlyMap<string, Extent>, divisions: Division[]): Extent | undefined {
  // A stand-in keeps the callee's name apart from an equal name in the argument's extents.
  const unknown = "?unknown";
  const own = substituteExtent(pattern, new Map([...known, [name, symbolExtent(unknown)]]));
  const at = (value: Extent): Extent => substituteExtent(own, new Map([[unknown, value]]));
  const rest = at(constantExtent(0));
  const slope = subtractExtents(at(constantExtent(1)), rest);
  if (extentValue(slope) === 0) return undefined;
  const linear = addExtents(rest, multiplyExtents(slope, symbolExtent(unknown)));
  if (!sameExtent(linear, own)) return undefined;
  const value = divideExtents(subtractExtents(actual, rest), slope);
  if (sameExtent(at(value), actual)) return value;
  divisions.push({ numerator: subtractExtents(actual, rest), denominator: slope });
  return undefined;
}

/** The pattern as a type under a solution; undefined while a name or `...` in it is unknown. */
export function instantiate(pattern: Pattern, solution: Solution, names: readonly string[]): TensorType | undefined {
  const open = names.filter((name) => !solution.extents.has(name));
  if (pattern.lead && solution.lead === undefined) return undefined;
  if (pattern.extents.some((extent) => extentNames(extent).some((name) => open.includes(name)))) return undefined;
  const own = pattern.extents.map((extent) => substituteExtent(extent, solution.extents));
  return { dtype: pattern.dtype, shape: [...(pattern.lead ? (solution.lead ?? []) : []), ...own] };
}
