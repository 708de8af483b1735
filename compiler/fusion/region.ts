/**
 * Regions: what one kernel computes. Given the set of definitions that go to memory, every one of them has a region: the
 * definition, and the folds that it needs and that are not in memory. A region is legal when it fits one of the
 * templates; the roles of its folds (prologue, ride, epilogue) say how each is owned.
 */
import { type Expr, type Expressions, loadsOf, type Range, rangesOf } from "../folds/expression.ts";
import { bindBox, inlineMaps, substitute } from "../folds/inline.ts";
import type { Definition, Program } from "../folds/node.ts";
import { extentValue, sameExtent } from "../ir/extent.ts";
import { type ContractionShape, contractionShape } from "./contraction-shape.ts";

/** A fold inside a region, its box substituted by the region's ranges. */
export interface Member {
  readonly definition: Definition;
  /** Over the region's ranges and `ranges`. */
  readonly body: Expr;
  readonly ranges: readonly Range[];
  /** Index of the value at its place of use, over the region's ranges. */
  readonly at: readonly Expr[];
}

export interface RegionOutput {
  readonly definition: Definition;
  /** What is stored at each element of `box`; a member's own value when the output is a fold. */
  readonly body: Expr;
  readonly box: readonly Range[];
}

interface RegionBase {
  readonly outputs: readonly RegionOutput[];
}

export interface ElementwiseRegion extends RegionBase {
  readonly template: "elementwise";
}

/** Rows owned by one workgroup: folds along each row, then maps over the row. */
export interface RowsRegion extends RegionBase {
  readonly template: "rows";
  readonly rows: readonly Range[];
  readonly folds: readonly Member[];
}

export interface ContractionRegion extends RegionBase {
  readonly template: "contraction";
  readonly definition: Definition;
  readonly shape: ContractionShape;
  /** Row folds needed while multiplying: computed first, by each workgroup for its rows. */
  readonly prologue: readonly Member[];
  /** Row folds over k needed only afterwards: accumulated in the main loop. */
  readonly ride: readonly Member[];
  /** Folds over the columns of the product: the workgroup owns whole rows. `ranges` are the columns. */
  readonly epilogue: readonly (Member & { readonly limit: number | undefined })[];
  /** Partial folds of the product that each tile emits; further outputs. */
  readonly partials: readonly PartialOutput[];
}

/** A partial fold of one tile: see Definition.partial. */
export interface PartialOutput {
  readonly definition: Definition;
  /** Over the region's ranges. */
  readonly element: Expr;
  readonly width: number;
}

/** The region that also emits `partials` of its product, which must be what it stores. */
export function withPartials(e: Expressions, region: Region, partials: readonly Definition[]): Region | Illegal {
  const output = region.outputs[0];
  if (region.template !== "contraction" || output?.definition !== region.definition || region.epilogue.length > 0) return { illegal: `${partials[0]?.partial?.product ?? "the product"} is not stored as it is: its tiles cannot emit partial statistics` };
  const by = new Map(region.definition.box.map((range, axis) => [range, e.index(output.box[axis] ?? range)]));
  const made = partials.flatMap((definition) => (definition.partial ? [{ definition, width: definition.partial.width, element: substitute(e, definition.partial.element, by) }] : []));
  return { ...region, partials: made, outputs: [output, ...made.map(({ definition }): RegionOutput => ({ definition, body: e.constant(0, definition.dtype), box: definition.box }))] };
}

/** One output element per invocation, every fold a serial loop: the only form without workgroup memory. */
export interface ThreadRegion extends RegionBase {
  readonly template: "thread";
  readonly folds: readonly Member[];
}

export type Region = ElementwiseRegion | RowsRegion | ContractionRegion | ThreadRegion;

/** Which templates a target has: all of them, or `thread` alone. */
export type Templates = "workgroup" | "thread";

export type Illegal = { readonly illegal: string };

export const isIllegal = (region: Region | Illegal): region is Illegal => "illegal" in region;

