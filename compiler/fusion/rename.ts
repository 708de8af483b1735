/**
 * The fusion of one segment told for another of equal structure: every name is replaced, nothing else. Flow: segments.ts ->
 * fuse-segment.ts once -> here for each further one.
 */
import { type Expr, type Expressions, rewrite } from "../folds/expression.ts";
import type { Definition, Program } from "../folds/node.ts";
import type { Origin } from "../ir/node.ts";
import type { PlacedRegion } from "./evaluate-placement.ts";
import type { Placement } from "./place.ts";
import type { Member, Region, RegionOutput } from "./region.ts";
import type { Application } from "./rules/rule.ts";

export interface Renaming {
  name(before: string): string;
  definition(before: Definition): Definition;
  placement(before: Placement): Placement;
  application(before: Application): Application;
}

/** `from` and `to`: names of two segments in the order of their structure. `originOf`: by new name of a definition in the source. */
export function renaming(e: Expressions, from: readonly string[], to: readonly string[], originOf: (name: string) => Origin | undefined): Renaming {
  const names = new Map(from.map((name, i) => [name, to[i] ?? name]));
  const name = (before: string): string => {
    // A rule names what it makes after what it made it from: `a.weight` of `a`.
    for (let end = before.length; end > 0; end = before.lastIndexOf(".", end - 1)) {
      const known = names.get(before.slice(0, end));
      if (known !== undefined) return known + before.slice(end);
    }
    return before;
  };
  const origin = (of: string): Origin | undefined => {
    for (let end = of.length; end > 0; end = of.lastIndexOf(".", end - 1)) {
      const known = originOf(of.slice(0, end));
      if (known !== undefined) return known;
    }
    return undefined;
  };
  const memo = new Map<Expr, Expr>();
  const expr = (before: Expr): Expr => rewrite(e, before, (node) => (node.kind === "load" ? e.load(name(node.source), node.indices, node.dtype) : undefined), memo);
  const definitions = new Map<Definition, Definition>();
  const definition = (before: Definition): Definition => {
    const known = definitions.get(before);
    if (known) return known;
    const own = name(before.name);
    const made: Definition = {
      ...before, name: own, body: expr(before.body), origin: origin(own) ?? before.origin,
      ...(before.partial ? { partial: { product: name(before.partial.product), width: before.partial.width, element: expr(before.partial.element) } } : {}),
    };
    definitions.set(before, made);
    return made;
  };
  const member = <M extends Member>(before: M): M => ({ ...before, definition: definition(before.definition), body: expr(before.body) });
  const output = (before: RegionOutput): RegionOutput => ({ ...before, definition: definition(before.definition), body: expr(before.body) });
  const region = (before: Region): Region => {
    const outputs = before.outputs.map(output);
    switch (before.template) {
      case "elementwise":
        return { ...before, outputs };
      case "rows":
      case "thread":
        return { ...before, outputs, folds: before.folds.map(member) };
      case "contraction":
        return {
          ...before, outputs, definition: definition(before.definition), shape: { ...before.shape, left: expr(before.shape.left), right: expr(before.shape.right) },
          siblings: before.siblings.map((sibling) => ({ definition: definition(sibling.definition), right: expr(sibling.right) })),
          prologue: before.prologue.map(member), ride: before.ride.map(member), epilogue: before.epilogue.map(member),
          partials: before.partials.map((partial) => ({ ...partial, definition: definition(partial.definition), element: expr(partial.element) })),
        };
      case "stream":
        return {
          ...before, outputs, definition: definition(before.definition), shape: { ...before.shape, left: expr(before.shape.left), right: expr(before.shape.right) },
          scores: { definition: definition(before.scores.definition), shape: { ...before.scores.shape, left: expr(before.scores.shape.left), right: expr(before.scores.shape.right) } },
          prologue: before.prologue.map(member), shift: before.shift && member(before.shift), folds: before.folds.map(member), epilogue: before.epilogue.map(member), finish: expr(before.finish),
        };
      case "sequence":
        // Recurrences are planned one by one: no segment of theirs has a twin.
        return before;
      default:
        return before satisfies never;
    }
  };
  const program = (before: Program): Program => ({
    ...before, sources: before.sources.map((source) => ({ ...source, name: name(source.name) })), definitions: before.definitions.map(definition),
    outputs: before.outputs.map((each) => ({ ...each, name: name(each.name), definition: name(each.definition) })),
  });
  const placed = (before: PlacedRegion): PlacedRegion => ({ ...before, roots: before.roots.map(name), reads: before.reads.map(name), region: region(before.region), twin: { of: before.twin?.of ?? before, name } });
  return {
    name, definition,
    placement: (before) => ({
      program: program(before.program), regions: before.regions.map(placed), stored: new Set([...before.stored].map(name)), microseconds: before.microseconds,
      reasons: new Map([...before.reasons].map(([value, reason]) => [name(value), reason])),
    }),
    application: (before) => ({ ...before, subjects: before.subjects.map(name) }),
  };
}
