/** Makes tensor IR nodes through the records: canonical attributes, then the shape rule, then the interned node. */
import type { Graph } from "../ir/graph.ts";
import type { Attribute, Attributes, Origin, TensorNode } from "../ir/node.ts";
import { type TensorType, printType } from "../ir/types.ts";
import { type AttributeSpec, isViolation, type Op, type Violation } from "./define.ts";
import { operation } from "./index.ts";

export type Applied = { readonly node: TensorNode } | { readonly violation: Violation };

/**
 * Applies the op `name`. Attributes may be left out where the record has a default; axes may be negative and unsorted.
 * reports: the violated constraint with the actual shapes.
 */
export function applyOp(graph: Graph, name: string, inputs: readonly TensorNode[], given: Attributes, origin?: Origin): Applied {
  const op = operation(name);
  const types = inputs.map((node) => node.type);
  const attributes = canonicalAttributes(op, types, given);
  if ("constraint" in attributes) return { violation: attributes as Violation };
  const type = op.infer(types, attributes as Attributes);
  if (isViolation(type)) return { violation: type };
  const [first] = inputs;
  if (first && op.isIdentity?.(types, attributes as Attributes)) return { node: first };
  return { node: graph.make(name, inputs, attributes as Attributes, type, origin) };
}

function canonicalAttributes(op: Op, types: readonly TensorType[], given: Attributes): Attributes | Violation {
  const attributes: Record<string, Attribute> = {};
  for (const spec of op.attributes) {
    const value = given[spec.name] ?? spec.default;
    if (value === undefined) return { constraint: "attribute", message: `'${op.name}' needs '${spec.name}': ${spec.doc}`, hint: `write ${spec.name} = ...` };
    const checked = canonicalAttribute(op, spec, value, types[0]);
    if (typeof checked === "object" && checked !== null && "constraint" in checked) return checked;
    attributes[spec.name] = checked;
  }
  return attributes;
}

function canonicalAttribute(op: Op, spec: AttributeSpec, value: Attribute, operand: TensorType | undefined): Attribute | Violation {
  const isAxis = spec.kind === "axes" || (spec.kind === "integer" && spec.name === "axis") || spec.name === "order";
  if (!isAxis || operand === undefined) return value;
  const rank = operand.shape.length;
  const list = (typeof value === "number" ? [value] : value) as readonly number[];
  const axes = spec.kind === "axes" && list.length === 0 ? operand.shape.map((_, axis) => axis) : list.map((axis) => (axis < 0 ? axis + rank : axis));
  const outside = axes.findIndex((axis) => axis < 0 || axis >= rank || !Number.isInteger(axis));
  if (outside >= 0)
    return { constraint: "C2", message: `'${op.name}': axis ${list[outside]} does not exist in ${printType(operand)}`, hint: rank === 0 ? "a scalar has no axes" : `axes are ${-rank} .. ${rank - 1}`, operands: [0] };
  if (spec.kind === "integer") return axes[0] as number;
  if (spec.kind === "integers") return axes;
  const sorted = [...axes].sort((a, b) => a - b);
  const twice = sorted.find((axis, i) => axis === sorted[i + 1]);
  return twice === undefined ? sorted : { constraint: "C2", message: `'${op.name}': axis ${twice} is given twice`, operands: [0] };
}
