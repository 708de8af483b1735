/**
 * `einsum("ij,jk->ik", a, b)`: a sum of products, written with one letter for each axis. It expands to transposes, a
 * product and a sum, which fusion recognises as a contraction like any other.
 */
import { catalog } from "../diagnostics/catalog.ts";
import { constantExtent, type Extent, extentValue, sameExtent } from "../ir/extent.ts";
import type { Attributes, TensorNode } from "../ir/node.ts";
import { printType } from "../ir/types.ts";
import type { Span } from "../source/source-file.ts";
import type { LanguageFunction } from "./language-function.ts";
import { applyToNodes, nodeOf, structural } from "./operations.ts";
import { fail, type Frame } from "./session.ts";
import { errorValue, tensorValue, type Value } from "./values.ts";

/** Letters of each operand and of the result. */
interface Equation {
  readonly operands: readonly string[];
  readonly result: string;
}

/** Letters that stand for the axes behind `...`, last axis last. */
const hidden = "ABCDEFGH";

/** Reads the equation for operands of these ranks; a text says what is wrong. Without `->`, the result has the letters that occur once, sorted. */
function readEquation(text: string, ranks: readonly number[]): Equation | string {
  const [left = "", right, ...more] = text.replaceAll(" ", "").split("->");
  const parts = left.split(",");
  if (more.length > 0 || parts.length !== ranks.length) return `the equation is for ${parts.length} operands, ${ranks.length} are given`;
  const operands: string[] = [];
  let spared = "";
  for (const [i, part] of parts.entries()) {
    const rank = ranks[i] ?? 0;
    const letters = part.replace("...", "");
    const open = rank - letters.length;
    if (!/^[a-z]*$/.test(letters) || (part.includes("...") ? open < 0 || open > hidden.length : open !== 0)) return `'${part}' does not name the ${rank} axes of operand ${i + 1}`;
    const own = hidden.slice(hidden.length - open);
    if (open > spared.length) spared = own;
    operands.push(part.replace("...", own));
  }
  const all = operands.join("");
  const once = [...new Set(all)].filter((letter) => letter >= "a" && all.split(letter).length === 2).sort().join("");
  const result = right === undefined ? spared + once : right.replace("...", spared);
  if (new Set(result).size !== result.length || [...result].some((letter) => !all.includes(letter))) return `the result '${right ?? result}' has a letter twice, or one that no operand has`;
  return { operands, result };
}

export const einsum: LanguageFunction = {
  name: "einsum",
  summary: "sum of products over the letters that the result lacks: einsum(\"ij,jk->ik\", a, b)",
  operand: "operands",
  variadic: true,
  attributes: [{ name: "equation", kind: "text" }],
  apply: (frame, inputs, attributes, span) => {
    const equation = readEquation(String(attributes["equation"]), inputs.map((node) => node.type.shape.length));
    if (typeof equation === "string") return fail(frame, catalog.operandMismatch, span, [`'einsum': ${equation}`]);
    return new Expansion(frame, span, equation).run(inputs);
  },
};

class Expansion {
  readonly #frame: Frame;
  readonly #span: Span;
  readonly #equation: Equation;
  /** Letters in the order of the product's axes: those of the result, then those that are summed. */
  readonly #order: string;
  readonly #extents = new Map<string, Extent>();

  constructor(frame: Frame, span: Span, equation: Equation) {
    this.#frame = frame;
    this.#span = span;
    this.#equation = equation;
    this.#order = equation.result + [...new Set(equation.operands.join(""))].filter((letter) => !equation.result.includes(letter)).join("");
  }

  run(inputs: readonly TensorNode[]): Value {
    for (const [i, letters] of this.#equation.operands.entries()) {
      const node = inputs[i];
      for (const [axis, letter] of [...letters].entries()) {
        const extent = node?.type.shape[axis];
        const before = this.#extents.get(letter);
        if (!node || !extent) return errorValue;
        if (before && extentValue(before) !== 1 && extentValue(extent) !== 1 && !sameExtent(before, extent))
          return fail(this.#frame, catalog.operandMismatch, this.#span, [`'einsum': axis '${letter}' has ${before.key} and ${extent.key} elements, the latter in ${printType(node.type)}`]);
        if (!before || extentValue(before) === 1) this.#extents.set(letter, extent);
      }
    }
    let product: TensorNode | undefined;
    for (const [i, letters] of this.#equation.operands.entries()) {
      const aligned = this.#align(inputs[i], letters);
      product = product && aligned ? this.#op(structural.multiply, [product, aligned]) : aligned;
      if (!product) return errorValue;
    }
    if (!product) return errorValue;
    const summed = [...this.#order].map((_, axis) => axis).slice(this.#equation.result.length);
    const total = summed.length === 0 ? product : this.#op(structural.add_up, [product], { axis: summed });
    return total ? tensorValue(total) : errorValue;
  }

  /** The operand with one axis for each letter of the order, of extent 1 where it has none. */
  #align(input: TensorNode | undefined, letters: string): TensorNode | undefined {
    let [node, names] = [input, letters];
    for (let at = [...names].findIndex((letter, i) => names.indexOf(letter) !== i); node && at >= 0; at = [...names].findIndex((letter, i) => names.indexOf(letter) !== i)) {
      node = this.#diagonal(node, names.indexOf(names[at] ?? ""), at);
      names = names.slice(0, at) + names.slice(at + 1);
    }
    if (!node) return undefined;
    const kept = [...this.#order].filter((letter) => names.includes(letter));
    const order = kept.map((letter) => names.indexOf(letter));
    const moved = order.every((axis, i) => axis === i) ? node : this.#op(structural.permute, [node], { order });
    if (!moved) return undefined;
    const shape = [...this.#order].map((letter) => (names.includes(letter) ? (moved.type.shape[kept.indexOf(letter)] ?? constantExtent(1)) : constantExtent(1)));
    return shape.length === moved.type.shape.length ? moved : this.#op(structural.reshape, [moved], { shape });
  }

  /** Keeps the elements whose indices on both axes are equal; the second axis goes. */
  #diagonal(node: TensorNode, first: number, second: number): TensorNode | undefined {
    const positions = [first, second].map((axis) => this.#op(structural.position, [node], { axis }));
    const [a, b] = positions;
    const equal = a && b && this.#op(structural.equal, [a, b]);
    const zero = nodeOf(applyToNodes(this.#frame, structural.constant, [], { values: [0], shape: [], dtype: node.type.dtype }, this.#span, []));
    const chosen = equal && zero && this.#op(structural.choose, [equal, node, zero]);
    return chosen && this.#op(structural.add_up, [chosen], { axis: second });
  }

  #op(name: string, inputs: readonly TensorNode[], attributes: Attributes = {}): TensorNode | undefined {
    return nodeOf(applyToNodes(this.#frame, name, inputs, attributes, this.#span, []));
  }
}
