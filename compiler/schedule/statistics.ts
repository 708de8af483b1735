/**
 * Row statistics inside a workgroup: each row is shared by a team of lanes; every lane folds its part, then the parts are
 * merged through workgroup memory in a fixed order, so that results are the same on every run.
 */
import type { DType } from "../ir/types.ts";
import { type Monoid, monoidIdentity, monoidInstruction } from "../folds/node.ts";
import * as k from "../kernel/build.ts";
import { type Expression, scalarType } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import type { KernelWriter } from "./kernel-writer.ts";

/** Integers have no infinities: their fold begins at the end of their range. */
const integerEnds: Readonly<Partial<Record<DType, readonly [number, number]>>> = { i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1] };

export function identityOf(monoid: Monoid, dtype: DType): Expression {
  const ends = integerEnds[dtype];
  const identity = monoidIdentity[monoid];
  return k.constant(dtype, ends ? Math.max(ends[0], Math.min(ends[1], identity)) : identity);
}

export const merge = (monoid: Monoid, a: Expression, b: Expression): Expression => k.instruction(monoidInstruction[monoid], a, b);

/** One value from the lanes of a vector: pairwise, in a fixed order. */
export function mergeLanes(monoid: Monoid, value: Expression): Expression {
  if (value.type.lanes === 1) return value;
  const lane = (i: number): Expression => k.lane(value, i);
  return merge(monoid, merge(monoid, lane(0), lane(1)), merge(monoid, lane(2), lane(3)));
}

const both = (a: Expression, b: Expression): Expression => (k.constantValue(a) === 1 ? b : k.and(a, b));

export interface Part {
  readonly name: string;
  readonly monoid: Monoid;
  readonly dtype: DType;
  /** This lane's partial value for each of the rows that it works on. */
  readonly partials: readonly Expression[];
}

export interface Team {
  /** Rows of the workgroup that this invocation works on, as local row numbers; one per partial. */
  readonly rows: readonly Expression[];
  readonly rowCount: number;
  /** This invocation's place among the lanes of its row. */
  readonly lane: Expression;
  readonly lanes: number;
  /** Invocations that hold a partial; all of them unless given. */
  readonly active?: Expression;
  /** Set where others than the row's own invocations read its statistics. */
  readonly readByAll?: true;
}

/**
 * Merges the partials of all lanes. Returns, for each part, its value by local row. Ends with a barrier: afterwards any
 * invocation may read any row. With one lane a row nothing is shared unless asked for, and only the row's own invocation may
 * read it.
 */
export function mergeAcross(writer: KernelWriter, team: Team, parts: readonly Part[]): ((row: Expression) => Expression)[] {
  if (team.lanes === 1 && team.rows.length === 1 && !team.readByAll) return parts.map((part) => () => part.partials[0] as Expression);
  const radix = team.lanes > 8 ? 8 : team.lanes;
  const arrays = parts.map((part) => ({
    part,
    type: scalarType(part.dtype),
    partial: writer.workgroupArray(`${part.name}_parts`, scalarType(part.dtype), team.rowCount * team.lanes),
    total: writer.workgroupArray(`${part.name}_total`, scalarType(part.dtype), team.rowCount),
  }));
  const at = (row: Expression, lane: Expression): Expression => k.add(k.mul(row, k.int(team.lanes)), lane);
  const active = team.active ?? k.truth(true);
  writer.if(active, () => {
    for (const { part, partial } of arrays) team.rows.forEach((row, i) => writer.add(s.set(partial, at(row, team.lane), part.partials[i] as Expression)));
  });
  writer.barrier();
  const sumOf = (array: string, monoid: Monoid, type: ReturnType<typeof scalarType>, row: Expression, first: Expression, count: number, step: number): Expression => {
    const terms = Array.from({ length: count }, (_, i) => k.element(array, type, at(row, k.add(first, k.int(i * step)))));
    return terms.reduce((a, b) => merge(monoid, a, b));
  };
  if (team.lanes > radix) {
    writer.if(both(active, k.eq(k.rem(team.lane, k.int(radix)), k.int(0))), () => {
      for (const { part, partial, type } of arrays)
        team.rows.forEach((row) => writer.add(s.set(partial, at(row, team.lane), sumOf(partial, part.monoid, type, row, team.lane, radix, 1))));
    });
    writer.barrier();
  }
  writer.if(both(active, k.eq(team.lane, k.int(0))), () => {
    for (const { part, partial, total, type } of arrays)
      team.rows.forEach((row) => {
        const [count, step] = team.lanes > radix ? [team.lanes / radix, radix] : [team.lanes, 1];
        writer.add(s.set(total, row, sumOf(partial, part.monoid, type, row, k.int(0), count, step)));
      });
  });
  writer.barrier();
  return arrays.map(({ total, type }) => (row: Expression) => k.element(total, type, row));
}
