/** Gathers the region of a stored value: its body and the folds behind it, over the value's own ranges. */
import { type Expr, type Expressions, loadsOf } from "../folds/expression.ts";
import { bindBox, inlineMaps, substitute } from "../folds/inline.ts";
import type { Definition, Program } from "../folds/node.ts";
import { classifyRegion, classifyThread } from "./classify-region.ts";
import { classifyStream } from "./classify-stream.ts";
import { splitAxes } from "./split-axes.ts";
import { type Illegal, isIllegal, type Member, type Region, type RegionOutput, type Templates } from "./region.ts";

/** The region of the definitions `roots` (one, or several over boxes of equal extents), with `stored` in memory. */
export function buildRegion(e: Expressions, program: Program, byName: ReadonlyMap<string, Definition>, stored: Pick<ReadonlySet<string>, "has">, roots: readonly Definition[], templates: Templates, rescales = true): Region | Illegal {
  const isRoot = new Set(roots.map((root) => root.name));
  const memo = new Map<Expr, Expr>();
  const maps = new Map<string, Definition | undefined>();
  const mapOf = (name: string): Definition | undefined => {
    if (!maps.has(name)) maps.set(name, stored.has(name) && !isRoot.has(name) ? undefined : byName.get(name));
    return maps.get(name);
  };
  const inlined = (body: Expr): Expr => inlineMaps(e, body, mapOf, memo);
  const members = new Map<string, Member>();
  /** Folds that are read at more than one index: only a product may be, by the folds over its own rows. */
  const scattered = new Set<string>();
  let illegal: string | undefined;
  const inside = (name: string): Definition | undefined => {
    const definition = byName.get(name);
    return definition?.fold && (!stored.has(name) || isRoot.has(name)) ? definition : undefined;
  };
  // Breadth first: a product that is read both by the root and by folds over its row is placed by the root's reading.
  const gather = (bodies: readonly Expr[]): void => {
    const found: Expr[] = [];
    for (const load of bodies.flatMap(loadsOf)) {
      const definition = inside(load.source);
      if (!definition) continue;
      const known = members.get(definition.name);
      if (known) {
        if (!sameIndices(known.at, load.indices)) scattered.add(definition.name);
        continue;
      }
      if (!load.indices.every(isPlain)) illegal ??= `${definition.name} is read at a computed index`;
      // Bound first: what is inlined then is what other regions over the same ranges inline as well.
      const member: Member = { definition, body: inlined(substitute(e, definition.body, bindBox(definition, load.indices))), ranges: definition.fold?.ranges ?? [], at: load.indices };
      members.set(definition.name, member);
      found.push(member.body);
    }
    if (found.length > 0) gather(found);
  };
  const outputs: RegionOutput[] = [];
  for (const root of roots) {
    const first = roots[0] as Definition;
    const at = root.box.map((range, axis) => e.index(root === first ? range : (first.box[axis] ?? range)));
    const body = root.fold ? e.load(root.name, at, root.dtype) : inlined(substitute(e, root.body, bindBox(root, at)));
    const boxed = roots.length === 1 && !root.fold ? splitAxes(e, { box: first.box, body }, (name) => inside(name) !== undefined) : { box: first.box, body };
    gather([boxed.body]);
    outputs.push({ definition: root, ...boxed });
  }
  if (illegal) return { illegal };
  const order = program.definitions.flatMap((definition) => members.get(definition.name) ?? []);
  const many = order.filter((member) => scattered.has(member.definition.name));
  if (templates === "thread" && !many[0]) return classifyThread(outputs, order);
  if (order.length === 0) return { template: "elementwise", outputs };
  const stream = templates === "workgroup" && order.length > 1 ? classifyStream(e, outputs, order) : undefined;
  // Moving a maximum along is another formula for the same number.
  const ofStream = stream && new Set([stream.definition, stream.scores.definition]);
  if (stream && (rescales || !stream.shift) && many.every((member) => ofStream?.has(member.definition))) return stream;
  const region: Region | Illegal = templates === "thread" ? { illegal: "" } : classifyRegion(e, outputs, order);
  const misplaced = many.find((member) => isIllegal(region) || region.template !== "contraction" || region.definition !== member.definition);
  return misplaced && (templates === "thread" || !isIllegal(region)) ? { illegal: `${misplaced.definition.name} is read at two places of its box` } : region;
}

const isPlain = (index: Expr): boolean => index.kind === "index" || (index.kind === "const" && index.value === 0);

const sameIndices = (a: readonly Expr[], b: readonly Expr[]): boolean => a.every((index, axis) => index === b[axis]);

