/**
 * What an expression means while it is checked. Tensors are nodes of the graph; literals, truth values, extents and
 * lists stay weak until an operand decides their dtype; functions and layers are values only to be applied.
 */
import type { Extent } from "../ir/extent.ts";
import type { TensorNode } from "../ir/node.ts";
import { printType } from "../ir/types.ts";
import type { Op } from "../ops/define.ts";
import type { FunctionDeclaration } from "../syntax/tree.ts";
import type { Instance } from "./instance.ts";
import type { Module } from "./modules.ts";

export type Value =
  | { readonly kind: "tensor"; readonly node: TensorNode }
  /** A compile-time number: takes the dtype of the other operand, f32 by default. */
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  /** The number of elements along an axis, as a weak whole number. */
  | { readonly kind: "extent"; readonly extent: Extent }
  | { readonly kind: "string"; readonly value: string }
  /** An optional argument that was not given. */
  | { readonly kind: "none" }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  | { readonly kind: "tuple"; readonly items: readonly Value[] }
  | { readonly kind: "op"; readonly op: Op }
  | { readonly kind: "language"; readonly name: string }
  | FunctionValue
  /** Already reported; silences whatever uses it. */
  | { readonly kind: "error" };

export interface FunctionValue {
  readonly kind: "function";
  readonly declaration: FunctionDeclaration;
  readonly module: Module;
  /** From `Name[...]`; absent when none were written. */
  readonly extents: readonly Extent[] | undefined;
  /** Set once a `let` has named a layer: all applications share its parameters. */
  readonly instance: Instance | undefined;
  /** From `repeat(n, layer)`: applied n times in a row, each time as an instance of its own. */
  readonly times?: number;
}

export const errorValue: Value = { kind: "error" };

export const tensorValue = (node: TensorNode): Value => ({ kind: "tensor", node });

/** Literals and what is computed from them alone. */
export type WeakValue = Extract<Value, { kind: "number" | "boolean" | "extent" | "list" }>;

export const isWeak = (value: Value): value is WeakValue =>
  value.kind === "number" || value.kind === "boolean" || value.kind === "extent" || value.kind === "list";

/** A short description for messages, bounded however large the value is. */
export function describe(value: Value, depth = 0): string {
  switch (value.kind) {
    case "tensor":
      return printType(value.node.type);
    case "number":
      return `the number ${value.value}`;
    case "boolean":
      return String(value.value);
    case "extent":
      return `extent ${value.extent.key}`;
    case "string":
      return "a string";
    case "none":
      return "'none'";
    case "list":
      return `a list of ${value.items.length}`;
    case "tuple": {
      if (depth > 1) return `a tuple of ${value.items.length}`;
      const shown = value.items.slice(0, 6).map((item) => describe(item, depth + 1));
      return `(${shown.join(", ")}${value.items.length > 6 ? ", ..." : ""})`;
    }
    case "op":
      return `the built-in '${value.op.name}'`;
    case "language":
      return `the built-in '${value.name}'`;
    case "function":
      return `${value.declaration.kind} '${value.declaration.name.text}'`;
    case "error":
      return "an error";
    default:
      return value satisfies never;
  }
}
