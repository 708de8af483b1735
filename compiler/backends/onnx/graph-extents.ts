/**
 * Extents as values of the graph: numbers are constants; names are read from the shapes of inputs and parameters, solved for
 * where an axis is a product or a sum; the rest is arithmetic on i64 vectors of one element.
 */
import { InternalError } from "../../errors.ts";
import { type Extent, extentTree, type ExtentTree, extentValue } from "../../ir/extent.ts";
import { integer, type OnnxValue } from "../../ops/onnx-form.ts";
import type { GraphBuilder } from "./graph-builder.ts";

/** A tensor whose shape is known when the graph runs. */
export interface ShapedLeaf {
  readonly value: OnnxValue;
  readonly shape: readonly Extent[];
}

interface Axis {
  readonly leaf: ShapedLeaf;
  readonly axis: number;
  readonly tree: ExtentTree;
}

const operators = { "+": "Add", "*": "Mul", "/": "Div" } as const;

export class GraphExtents {
  readonly #builder: GraphBuilder;
  readonly #axes: readonly Axis[];
  /** How each name is found; filled as far as it can be. */
  readonly #sources = new Map<string, { readonly axis: Axis }>();
  readonly #values = new Map<string, OnnxValue>();

  constructor(builder: GraphBuilder, leaves: readonly ShapedLeaf[]) {
    this.#builder = builder;
    this.#axes = leaves.flatMap((leaf) => leaf.shape.map((extent, axis): Axis => ({ leaf, axis, tree: extentTree(extent) })));
    for (const axis of this.#axes) if (typeof axis.tree === "string" && !this.#sources.has(axis.tree)) this.#sources.set(axis.tree, { axis });
    for (let before = -1; before !== this.#sources.size; ) {
      before = this.#sources.size;
      for (const axis of this.#axes) {
        const name = this.#soleUnknown(axis.tree);
        if (name !== undefined) this.#sources.set(name, { axis });
      }
    }
  }

  /** Does the value of this name follow from the shapes? */
  follows(name: string): boolean {
    return this.#sources.has(name);
  }

  /** An i64 vector of one element. */
  vector(extent: Extent): OnnxValue {
    return this.#tree(extentTree(extent));
  }

  /** An i64 vector of all. */
  shape(extents: readonly Extent[]): OnnxValue {
    const known = extents.map(extentValue);
    if (known.every((value) => value !== undefined)) return this.#builder.constant(known, "i64", [known.length]);
    const parts = extents.map((extent) => this.vector(extent));
    return parts.length === 1 ? (parts[0] as OnnxValue) : this.#builder.apply("Concat", parts, { attributes: { axis: integer(0) } });
  }

  #tree(tree: ExtentTree): OnnxValue {
    if (typeof tree === "number") return this.#builder.constant([tree], "i64", [1]);
    const key = JSON.stringify(tree);
    const known = this.#values.get(key);
    if (known) return known;
    const value = typeof tree === "string" ? this.#name(tree) : this.#builder.apply(operators[tree[0]], [this.#tree(tree[1]), this.#tree(tree[2])]);
    this.#values.set(key, value);
    return value;
  }

  #name(name: string): OnnxValue {
    const source = this.#sources.get(name);
    if (!source) throw new InternalError("onnx", `extent '${name}' does not follow from the shapes`);
    const { leaf, axis, tree } = source.axis;
    const length = this.#builder.apply("Shape", [leaf.value], { dtype: "i64", attributes: { start: integer(axis), end: integer(axis + 1) } });
    return this.#solve(tree, length, name);
  }

  /** The value of `name` where `tree`, which holds it once, has this value. */
  #solve(tree: ExtentTree, value: OnnxValue, name: string): OnnxValue {
    if (typeof tree === "string" || typeof tree === "number") return value;
    const [operator, left, right] = tree;
    const [inner, other] = holds(left, name) ? [left, right] : [right, left];
    return this.#solve(inner, this.#builder.apply(operator === "+" ? "Sub" : "Div", [value, this.#tree(other)]), name);
  }

  /** The only name without a source in `tree`, where it can be solved for. */
  #soleUnknown(tree: ExtentTree): string | undefined {
    if (typeof tree === "number") return undefined;
    if (typeof tree === "string") return this.#sources.has(tree) ? undefined : tree;
    const [operator, left, right] = tree;
    if (operator === "/") return undefined;
    const [inLeft, inRight] = [this.#hasUnknown(left), this.#hasUnknown(right)];
    if (inLeft === inRight) return undefined;
    return this.#soleUnknown(inLeft ? left : right);
  }

  #hasUnknown(tree: ExtentTree): boolean {
    if (typeof tree === "number") return false;
    if (typeof tree === "string") return !this.#sources.has(tree);
    return this.#hasUnknown(tree[1]) || this.#hasUnknown(tree[2]);
  }
}

const holds = (tree: ExtentTree, name: string): boolean => (typeof tree === "number" ? false : typeof tree === "string" ? tree === name : holds(tree[1], name) || holds(tree[2], name));
