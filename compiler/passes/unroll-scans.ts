/**
 * Writes scans out: the body once for each step, of a number of steps that is known. Flow: checked model -> here -> folds/ or
 * backends/onnx. Equal steps are planned once, by fusion/segments.ts. class: exact
 */
import { InternalError, Refusal, required } from "../errors.ts";
import { constantExtent, extentNames, extentValue } from "../ir/extent.ts";
import { Graph } from "../ir/graph.ts";
import type { TensorFunction, TensorNode } from "../ir/node.ts";
import { openScans, scanParts } from "../ir/scans.ts";
import { functionNodes } from "../ir/traverse.ts";
import { applyOp } from "../ops/build.ts";

const none: ReadonlySet<number> = new Set();

function refuseOpen(order: readonly TensorNode[], open: ReadonlyMap<TensorNode, ReadonlySet<number>>, reasonOf: (node: TensorNode) => string | undefined): void {
  const lengths = new Map<number, number>();
  for (const node of order) {
    const reason = node.op === "scan" ? reasonOf(node) : undefined;
    if (reason === undefined) continue;
    const length = required(node.inputs[0]?.type.shape[0], "unroll-scans", "length");
    const known = extentValue(length);
    if (known === undefined) throw new Refusal("scan-length", `the scan over ${length.key} steps is written out step by step (${reason}), and ${length.key} is not known when the model is compiled`, `bind it: --bind ${extentNames(length)[0] ?? length.key}=64, or bind: { ${extentNames(length)[0] ?? length.key}: 64 } where the model is compiled`, node.origin);
    lengths.set(scanParts(node).number, known);
  }
  const count = order.reduce((sum, node) => sum + [...(open.get(node) ?? none)].reduce((product, scan) => product * (lengths.get(scan) ?? 1), 1), 0);
  if (count > unrolledLimit) throw new Refusal("scan-size", `the scans of the model, written out step by step, are ${count} operations; ${unrolledLimit} is the limit`, "scan fewer steps at a time, and hand the carries on", order.find((node) => node.op === "scan")?.origin);
}

type Environment = Map<TensorNode, TensorNode>;

/** Why a scan is written out, by its number and the scans around it; undefined: it stays. */
export type Written = (scan: number, around: ReadonlySet<number>) => string | undefined;

/** Nodes of a model whose scans are written out. */
const unrolledLimit = 200_000;

/** The same function when no scan in it is written out. throws: Refusal, where a length is not known or the result is too large */
export function unrollScans(fn: TensorFunction, written: Written): TensorFunction {
  const order = functionNodes(fn);
  const bodies = openScans(order);
  const kept = new Set(order.filter((node) => node.op === "scan" && written(scanParts(node).number, bodies.get(node) ?? none) === undefined).map((node) => scanParts(node).number));
  if (order.every((node) => node.op !== "scan" || kept.has(scanParts(node).number))) return fn;
  // Scans that are kept are like any other op; their bodies stand in no loop here.
  const open = new Map([...bodies].map(([node, scans]) => [node, new Set([...scans].filter((scan) => !kept.has(scan)))]));
  refuseOpen(order, open, (node) => (kept.has(scanParts(node).number) ? undefined : written(scanParts(node).number, bodies.get(node) ?? none)));
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
      if (node.op !== "scan" || kept.has(scanParts(node).number)) {
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
