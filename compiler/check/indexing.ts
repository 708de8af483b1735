/** `x[i]`, `x[a:b:s]`, `x[..., 0]`: slices along axes, then a reshape that drops the indexed ones. Also tuple elements. */
import { catalog } from "../diagnostics/catalog.ts";
import { addExtents, constantExtent, type Extent, extentValue } from "../ir/extent.ts";
import type { TensorNode } from "../ir/node.ts";
import { printType } from "../ir/types.ts";
import type { Expression, IndexExpression, IndexItem } from "../syntax/tree.ts";
import { evaluateExtent } from "./extents.ts";
import { applyToNodes, materialise, nodeOf, structural } from "./operations.ts";
import { fail, type Frame } from "./session.ts";
import { describe, errorValue, isWeak, tensorValue, type Value } from "./values.ts";

export function indexTensor(base: Value, expression: IndexExpression, frame: Frame): Value {
  if (base.kind === "error") return errorValue;
  if (base.kind === "tuple") return tupleElement(base.items, expression, frame);
  if (base.kind !== "tensor" && !isWeak(base)) return fail(frame, catalog.invalidIndex, expression.span, [`${describe(base)} cannot be indexed`]);
  const node = materialise(frame, base, "f32", expression.base.span);
  if (!node) return errorValue;
  const items = expandEllipsis(expression, node, frame);
  return items ? indexAxes(node, items, expression, frame) : errorValue;
}

function tupleElement(items: readonly Value[], expression: IndexExpression, frame: Frame): Value {
  const [only] = expression.items;
  const at = only?.kind === "element" && expression.items.length === 1 ? evaluateExtent(only.value, frame) : undefined;
  const position = at && extentValue(at);
  const found = position === undefined ? undefined : items[position < 0 ? position + items.length : position];
  return found ?? fail(frame, catalog.invalidIndex, expression.span, [`a tuple of ${items.length} is indexed by one whole number from 0 to ${items.length - 1}`]);
}

/** One item for each leading axis; `...` becomes as many full slices as are missing. */
function expandEllipsis(expression: IndexExpression, node: TensorNode, frame: Frame): readonly (IndexItem | undefined)[] | undefined {
  const rank = node.type.shape.length;
  const at = expression.items.findIndex((item) => item.kind === "ellipsis");
  const written = expression.items.length - (at < 0 ? 0 : 1);
  if (written > rank || expression.items.length === 0) {
    fail(frame, catalog.invalidIndex, expression.span, [`${printType(node.type)} has ${rank} ${rank === 1 ? "axis" : "axes"}, but ${written} ${written === 1 ? "index is" : "indices are"} given`]);
    return undefined;
  }
  if (at < 0) return expression.items;
  const second = expression.items.findIndex((item, i) => item.kind === "ellipsis" && i > at);
  if (second >= 0) {
    fail(frame, catalog.misplacedEllipsis, expression.items[second]?.span ?? expression.span, ["'...' is written twice in one index"]);
    return undefined;
  }
  const full = Array.from({ length: rank - written }, () => undefined);
  return [...expression.items.slice(0, at), ...full, ...expression.items.slice(at + 1)];
}

function indexAxes(base: TensorNode, items: readonly (IndexItem | undefined)[], expression: IndexExpression, frame: Frame): Value {
  let node = base;
  const dropped = new Set<number>();
  for (const [axis, item] of items.entries()) {
    if (item === undefined || item.kind === "ellipsis") continue;
    const extent = node.type.shape[axis] ?? constantExtent(1);
    const range = item.kind === "element" ? elementRange(item.value, extent, frame) : sliceRange(item, extent, frame);
    if (!range) return errorValue;
    if (item.kind === "element") dropped.add(axis);
    if (range.start.key === "0" && range.stop.key === extent.key && range.step === 1) continue;
    const sliced = applyToNodes(frame, structural.slice, [node], { axis, ...range }, item.span, [{ name: "the tensor", span: expression.base.span }]);
    const next = nodeOf(sliced);
    if (!next) return errorValue;
    const length = extentValue(next.type.shape[axis] ?? constantExtent(1));
    if (length !== undefined && length < 1) return fail(frame, catalog.invalidIndex, item.span, ["this slice is empty"]);
    node = next;
  }
  if (dropped.size === 0) return tensorValue(node);
  const shape = node.type.shape.filter((_, axis) => !dropped.has(axis));
  return applyToNodes(frame, structural.reshape, [node], { shape }, expression.span, []);
}

interface Range {
  readonly start: Extent;
  readonly stop: Extent;
  readonly step: number;
}

/** Counts a negative bound from the end of the axis. */
function fromEnd(bound: Extent, extent: Extent): Extent {
  const value = extentValue(bound);
  return value !== undefined && value < 0 ? addExtents(extent, bound) : bound;
}

function elementRange(expression: Expression, extent: Extent, frame: Frame): Range | undefined {
  const written = evaluateExtent(expression, frame);
  if (!written) return undefined;
  const start = fromEnd(written, extent);
  const [at, length] = [extentValue(start), extentValue(extent)];
  if (at !== undefined && (at < 0 || (length !== undefined && at >= length))) {
    fail(frame, catalog.invalidIndex, expression.span, [`index ${written.key} is outside an axis of ${extent.key}`]);
    return undefined;
  }
  return { start, stop: addExtents(start, constantExtent(1)), step: 1 };
}

function sliceRange(item: Extract<IndexItem, { kind: "slice" }>, extent: Extent, frame: Frame): Range | undefined {
  const start = item.start ? evaluateExtent(item.start, frame) : constantExtent(0);
  const stop = item.stop ? evaluateExtent(item.stop, frame) : extent;
  const step = item.step ? evaluateExtent(item.step, frame) : constantExtent(1);
  if (!start || !stop || !step) return undefined;
  const stride = extentValue(step);
  if (stride === undefined || stride < 1) {
    fail(frame, catalog.invalidIndex, item.step?.span ?? item.span, ["a slice's step is a positive whole number"]);
    return undefined;
  }
  return { start: fromEnd(start, extent), stop: fromEnd(stop, extent), step: stride };
}