/** The region of the definitions `roots` (one, or folds over the same rows), with `stored` in memory. */
export function buildRegion(e: Expressions, program: Program, byName: ReadonlyMap<string, Definition>, stored: ReadonlySet<string>, roots: readonly Definition[], templates: Templates): Region | Illegal {
  const isRoot = new Set(roots.map((root) => root.name));
  const memo = new Map<Expr, Expr>();
  const inlined = (body: Expr): Expr => inlineMaps(e, body, (name) => (stored.has(name) ? undefined : byName.get(name)), memo);
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
      const member = memberAt(e, definition, inlined(definition.body), load.indices);
      members.set(definition.name, member);
      found.push(member.body);
    }
    if (found.length > 0) gather(found);
  };
  const outputs: RegionOutput[] = [];
  for (const root of roots) {
    if (root.fold) {
      const first = roots[0] as Definition;
      const at = root.box.map((range, axis) => e.index(root === first ? range : (first.box[axis] ?? range)));
      const body = e.load(root.name, at, root.dtype);
      gather([body]);
      outputs.push({ definition: root, body, box: first.box });
    } else {
      const body = inlined(root.body);
      gather([body]);
      outputs.push({ definition: root, body, box: root.box });
    }
  }
  if (illegal) return { illegal };
  const order = program.definitions.flatMap((definition) => members.get(definition.name) ?? []);
  const many = order.filter((member) => scattered.has(member.definition.name));
  if (templates === "thread" && !many[0]) return classifyThread(outputs, order);
  if (order.length === 0) return { template: "elementwise", outputs };
  const region: Region | Illegal = templates === "thread" ? { illegal: "" } : classify(e, outputs, order);
  const misplaced = many.find((member) => isIllegal(region) || region.template !== "contraction" || region.definition !== member.definition);
  return misplaced && (templates === "thread" || !isIllegal(region)) ? { illegal: `${misplaced.definition.name} is read at two places of its box` } : region;
}

const isPlain = (index: Expr): boolean => index.kind === "index" || (index.kind === "const" && index.value === 0);

const sameIndices = (a: readonly Expr[], b: readonly Expr[]): boolean => a.every((index, axis) => index === b[axis]);

function memberAt(e: Expressions, definition: Definition, body: Expr, at: readonly Expr[]): Member {
  return { definition, body: substitute(e, body, bindBox(definition, at)), ranges: definition.fold?.ranges ?? [], at };
}

function classify(e: Expressions, outputs: readonly RegionOutput[], members: readonly Member[]): Region | Illegal {
  const products = members.flatMap((member) => {
    const shape = contractionShape(e, { ...member.definition, body: member.body, box: plainRanges(member.at) });
    return shape ? [{ member, shape }] : [];
  });
  if (products.length > 1) return { illegal: `${products.map(({ member }) => member.definition.name).join(" and ")} are two contractions` };
  const only = products[0];
  return only ? classifyContraction(e, outputs, members, only.member, only.shape) : classifyRows(outputs, members);
}

function classifyThread(outputs: readonly RegionOutput[], members: readonly Member[]): ThreadRegion | Illegal {
  const box = outputs[0]?.box ?? [];
  if (outputs.length !== 1) return { illegal: "one output per kernel on this target" };
  const dependent = members.find((member) => plainRanges(member.at).some((range) => !box.includes(range)));
  return dependent ? { illegal: `${dependent.definition.name} depends on a folded range` } : { template: "thread", outputs, folds: members };
}

const plainRanges = (at: readonly Expr[]): Range[] => at.flatMap((index) => (index.kind === "index" ? [index.range] : []));

function classifyRows(outputs: readonly RegionOutput[], members: readonly Member[]): RowsRegion | Illegal {
  const box = outputs[0]?.box ?? [];
  const rows = box.filter((range) => members.some((member) => plainRanges(member.at).includes(range)));
  for (const member of members) {
    const own = plainRanges(member.at);
    if (own.some((range) => !box.includes(range))) return { illegal: `${member.definition.name} depends on a folded range` };
    const missing = rows.filter((range) => !own.includes(range));
    if (missing.length > 0) return { illegal: `${member.definition.name} is constant along ${missing.map((range) => range.name).join(", ")}: each row would fold it again` };
  }
  return { template: "rows", outputs, rows, folds: members };
}

