/**
 * Writes scans out: the body once for each step, of a number of steps that is known. Flow: checked model -> here -> folds/ or
 * backends/onnx. Equal steps are planned once, by fusion/segments.ts. class: exact
 */
import { InternalError, required } from "../errors.ts";
import { constantExtent, extentValue } from "../ir/extent.ts";
import { Graph } from "../ir/graph.ts";
import type { TensorFunction, TensorNode } from "../ir/node.ts";
import { openScans, scanParts } from "../ir/scans.ts";
import { functionNodes } from "../ir/traverse.ts";
import { applyOp } from "../ops/build.ts";

type Environment = Map<TensorNode, TensorNode>;

/** The same function when there is no scan in it. Every length must be known (the checker sees to it). */
export function unrollScans(fn: TensorFunction): TensorFunction {
  const order = functionNodes(fn);
  if (order.every((node) => node.op !== "scan")) return fn;
  const open = openScans(order);
  const graph = new Graph();
  const apply = (op: string, inputs: readonly TensorNode[], attributes: TensorNode["attributes"], like: TensorNode): TensorNode => {
    const applied = applyOp(graph, op, inputs, attributes, like.origin);
    if ("violation" in applied) throw new InternalError("unroll-scans", applied.violation.message);
    return applied.node;
  };
  /** Rebuilds `nodes`, the body of the scans in `around`, into `env`; what lies outside of them is found in `outer`. */
  const build = (nodes: readonly TensorNode[], around: ReadonlySet<number>, env: Environment, find: (node: TensorNode) => TensorNode): void => {
    const finished = new Map<number, { readonly emitted: readonly TensorNode[]; readonly carries: readonly TensorNode[] }>();
    const of = (node: TensorNode): TensorNode => env.get(node) ?? find(node);
    for (const node of nodes) {
      if (env.has(node) || (open.get(node)?.size ?? 0) !== around.size) continue;
      if (node.op !== "scan") {
        env.set(node, graph.make(node.op, node.inputs.map(of), node.attributes, node.type, node.origin));
        continue;
      }
      const { number, result } = scanParts(node);
      const results = finished.get(number) ?? steps(node, nodes, around, of);
      finished.set(number, results);
      env.set(node, required((result.kind === "emitted" ? results.emitted : results.carries)[result.index], "unroll-scans", "result"));
    }
  };
  const steps = (node: TensorNode, nodes: readonly TensorNode[], around: ReadonlySet<number>, of: (node: TensorNode) => TensorNode) => {
    const { number, sequences, initial, next, emitted } = scanParts(node);
    const inner = new Set([...around, number]);
    const body = nodes.filter((each) => open.get(each)?.has(number));
    const leaf = (op: string, index: number): TensorNode | undefined => body.find((each) => each.op === op && each.attributes["scan"] === number && each.attributes["index"] === index);
    const count = required(extentValue(required(sequences[0]?.type.shape[0], "unroll-scans", "length")), "unroll-scans", "a known length");
    let carries = initial.map(of);
    const rows: TensorNode[][] = emitted.map(() => []);
    for (let t = 0; t < count; t++) {
      const env: Environment = new Map();
      sequences.forEach((sequence, i) => {
        const at = leaf("scan_element", i);
        if (at) env.set(at, apply("reshape", [apply("slice", [of(sequence)], { axis: 0, start: constantExtent(t), stop: constantExtent(t + 1), step: 1 }, node)], { shape: at.type.shape }, node));
      });
      carries.forEach((carry, i) => {
        const at = leaf("scan_carry", i);
        if (at) env.set(at, carry);
      });
      build(body, inner, env, of);
      const inStep = (each: TensorNode): TensorNode => env.get(each) ?? of(each);
      emitted.forEach((each, i) => rows[i]?.push(apply("reshape", [inStep(each)], { shape: [constantExtent(1), ...each.type.shape] }, node)));
      carries = next.map(inStep);
    }
    return { emitted: rows.map((parts) => (parts.length === 1 ? (parts[0] as TensorNode) : apply("concat", parts, { axis: 0 }, node))), carries };
  };
  const env: Environment = new Map();
  build(order, new Set(), env, (node) => required(env.get(node), "unroll-scans", node.op));
  const made = (node: TensorNode): TensorNode => required(env.get(node), "unroll-scans", node.op);
  return {
    ...fn,
    inputs: fn.inputs.map((leaf) => ({ ...leaf, node: made(leaf.node) })), parameters: fn.parameters.map((leaf) => ({ ...leaf, node: made(leaf.node) })),
    outputs: fn.outputs.map((output) => ({ ...output, node: made(output.node) })),
  };
}
