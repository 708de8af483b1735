/** Tensor IR: an immutable, interned graph of nodes. Knows no op: an op's name and attributes are data (see ops/). */
import type { Extent } from "./extent.ts";
import type { DType, TensorType } from "./types.ts";

export type Attribute = number | boolean | string | readonly number[] | readonly Extent[] | Extent;

export type Attributes = Readonly<Record<string, Attribute>>;

/** Where a node came from: offsets into a named source file. Not part of a node's identity. */
export interface Origin {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

export interface TensorNode {
  /** Dense number within its Graph; operands have smaller ids. */
  readonly id: number;
  /** Name of the op record; `input` and `parameter` are the two leaves that stand for host data. */
  readonly op: string;
  readonly inputs: readonly TensorNode[];
  readonly attributes: Attributes;
  readonly type: TensorType;
  readonly origin: Origin | undefined;
}

export interface InputLeaf {
  readonly name: string;
  readonly node: TensorNode;
  /** From `///` comments. */
  readonly doc: string;
}

export interface ParameterLeaf {
  /** Instance path, for example `dense_2.gain`. */
  readonly path: string;
  readonly node: TensorNode;
  readonly initialiser: Initialiser;
  /** From `///` comments. */
  readonly doc?: string;
}

/** How a parameter starts: the name of an initialiser, and its one number where it has one (a constant's value, a deviation). */
export interface Initialiser {
  readonly name: "zeros" | "ones" | "constant" | "glorot_uniform" | "he_normal" | "orthogonal" | "normal" | "uniform";
  readonly value?: number;
}

export interface Output {
  readonly name: string;
  readonly node: TensorNode;
  /** From `///` comments. */
  readonly doc?: string;
}

/** One entry point: what a `model` becomes. */
export interface TensorFunction {
  readonly name: string;
  readonly doc: string;
  /** Extent names that the host binds, in declaration order. */
  readonly extents: readonly string[];
  readonly inputs: readonly InputLeaf[];
  readonly parameters: readonly ParameterLeaf[];
  readonly outputs: readonly Output[];
}

export interface TensorModule {
  readonly functions: readonly TensorFunction[];
}

/** Doc comments of a model's host tensors, by name or path. An output that shares its name with an input has the input's. */
export function docsOf(fn: TensorFunction): Readonly<Record<string, string>> {
  const all: readonly (readonly [string, string])[] = [
    ...fn.outputs.map(({ name, doc = "" }) => [name, doc] as const), ...fn.parameters.map(({ path, doc = "" }) => [path, doc] as const), ...fn.inputs.map(({ name, doc }) => [name, doc] as const),
  ];
  return Object.fromEntries(all.filter(([, doc]) => doc !== ""));
}

export const isExtent = (value: Attribute | undefined): value is Extent =>
  typeof value === "object" && value !== null && "key" in value;

export const isLeaf = (node: TensorNode): boolean => node.op === "input" || node.op === "parameter";

export type { DType, Extent, TensorType };
