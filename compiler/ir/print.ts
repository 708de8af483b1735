/** Tensor IR to its text form (`.tensor`), described in spec/tensor-ir.md. Nodes are numbered in topological order. */
import { attributeText } from "./graph.ts";
import type { Initialiser, TensorFunction, TensorModule, TensorNode } from "./node.ts";
import { functionNodes } from "./traverse.ts";
import { printType } from "./types.ts";

export const printModule = (module: TensorModule): string => module.functions.map(printFunction).join("\n");

export function printFunction(fn: TensorFunction): string {
  const nodes = functionNodes(fn);
  const numbers = new Map(nodes.map((node, i) => [node, i] as const));
  const reference = (node: TensorNode): string => `%${numbers.get(node) ?? "?"}`;
  const doc = (text: string): string => (text === "" ? "" : ` ${JSON.stringify(text)}`);
  return [
    `function ${fn.name}[${fn.extents.join(", ")}]${doc(fn.doc)} {`,
    ...nodes.map((node) => `  ${reference(node)} = ${node.op}(${node.inputs.map(reference).join(", ")})${attributesText(node)}: ${printType(node.type)}`),
    ...fn.inputs.map((leaf) => `  input ${JSON.stringify(leaf.name)} ${reference(leaf.node)}${doc(leaf.doc)}`),
    ...fn.parameters.map((leaf) => `  parameter ${JSON.stringify(leaf.path)} ${reference(leaf.node)} ${initialiserText(leaf.initialiser)}${doc(leaf.doc ?? "")}`),
    ...fn.outputs.map((output) => `  output ${JSON.stringify(output.name)} ${reference(output.node)}${doc(output.doc ?? "")}`),
    "}",
    "",
  ].join("\n");
}

function attributesText(node: TensorNode): string {
  const names = Object.keys(node.attributes).sort();
  if (names.length === 0) return "";
  return ` {${names.map((name) => `${name} = ${attributeText(node.attributes[name] ?? 0)}`).join(", ")}}`;
}

const initialiserText = ({ name, value }: Initialiser): string => (value === undefined ? name : `${name}(${attributeText(value)})`);
