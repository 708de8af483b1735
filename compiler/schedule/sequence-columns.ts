/** What becomes of the columns of a stage: where a finished one goes, and folds that each of them makes on its own. Used by the stages of a sequence. */
import { flattenIndex } from "../folds/index-arithmetic.ts";
import { required } from "../errors.ts";
import { productOfExtents } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression } from "../kernel/node.ts";
import { emitElement, emitStore } from "./element.ts";
import type { FlatStage } from "./sequence-layout.ts";
import { type Element, inLanes, lanesOf, rowIndex, scopeAt, type SequenceState, setHome } from "./sequence-state.ts";
import { identityOf, merge } from "./statistics.ts";

/** A value in the lanes of an element. */
export const wide = (state: SequenceState, value: Expression, element?: Element): Expression => inLanes(value, lanesOf(state, element));

/** Hands a finished element to where it is kept, and to the tensors that it is emitted to. */
export function keep(state: SequenceState, flat: FlatStage, rowGroup: Expression, element: Element, value: Expression): void {
  const { writer, arrays, outputs } = state;
  const { e } = writer;
  const { name } = flat.stage;
  const isKept = arrays.has(name);
  const tensors = outputs.get(name) ?? [];
  const named = tensors.length > 0 && isKept ? writer.let("value", value) : value;
  if (isKept) setHome(state, name, element, rowGroup, named);
  for (const { tensor } of tensors) {
    const { step } = state.flat.recurrence;
    const offset = flattenIndex(e, [e.index(step), rowIndex(state), e.index(flat.column)], [step.extent, state.flat.row.extent, productOfExtents(flat.stage.columns.map((range) => range.extent))]);
    emitStore(scopeAt(state, rowGroup, element, flat.column), tensor, offset, named);
  }
}

/** Each column folds on its own. */
export function foldColumn(state: SequenceState, flat: FlatStage, rowGroup: Expression, element: Element): void {
  const { writer } = state;
  const { monoid } = required(flat.stage.definition.fold, "schedule", flat.stage.name);
  const total = writer.variable("total", wide(state, identityOf(monoid, flat.stage.definition.dtype), element));
  writer.for("k", k.int(0), writer.extent(flat.folded.extent), k.int(1), (at) => {
    total.assign(merge(monoid, total.ref, wide(state, emitElement(scopeAt(state, rowGroup, element, flat.column, [[flat.folded, at]]), flat.body), element)));
  });
  keep(state, flat, rowGroup, element, total.ref);
}
