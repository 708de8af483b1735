/** Builds small tensor functions for tests through the op records, and makes host data for them. */
import { InternalError } from "../../compiler/errors.ts";
import { type Bindings, type Extent, parseExtent } from "../../compiler/ir/extent.ts";
import { Graph } from "../../compiler/ir/graph.ts";
import type { Attributes, TensorFunction, TensorNode } from "../../compiler/ir/node.ts";
import { type DType, dtypes, type TensorType } from "../../compiler/ir/types.ts";
import { applyOp } from "../../compiler/ops/build.ts";
import type { ReferenceTensor } from "../../compiler/ops/define.ts";
import { concreteShape } from "../../compiler/reference/evaluate.ts";
import { allocate, type Tensor } from "../../runtime/tensor.ts";

/** `f32[B, 4*H]` */
export function typeOf(text: string): TensorType {
  const [, word, extents] = /^(\w+)(?:\[(.*)\])?$/.exec(text) ?? [];
  const dtype = dtypes.find((candidate) => candidate === word);
  if (!dtype) throw new InternalError("test", `type '${text}'`);
  return { dtype, shape: extents ? extents.split(",").map((extent) => parseExtent(extent.trim())) : [] };
}

export const extents = (...texts: readonly string[]): Extent[] => texts.map(parseExtent);

export interface Builder {
  /** Applies an op; a violation fails the test. */
  readonly op: (name: string, inputs: readonly TensorNode[], attributes?: Attributes) => TensorNode;
  readonly input: (name: string) => TensorNode;
  readonly constant: (values: readonly number[], shape?: readonly number[], dtype?: DType) => TensorNode;
}

export interface Signature {
  readonly name?: string;
  readonly extents?: readonly string[];
  readonly inputs?: Readonly<Record<string, string>>;
  readonly parameters?: Readonly<Record<string, string>>;
}

export function tensorFunction(signature: Signature, body: (build: Builder) => Readonly<Record<string, TensorNode>>): TensorFunction {
  const graph = new Graph();
  const leaf = (op: "input" | "parameter") => ([name, type]: readonly [string, string]) => [name, graph.make(op, [], { name }, typeOf(type))] as const;
  const inputs = Object.entries(signature.inputs ?? {}).map(leaf("input"));
  const parameters = Object.entries(signature.parameters ?? {}).map(leaf("parameter"));
  const leaves = new Map([...inputs, ...parameters]);
  const op: Builder["op"] = (name, operands, attributes = {}) => {
    const applied = applyOp(graph, name, operands, attributes);
    if ("violation" in applied) throw new InternalError("test", applied.violation.message);
    return applied.node;
  };
  const input = (name: string): TensorNode => {
    const node = leaves.get(name);
    if (!node) throw new InternalError("test", `no leaf '${name}'`);
    return node;
  };
  const outputs = body({ op, input, constant: (values, shape = [], dtype = "f32") => op("constant", [], { values, shape, dtype }) });
  return {
    name: signature.name ?? "Test",
    doc: "",
    extents: signature.extents ?? [],
    inputs: inputs.map(([name, node]) => ({ name, node, doc: "" })),
    parameters: parameters.map(([path, node]) => ({ path, node, initialiser: { name: "zeros" } })),
    outputs: Object.entries(outputs).map(([name, node]) => ({ name, node })),
  };
}

/** A small generator with a seed: values in -1 .. 1. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * 0.999;
  };
}

/** Host data of every leaf: floats around 0 with a few hard values, integers among -9 .. 9, truth values. */
export function hostData(fn: TensorFunction, bindings: Bindings, seed = 1): { readonly inputs: Record<string, Tensor>; readonly parameters: Record<string, Tensor> } {
  const next = randomNumbers(seed);
  const tensor = ({ type }: TensorNode): Tensor => {
    const shape = concreteShape(type.shape, bindings);
    const data = allocate(type.dtype, shape.reduce((product, extent) => product * extent, 1));
    for (let i = 0; i < data.length; i++) data[i] = type.dtype === "bool" ? (next() > 0 ? 1 : 0) : type.dtype === "u32" ? Math.floor(Math.abs(next()) * 9) : type.dtype === "i32" ? Math.round(next() * 9) : 3 * next();
    return { dtype: type.dtype, shape, data };
  };
  return {
    inputs: Object.fromEntries(fn.inputs.map(({ name, node }) => [name, tensor(node)])),
    parameters: Object.fromEntries(fn.parameters.map(({ path, node }) => [path, tensor(node)])),
  };
}

export const toReference = (tensors: Readonly<Record<string, Tensor>>): Record<string, ReferenceTensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data: Float64Array.from(data) }]));
