/**
 * Tensor IR to the index-space level: each node becomes one definition (a reduction with an epilogue becomes two). After
 * this stage no op exists any more, only maps and folds over boxes.
 */
import { broadcastIndices } from "../ops/broadcast.ts";
import { operation } from "../ops/index.ts";
import { required } from "../errors.ts";
import { type Extent, extentValue } from "../ir/extent.ts";
import { functionNodes } from "../ir/traverse.ts";
import { isLeaf, type TensorFunction, type TensorNode } from "../ir/node.ts";
import type { DType } from "../ir/types.ts";
import { type Expr, type Expressions, type Range } from "./expression.ts";
import type { Definition, Program, Source } from "./node.ts";

const isOne = (extent: Extent | undefined): boolean => extent !== undefined && extentValue(extent) === 1;

const axisNames = ["i", "j", "k", "l", "p", "q"];

/** Name of the definition that each node becomes: the op and its number in graph order; leaves keep their own. */
export function definitionNames(fn: TensorFunction): Map<TensorNode, string> {
  const names = new Map<TensorNode, string>();
  for (const leaf of fn.inputs) names.set(leaf.node, leaf.name);
  for (const leaf of fn.parameters) names.set(leaf.node, leaf.path);
  const counts = new Map<string, number>();
  for (const node of functionNodes(fn)) {
    if (isLeaf(node)) continue;
    const count = (counts.get(node.op) ?? 0) + 1;
    counts.set(node.op, count);
    names.set(node, `${node.op}.${count}`);
  }
  return names;
}

/** Lowers one entry point. Host tensors that nothing reads stay in `sources`: they are part of the signature. */
export function lowerToFolds(fn: TensorFunction, e: Expressions): Program {
  const names = definitionNames(fn);
  const sources: Source[] = [
    ...fn.inputs.map((leaf): Source => ({ name: leaf.name, role: "input", type: leaf.node.type })),
    ...fn.parameters.map((leaf): Source => ({ name: leaf.path, role: "parameter", type: leaf.node.type })),
  ];
  const definitions = functionNodes(fn).filter((node) => !isLeaf(node)).flatMap((node) => lowerNode(node, required(names.get(node), "lower-to-folds", node.op), names, e));
  const taken = new Set<string>();
  const outputs = fn.outputs.map((output) => {
    let definition = required(names.get(output.node), "lower-to-folds", output.name);
    // A host tensor handed straight through, the second output of one value, and what leaves as f16 need a copy to write to.
    if (isLeaf(output.node) || taken.has(definition) || output.node.type.dtype === "f16") {
      const copied = copyOf(definition, `copy.${taken.size + 1}`, output.node, e);
      definitions.push(copied);
      definition = copied.name;
    }
    taken.add(definition);
    return { name: output.name, definition, type: output.node.type };
  });
  return { name: fn.name, sources, definitions, outputs };
}

function copyOf(source: string, name: string, node: TensorNode, e: Expressions): Definition {
  const box = node.type.shape.map((extent, axis) => e.range(axisNames[axis] ?? "x", extent));
  const value = e.load(source, box.map((range) => e.index(range)), isLeaf(node) ? node.type.dtype : computed(node.type.dtype));
  return { name, dtype: node.type.dtype, box, fold: undefined, body: e.convert(value, node.type.dtype), origin: node.origin };
}

/** f16 is how host tensors are stored. Every value in between is f32, so that nothing overflows or accumulates in f16 (spec/numerics.md). */
const computed = (dtype: DType): DType => (dtype === "f16" ? "f32" : dtype);

function lowerNode(node: TensorNode, name: string, names: ReadonlyMap<TensorNode, string>, e: Expressions): Definition[] {
  const box = node.type.shape.map((extent, axis): Range => e.range(axisNames[axis] ?? "x", extent));
  const read = (i: number, indices: readonly Expr[]): Expr => {
    const operand = required(node.inputs[i], "lower-to-folds", `operand ${i} of ${name}`);
    const source = required(names.get(operand), "lower-to-folds", `name of operand ${i} of ${name}`);
    const aligned = indices.length === operand.type.shape.length
      ? indices.map((index, axis) => (isOne(operand.type.shape[axis]) ? e.constant(0, "i32") : index))
      : broadcastIndices(e, operand.type.shape, indices);
    const { dtype } = operand.type;
    return isLeaf(operand) ? e.convert(e.load(source, aligned, dtype), computed(dtype)) : e.load(source, aligned, computed(dtype));
  };
  const lowered = operation(node.op).lower({ e, node: { ...node, type: { ...node.type, dtype: computed(node.type.dtype) } }, box, read });
  const base = { dtype: computed(node.type.dtype), box, origin: node.origin };
  if (!lowered.epilogue) return [{ ...base, name, fold: lowered.fold, body: lowered.body }];
  const folded = `${name}.fold`;
  const outer = box.map((range) => e.range(range.name, range.extent));
  const atOuter = e.load(folded, outer.map((range) => e.index(range)), base.dtype);
  return [
    { ...base, name: folded, fold: lowered.fold, body: lowered.body },
    { ...base, box: outer, name, fold: undefined, body: lowered.epilogue(atOuter) },
  ];
}
