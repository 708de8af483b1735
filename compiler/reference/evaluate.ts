/**
 * The oracle: interprets tensor IR op by op in float64, unfused, through the records' `evaluate`. Shares nothing with any
 * lowering, knows no fold, no kernel and no device.
 */
import { InternalError, required } from "../errors.ts";
import { bindExtent, type Bindings, extentValue, type Extent } from "../ir/extent.ts";
import { type Attribute, type Attributes, isExtent, isLeaf, type TensorFunction, type TensorNode } from "../ir/node.ts";
import { isScanLeaf, openScans, scanParts } from "../ir/scans.ts";
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
  const order = functionNodes(fn);
  run({ bindings, values, open: openScans(order) }, order, 0);
  return values;
}

interface Run {
  readonly bindings: Bindings;
  readonly values: Map<TensorNode, ReferenceTensor>;
  /** The scans in whose body a node stands. */
  readonly open: ReadonlyMap<TensorNode, ReadonlySet<number>>;
}

const valueOf = ({ values }: Run, node: TensorNode): ReferenceTensor => required(values.get(node), "reference", `operand '${node.op}'`);

/** Evaluates those of `nodes` that stand in the bodies of `depth` scans; deeper ones are run by their own scan. */
function run(state: Run, nodes: readonly TensorNode[], depth: number): void {
  const finished = new Map<number, readonly ReferenceTensor[]>();
  for (const node of nodes) {
    if (isLeaf(node) || isScanLeaf(node) || (state.open.get(node)?.size ?? 0) !== depth) continue;
    if (node.op === "scan") {
      const { number } = scanParts(node);
      const results = finished.get(number) ?? runScan(state, node, nodes, depth);
      finished.set(number, results);
      state.values.set(node, required(results[node.attributes["result"] as number], "reference", "result of a scan"));
      continue;
    }
    const shape = concreteShape(node.type.shape, state.bindings);
    const value = operation(node.op).evaluate(node.inputs.map((input) => valueOf(state, input)), bindAttributes(node.attributes, state.bindings), shape, node.type.dtype);
    if (value.data.length !== shape.reduce((product, extent) => product * extent, 1)) throw new InternalError("reference", `${node.op} gave ${value.data.length} elements for [${shape.join(", ")}]`);
    state.values.set(node, value);
  }
}

/** All results of a scan, emitted ones first: the body once for each step, in order. */
function runScan(state: Run, node: TensorNode, nodes: readonly TensorNode[], depth: number): ReferenceTensor[] {
  const { number, sequences, initial, next, emitted } = scanParts(node);
  const body = nodes.filter((each) => state.open.get(each)?.has(number));
  const leaves = body.filter((each) => isScanLeaf(each) && each.attributes["scan"] === number);
  const inputs = sequences.map((sequence) => valueOf(state, sequence));
  const count = inputs[0]?.shape[0] ?? 0;
  let carries = initial.map((each) => valueOf(state, each));
  const rows: ReferenceTensor[][] = emitted.map(() => []);
  for (let t = 0; t < count; t++) {
    for (const leaf of leaves) {
      const index = leaf.attributes["index"] as number;
      state.values.set(leaf, leaf.op === "scan_carry" ? required(carries[index], "reference", "a carry") : stepOf(required(inputs[index], "reference", "a sequence"), t));
    }
    run(state, body, depth + 1);
    emitted.forEach((each, i) => rows[i]?.push(valueOf(state, each)));
    carries = next.map((each) => valueOf(state, each));
  }
  return [...rows.map((steps) => stacked(steps)), ...carries];
}

function stepOf({ dtype, shape, data }: ReferenceTensor, t: number): ReferenceTensor {
  const inner = shape.slice(1);
  const size = inner.reduce((product, extent) => product * extent, 1);
  return { dtype, shape: inner, data: data.slice(t * size, (t + 1) * size) };
}

function stacked(steps: readonly ReferenceTensor[]): ReferenceTensor {
  const [first] = steps;
  const { dtype, shape } = required(first, "reference", "a step");
  const size = shape.reduce((product, extent) => product * extent, 1);
  const data = new Float64Array(steps.length * size);
  steps.forEach((step, t) => data.set(step.data, t * size));
  return { dtype, shape: [steps.length, ...shape], data };
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
