/** Collects the operators and constants of one graph, gives values their names and keeps equal constants once. Used by export.ts. */
import type { ApplyOptions, OnnxAttribute, OnnxDType, OnnxGraphBody, OnnxNode, OnnxValue } from "../../ops/onnx-form.ts";
import { attributeText } from "../../ir/graph.ts";
import type { OnnxConstant } from "./encode.ts";

export class GraphBuilder {
  readonly #taken = new Set<string>();
  readonly #constants = new Map<string, OnnxConstant>();
  /** The innermost list is written to. */
  readonly #nodes: OnnxNode[][] = [[]];

  get constants(): readonly OnnxConstant[] {
    return [...this.#constants.values()];
  }

  /** A name like `wanted` that no other value has. */
  declare(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#taken.has(name); n++) name = `${wanted}_${n}`;
    this.#taken.add(name);
    return name;
  }

  apply(operator: string, inputs: readonly (OnnxValue | undefined)[], options: ApplyOptions = {}): OnnxValue {
    const value: OnnxValue = { name: this.declare(operator), dtype: options.dtype ?? inputs[0]?.dtype ?? "f32" };
    const outputs = [...Array.from({ length: options.skip ?? 0 }, () => this.declare("unused")), value.name];
    this.#nodes.at(-1)?.push({ operator, inputs: inputs.map((input) => input?.name), outputs, attributes: options.attributes ?? {} });
    return value;
  }

  constant(values: number | readonly number[], dtype: OnnxDType, shape: readonly number[] = []): OnnxValue {
    const data = typeof values === "number" ? [values] : values;
    const key = `${dtype}${attributeText(shape)}${attributeText(data)}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const made: OnnxConstant = { name: this.declare("constant"), dtype, shape, data };
    this.#constants.set(key, made);
    return made;
  }

  body(dtypes: readonly OnnxDType[], build: (values: readonly OnnxValue[]) => readonly OnnxValue[]): OnnxAttribute {
    const inputs = dtypes.map((dtype): OnnxValue => ({ name: this.declare("element"), dtype }));
    this.#nodes.push([]);
    // Each output of a body is a result of its own.
    const outputs = build(inputs).map((value) => this.apply("Identity", [value]));
    return { kind: "graph", graph: { nodes: this.#nodes.pop() ?? [], inputs, outputs } };
  }

  /** The operators, with values renamed. A value that no operator of the graph itself gives is copied to its new name. */
  finish(outputs: readonly { readonly value: OnnxValue; readonly name: string }[]): readonly OnnxNode[] {
    const made = new Set(this.#nodes[0]?.flatMap((node) => node.outputs));
    const names = new Map<string, string>();
    for (const { value, name } of outputs) {
      if (made.has(value.name) && !names.has(value.name)) names.set(value.name, name);
      else this.#nodes[0]?.push({ operator: "Identity", inputs: [value.name], outputs: [name], attributes: {} });
    }
    return renamed(this.#nodes[0] ?? [], names);
  }
}

function renamed(nodes: readonly OnnxNode[], names: ReadonlyMap<string, string>): OnnxNode[] {
  const of = <T extends string | undefined>(name: T): T | string => (name === undefined ? name : (names.get(name) ?? name));
  const within = (attribute: OnnxAttribute): OnnxAttribute => (attribute.kind === "graph" ? { ...attribute, graph: { ...attribute.graph, nodes: renamed(attribute.graph.nodes, names) } satisfies OnnxGraphBody } : attribute);
  return nodes.map((node) => ({ ...node, inputs: node.inputs.map(of), outputs: node.outputs.map(of), attributes: Object.fromEntries(Object.entries(node.attributes).map(([key, value]) => [key, within(value)])) }));
}
