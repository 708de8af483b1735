/**
 * Legality of tensor IR: constraints T1 to T10 of spec/tensor-ir.md. Run after every pass. Knows no op: the shape rules
 * come in as a function, since `ir` imports nothing.
 */
import { extentNames, extentValue } from "./extent.ts";
import { type Attributes, isLeaf, type TensorFunction, type TensorModule, type TensorNode } from "./node.ts";
import { openScans } from "./scans.ts";
import { functionNodes } from "./traverse.ts";
import { printType, sameType, type TensorType } from "./types.ts";

/** The type that an op gives, what is wrong, or undefined for an op that does not exist. */
export type Infer = (op: string, types: readonly TensorType[], attributes: Attributes) => TensorType | { readonly message: string } | undefined;

export interface Illegality {
  /** T1 to T10. */
  readonly label: string;
  readonly function: string;
  readonly message: string;
}

/** Everything illegal in a module; empty when it is sound. */
export function verifyModule(module: TensorModule, infer: Infer): Illegality[] {
  const found: Illegality[] = duplicates(module.functions.map((fn) => fn.name)).map((name) => ({ label: "T5", function: name, message: `two functions are named '${name}'` }));
  for (const fn of module.functions) found.push(...verifyFunction(fn, infer));
  return found;
}

export function verifyFunction(fn: TensorFunction, infer: Infer): Illegality[] {
  const found: Illegality[] = [];
  const report = (label: string, message: string): void => void found.push({ label, function: fn.name, message });
  const extents = new Set(fn.extents);
  const leaves = new Set<TensorNode>([...fn.inputs, ...fn.parameters].map((leaf) => leaf.node));
  for (const node of functionNodes(fn)) {
    const name = `%${node.id} ${node.op}`;
    // T1
    for (const operand of node.inputs) if (operand.id >= node.id) report("T1", `${name} comes before its operand %${operand.id}`);
    // T2, T3
    if (isLeaf(node)) {
      if (!leaves.has(node)) report("T4", `${name} is not listed among the inputs or parameters`);
      if (node.inputs.length > 0) report("T3", `${name} is a leaf, but has operands`);
    } else {
      const type = infer(node.op, node.inputs.map((operand) => operand.type), node.attributes);
      if (type === undefined) report("T2", `${name}: there is no such op`);
      else if ("message" in type) report("T3", `${name}: ${type.message}`);
      else if (!sameType(type, node.type)) report("T3", `${name} has type ${printType(node.type)}, but its operands give ${printType(type)}`);
    }
    for (const extent of node.type.shape) {
      // T6
      for (const symbol of extentNames(extent)) if (!extents.has(symbol)) report("T6", `${name} has extent ${extent.key}, but '${symbol}' is not declared`);
      // T7
      const value = extentValue(extent);
      if (value !== undefined && (value < 1 || !Number.isInteger(value))) report("T7", `${name} has extent ${extent.key}`);
    }
  }
  // T4
  for (const leaf of fn.inputs) if (leaf.node.op !== "input" || leaf.node.attributes["name"] !== leaf.name) report("T4", `input '${leaf.name}' is not the leaf of that name`);
  for (const leaf of fn.parameters) if (leaf.node.op !== "parameter" || leaf.node.attributes["name"] !== leaf.path) report("T4", `parameter '${leaf.path}' is not the leaf of that path`);
  // T5
  for (const name of duplicates([...fn.inputs.map((leaf) => leaf.name), ...fn.parameters.map((leaf) => leaf.path)])) report("T5", `two leaves are named '${name}'`);
  for (const name of duplicates(fn.outputs.map((output) => output.name))) report("T5", `two outputs are named '${name}'`);
  for (const name of duplicates(fn.extents)) report("T5", `two extents are named '${name}'`);
  // T8
  if (fn.outputs.length === 0) report("T8", "there is no output");
  // T10
  const open = openScans(functionNodes(fn));
  for (const output of fn.outputs) if ((open.get(output.node)?.size ?? 0) > 0) report("T10", `output '${output.name}' is in the body of a scan`);
  // T9
  for (const { path, initialiser } of fn.parameters) {
    const needs = initialiser.name === "constant" || initialiser.name === "normal" || initialiser.name === "uniform";
    if (needs !== (initialiser.value !== undefined)) report("T9", `initialiser '${initialiser.name}' of '${path}' ${needs ? "lacks its number" : "takes no number"}`);
  }
  return found;
}

const duplicates = (names: readonly string[]): string[] => [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
