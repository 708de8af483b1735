/**
 * The register loops of a block: up to four rows by eight columns over one panel of each operand. A single row has the
 * contracted axis in two phases that are summed up apart, so that additions need not wait for each other. Flow: block.ts -> here.
 */
import * as k from "../../kernel/build.ts";
import type { Expression, ValueType } from "../../kernel/node.ts";
import * as s from "../../kernel/statements.ts";
import type { BlockState } from "./block-state.ts";
import { registerRows, windowOf } from "./choose-block.ts";

/** Element `at` of a panel of the right operand: four columns of one k. */
export type ReadRight = (at: Expression) => Expression;

/** One panel of eight columns: where it stands in the block, and the part of the contracted axis. */
export interface PanelPart {
  readonly product: string;
  readonly right: ReadRight;
  readonly column: Expression;
  /** Of the contracted axis. */
  readonly first: Expression;
  readonly count: Expression;
}

/** Elements `from` to `from + count` of the part that is packed. */
interface Piece extends PanelPart {
  readonly from: Expression;
}

type TileRows = 1 | 2 | 3 | 4;

/** Phases of the contracted axis. More would leave no registers for the operands: engines load all of a turn first. */
const phasesOf: Readonly<Record<TileRows, number>> = { 1: 2, 2: 1, 3: 1, 4: 1 };

/**
 * Products in one chain of additions: rounding errors grow with its length. Longer parts are added to the block in pieces,
 * at the price of reading and writing the block once a piece.
 */
const longestChain = 512;

/** The same for windows, whose panels are packed just before: shorter pieces of them cost nothing, since they stay in the first cache. */
const longestWindowChain = 144;

/** All rows of the block for one panel of columns. */
export function emitPanelRows(state: BlockState, part: PanelPart): void {
  const { writer } = state;
  const count = k.constantValue(part.count);
  const longest = windowOf(state.flat.region.shape) === undefined ? longestChain : longestWindowChain;
  // A single row has two chains.
  if (state.tile.rows === 1 || (count !== undefined && count <= longest)) return emitPiece(state, { ...part, from: k.int(0) });
  const length = count === undefined ? longest : Math.ceil(count / Math.ceil(count / longest));
  writer.for("piece", k.int(0), part.count, k.int(length), (from) => {
    const piece = count !== undefined && count % length === 0 ? k.int(length) : writer.let("piece_count", k.min(k.int(length), k.sub(part.count, from)));
    emitPiece(state, { ...part, from, count: piece });
  });
}

function emitPiece(state: BlockState, part: Piece): void {
  const { writer, rows, tile } = state;
  const known = k.constantValue(rows);
  const rest = known === undefined ? writer.let("rest", k.rem(rows, k.int(registerRows))) : k.int(known % registerRows);
  const whole = known === undefined ? writer.let("whole", k.sub(rows, rest)) : k.sub(rows, rest);
  if (tile.rows >= registerRows && k.constantValue(whole) !== 0) writer.for("panel_row", k.int(0), whole, k.int(registerRows), (row) => emitTile(state, part, row, 4));
  for (const left of [1, 2, 3] as const) {
    if (known !== undefined && known % registerRows === left) emitTile(state, part, whole, left);
    if (known === undefined && left <= tile.rows) writer.if(k.eq(rest, k.int(left)), () => emitTile(state, part, whole, left));
  }
}

function emitTile(state: BlockState, { product, right, column, first, from, count }: Piece, row: Expression, rows: TileRows): void {
  const phases = phasesOf[rows];
  const { writer, tile, vector, lanes } = state;
  const block = state.products.get(product) ?? "";
  const zero = k.splat(k.constant(vector.scalar, 0), 4);
  const sums = Array.from({ length: phases }, () => Array.from({ length: rows }, () => [writer.variable("total", zero), writer.variable("total", zero)] as const));
  const panel = writer.let("panel", k.mul(k.div(row, k.int(registerRows)), k.int(tile.inner)));
  const step = (at: Expression, totals: (typeof sums)[number]): void => {
    const left = k.element(state.left, vector, k.add(panel, at));
    const rights = [0, 1].map((half) => writer.let("right", right(k.add(k.mul(at, k.int(2)), k.int(half)))));
    totals.forEach((halves, i) => {
      const repeated = writer.let("left", k.splat(k.lane(left, i), 4));
      halves.forEach((total, half) => total.assign(k.fma(repeated, rights[half] as Expression, total.ref)));
    });
  };
  const known = k.constantValue(count);
  const rest = known === undefined ? undefined : known % phases;
  const whole = phases === 1 || rest === 0 ? count : known !== undefined ? k.int(known - (rest ?? 0)) : writer.let("whole_phases", k.mul(k.div(count, k.int(phases)), k.int(phases)));
  const end = (elements: Expression): Expression => k.add(from, elements);
  writer.for("k", from, end(whole), k.int(phases), (at) => sums.forEach((totals, phase) => step(k.add(at, k.int(phase)), totals)));
  const [main = [], ...others] = sums;
  if (phases > 1 && rest !== 0) writer.for("k", end(whole), end(count), k.int(1), (at) => step(at, main));
  const totals = main.map((halves, i) => halves.map((total, half) => pairwise([total.ref, ...others.map((phase) => phase[i]?.[half]?.ref ?? zero)])));

  const at = (i: number, half: number): Expression => k.add(k.mul(k.add(row, k.int(i)), k.int(tile.columns / lanes)), k.add(k.div(column, k.int(lanes)), k.int((half * 4) / lanes)));
  const places = totals.map((halves, i) => halves.map((_, half) => writer.let("place", at(i, half))));
  const type: ValueType = { scalar: vector.scalar, lanes };
  const values = (total: Expression): Expression[] => {
    if (lanes === 4) return [total];
    const named = phases === 1 ? total : writer.let("sum", total);
    return [0, 1, 2, 3].map((lane) => k.lane(named, lane));
  };
  const each = (act: (place: Expression, value: Expression) => void): void => {
    for (const [i, halves] of totals.entries()) for (const [half, total] of halves.entries()) values(total).forEach((value, lane) => act(k.add(places[i]?.[half] ?? k.int(0), k.int(lane)), value));
  };
  const start = k.add(first, from);
  const store = (): void => each((place, value) => writer.add(s.set(block, place, value)));
  if (k.constantValue(start) === 0) return store();
  const addTo = (): void => {
    // All are read before one is written: rows of a block may lie a multiple of 4 KiB apart, where processors take a read for one of what was just written.
    const added: [Expression, Expression][] = [];
    each((place, value) => added.push([place, writer.let("so_far", k.add(k.element(block, type, place), value))]));
    for (const [place, value] of added) writer.add(s.set(block, place, value));
  };
  writer.add(s.when(k.eq(start, k.int(0)), writer.block(store), writer.block(addTo)));
}

function pairwise(terms: readonly Expression[]): Expression {
  const [first, ...others] = terms;
  if (!first || others.length === 0) return first ?? k.int(0);
  const middle = terms.length >> 1;
  return k.add(pairwise(terms.slice(0, middle)), pairwise(terms.slice(middle)));
}
