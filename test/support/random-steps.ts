/**
 * Further steps of random programs (see random-programs.ts): integers and truth values, indices from data, transcendental
 * functions, padding, pooling, convolution, running folds. Each gives an f32 value. What jumps (rounding, comparison,
 * integers) is applied to host data alone, which has the same bits in every precision.
 */
import { constantExtent, type Extent, extentValue, productOfExtents } from "../../compiler/ir/extent.ts";
import type { Attributes, TensorNode } from "../../compiler/ir/node.ts";
import type { DType } from "../../compiler/ir/types.ts";
import { InternalError } from "../../compiler/errors.ts";

export interface StepTools {
  readonly random: (below: number) => number;
  /** undefined when the op refuses its operands. */
  readonly op: (name: string, inputs: readonly TensorNode[], attributes?: Attributes) => TensorNode | undefined;
  readonly constant: (values: readonly number[], shape: readonly number[], dtype: DType) => TensorNode;
  readonly parameter: (shape: readonly Extent[]) => TensorNode;
  readonly input: () => TensorNode;
}

type Step = (tools: StepTools, x: TensorNode) => TensorNode | undefined;

const pick = <T>({ random }: StepTools, from: readonly T[]): T => from[random(from.length)] as T;

function must({ op }: StepTools, name: string, inputs: readonly TensorNode[], attributes: Attributes = {}): TensorNode {
  const node = op(name, inputs, attributes);
  if (!node) throw new InternalError("test", `${name} refused`);
  return node;
}

const number = ({ constant }: StepTools, value: number): TensorNode => constant([value], [], "f32");
const whole = ({ constant }: StepTools, value: number): TensorNode => constant([value], [], "i32");
const cast = (tools: StepTools, x: TensorNode, dtype: DType): TensorNode => must(tools, "cast", [x], { dtype });

/** Host data as integers of about -30 to 30. */
const integers = (tools: StepTools): TensorNode => cast(tools, must(tools, "mul", [tools.input(), number(tools, 8)]), "i32");

/** Brings x into -bound .. bound without a jump. */
const limited = (tools: StepTools, x: TensorNode, bound: number): TensorNode => must(tools, "maximum", [must(tools, "minimum", [x, number(tools, bound)]), number(tools, -bound)]);

const smooth: Step = (tools, x) => {
  const name = pick(tools, ["tanh", "erf", "sin", "cos", "atan", "asinh", "exp2", "expm1", "sinh", "cosh", "asin", "atanh", "log", "log2", "log1p", "acosh", "pow", "reciprocal", "atan2"]);
  if (["exp2", "expm1", "sinh", "cosh", "sin", "cos"].includes(name)) return tools.op(name, [limited(tools, x, 3)]);
  if (["asin", "atanh"].includes(name)) return tools.op(name, [limited(tools, x, 0.75)]);
  const positive = must(tools, "add", [must(tools, "abs", [x]), number(tools, 1.5)]);
  if (["log", "log2", "log1p", "acosh", "reciprocal"].includes(name)) return tools.op(name, [positive]);
  if (name === "pow") return tools.op("pow", [limited(tools, positive, 20), number(tools, 1.5)]);
  if (name === "atan2") return tools.op("atan2", [x, positive]);
  return tools.op(name, [x]);
};

const jumping: Step = (tools) => {
  const x = must(tools, "mul", [tools.input(), number(tools, 4)]);
  return tools.op(pick(tools, ["floor", "ceil", "round", "sign"]), [x]);
};

const remainder: Step = (tools) => tools.op("mod", [tools.input(), number(tools, pick(tools, [0.75, -2, 3]))]);

const integerArithmetic: Step = (tools) => {
  const a = integers(tools);
  const b = pick(tools, [whole(tools, 7), whole(tools, -3), a]);
  const result = must(tools, pick(tools, ["add", "sub", "mul", "div", "mod", "maximum", "minimum"]), [a, b]);
  if (tools.random(3) > 0 || result.type.shape.length === 0) return cast(tools, result, "f32");
  return cast(tools, must(tools, pick(tools, ["sum", "max", "min"]), [result], { axis: [result.type.shape.length - 1], keep: true }), "f32");
};

const unsignedArithmetic: Step = (tools) => {
  const a = cast(tools, must(tools, "abs", [integers(tools)]), "u32");
  const b = tools.constant([5], [], "u32");
  return cast(tools, must(tools, pick(tools, ["add", "mul", "div", "mod", "maximum"]), [a, b]), "f32");
};

const choice: Step = (tools, x) => {
  const first = tools.input();
  const compare = (): TensorNode => must(tools, pick(tools, ["lt", "le", "gt", "ge", "eq", "ne"]), [first, number(tools, pick(tools, [0, 1, -2]))]);
  const condition = pick(tools, [compare, () => must(tools, "not", [compare()]), () => must(tools, pick(tools, ["and", "or", "xor"]), [compare(), compare()])])();
  return tools.op("where", [condition, x, must(tools, "mul", [x, number(tools, 0.5)])]) ?? tools.op("where", [condition, first, number(tools, 1)]);
};

