/**
 * The oracle: interprets tensor IR op by op in float64, unfused, through the records' `evaluate`. Shares nothing with any
 * lowering, knows no fold, no kernel and no device.
 */
import { InternalError, required } from "../errors.ts";
import { bindExtent, type Bindings, extentValue, type Extent } from "../ir/extent.ts";
import { type Attribute, type Attributes, isExtent, isLeaf, type TensorFunction, type TensorNode } from "../ir/node.ts";
import { functionNodes } from "../ir/traverse.ts";
import type { ReferenceTensor } from "../ops/define.ts";
import { operation } from "../ops/index.ts";

export type ReferenceInputs = Readonly<Record<string, ReferenceTensor>>;

/** Values of every output of `fn`, by name. `inputs` and `parameters` are keyed as in the signature. */
export function evaluate(fn: TensorFunction, bindings: Bindings, inputs: ReferenceInputs, parameters: ReferenceInputs): Record<string, ReferenceTensor> {
  const values = evaluateNodes(fn, bindings, inputs, parameters);
  return Object.fromEntries(fn.outputs.map((output) => [output.name, required(values.get(output.node), "reference", output.name)]));
}

/** Value of every node, for checks that look inside. */
export function evaluateNodes(fn: TensorFunction, bindings: Bindings, inputs: ReferenceInputs, parameters: ReferenceInputs): Map<TensorNode, ReferenceTensor> {
  const values = new Map<TensorNode, ReferenceTensor>();
  for (const leaf of fn.inputs) values.set(leaf.node, required(inputs[leaf.name], "reference", `input '${leaf.name}'`));
  for (const leaf of fn.parameters) values.set(leaf.node, required(parameters[leaf.path], "reference", `parameter '${leaf.path}'`));
  for (const node of functionNodes(fn)) {
    if (isLeaf(node)) continue;
    const operands = node.inputs.map((input) => required(values.get(input), "reference", `operand of ${node.op}`));
    const shape = concreteShape(node.type.shape, bindings);
    const value = operation(node.op).evaluate(operands, bindAttributes(node.attributes, bindings), shape, node.type.dtype);
    if (value.data.length !== shape.reduce((product, extent) => product * extent, 1)) throw new InternalError("reference", `${node.op} gave ${value.data.length} elements for [${shape.join(", ")}]`);
    values.set(node, value);
  }
  return values;
}

export function concreteShape(shape: readonly Extent[], bindings: Bindings): number[] {
  return shape.map((extent) => required(extentValue(bindExtent(extent, bindings)), "reference", `extent ${extent.key}`));
}

function bindAttributes(attributes: Attributes, bindings: Bindings): Attributes {
  const bound: Record<string, Attribute> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (isExtent(value)) bound[name] = bindExtent(value, bindings);
    else if (Array.isArray(value) && value.some((entry) => isExtent(entry as Attribute))) bound[name] = (value as readonly Extent[]).map((entry) => bindExtent(entry, bindings));
    else bound[name] = value;
  }
  return bound;
}
