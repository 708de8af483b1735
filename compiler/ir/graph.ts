/** Makes and interns tensor IR nodes: same op, operands, attributes and type give the same object. */
import { type Attribute, type Attributes, isExtent, type Origin, type TensorNode } from "./node.ts";
import { printType, type TensorType } from "./types.ts";

export class Graph {
  readonly #nodes: TensorNode[] = [];
  readonly #interned = new Map<string, TensorNode>();

  /** The node for these parts, new or known. `origin` is kept from the first request. */
  make(op: string, inputs: readonly TensorNode[], attributes: Attributes, type: TensorType, origin?: Origin): TensorNode {
    const key = `${op}(${inputs.map((node) => node.id).join(",")})${attributesKey(attributes)}:${printType(type)}`;
    const known = this.#interned.get(key);
    if (known) return known;
    const node: TensorNode = { id: this.#nodes.length, op, inputs, attributes, type, origin };
    this.#nodes.push(node);
    this.#interned.set(key, node);
    return node;
  }

  get nodeCount(): number {
    return this.#nodes.length;
  }
}

/** Text of an attribute that distinguishes -0 from 0 and keeps NaN and the infinities apart. */
export function attributeText(value: Attribute): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "boolean") return String(value);
  if (isExtent(value)) return `{${value.key}}`;
  return `[${(value as readonly Attribute[]).map(attributeText).join(", ")}]`;
}

export function attributesKey(attributes: Attributes): string {
  return `{${Object.keys(attributes)
    .sort()
    .map((name) => `${name}=${attributeText(attributes[name] as Attribute)}`)
    .join(",")}}`;
}
