/**
 * Random well-typed tensor functions for property tests: small graphs of elementwise ops, reductions over any axes, products,
 * movements and norms spelt in several ways, with literal and symbolic extents. One seed is one program, for good.
 */
import { bindExtent, type Bindings, constantExtent, divideExtents, type Extent, extentValue, multiplyExtents, productOfExtents, symbolExtent } from "../../compiler/ir/extent.ts";
import { Graph } from "../../compiler/ir/graph.ts";
import type { Attributes, InputLeaf, ParameterLeaf, TensorFunction, TensorNode } from "../../compiler/ir/node.ts";
import { applyOp } from "../../compiler/ops/build.ts";
import { type StepTools, wideStep } from "./random-steps.ts";

export interface RandomProgram {
  readonly fn: TensorFunction;
  readonly bindings: Bindings;
}

/** A small generator with a fixed sequence: whole numbers below a bound. */
export function numberGenerator(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Elements of a value; the interpreter is slow. */
const largest = 1500;
const steps = 9;
const lengths = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 17];
/** Beyond the pivot's sample and the width of a partial tile. */
const longLengths = [64, 65, 68, 100, 130];

/** `wide`: also with the steps of random-steps.ts, from all families of ops. */
export function randomProgram(seed: number, { wide = false }: { readonly wide?: boolean } = {}): RandomProgram {
  return new Generator(seed, wide).make();
}

class Generator {
  readonly #random: (below: number) => number;
  readonly #graph = new Graph();
  readonly #inputs: InputLeaf[] = [];
  readonly #parameters: ParameterLeaf[] = [];
  readonly #values: TensorNode[] = [];
  readonly #extents: Extent[];
  readonly #bindings: Bindings;

  readonly #wide: boolean;