function classifyContraction(e: Expressions, outputs: readonly RegionOutput[], members: readonly Member[], product: Member, shape: ContractionShape): ContractionRegion | Illegal {
  const name = product.definition.name;
  const box = (outputs[0]?.box ?? []).filter((range) => extentValue(range.extent) !== 1);
  const own = plainRanges(product.at);
  if (outputs.length !== 1 || own.length !== box.length || box.some((range) => !own.includes(range))) return { illegal: `${name} is used over another box than its own` };
  const rowRanges = new Set([...shape.batch, ...shape.rows]);
  const inside = new Set(members.map((member) => member.definition.name));
  const needs = (body: Expr): string[] => loadsOf(body).map((load) => load.source).filter((source) => inside.has(source));
  const beforeNames = new Set<string>();
  const mark = (source: string): void => {
    if (beforeNames.has(source)) return;
    beforeNames.add(source);
    const member = members.find((candidate) => candidate.definition.name === source);
    if (member) for (const needed of needs(member.body)) mark(needed);
  };
  for (const needed of needs(product.body)) mark(needed);
  const afterNames = new Set<string>([name]);
  const prologue: Member[] = [];
  const ride: Member[] = [];
  const epilogue: (Member & { limit: number | undefined })[] = [];
  for (const member of members) {
    if (member === product) continue;
    const memberName = member.definition.name;
    if (!plainRanges(member.at).every((range) => rowRanges.has(range))) return { illegal: `${memberName} is no statistic of the rows of ${name}` };
    if ([...shape.batch, ...shape.rows].some((range) => !plainRanges(member.at).includes(range))) return { illegal: `${memberName} is constant along rows of ${name}` };
    const after = needs(member.body).some((source) => afterNames.has(source));
    if (after) {
      const moved = alongColumns(e, member, name, shape);
      if (!moved) return { illegal: `${memberName} folds ${name} along something else than its columns` };
      afterNames.add(memberName);
      epilogue.push(moved);
    } else if (!beforeNames.has(memberName) && sameBox(member.ranges, shape.inner)) {
      const by = new Map(member.ranges.map((range, i) => [range, e.index(shape.inner[i] as Range)]));
      ride.push({ ...member, body: substitute(e, member.body, by), ranges: shape.inner });
    } else prologue.push(member);
  }
  const atOwnPlace = (body: Expr): boolean => loadsOf(body).every((load) => load.source !== name || sameIndices(load.indices, product.at));
  if (![...outputs, ...epilogue].every((each) => atOwnPlace(each.body))) return { illegal: `${name} is read at two places of its box` };
  if ([...beforeNames].some((before) => afterNames.has(before))) return { illegal: `${name} needs a statistic of itself` };
  // A statistic that another one needs cannot ride: it must be complete before the loop that would accumulate it.
  for (let moved = true; moved; ) {
    const early = ride.findIndex((rider) => [...prologue, ...ride].some((other) => other !== rider && needs(other.body).includes(rider.definition.name)));
    moved = early >= 0;
    if (moved) prologue.push(...ride.splice(early, 1));
  }
  prologue.sort((a, b) => members.indexOf(originalOf(members, a)) - members.indexOf(originalOf(members, b)));
  return { template: "contraction", outputs, definition: product.definition, shape, prologue, ride, epilogue, partials: [] };
}

const originalOf = (members: readonly Member[], member: Member): Member => members.find((candidate) => candidate.definition === member.definition) ?? member;

const sameBox = (a: readonly Range[], b: readonly Range[]): boolean => a.length === b.length && a.every((range, i) => sameExtent(range.extent, (b[i] as Range).extent));

/** A fold over the columns of the product, renamed to run over the columns; `limit` when it stops early. */
function alongColumns(e: Expressions, member: Member, product: string, shape: ContractionShape): (Member & { limit: number | undefined }) | undefined {
  const columns = shape.columns;
  const only = columns[0];
  const range = member.ranges[0];
  const whole = sameBox(member.ranges, columns);
  const limit = range ? extentValue(range.extent) : undefined;
  const width = only ? extentValue(only.extent) : undefined;
  if (!whole && !(columns.length === 1 && member.ranges.length === 1 && limit !== undefined && width !== undefined && limit <= width)) return undefined;
  const body = substitute(e, member.body, new Map(member.ranges.map((folded, i) => [folded, e.index(columns[i] as Range)])));
  const expected = new Set<Range>([...shape.batch, ...shape.rows, ...columns]);
  for (const load of loadsOf(body))
    if (load.source === product && !plainRanges(load.indices).every((at) => expected.has(at))) return undefined;
  for (const used of rangesOf(body)) if (!expected.has(used)) return undefined;
  return { ...member, body, ranges: columns, limit: whole ? undefined : limit };
}
