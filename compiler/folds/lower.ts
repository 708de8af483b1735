/**
 * Tensor IR to the index-space level: each node becomes one definition (a reduction with an epilogue becomes two). After
 * this stage no op exists any more, only maps and folds over boxes.
 */
import { broadcastIndices } from "../ops/broadcast.ts";
import { operation } from "../ops/index.ts";
import { required } from "../errors.ts";
import { type Extent, extentValue } from "../ir/extent.ts";
import { openScans, scanParts } from "../ir/scans.ts";
import { functionNodes } from "../ir/traverse.ts";
import { isLeaf, type TensorFunction, type TensorNode } from "../ir/node.ts";
import type { DType } from "../ir/types.ts";
import { type Expr, type Expressions, type Range } from "./expression.ts";
import type { Definition, Program, Source } from "./node.ts";
import { recurrenceOf } from "./recurrence.ts";

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
  const definitions = lowerNodes(functionNodes(fn), names, e);
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

/** Bodies of scans become recurrences; `order` has operands before users. A scan in the body of another one is written out before. */
function lowerNodes(order: readonly TensorNode[], names: ReadonlyMap<TensorNode, string>, e: Expressions): Definition[] {
  const open = order.some((node) => node.op === "scan") ? openScans(order) : new Map<TensorNode, ReadonlySet<number>>();
  const nameOf = (node: TensorNode): string => required(names.get(node), "lower-to-folds", node.op);
  const definitions = new Map<string, Definition>();
  for (const node of order) {
    if (isLeaf(node) || (open.get(node)?.size ?? 0) > 0 || definitions.has(nameOf(node))) continue;
    const made = node.op === "scan" ? lowerScan(node, order, open, names, e, (name) => definitions.get(name)) : lowerNode(node, nameOf(node), names, e);
    for (const definition of made) definitions.set(definition.name, definition);
  }
  return [...definitions.values()];
}

function lowerScan(node: TensorNode, order: readonly TensorNode[], open: ReadonlyMap<TensorNode, ReadonlySet<number>>, names: ReadonlyMap<TensorNode, string>, e: Expressions, outer: (name: string) => Definition | undefined): Definition[] {
  const nameOf = (each: TensorNode): string => required(names.get(each), "lower-to-folds", each.op);
  const { number, sequences, initial, next } = scanParts(node);
  const body = order.filter((each) => open.get(each)?.has(number));
  const step = e.range("t", required(sequences[0]?.type.shape[0], "lower-to-folds", "steps"));
  const leaf = (op: string, index: number): TensorNode | undefined => body.find((each) => each.op === op && each.attributes["index"] === index);
  const elements = sequences.flatMap((sequence, i): Definition[] => {
    const element = leaf("scan_element", i);
    if (!element) return [];
    const box = element.type.shape.map((extent, axis): Range => e.range(axisNames[axis] ?? "x", extent));
    const read = e.load(nameOf(sequence), [e.index(step), ...box.map((range) => e.index(range))], isLeaf(sequence) ? sequence.type.dtype : computed(sequence.type.dtype));
    return [{ name: nameOf(element), dtype: computed(element.type.dtype), box, fold: undefined, body: e.convert(read, computed(element.type.dtype)), origin: node.origin }];
  });
  const name = `scan${number}`;
  // A carry that its body does not read has no leaf.
  const carryName = (index: number): string => {
    const carry = leaf("scan_carry", index);
    return carry ? nameOf(carry) : `${name}.carry${index}`;
  };
  return recurrenceOf(e, {
    name, step,
    body: [...elements, ...body.filter((each) => each.op !== "scan_element" && each.op !== "scan_carry").flatMap((each) => lowerNode(each, nameOf(each), names, e))],
    carries: initial.map((each, i) => ({ name: carryName(i), dtype: computed(each.type.dtype), shape: each.type.shape, initial: nameOf(each), next: nameOf(next[i] as TensorNode) })),
    results: order.filter((each) => each.op === "scan" && scanParts(each).number === number).map((each) => {
      const { result, emitted } = scanParts(each);
      return { name: nameOf(each), dtype: computed(each.type.dtype), shape: each.type.shape, origin: each.origin, result: result.kind === "emitted" ? ({ kind: "stack", value: nameOf(emitted[result.index] as TensorNode) } as const) : ({ kind: "carry", carry: carryName(result.index) } as const) };
    }),
  }, outer);
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
