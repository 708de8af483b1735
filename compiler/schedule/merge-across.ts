/**
 * Row statistics inside a workgroup: each row is shared by a team of lanes; every lane folds its part, then the parts are
 * merged through workgroup memory in a fixed order, so that results are the same on every run. A tree merges them anywhere;
 * for devices with subgroups the same kernel is written a second time, with subgroup-merge.ts in the place of the tree.
 */
import type { Monoid } from "../folds/node.ts";
import type { DType } from "../ir/types.ts";
import * as k from "../kernel/build.ts";
import { type Expression, scalarType } from "../kernel/node.ts";
import * as s from "../kernel/statements.ts";
import type { KernelWriter } from "./kernel-writer.ts";
import { merge } from "./statistics.ts";
import { emitWalk, fitsSubgroups, mergeBySubgroups, type SharedPart } from "./subgroup-merge.ts";

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
 * read it. Not for the inside of a loop.
 */
export function mergeAcross(writer: KernelWriter, team: Team, parts: readonly Part[]): ((row: Expression) => Expression)[] {
  if (team.lanes === 1 && team.rows.length === 1 && !team.readByAll) return parts.map((part) => () => part.partials[0] as Expression);
  const arrays = parts.map((part) => ({
    part,
    type: scalarType(part.dtype),
    partial: writer.workgroupArray(`${part.name}_parts`, scalarType(part.dtype), team.rowCount * team.lanes),
    total: writer.workgroupArray(`${part.name}_total`, scalarType(part.dtype), team.rowCount),
  }));
  const at = (row: Expression, lane: Expression): Expression => k.add(k.mul(row, k.int(team.lanes)), lane);
  writer.if(team.active ?? k.truth(true), () => {
    for (const { part, partial } of arrays) team.rows.forEach((row, i) => writer.add(s.set(partial, at(row, team.lane), part.partials[i] as Expression)));
  });
  mergeShared(writer, {
    lane: team.lane, lanes: team.lanes, forRows: (body) => team.rows.forEach(body), rowCount: team.rowCount, ...(team.active ? { active: team.active } : {}),
    parts: arrays.map(({ part: { monoid }, type, partial, total }) => ({
      monoid, type,
      read: (row, lane) => k.element(partial, type, at(row, lane)),
      write: (row, value) => writer.add(s.set(partial, at(row, team.lane), value)),
      finish: (row, value) => writer.add(s.set(total, row, value)),
    })),
  });
  return arrays.map(({ total, type }) => (row: Expression) => k.element(total, type, row));
}

/** A fold whose partial results the lanes have written already, with no barrier since. */
export interface TreePart extends SharedPart {
  /** Over the partial result of the own lane. */
  readonly write: (row: Expression, value: Expression) => void;
}

export interface Shares {
  readonly lane: Expression;
  readonly lanes: number;
  readonly active?: Expression;
  /** Calls `body` with each row that this invocation works on. */
  readonly forRows: (body: (row: Expression) => void) => void;
  readonly rowCount: number;
  readonly parts: readonly TreePart[];
}

/** Lanes whose partial results one lane merges in a chain. */
const radix = 8;

/** Begins and ends with a barrier. In uniform control flow. */
export function mergeShared(writer: KernelWriter, shares: Shares): void {
  const { lane, lanes, active = k.truth(true), forRows, rowCount, parts } = shares;
  const walk = fitsSubgroups(parts.map(({ monoid }) => monoid), rowCount, lanes) ? writer.walkOfSubgroups(emitWalk) : undefined;
  if (walk) return mergeBySubgroups(writer, walk, rowCount, lanes, parts);
  const together = lanes > radix ? largestDivisor(lanes, radix) : 1;
  const mergeAt = (row: Expression, { monoid, read }: TreePart, first: Expression, count: number, step: number): Expression =>
    Array.from({ length: count }, (_, i) => read(row, k.add(first, k.int(i * step)))).reduce((a, b) => merge(monoid, a, b));
  writer.barrier();
  if (together > 1) {
    writer.if(both(active, k.eq(k.rem(lane, k.int(together)), k.int(0))), () => {
      for (const part of parts) forRows((row) => part.write(row, mergeAt(row, part, lane, together, 1)));
    });
    writer.barrier();
  }
  writer.if(both(active, k.eq(lane, k.int(0))), () => {
    for (const part of parts) forRows((row) => part.finish(row, mergeAt(row, part, k.int(0), lanes / together, together)));
  });
  writer.barrier();
}

function largestDivisor(of: number, most: number): number {
  for (let divisor = Math.min(of, most); divisor > 1; divisor--) if (of % divisor === 0) return divisor;
  return 1;
}