const places: Step = (tools, x) => {
  const rank = x.type.shape.length;
  if (rank === 0) return undefined;
  const axis = tools.random(rank);
  const kind = tools.random(5);
  if (kind === 0) return tools.op("gather", [x, tools.constant([1, -1, 0, 5, -9], [5], "i32")], { axis });
  // Beyond both ends of the axis, too.
  if (kind === 1) return tools.op("take_along", [x, must(tools, "sub", [must(tools, "mul", [must(tools, "position", [x], { axis }), whole(tools, 3)]), whole(tools, 4)])], { axis });
  if (kind === 2) return tools.op("add", [x, cast(tools, must(tools, "position", [x], { axis }), "f32")]);
  if (kind === 3) {
    const hot = must(tools, "one_hot", [integers(tools)], { depth: constantExtent(4) });
    return tools.op("sum", [hot], { axis: [hot.type.shape.length - 1], keep: false });
  }
  return tools.op("add", [x, cast(tools, must(tools, "iota", [], { count: x.type.shape.at(-1) as Extent }), "f32")]);
};

const padding: Step = (tools, x) => {
  const { shape } = x.type;
  if (shape.length === 0) return undefined;
  const at = tools.random(shape.length);
  const along = (count: number): number[] => shape.map((_, axis) => (axis === at ? count : 0));
  if (tools.random(6) === 0) return tools.op("tile", [x], { repeats: shape.map((_, axis) => (axis === at ? 2 : 1)) });
  const name = pick(tools, ["pad_edge", "pad_reflect", "pad_symmetric", "pad_wrap"]);
  return tools.op(name, [x], { before: along(tools.random(4)), after: along(tools.random(4)) });
};

const pooling: Step = (tools, x) => {
  const last = x.type.shape.at(-1);
  if (!last) return undefined;
  const window = 1 + tools.random(3);
  const attributes = { window: [constantExtent(window)], stride: [1 + tools.random(2)], before: [tools.random(window)], after: [tools.random(window)] };
  return tools.op(pick(tools, ["sum_pool", "max_pool"]), [x], attributes);
};

const running: Step = (tools, x) => {
  const rank = x.type.shape.length;
  if (rank === 0) return undefined;
  const attributes = { axis: tools.random(rank), exclusive: tools.random(2) === 0, reverse: tools.random(2) === 0 };
  const small = must(tools, "add", [must(tools, "mul", [must(tools, "tanh", [x]), number(tools, 0.1)]), number(tools, 1)]);
  return tools.random(2) === 0 ? tools.op("cumprod", [small], attributes) : tools.op("cumsum", [x], attributes);
};

/** An image of a batch, channels and one axis; anything but three axes becomes a batch of one channel. */
const convolution: Step = (tools, x) => {
  const { shape } = x.type;
  const last = shape.at(-1);
  if (!last) return undefined;
  const few = (extent: Extent | undefined): boolean => (extent ? (extentValue(extent) ?? 99) <= 17 : false);
  const image = shape.length === 3 && few(shape[1]) ? x : must(tools, "reshape", [x], { shape: [productOfExtents(shape.slice(0, -1)), constantExtent(1), last] });
  const channels = image.type.shape[1] as Extent;
  const window = constantExtent(1 + tools.random(3));
  const attributes = { stride: [1 + tools.random(2)], before: [tools.random(2)], after: [tools.random(2)] };
  if (tools.random(2) === 0) return tools.op("conv", [image, tools.parameter([constantExtent(2), channels, window])], attributes);
  return tools.op("conv_transpose", [image, tools.parameter([channels, constantExtent(2), window])], { ...attributes, extra: [tools.random(2)] });
};

const dropped: Step = (tools, x) => {
  const bits = must(tools, "random_bits", [x, tools.constant([tools.random(1000), 7], [2], "u32")], { stream: tools.random(3), word: tools.random(2) });
  return tools.op("where", [must(tools, "lt", [bits, tools.constant([2 ** 23], [], "u32")]), x, number(tools, 0)]);
};

const products: Step = (tools, x) => {
  const rank = x.type.shape.length;
  if (rank === 0) return undefined;
  return tools.op("prod", [must(tools, "add", [must(tools, "mul", [must(tools, "tanh", [x]), number(tools, 0.1)]), number(tools, 1)])], { axis: [tools.random(rank)], keep: tools.random(2) === 0 });
};

const steps: readonly Step[] = [smooth, smooth, smooth, jumping, remainder, integerArithmetic, unsignedArithmetic, choice, choice, places, places, padding, pooling, running, convolution, convolution, products, dropped];

export const wideStep: Step = (tools, x) => pick(tools, steps)(tools, x);
