/**
 * What a body is believed to rely on when it is checked on its own, with its extents as names: that quotients are exact, that a
 * length has a number, that the other side of an `if` is meant. Bodies leave notes here while they are walked; check.ts
 * walks a body that has errors again under each assumption that they call for.
 */
import { constantExtent, type Extent, extentNames, multiplyExtents, symbolExtent } from "../ir/extent.ts";
import type { TensorNode } from "../ir/node.ts";
import { topologicalOrder } from "../ir/traverse.ts";
import type { Value } from "./values.ts";

export interface Division {
  readonly numerator: Extent;
  readonly denominator: Extent;
}

export interface Notes {
  /** Quotients of extents that did not divide exactly as symbols. */
  divisions: Division[];
  /** Names whose number was asked for, as the stride of a window is. */
  numbers: Set<string>;
  /** An `if` was met whose condition depends on names. */
  undecided: boolean;
}

export const newNotes = (): Notes => ({ divisions: [], numbers: new Set(), undecided: false });

/** Under what a body is walked. `otherwise`: the value of an undecided `if` is that of its other side. */
export interface Assumed {
  readonly extents: ReadonlyMap<string, Extent>;
  readonly otherwise: boolean;
  /** Quotients that are taken to be exact, as `D/H`. */
  readonly exact: ReadonlySet<string>;
}

export const noAssumption = (extents: ReadonlyMap<string, Extent>): Assumed => ({ extents, otherwise: false, exact: new Set() });

/** What to walk a body with next that left these notes and has errors; undefined where nothing is left to assume. */
export const assumeMore = (assumed: Assumed, notes: Notes): Assumed | undefined =>
  assumeNumbers(assumed, notes) ?? assumeExact(assumed, notes) ?? (notes.undecided && !assumed.otherwise ? { ...assumed, otherwise: true } : undefined);

/** One suits windows, strides and counts alike: everything fits and everything divides. */
function assumeNumbers(assumed: Assumed, { numbers }: Notes): Assumed | undefined {
  const wanted = [...numbers].filter((name) => assumed.extents.has(name));
  return wanted.length === 0 ? undefined : { ...assumed, extents: new Map([...assumed.extents, ...wanted.map((name) => [name, constantExtent(1)] as const)]) };
}

const exactLimit = 8;

/** `D` in `D/H` becomes `H*D_per_H`. */
function assumeExact(assumed: Assumed, { divisions }: Notes): Assumed | undefined {
  const extents = new Map(assumed.extents);
  const done = new Set(assumed.exact);
  for (const { numerator, denominator } of divisions) {
    const held = extentNames(denominator);
    const name = extentNames(numerator).find((candidate) => assumed.extents.has(candidate) && !held.includes(candidate));
    const before = name === undefined ? undefined : extents.get(name);
    const key = `${name}/${denominator.key}`;
    if (name === undefined || !before || done.has(key) || done.size > exactLimit) continue;
    done.add(key);
    // The rest keeps one name, however many quotients the extent has: D = H * G * rest.
    const factors = before.key === name ? symbolExtent(`${name}_per_${denominator.key.replace(/\W+/g, "_")}`) : before;
    extents.set(name, multiplyExtents(factors, denominator));
  }
  return done.size > assumed.exact.size ? { ...assumed, extents, exact: done } : undefined;
}

/** The extents without a number that a value is computed from; empty when it depends on data, or has a number already. */
export function openExtents(value: Value): string[] {
  switch (value.kind) {
    case "extent":
      return extentNames(value.extent);
    case "list":
    case "tuple":
      return [...new Set(value.items.flatMap(openExtents))];
    case "tensor":
      return namesBehind(value.node);
    default:
      return [];
  }
}

/** Nothing when data is among the operands. */
function namesBehind(root: TensorNode): string[] {
  const names = new Set<string>();
  for (const node of topologicalOrder([root])) {
    if (node.op === "extent") for (const name of extentNames(node.attributes["extent"] as Extent)) names.add(name);
    else if (node.inputs.length === 0 && node.op !== "constant") return [];
  }
  return [...names];
}
