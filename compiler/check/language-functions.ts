/**
 * Functions that return tuples, which no op can: they are part of the language and expand to nodes. Also the names of
 * functions that are planned, so that their use is answered by a limitation and not by "unknown name".
 */
import { catalog } from "../diagnostics/catalog.ts";
import { addExtents, constantExtent, divideExtents, type Extent, multiplyExtents, sameExtent } from "../ir/extent.ts";
import type { TensorNode } from "../ir/node.ts";
import { printType } from "../ir/types.ts";
import type { AttributeKind } from "../ops/define.ts";
import type { Span } from "../source/source-file.ts";
import { applyToNodes, markAxis, structural } from "./operations.ts";
import { fail, type Frame } from "./session.ts";
import { errorValue, type Value } from "./values.ts";

export interface LanguageFunction {
  readonly name: string;
  readonly summary: string;
  readonly operand: string;
  readonly attributes: readonly { readonly name: string; readonly kind: AttributeKind; readonly default?: number }[];
  readonly apply: (frame: Frame, x: TensorNode, attributes: Readonly<Record<string, number>>, span: Span) => Value;
}

/** Most parts that one tensor is split into. */
const partLimit = 1024;

const split: LanguageFunction = {
  name: "split",
  summary: "count equal parts of x along an axis, as a tuple",
  operand: "x",
  attributes: [{ name: "count", kind: "integer" }, { name: "axis", kind: "integer", default: -1 }],
  apply: splitTensor,
};

function splitTensor(frame: Frame, x: TensorNode, attributes: Readonly<Record<string, number>>, span: Span): Value {
  const rank = x.type.shape.length;
  const written = attributes["axis"] ?? -1;
  const axis = written < 0 ? written + rank : written;
  const count = attributes["count"] ?? 1;
  const extent: Extent | undefined = x.type.shape[axis];
  if (extent === undefined) return fail(frame, catalog.operandMismatch, span, [`'split': axis ${written} does not exist in ${printType(x.type)}`]);
  if (count < 1 || count > partLimit) return fail(frame, catalog.operandMismatch, span, [`'split' makes 1 to ${partLimit} parts, not ${count}`]);
  const size = divideExtents(extent, constantExtent(count));
  if (!sameExtent(multiplyExtents(size, constantExtent(count)), extent))
    return fail(frame, catalog.operandMismatch, span, [`'split': ${extent.key} is not a multiple of ${count} in ${markAxis(x.type, axis)}`], { hint: `declare the axis as a multiple, for example ${count}*H` });
  const items: Value[] = [];
  let start = constantExtent(0);
  for (let part = 0; part < count; part++) {
    const stop = addExtents(start, size);
    const item = count === 1 ? { kind: "tensor" as const, node: x } : applyToNodes(frame, structural.slice, [x], { axis, start, stop, step: 1 }, span, []);
    if (item.kind === "error") return errorValue;
    items.push(item);
    start = stop;
  }
  return { kind: "tuple", items };
}

export const languageFunctions: ReadonlyMap<string, LanguageFunction> = new Map([split].map((member) => [member.name, member]));

/** Known by name from the language's plan, but without an op so far. An op of the name takes precedence. */
export const plannedFunctions: ReadonlySet<string> = new Set(["einsum", "concat", "gather", "embedding", "conv", "vmap"]);
