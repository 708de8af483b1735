/**
 * A model with f32 in the place of f16, for devices without the feature `shader-f16`: one text serves both. Values between
 * host tensors are f32 either way, so only the signature and roundings to f16 change. Flow: checked model -> here -> folds/.
 */
import { Graph } from "./graph.ts";
import type { Attribute, Attributes, TensorFunction, TensorNode } from "./node.ts";
import { functionNodes } from "./traverse.ts";
import type { TensorType } from "./types.ts";

const widenType = (type: TensorType): TensorType => (type.dtype === "f16" ? { ...type, dtype: "f32" } : type);

const widenAttribute = (value: Attribute): Attribute => (value === "f16" ? "f32" : value);

const widenAttributes = (attributes: Attributes): Attributes => Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, value === undefined ? value : widenAttribute(value)]));

/** The same object when there is no f16 in it. */
export function widenHalf(fn: TensorFunction): TensorFunction {
  const nodes = functionNodes(fn);
  if (nodes.every((node) => node.type.dtype !== "f16")) return fn;
  const graph = new Graph();
  const widened = new Map<TensorNode, TensorNode>();
  const of = (node: TensorNode): TensorNode => widened.get(node) ?? node;
  for (const node of nodes) {
    const inputs = node.inputs.map(of);
    const type = widenType(node.type);
    const [operand] = inputs;
    // A change from or to f16 changes nothing any more.
    const isIdentity = node.op === "cast" && operand !== undefined && operand.type.dtype === type.dtype;
    widened.set(node, isIdentity ? operand : graph.make(node.op, inputs, widenAttributes(node.attributes), type, node.origin));
  }
  return {
    ...fn,
    inputs: fn.inputs.map((leaf) => ({ ...leaf, node: of(leaf.node) })),
    parameters: fn.parameters.map((leaf) => ({ ...leaf, node: of(leaf.node) })),
    outputs: fn.outputs.map((output) => ({ ...output, node: of(output.node) })),
  };
}
