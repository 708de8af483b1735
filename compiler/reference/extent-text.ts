/** Extents in the emitted reference: as JavaScript expressions, and the statements that find their names from host shapes. */
import { InternalError } from "../errors.ts";
import { type Extent, type ExtentTree, extentTree } from "../ir/extent.ts";
import { atom } from "../ops/javascript.ts";

/** Quotients round down. `names`: variable of each extent name. */
export function extentText(tree: ExtentTree, names: ReadonlyMap<string, string>): string {
  if (typeof tree === "number") return String(tree);
  if (typeof tree === "string") {
    const name = names.get(tree);
    if (name === undefined) throw new InternalError("emit-reference", `extent '${tree}' is not declared`);
    return name;
  }
  const [left, right] = [extentText(tree[1], names), extentText(tree[2], names)];
  if (tree[0] === "/") return `Math.floor(${atom(left)} / ${atom(right)})`;
  return tree[0] === "*" ? `${atom(left)} * ${atom(right)}` : `${left} + ${right}`;
}

/** An axis of a host tensor: its declared extent, and the text that reads its actual one. */
export interface HostAxis {
  readonly extent: Extent;
  readonly text: string;
}

/** One `const` for each name: from an axis that is the bare name if there is one, else from an axis solved for it. */
export function extentStatements(axes: readonly HostAxis[], names: ReadonlyMap<string, string>): string[] {
  const known = new Map<string, string>();
  const lines: string[] = [];
  const bind = (found: { readonly name: string; readonly text: string } | undefined): boolean => {
    const variable = found && !known.has(found.name) ? names.get(found.name) : undefined;
    if (!found || variable === undefined) return false;
    known.set(found.name, variable);
    lines.push(`const ${variable} = ${found.text};`);
    return true;
  };
  const trees = axes.map(({ extent, text }) => ({ tree: extentTree(extent), text }));
  for (const { tree, text } of trees) if (typeof tree === "string") bind({ name: tree, text });
  for (let changed = true; changed; ) {
    changed = false;
    for (const { tree, text } of trees) changed = bind(solve(tree, text, known)) || changed;
  }
  for (const name of names.keys()) if (!known.has(name)) lines.push(`throw new Error(${JSON.stringify(`extent '${name}' does not follow from the shapes of the inputs and parameters`)});`);
  return lines;
}

const isKnown = (tree: ExtentTree, known: ReadonlyMap<string, string>): boolean =>
  typeof tree === "number" || (typeof tree === "string" ? known.has(tree) : isKnown(tree[1], known) && isKnown(tree[2], known));

/** The one unknown name in `tree`, and its value where the tree is worth `text`. */
function solve(tree: ExtentTree, text: string, known: ReadonlyMap<string, string>): { readonly name: string; readonly text: string } | undefined {
  if (typeof tree === "number") return undefined;
  if (typeof tree === "string") return known.has(tree) ? undefined : { name: tree, text };
  const [operator, left, right] = tree;
  const [unknown, other] = isKnown(right, known) ? [left, right] : isKnown(left, known) ? [right, left] : [undefined, undefined];
  if (unknown === undefined || operator === "/") return undefined;
  return solve(unknown, `${operator === "+" ? text : atom(text)} ${operator === "+" ? "-" : "/"} ${atom(extentText(other, known))}`, known);
}
