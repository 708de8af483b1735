/** The end of a block: row by row, folds along the finished columns, then the stores, while the row is in cache. */
import type { Expr } from "../../folds/expression.ts";
import * as k from "../../kernel/build.ts";
import type { Expression } from "../../kernel/node.ts";
import { emitElements, emitStore, type ElementScope } from "../element.ts";
import { knownParts, lastPart, levelsOf, sourcesAt } from "../row-folds.ts";
import { identityOf, merge, mergeLanes } from "../statistics.ts";
import { type BlockState, rowCounters } from "./block-state.ts";

export function emitBlockEpilogue(state: BlockState): void {
  const { writer, flat, lanes } = state;
  const { region, flattening } = flat;
  const isProduct = (expr: Expr): boolean => expr.kind === "load" && state.products.has(expr.source);
  const bodies = region.outputs.map((output) => flattening.apply(output.body));
  const offsets = region.outputs.map((output) => flattening.offset(output.box));
  writer.comment(`finish and store ${region.outputs.map((output) => output.definition.name).join(", ")}`);
  writer.for("row", k.int(0), state.rows, k.int(1), (local) => {
    const row = writer.let("row_read", k.add(state.firstRow, local));
    const line = writer.let("line", k.mul(local, k.int(state.tile.columns / lanes)));
    const finished = sourcesAt(state.statistics, local);
    const outside = (): ElementScope => ({ writer, counters: new Map(rowCounters(state, row)), sources: finished });
    /** The scope of one group of columns, with the products' values in place of loads of them. */
    const inside = (column: Expression, known: ReadonlyMap<Expr, Expression>): ElementScope => {
      const place = k.add(line, k.div(column, k.int(lanes)));
      const products = [...state.products].map(([name, array]): [string, Expression] => [name, writer.let(lastPart(name), k.element(array, { scalar: state.vector.scalar, lanes }, place))]);
      return { ...outside(), known, counters: new Map([...rowCounters(state, row), [flat.column, k.add(state.firstColumn, column)]]), vector: { range: flat.column, lanes }, sources: new Map([...finished, ...products]) };
    };
    for (const level of levelsOf(region.epilogue)) {
      const members = level.map((member) => {
        const monoid = member.definition.fold?.monoid ?? "sum";
        return { member, monoid, body: flattening.apply(member.body), total: writer.variable(lastPart(member.definition.name), k.splat(identityOf(monoid, member.definition.dtype), lanes)) };
      });
      const known = knownParts(outside(), members.map(({ body }) => body), new Set([flat.column]), isProduct);
      writer.for("column", k.int(0), state.columns, k.int(lanes), (column) => {
        const values = emitElements(inside(column, known), members.map(({ body }) => body));
        members.forEach(({ monoid, total }, i) => {
          const value = values[i] as Expression;
          total.assign(merge(monoid, total.ref, value.type.lanes === lanes ? value : k.splat(value, lanes)));
        });
      });
      for (const { member, monoid, total } of members) finished.set(member.definition.name, writer.let("total", mergeLanes(monoid, total.ref)));
    }
    const known = knownParts(outside(), bodies, new Set([flat.column]), isProduct);
    writer.for("column", k.int(0), state.columns, k.int(lanes), (column) => {
      const scope = inside(column, known);
      emitElements(scope, bodies).forEach((value, i) => {
        const output = region.outputs[i];
        if (output) emitStore(scope, output.definition.name, offsets[i] as Expr, value);
      });
    });
  });
}
