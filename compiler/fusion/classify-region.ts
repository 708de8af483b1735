/** The legality of regions: which template a region fits and how each of its folds is owned there. */
import { type Expr, type Expressions, loadsOf, type Range, rangesOf } from "../folds/expression.ts";
import { substitute } from "../folds/inline.ts";
import { extentValue, sameExtent } from "../ir/extent.ts";
import { type ContractionShape, contractionShape } from "./contraction-shape.ts";
import type { ContractionRegion, Illegal, Member, Product, Region, RegionOutput, RowsRegion, ThreadRegion } from "./region.ts";

const sameIndices = (a: readonly Expr[], b: readonly Expr[]): boolean => a.every((index, axis) => index === b[axis]);

/** Which template a region fits, and in it the role of every fold; or why it fits none. */
export function classifyRegion(e: Expressions, outputs: readonly RegionOutput[], members: readonly Member[]): Region | Illegal {
  const products = members.flatMap((member) => {
    const shape = contractionShape(e, { ...member.definition, body: member.body, box: plainRanges(member.at) });
    return shape ? [{ member, shape }] : [];
  });
  const [first, ...others] = products;
  if (!first) return classifyRows(outputs, members);
  const siblings = others.map(({ member, shape }) => siblingOf(e, first.shape, member, shape));
  if (!siblings.every((sibling) => sibling !== undefined)) return { illegal: `${products.map(({ member }) => member.definition.name).join(" and ")} are two contractions` };
  return classifyContraction(e, outputs, members, products.map(({ member }) => member), first.shape, siblings as Product[]);
}

/** A second product of the same left operand over the same rows and columns, with the first one's k. */
function siblingOf(e: Expressions, first: ContractionShape, member: Member, shape: ContractionShape): Product | undefined {
  const sameRanges = (a: readonly Range[], b: readonly Range[]): boolean => a.length === b.length && a.every((range, i) => range === b[i]);
  if (!sameRanges(first.batch, shape.batch) || !sameRanges(first.rows, shape.rows) || !sameRanges(first.columns, shape.columns) || !sameBox(first.inner, shape.inner)) return undefined;
  const by = new Map(shape.inner.map((range, i) => [range, e.index(first.inner[i] as Range)]));
  return substitute(e, shape.left, by) === first.left ? { definition: member.definition, right: substitute(e, shape.right, by) } : undefined;
}

export function classifyThread(outputs: readonly RegionOutput[], members: readonly Member[]): ThreadRegion | Illegal {
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

function classifyContraction(e: Expressions, outputs: readonly RegionOutput[], members: readonly Member[], products: readonly Member[], shape: ContractionShape, siblings: readonly Product[]): ContractionRegion | Illegal {
  const [product] = products as readonly [Member];
  const name = product.definition.name;
  const isProduct = new Set(products.map((member) => member.definition.name));
  for (const output of outputs) {
    const box = output.box.filter((range) => extentValue(range.extent) !== 1);
    const elsewhere = products.find((member) => plainRanges(member.at).length !== box.length || box.some((range) => !plainRanges(member.at).includes(range)));
    if (elsewhere) return { illegal: `${elsewhere.definition.name} is used over another box than its own` };
  }
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
  for (const each of products) for (const needed of needs(each.body)) mark(needed);
  const afterNames = new Set<string>(isProduct);
  const prologue: Member[] = [];
  const ride: Member[] = [];
  const epilogue: Member[] = [];
  for (const member of members) {
    if (isProduct.has(member.definition.name)) continue;
    const memberName = member.definition.name;
    if (!plainRanges(member.at).every((range) => rowRanges.has(range))) return { illegal: `${memberName} is no statistic of the rows of ${name}` };
    if ([...shape.batch, ...shape.rows].some((range) => !plainRanges(member.at).includes(range))) return { illegal: `${memberName} is constant along rows of ${name}` };
    const after = needs(member.body).some((source) => afterNames.has(source));
    if (after) {
      const moved = alongColumns(e, member, isProduct, shape);
      if (!moved) return { illegal: `${memberName} folds ${name} along something else than its columns` };
      afterNames.add(memberName);
      epilogue.push(moved);
    } else if (!beforeNames.has(memberName) && sameBox(member.ranges, shape.inner)) {
      const by = new Map(member.ranges.map((range, i) => [range, e.index(shape.inner[i] as Range)]));
      ride.push({ ...member, body: substitute(e, member.body, by), ranges: shape.inner });
    } else prologue.push(member);
  }
  const atOwnPlace = (body: Expr): boolean => loadsOf(body).every((load) => !isProduct.has(load.source) || sameIndices(load.indices, product.at));
  if (![...outputs, ...epilogue].every((each) => atOwnPlace(each.body))) return { illegal: `${name} is read at two places of its box` };
  if ([...beforeNames].some((before) => afterNames.has(before))) return { illegal: `${name} needs a statistic of itself` };
  // A statistic that another one needs cannot ride: it must be complete before the loop that would accumulate it.
  for (let moved = true; moved; ) {
    const early = ride.findIndex((rider) => [...prologue, ...ride].some((other) => other !== rider && needs(other.body).includes(rider.definition.name)));
    moved = early >= 0;
    // With ranges of its own again: it gets a loop of its own.
    if (moved) prologue.push(...ride.splice(early, 1).map((rider) => originalOf(members, rider)));
  }
  prologue.sort((a, b) => members.indexOf(originalOf(members, a)) - members.indexOf(originalOf(members, b)));
  return { template: "contraction", outputs, definition: product.definition, shape, siblings, prologue, ride, epilogue, partials: [] };
}

const originalOf = (members: readonly Member[], member: Member): Member => members.find((candidate) => candidate.definition === member.definition) ?? member;

const sameBox = (a: readonly Range[], b: readonly Range[]): boolean => a.length === b.length && a.every((range, i) => sameExtent(range.extent, (b[i] as Range).extent));

/** A fold over the columns of the product, renamed to run over the columns. */
function alongColumns(e: Expressions, member: Member, products: ReadonlySet<string>, shape: ContractionShape): Member | undefined {
  const columns = shape.columns;
  if (!sameBox(member.ranges, columns)) return undefined;
  const body = substitute(e, member.body, new Map(member.ranges.map((folded, i) => [folded, e.index(columns[i] as Range)])));
  const expected = new Set<Range>([...shape.batch, ...shape.rows, ...columns]);
  for (const load of loadsOf(body))
    if (products.has(load.source) && !plainRanges(load.indices).every((at) => expected.has(at))) return undefined;
  for (const used of rangesOf(body)) if (!expected.has(used)) return undefined;
  return { ...member, body, ranges: columns };
}
