/** Merging values of a fold: where it begins, two values, and the lanes of a vector. merge-across.ts merges the invocations. */
import type { DType } from "../ir/types.ts";
import { type Monoid, monoidIdentity, monoidInstruction } from "../folds/node.ts";
import * as k from "../kernel/build.ts";
import type { Expression } from "../kernel/node.ts";

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
