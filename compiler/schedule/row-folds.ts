/** Folds along rows, level by level: folds that need no other's result and run over equal boxes share one loop. */
import { type Expr, loadsOf, type Range, rangesOf } from "../folds/expression.ts";
import { flattenIndex, isSteady } from "../folds/index-arithmetic.ts";
import { type Extent, extentValue, productOfExtents, sameExtent } from "../ir/extent.ts";
import type { Member } from "../fusion/region.ts";
import * as k from "../kernel/build.ts";
import type { Expression } from "../kernel/node.ts";
import { emitElements, type ElementScope, invariantParts, isVectorAccess } from "./element.ts";
import type { Flattening } from "./flatten.ts";
import type { KernelWriter } from "./kernel-writer.ts";
import { mergeAcross, type Team } from "./merge-across.ts";
import { identityOf, merge, mergeLanes } from "./statistics.ts";

/** Terms that one lane adds up in a chain: longer sums are made of blocks, so that the error grows with the longer of the two. */
const longestChain = 32;

/** Sums of a row that one invocation has under way, where it is the only one: additions then need not wait for each other. */
const chainsOf = (steps: number): number => (steps % 4 === 0 ? 4 : steps % 2 === 0 ? 2 : 1);

interface Variable {
  readonly ref: Expression;
  assign(value: Expression): void;
}

type Sources = Map<string, (row: Expression) => Expression>;

/** Members grouped into levels: a level needs only results of earlier levels. */
export function levelsOf<M extends Member>(members: readonly M[]): M[][] {
  const level = new Map<string, number>();
  const levels: M[][] = [];
  for (const member of members) {
    const needs = loadsOf(member.body).map((load) => level.get(load.source) ?? -1);
    const own = 1 + Math.max(-1, ...needs);
    level.set(member.definition.name, own);
    (levels[own] ??= []).push(member);
  }
  return levels;
}

export interface RowFoldOptions {
  readonly writer: KernelWriter;
  readonly flattening: Flattening;
  readonly team: Team;
  /** Counters of the flat row (and batch) ranges. */
  readonly counters: ReadonlyMap<Range, Expression>;
  /** The workgroup has one invocation. */
  readonly alone?: boolean;
}

/** Emits all folds of one row per invocation; returns each fold's value by local row. */
export function emitRowFolds(options: RowFoldOptions, members: readonly Member[]): Sources {
  const values: Sources = new Map();
  for (const level of levelsOf(members)) emitLevel(options, level, values);
  return values;
}

