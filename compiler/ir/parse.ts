/** Parses the text form of tensor IR; the inverse of print.ts. For tools and tests: a mistake throws a SyntaxError with its line. */
import { type Extent, parseExtent } from "./extent.ts";
import { Graph } from "./graph.ts";
import type { Attribute, Attributes, Initialiser, InputLeaf, Output, ParameterLeaf, TensorFunction, TensorModule, TensorNode } from "./node.ts";
import { dtypes, type TensorType } from "./types.ts";

/** Each function gets a graph of its own. Throws SyntaxError. */
export function parseModule(text: string): TensorModule {
  const reader = new Reader(text);
  const functions: TensorFunction[] = [];
  while (!reader.atEnd()) functions.push(parseFunction(reader));
  return { functions };
}

function parseFunction(reader: Reader): TensorFunction {
  reader.expect("function");
  const name = reader.word();
  reader.expect("[");
  const extents: string[] = [];
  while (!reader.accept("]")) {
    extents.push(reader.word());
    reader.accept(",");
  }
  const doc = reader.optionalString();
  reader.expect("{");
  const graph = new Graph();
  const nodes: TensorNode[] = [];
  const inputs: InputLeaf[] = [];
  const parameters: ParameterLeaf[] = [];
  const outputs: Output[] = [];
  while (!reader.accept("}")) {
    if (reader.accept("input ")) inputs.push({ name: reader.string(), node: reference(reader, nodes), doc: reader.optionalString() });
    else if (reader.accept("parameter ")) parameters.push({ path: reader.string(), node: reference(reader, nodes), initialiser: initialiser(reader), ...documented(reader) });
    else if (reader.accept("output ")) outputs.push({ name: reader.string(), node: reference(reader, nodes), ...documented(reader) });
    else nodes.push(parseNode(reader, nodes, graph));
  }
  return { name, doc, extents, inputs, parameters, outputs };
}

function parseNode(reader: Reader, nodes: readonly TensorNode[], graph: Graph): TensorNode {
  reader.expect("%");
  const number = reader.match(/\d+/y, "a node number");
  if (Number(number) !== nodes.length) reader.refuse(`expected node %${nodes.length}, found %${number}`);
  reader.expect("=");
  const op = reader.word();
  const inputs: TensorNode[] = [];
  reader.expect("(");
  while (!reader.accept(")")) {
    inputs.push(reference(reader, nodes));
    reader.accept(",");
  }
  const attributes = parseAttributes(reader);
  reader.expect(":");
  return graph.make(op, inputs, attributes, parseType(reader));
}

function reference(reader: Reader, nodes: readonly TensorNode[]): TensorNode {
  reader.expect("%");
  const number = reader.match(/\d+/y, "a node number");
  return nodes[Number(number)] ?? reader.refuse(`%${number} is not defined yet`);
}

function parseAttributes(reader: Reader): Attributes {
  const attributes: Record<string, Attribute> = {};
  if (!reader.accept("{")) return attributes;
  while (!reader.accept("}")) {
    const name = reader.word();
    reader.expect("=");
    attributes[name] = parseAttribute(reader);
    reader.accept(",");
  }
  return attributes;
}

function parseAttribute(reader: Reader): Attribute {
  if (reader.accept("true")) return true;
  if (reader.accept("false")) return false;
  if (reader.peek('"')) return reader.string();
  if (reader.peek("{")) return bracedExtent(reader);
  if (!reader.accept("[")) return reader.number();
  const numbers: number[] = [];
  const extents: Extent[] = [];
  while (!reader.accept("]")) {
    if (reader.peek("{")) extents.push(bracedExtent(reader));
    else numbers.push(reader.number());
    reader.accept(",");
  }
  if (numbers.length > 0 && extents.length > 0) reader.refuse("a list holds numbers or extents, not both");
  return extents.length > 0 ? extents : numbers;
}

function bracedExtent(reader: Reader): Extent {
  reader.expect("{");
  const extent = reader.extent(/[^}]*/y);
  reader.expect("}");
  return extent;
}

function parseType(reader: Reader): TensorType {
  const word = reader.word();
  const dtype = dtypes.find((candidate) => candidate === word) ?? reader.refuse(`unknown dtype '${word}'`);
  const shape: Extent[] = [];
  if (!reader.acceptAdjacent("[")) return { dtype, shape };
  while (!reader.accept("]")) {
    shape.push(reader.extent(/[^,\]]*/y));
    reader.accept(",");
  }
  return { dtype, shape };
}

const initialisers: Readonly<Record<Initialiser["name"], true>> = {
  zeros: true, ones: true, constant: true, glorot_uniform: true, he_normal: true, orthogonal: true, normal: true, uniform: true,
};

const isInitialiser = (name: string): name is Initialiser["name"] => Object.hasOwn(initialisers, name);

/** A doc comment, where there is one. */
function documented(reader: Reader): { readonly doc?: string } {
  const doc = reader.optionalString();
  return doc === "" ? {} : { doc };
}

function initialiser(reader: Reader): Initialiser {
  const name = reader.word();
  if (!isInitialiser(name)) return reader.refuse(`unknown initialiser '${name}'`);
  if (!reader.acceptAdjacent("(")) return { name };
  const value = reader.number();
  reader.expect(")");
  return { name, value };
}

/** A position in the text, and the few things that can be read there. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  atEnd(): boolean {
    this.#skipBlanks();
    return this.#at >= this.#text.length;
  }

  peek(text: string): boolean {
    this.#skipBlanks();
    return this.#text.startsWith(text, this.#at);
  }

  accept(text: string): boolean {
    const found = this.peek(text);
    if (found) this.#at += text.length;
    return found;
  }

  /** Without blanks before it. */
  acceptAdjacent(text: string): boolean {
    const found = this.#text.startsWith(text, this.#at);
    if (found) this.#at += text.length;
    return found;
  }

  expect(text: string): void {
    if (!this.accept(text)) this.refuse(`expected '${text}'`);
  }

  match(pattern: RegExp, what: string): string {
    this.#skipBlanks();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (!found) return this.refuse(`expected ${what}`);
    this.#at += found[0].length;
    return found[0];
  }

  word(): string {
    return this.match(/[A-Za-z_][A-Za-z0-9_]*/y, "a name");
  }

  string(): string {
    const text = this.match(/"(?:[^"\\\n]|\\.)*"/y, "a string");
    try {
      return JSON.parse(text) as string;
    } catch {
      return this.refuse("a malformed string");
    }
  }

  optionalString(): string {
    return this.peek('"') ? this.string() : "";
  }

  number(): number {
    return Number(this.match(/NaN|-?Infinity|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y, "a number"));
  }

  extent(pattern: RegExp): Extent {
    const text = this.match(pattern, "an extent");
    try {
      return parseExtent(text.trim());
    } catch (error) {
      return this.refuse(error instanceof SyntaxError ? error.message : "a malformed extent");
    }
  }

  refuse(message: string): never {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    throw new SyntaxError(`tensor IR, line ${line}: ${message}`);
  }
}
