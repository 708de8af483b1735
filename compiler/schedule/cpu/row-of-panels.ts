/**
 * The register loop of a product of one row: three panels of eight columns at a time. Every weight is read once, so the time is
 * that of reading them; six sums hide what additions wait for, and leave registers for six operands. Flow: block.ts -> here.
 */
import { required } from "../../errors.ts";
import * as k from "../../kernel/build.ts";
import type { Expression, ValueType } from "../../kernel/node.ts";
import * as s from "../../kernel/statements.ts";
import type { BlockState } from "./block-state.ts";
import type { PanelPart } from "./register-tile.ts";

/** Panels at a time. Engines load all operands of a turn first: with four, sums would go through memory, which takes twice the time. */
export const panelsOfRow = 3;

/** Products in one chain of additions: rounding errors grow with its length. */
const longestChain = 400;

/** Adds the products of the one row to a block; the panels are parts of one product and of the same elements of the contracted axis. */
export function emitRowOfPanels(state: BlockState, parts: readonly PanelPart[]): void {
  const { writer, vector, lanes } = state;
  const [part] = parts;
  if (!part) return;
  const block = required(state.products.get(part.product), "schedule", part.product);
  const zero = k.splat(k.constant(vector.scalar, 0), 4);
  const fresh = (name: string) => parts.map(() => [writer.variable(name, zero), writer.variable(name, zero)] as const);
  const along = (sums: ReturnType<typeof fresh>, from: Expression, to: Expression): void =>
    writer.for("k", from, to, k.int(1), (at) => {
      const left = writer.let("left", k.splat(k.lane(k.element(state.left, vector, at), 0), 4));
      parts.forEach(({ right }, i) => sums[i]?.forEach((sum, half) => sum.assign(k.fma(left, writer.let("right", right(k.add(k.mul(at, k.int(2)), k.int(half)))), sum.ref))));
    });
  const totals = fresh("total");
  const count = k.constantValue(part.count);
  if (count !== undefined && count <= longestChain) along(totals, k.int(0), part.count);
  else {
    const length = count === undefined ? longestChain : Math.ceil(count / Math.ceil(count / longestChain));
    writer.for("piece", k.int(0), part.count, k.int(length), (from) => {
      const sums = fresh("part");
      along(sums, from, count !== undefined && count % length === 0 ? k.add(from, k.int(length)) : writer.let("piece_end", k.min(k.add(from, k.int(length)), part.count)));
      totals.forEach((halves, i) => halves.forEach((total, half) => total.assign(k.add(total.ref, sums[i]?.[half]?.ref ?? zero))));
    });
  }
  const type: ValueType = { scalar: vector.scalar, lanes };
  const each = (act: (place: Expression, value: Expression) => void): void =>
    parts.forEach(({ column }, i) => totals[i]?.forEach(({ ref }, half) => {
      const place = writer.let("place", k.add(k.div(column, k.int(lanes)), k.int((half * 4) / lanes)));
      for (let lane = 0; lane < 4 / lanes; lane++) act(k.add(place, k.int(lane)), lanes === 4 ? ref : k.lane(ref, lane));
    }));
  const store = (): void => each((place, value) => writer.add(s.set(block, place, value)));
  if (k.constantValue(part.first) === 0) return store();
  const addTo = (): void => each((place, value) => writer.add(s.set(block, place, k.add(k.element(block, type, place), value))));
  writer.add(s.when(k.eq(part.first, k.int(0)), writer.block(store), writer.block(addTo)));
}
