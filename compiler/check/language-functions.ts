/**
 * Functions that no op can be: they return tuples or expand to several nodes, by their arguments. Also the names of
 * functions that are planned, so that their use is answered by a limitation and not by "unknown name".
 */
import { catalog } from "../diagnostics/catalog.ts";
import { addExtents, constantExtent, divideExtents, type Extent, multiplyExtents, sameExtent } from "../ir/extent.ts";
import type { TensorNode } from "../ir/node.ts";
import { printType } from "../ir/types.ts";
import type { Span } from "../source/source-file.ts";
import { operation } from "../ops/index.ts";
import { einsum } from "./einsum.ts";
import type { LanguageFunction } from "./language-function.ts";
import { applyToNodes, markAxis, structural } from "./operations.ts";
import { fail, type Frame, type Given } from "./session.ts";
import { errorValue, type Value } from "./values.ts";

/** Most parts that one tensor is split into. */
const partLimit = 1024;

const split: LanguageFunction = {
  name: "split",
  summary: "count equal parts of x along an axis, as a tuple",
  operand: "x",
  attributes: [{ name: "count", kind: "integer" }, { name: "axis", kind: "integer", default: -1 }],
  apply: splitTensor,
};

function splitTensor(frame: Frame, inputs: readonly TensorNode[], attributes: Readonly<Record<string, number | string>>, span: Span): Value {
  const [x] = inputs;
  if (!x) return errorValue;
  const rank = x.type.shape.length;
  const written = Number(attributes["axis"]);
  const axis = written < 0 ? written + rank : written;
  const count = Number(attributes["count"]);
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

const stack: LanguageFunction = {
  name: "stack",
  summary: "tensors of one type, joined along a new axis",
  operand: "parts",
  variadic: true,
  attributes: [{ name: "axis", kind: "integer", default: 0 }],
  apply: (frame, inputs, attributes, span) => {
    const rank = (inputs[0]?.type.shape.length ?? 0) + 1;
    const written = Number(attributes["axis"]);
    const axis = written < 0 ? written + rank : written;
    if (axis < 0 || axis >= rank) return fail(frame, catalog.operandMismatch, span, [`'stack': axis ${written} does not exist in a result of rank ${rank}`]);
    const parts = inputs.map((node): Value => applyToNodes(frame, structural.reshape, [node], { shape: [...node.type.shape.slice(0, axis), constantExtent(1), ...node.type.shape.slice(axis)] }, span, []));
    const callee: Value = { kind: "op", op: operation(structural.join) };
    const given = (value: Value, name: string | undefined): Given => ({ name: name === undefined ? undefined : { text: name, span }, expression: undefined, value, span });
    return frame.session.walk.apply(callee, [...parts.map((part) => given(part, undefined)), given({ kind: "number", value: axis }, "axis")], frame, span);
  },
};

export const languageFunctions: ReadonlyMap<string, LanguageFunction> = new Map([split, stack, einsum].map((member) => [member.name, member]));

/** Known by name from the language's plan, but without an op so far. An op of the name takes precedence. */
export const plannedFunctions: ReadonlySet<string> = new Set(["embedding", "vmap"]);