  constructor(seed: number, wide: boolean) {
    this.#wide = wide;
    this.#random = numberGenerator(Math.imul(seed + 1, 0x9e3779b1));
    const literal = (): Extent => constantExtent(this.#pick(this.#chance(5) ? longLengths : lengths));
    const symbolic = this.#chance(3);
    this.#bindings = symbolic ? { B: this.#pick([1, 2, 3, 4, 5, 7]) } : {};
    this.#extents = [symbolic ? symbolExtent("B") : literal(), literal(), literal()];
  }

  make(): RandomProgram {
    // A file of ONNX has its named lengths from the shapes of its inputs.
    this.#leaf("input", [...(this.#wide ? this.#extents.slice(0, 1) : []), ...this.#shape(this.#wide ? this.#random(3) : 1 + this.#random(3))]);
    if (this.#chance(3)) this.#leaf("input", this.#shape(1 + this.#random(3)));
    const count = (this.#wide ? 6 : 2) + this.#random(steps);
    for (let i = 0; i < count; i++) {
      const made = this.#step(this.#recent());
      // A window may be longer than what a symbol stands for.
      const empty = this.#wide && made?.type.shape.some((extent) => this.#count([extent]) < 1);
      if (made && !empty && this.#count(made.type.shape) <= largest && !this.#values.includes(made)) this.#values.push(made);
    }
    const results = new Set([this.#values.at(-1), ...(this.#chance(2) ? [this.#pick(this.#values)] : []), ...(this.#chance(3) ? [this.#pick(this.#values)] : [])].filter((node) => node !== undefined));
    const fn: TensorFunction = {
      name: "Random", doc: "", extents: Object.keys(this.#bindings), inputs: this.#inputs, parameters: this.#parameters,
      outputs: [...results].map((node, i) => ({ name: `y${i}`, node })),
    };
    return { fn, bindings: this.#bindings };
  }

  #chance(one: number): boolean {
    return this.#random(one) === 0;
  }

  #pick<T>(from: readonly T[]): T {
    const found = from[this.#random(from.length)];
    if (found === undefined) throw new Error("nothing to pick from");
    return found;
  }

  /** Late values are likelier, so that programs grow deep. */
  #recent(): TensorNode {
    return this.#pick(this.#chance(3) ? this.#values : this.#values.slice(-2));
  }

  #count(shape: readonly Extent[]): number {
    return extentValue(bindExtent(productOfExtents(shape), this.#bindings)) ?? Number.POSITIVE_INFINITY;
  }

  /** At most the extents of the program, and not too many elements. */
  #shape(rank: number): Extent[] {
    const shape: Extent[] = [];
    for (let axis = 0; axis < rank; axis++) {
      const extent = this.#pick(this.#extents);
      shape.push(this.#count([...shape, extent]) <= largest / 8 ? extent : constantExtent(this.#pick([1, 2, 3])));
    }
    return shape;
  }

  #leaf(kind: "input" | "parameter", shape: readonly Extent[]): TensorNode {
    const name = kind === "input" ? `x${this.#inputs.length}` : `p${this.#parameters.length}`;
    const node = this.#graph.make(kind, [], { name }, { dtype: "f32", shape });
    if (kind === "input") this.#inputs.push({ name, node, doc: "" });
    else this.#parameters.push({ path: name, node, initialiser: { name: "normal", value: 1 } });
    if (kind === "input") this.#values.push(node);
    return node;
  }

  /** undefined when the op refuses its operands. */
  #op(name: string, inputs: readonly TensorNode[], attributes: Attributes = {}): TensorNode | undefined {
    const applied = applyOp(this.#graph, name, inputs, attributes);
    return "violation" in applied ? undefined : applied.node;
  }

  #must(name: string, inputs: readonly TensorNode[], attributes: Attributes = {}): TensorNode {
    const node = this.#op(name, inputs, attributes);
    if (!node) throw new Error(`${name} refused`);
    return node;
  }

  #number(value: number): TensorNode {
    return this.#must("constant", [], { values: [value], shape: [], dtype: "f32" });
  }

  #step(x: TensorNode): TensorNode | undefined {
    if (this.#wide && this.#chance(2)) return wideStep(this.#tools(), x);
    switch (this.#random(16)) {
      case 0:
      case 1:
        return this.#unary(x);
      case 2:
      case 3:
        return this.#binary(x);
      case 4:
        return this.#reduce(x);
      case 5:
      case 6:
      case 7:
        return this.#product(x);
      case 8:
        return this.#move(x);
      case 9:
      case 10:
      case 11:
      case 12:
        return this.#norm(x);
      case 13:
        return this.#residual(x);
      case 14:
        return this.#rearrange(x);
      default:
        return this.#affine(x);
    }
  }

  #tools(): StepTools {
    return {
      random: this.#random,
      op: (name, inputs, attributes) => this.#op(name, inputs, attributes),
      constant: (values, shape, dtype) => this.#must("constant", [], { values, shape, dtype }),
      parameter: (shape) => this.#leaf("parameter", shape),
      // Host data as it is, so that what jumps does so at the same place in every precision.
      input: () => this.#pick(this.#inputs).node,
    };
  }

  #unary(x: TensorNode): TensorNode | undefined {
    const name = this.#pick(["sigmoid", "neg", "abs", "square", "root", "positive", "exp"]);
    if (name === "square") return this.#op("mul", [x, x]);
    if (name === "root") return this.#op("sqrt", [this.#must("add", [this.#must("abs", [x]), this.#number(0.5)])]);
    if (name === "positive") return this.#op("maximum", [x, this.#number(0)]);
    if (name === "exp") return this.#op("exp", [this.#must("minimum", [x, this.#number(2)])]);
    return this.#op(name, [x]);
  }

  #binary(x: TensorNode): TensorNode | undefined {
    const y = this.#pick(this.#values);
    const name = this.#pick(["add", "sub", "mul", "maximum", "minimum", "div"]);
    if (name === "div") return this.#op("div", [x, this.#must("add", [this.#must("mul", [y, y]), this.#number(1)])]);
    return this.#op(name, this.#chance(2) ? [x, y] : [y, x]);
  }

  #axes(rank: number): number[] {
    const all = Array.from({ length: rank }, (_, axis) => axis);
    if (this.#chance(3)) return rank > 0 ? [rank - 1] : [];
    const some = all.filter(() => this.#chance(2));
    return some.length > 0 ? some : all.slice(-1);
  }

  #reduce(x: TensorNode, axis = this.#axes(x.type.shape.length), keep = this.#chance(2)): TensorNode | undefined {
    if (x.type.shape.length === 0) return undefined;
    return this.#op(this.#pick(["sum", "mean", "max", "min", "mean"]), [x], { axis, keep });
  }

  #product(x: TensorNode): TensorNode | undefined {
    const { shape } = x.type;
    const inner = shape.at(-1);
    if (!inner) return undefined;
    const fit = this.#values.filter((node) => node.type.shape.at(-2)?.key === inner.key || (node.type.shape.length === 1 && node.type.shape[0]?.key === inner.key));
    if (fit.length > 0 && this.#chance(3)) return this.#op("matmul", [x, this.#pick(fit)]);
    if (this.#chance(6)) return this.#op("matmul", [x, this.#must("transpose", [x], { order: shape.length > 1 ? [...shape.slice(0, -2).keys(), shape.length - 1, shape.length - 2] : [] })]);
    const column = this.#pick(this.#extents);
    const weight = this.#chance(8) ? [inner] : this.#chance(4) ? [...shape.slice(0, -2), inner, column] : [inner, column];
    if (extentValue(productOfExtents(weight)) === undefined || this.#count(weight) > largest) return this.#op("matmul", [x, this.#leaf("parameter", [inner, constantExtent(3)])]);
    const w = this.#leaf("parameter", weight);
    if (this.#chance(5) && weight.length === 2) {
      const turned = this.#must("transpose", [this.#leaf("parameter", [column, inner])], { order: [] });
      return this.#op("matmul", [x, turned]);
    }
    const y = this.#op("matmul", [x, w]);
    return y && this.#chance(3) ? this.#op("add", [y, this.#leaf("parameter", [column])]) : y;
  }

  #move(x: TensorNode): TensorNode | undefined {
    const { shape } = x.type;
    const rank = shape.length;
    switch (this.#random(4)) {
      case 0: {
        const order = Array.from({ length: rank }, (_, axis) => axis);
        order.sort(() => this.#random(3) - 1);
        return this.#op("transpose", [x], { order });
      }
      case 1: {
        if (rank < 2) return undefined;
        const at = this.#random(rank - 1);
        return this.#op("reshape", [x], { shape: [...shape.slice(0, at), multiplyExtents(shape[at] as Extent, shape[at + 1] as Extent), ...shape.slice(at + 2)] });
      }
      case 2: {
        const at = shape.findIndex((extent) => (extentValue(extent) ?? 1) % 2 === 0);
        const two = constantExtent(2);
        return at < 0 ? undefined : this.#op("reshape", [x], { shape: [...shape.slice(0, at), two, divideExtents(shape[at] as Extent, two), ...shape.slice(at + 1)] });
      }
      default:
        return this.#op("broadcast_to", [x], { shape: [this.#pick(this.#extents), ...shape] });
    }
  }

  #rearrange(x: TensorNode): TensorNode | undefined {
    const rank = x.type.shape.length;
    if (rank === 0) return undefined;
    const axis = this.#random(rank);
    const extent = x.type.shape[axis] as Extent;
    const one = (value: number): number[] => x.type.shape.map((_, at) => (at === axis ? value : 0));
    switch (this.#random(5)) {
      case 0:
        return this.#op("flip", [x], { axis: [axis] });
      case 1:
        return this.#op("slice", [x], { axis, start: constantExtent((extentValue(extent) ?? 1) > 2 ? 1 : 0), stop: extent, step: 1 });
      case 2:
        return this.#op("pad", [x], { before: one(1), after: one(2), value: 0.5 });
      case 3:
        return this.#op("concat", [x, this.#must("neg", [x])], { axis });
      default:
        return this.#op("cumsum", [x], { axis, exclusive: false, reverse: this.#chance(2) });
    }
  }

  /** Norms as users write them, along any axes. */
  #norm(x: TensorNode): TensorNode | undefined {
    const { shape } = x.type;
    if (shape.length === 0) return undefined;
    const axis = this.#chance(4) ? this.#axes(shape.length) : [shape.length - 1];
    const over = (name: string, of: TensorNode): TensorNode => this.#must(name, [of], { axis, keep: true });
    const epsilon = this.#number(1e-3);
    switch (this.#random(6)) {
      case 0:
      case 1: {
        const d = this.#must("sub", [x, over("mean", x)]);
        const y = this.#must("mul", [d, this.#must("rsqrt", [this.#must("add", [over("mean", this.#must("mul", [d, d])), epsilon])])]);
        return this.#chance(2) ? this.#scaled(y) : y;
      }
      case 2: {
        // The divisor spelt as the number of elements.
        const count = this.#number(0);
        const length = extentValue(productOfExtents(axis.map((at) => shape[at] as Extent)));
        const divisor = length === undefined ? undefined : this.#number(length);
        if (!divisor || count === divisor) return undefined;
        const d = this.#must("sub", [x, this.#must("div", [over("sum", x), divisor])]);
        const v = this.#must("div", [over("sum", this.#must("mul", [d, d])), divisor]);
        return this.#scaled(this.#must("div", [d, this.#must("sqrt", [this.#must("add", [v, epsilon])])]));
      }
      case 3:
        return this.#op("mul", [x, this.#must("rsqrt", [this.#must("add", [over("mean", this.#must("mul", [x, x])), epsilon])])]);
      case 4: {
        const e = this.#must("exp", [this.#must("sub", [x, over("max", x)])]);
        return this.#op("div", [e, over("sum", e)]);
      }
      default:
        return this.#op("div", [x, this.#must("add", [this.#must("sqrt", [over("sum", this.#must("mul", [x, x]))]), epsilon])]);
    }
  }

  #scaled(y: TensorNode): TensorNode | undefined {
    const last = y.type.shape.at(-1);
    if (!last || extentValue(last) === undefined) return y;
    const scaled = this.#must("mul", [y, this.#leaf("parameter", [last])]);
    return this.#chance(2) ? this.#op("add", [scaled, this.#leaf("parameter", [last])]) : scaled;
  }

  #residual(x: TensorNode): TensorNode | undefined {
    const y = this.#norm(x) ?? this.#unary(x);
    return y && this.#op("add", [x, this.#chance(2) ? y : (this.#unary(y) ?? y)]);
  }

  #affine(x: TensorNode): TensorNode | undefined {
    const scaled = this.#must("mul", [x, this.#number(this.#pick([0.5, -1, 2, 0.1]))]);
    return this.#chance(2) ? this.#op("add", [scaled, this.#number(this.#pick([0, 1, -3, 10]))]) : scaled;
  }
}