function emitLevel(options: RowFoldOptions, level: readonly Member[], values: Sources): void {
  const { writer, flattening, team, counters } = options;
  const row = team.rows[0] as Expression;
  const groups: { extent: Extent; members: { member: Member; flat: Range; body: Expr }[] }[] = [];
  for (const member of level) {
    const extent = productOfExtents(member.ranges.map((range) => range.extent));
    const group = groups.find((candidate) => sameExtent(candidate.extent, extent)) ?? { extent, members: [] };
    if (!groups.includes(group)) groups.push(group);
    const flat = flattening.flat("r", member.ranges);
    group.members.push({ member, flat, body: flattening.apply(member.body) });
  }
  const sources = sourcesAt(values, row);
  const partials: { member: Member; value: Expression }[] = [];
  for (const group of groups) {
    const names = group.members.map(({ member }) => member.definition.name).join(", ");
    writer.comment(`fold ${names} along the row`);
    const flats = new Set(group.members.map(({ flat }) => flat));
    const bodies = group.members.map(({ body }) => body);
    const known = knownParts({ writer, counters, sources }, bodies, flats);
    const lanes = group.members.every(({ flat, body }) => vectorizes(writer, body, flat, group.extent)) ? 4 : 1;
    const stride = lanes * team.lanes;
    const terms = extentValue(group.extent);
    const chains = options.alone && terms !== undefined ? chainsOf(terms / stride) : 1;
    /** A sum of each member for every chain. */
    const variables = (ending: string): Variable[][] => group.members.map(({ member }) => {
      const start = identityOf(member.definition.fold?.monoid ?? "sum", member.definition.dtype);
      return Array.from({ length: chains }, () => writer.variable(`${lastPart(member.definition.name)}_${ending}`, lanes === 4 ? k.splat(start, 4) : start));
    });
    const totals = variables("sum");
    const accumulate = (into: readonly (readonly Variable[])[], start: Expression, end: Expression): void =>
      writer.for("r", start, end, k.int(stride * chains), (counter) => {
        for (let chain = 0; chain < chains; chain++)
          group.members.forEach(({ member, flat, body }, i) => {
            const scope: ElementScope = { writer, counters: new Map([...counters, [flat, k.add(counter, k.int(chain * stride))]]), vector: { range: flat, lanes }, known, sources };
            const [value] = emitElements(scope, [body]) as [Expression];
            const wide = value.type.lanes === lanes ? value : k.splat(value, lanes);
            const total = into[i]?.[chain] as Variable;
            total.assign(merge(member.definition.fold?.monoid ?? "sum", total.ref, wide));
          });
      });
    const first = k.mul(team.lane, k.int(lanes));
    const length = writer.extent(group.extent);
    if (terms !== undefined && terms <= longestChain * stride * chains) accumulate(totals, first, length);
    else
      writer.for("block", k.int(0), length, k.int(longestChain * stride * chains), (block) => {
        const parts = variables("block");
        accumulate(parts, k.add(block, first), writer.let("block_end", k.min(k.add(block, k.int(longestChain * stride * chains)), length)));
        group.members.forEach(({ member }, i) =>
          totals[i]?.forEach((total, chain) => total.assign(merge(member.definition.fold?.monoid ?? "sum", total.ref, (parts[i]?.[chain] as Variable).ref))));
      });
    group.members.forEach(({ member }, i) => {
      const monoid = member.definition.fold?.monoid ?? "sum";
      const total = (totals[i] as Variable[]).map(({ ref }) => ref).reduce((a, b) => merge(monoid, a, b));
      partials.push({ member, value: writer.let(`${lastPart(member.definition.name)}_partial`, mergeLanes(monoid, chains === 1 ? total : writer.let("chains", total))) });
    });
  }
  const parts = partials.map(({ member, value }) => ({ name: lastPart(member.definition.name), monoid: member.definition.fold?.monoid ?? ("sum" as const), dtype: member.definition.dtype, partials: [value] }));
  mergeAcross(writer, team, parts).forEach((read, i) => {
    values.set((partials[i] as { member: Member }).member.definition.name, read);
  });
}

export const lastPart = (name: string): string => name.replace(/[^A-Za-z0-9]+/g, "_");

export const sourcesAt = (values: Sources, row: Expression): Map<string, Expression> => new Map([...values].map(([name, read]) => [name, read(row)]));

/** Names the row-invariant parts of `exprs` before a loop over `varying`. */
export function knownParts(scope: ElementScope, exprs: readonly Expr[], varying: ReadonlySet<Range>, isVarying?: (expr: Expr) => boolean): Map<Expr, Expression> {
  const parts = invariantParts(exprs, varying, isVarying);
  const values = emitElements(scope, parts);
  return new Map(parts.map((part, i) => [part, scope.writer.let("row", values[i] as Expression)]));
}

/** Can four consecutive values of `range` be handled at once: every load along it consecutive and aligned, or constant? */
export function vectorizes(writer: KernelWriter, body: Expr, range: Range, extent: Extent, multiples?: ReadonlyMap<Range, number>): boolean {
  if (extent.terms.length === 0 || !extent.terms.every((term) => term.coefficient % 4 === 0)) return false;
  return loadsOf(body).every((load) => {
    if (!load.indices.some((index) => rangesOf(index).has(range))) return true;
    const { shape } = writer.tensor(load.source);
    const offset = flattenIndex(writer.e, load.indices, shape);
    return isSteady(offset, range, 4) || isVectorAccess({ vector: { range, lanes: 4 }, ...(multiples ? { multiples } : {}) }, offset, shape);
  });
}

