/** Operand types of every op that is not elementwise, and what they give: for the tests of shape rules, lowering, JavaScript and ONNX. */
import { parseExtent } from "../../compiler/ir/extent.ts";
import type { Attribute, Attributes } from "../../compiler/ir/node.ts";
import type { ReferenceTensor } from "../../compiler/ops/define.ts";
import { concreteShape } from "../../compiler/reference/evaluate.ts";
import { extents, typeOf } from "./tensor-function.ts";

const extent = (text: string): Attribute => parseExtent(text);

export interface OpCase {
  readonly op: string;
  readonly types: readonly string[];
  readonly attributes?: Attributes;
  readonly result: string;
}

/** Extents N and B are 4 and 2 where numbers are needed. */
export const caseBindings = { B: 2, N: 4 };

export const opCases: readonly OpCase[] = [
  { op: "sum", types: ["f32[B, 3, N]"], attributes: { axis: 1 }, result: "f32[B, N]" },
  { op: "sum", types: ["i32[B, 3]"], result: "i32" },
  { op: "prod", types: ["f32[B, 3, N]"], attributes: { axis: [-1, 0] }, result: "f32[3]" },
  { op: "mean", types: ["f32[B, 3, N]"], attributes: { axis: [2, 0], keep: true }, result: "f32[1, 3, 1]" },
  { op: "mean", types: ["f32[B, 1]"], attributes: { axis: 1 }, result: "f32[B]" },
  { op: "max", types: ["f32[B, N]"], attributes: { axis: -1, keep: true }, result: "f32[B, 1]" },
  { op: "min", types: ["u32[B, N]"], attributes: { axis: 0 }, result: "u32[N]" },
  { op: "matmul", types: ["f32[B, 3]", "f32[3, N]"], result: "f32[B, N]" },
  { op: "matmul", types: ["f32[3]", "f32[3]"], result: "f32" },
  { op: "matmul", types: ["f32[5, 1, B, 3]", "f32[N, 3, 2]"], result: "f32[5, N, B, 2]" },
  { op: "matmul", types: ["f32[3]", "f32[B, 3, N]"], result: "f32[B, N]" },
  { op: "matmul", types: ["f32[B, N, 3]", "f32[3]"], result: "f32[B, N]" },
  { op: "broadcast_to", types: ["f32[3, 1]"], attributes: { shape: extents("B", "3", "N") }, result: "f32[B, 3, N]" },
  { op: "reshape", types: ["f32[B, 3, N]"], attributes: { shape: extents("3", "-1") }, result: "f32[3, B*N]" },
  { op: "reshape", types: ["i32[B, 6]"], attributes: { shape: extents("B", "2", "3") }, result: "i32[B, 2, 3]" },
  { op: "reshape", types: ["f32[1, 1]"], attributes: { shape: [] }, result: "f32" },
  { op: "transpose", types: ["f32[B, 3, N]"], result: "f32[N, 3, B]" },
  { op: "transpose", types: ["bool[B, 3, N]"], attributes: { order: [1, -1, 0] }, result: "bool[3, N, B]" },
  { op: "slice", types: ["f32[B, 6]"], attributes: { axis: -1, start: extent("1"), stop: extent("6"), step: 2 }, result: "f32[B, 3]" },
  { op: "slice", types: ["f32[B, 2*N]"], attributes: { axis: 1, start: extent("N"), stop: extent("2*N") }, result: "f32[B, N]" },
  { op: "slice", types: ["f32[B, 6]"], attributes: { axis: 1, start: extent("5"), stop: extent("6") }, result: "f32[B, 1]" },
  { op: "constant", types: [], attributes: { values: [1, -2, 3, 4, 5, -0.5], shape: [2, 3], dtype: "f32" }, result: "f32[2, 3]" },
  { op: "extent", types: [], attributes: { extent: extent("2*N"), dtype: "f32" }, result: "f32" },
  { op: "cast", types: ["f32[B, 3]"], attributes: { dtype: "i32" }, result: "i32[B, 3]" },
  { op: "cast", types: ["i32[B, 3]"], attributes: { dtype: "u32" }, result: "u32[B, 3]" },
  { op: "cast", types: ["f32[B, 3]"], attributes: { dtype: "bool" }, result: "bool[B, 3]" },
  { op: "cast", types: ["bool[B]"], attributes: { dtype: "f32" }, result: "f32[B]" },
  { op: "flip", types: ["f32[B, 3]"], result: "f32[B, 3]" },
  { op: "flip", types: ["i32[B, 3, N]"], attributes: { axis: [-1, 0] }, result: "i32[B, 3, N]" },
  { op: "tile", types: ["f32[B, 3]"], attributes: { repeats: [1, 2] }, result: "f32[B, 6]" },
  { op: "concat", types: ["f32[B, 3]", "f32[B, 1]", "f32[B, N]"], attributes: { axis: -1 }, result: "f32[B, N + 4]" },
  { op: "concat", types: ["i32[B]", "i32[3]"], attributes: { axis: 0 }, result: "i32[B + 3]" },
  { op: "pad", types: ["f32[B, 3]"], attributes: { before: [1, 0], after: [0, 2], value: -7 }, result: "f32[B + 1, 5]" },
  { op: "pad_edge", types: ["f32[3, N]"], attributes: { before: [2, 0], after: [1, 0] }, result: "f32[6, N]" },
  { op: "pad_reflect", types: ["f32[3, B]"], attributes: { before: [2, 3], after: [1, 2] }, result: "f32[6, B + 5]" },
  { op: "pad_reflect", types: ["f32[1]"], attributes: { before: [1], after: [2] }, result: "f32[4]" },
  { op: "pad_symmetric", types: ["f32[3, B]"], attributes: { before: [2, 5], after: [3, 0] }, result: "f32[8, B + 5]" },
  { op: "pad_wrap", types: ["f32[3, B]"], attributes: { before: [2, 5], after: [4, 1] }, result: "f32[9, B + 6]" },
  { op: "gather", types: ["f32[B, 5]", "i32[3, N]"], attributes: { axis: 1 }, result: "f32[B, 3, N]" },
  { op: "gather", types: ["f32[B, 5]", "i32"], attributes: { axis: 0 }, result: "f32[5]" },
  { op: "take_along", types: ["f32[3, 5]", "i32[3, N]"], attributes: { axis: -1 }, result: "f32[3, N]" },
  { op: "one_hot", types: ["i32[B, 3]"], attributes: { depth: extent("N") }, result: "f32[B, 3, N]" },
  { op: "iota", types: [], attributes: { count: extent("N") }, result: "i32[N]" },
  { op: "position", types: ["f32[B, 3]"], result: "i32[B, 3]" },
  { op: "position", types: ["f32[B, 3]"], attributes: { axis: 0 }, result: "i32[B, 3]" },
  { op: "cumsum", types: ["f32[B, 5]"], attributes: { axis: 1 }, result: "f32[B, 5]" },
  { op: "cumsum", types: ["f32[5, B]"], attributes: { axis: 0, exclusive: true, reverse: true }, result: "f32[5, B]" },
  { op: "cumprod", types: ["f32[B, 5]"], attributes: { axis: -1, reverse: true }, result: "f32[B, 5]" },
  { op: "sum_pool", types: ["f32[B, 5]"], attributes: { window: extents("3"), before: [1], after: [1] }, result: "f32[B, 5]" },
  { op: "max_pool", types: ["f32[B, 5, 6]"], attributes: { window: extents("2", "3"), stride: [2, 1], dilation: [1, 2] }, result: "f32[B, 2, 2]" },
  { op: "max_pool", types: ["f32[5]"], attributes: { window: extents("3"), before: [2], after: [1], stride: [2] }, result: "f32[3]" },
  { op: "conv", types: ["f32[B, 2, 5]", "f32[3, 2, 2]"], result: "f32[B, 3, 4]" },
  { op: "conv", types: ["f32[B, 4, 5, 4]", "f32[6, 2, 3, 2]"], attributes: { groups: 2, stride: [2, 1], dilation: [1, 2], before: [1, 0], after: [1, 1] }, result: "f32[B, 6, 3, 3]" },
  { op: "conv_transpose", types: ["f32[B, 2, 3]", "f32[2, 3, 3]"], attributes: { stride: [2], before: [1], after: [1], extra: [1] }, result: "f32[B, 3, 6]" },
  { op: "conv_transpose", types: ["f32[1, 4, 2, 3]", "f32[4, 2, 2, 2]"], attributes: { groups: 2, dilation: [2, 1] }, result: "f32[1, 4, 4, 4]" },
  { op: "random_bits", types: ["f32[B, 3]", "u32[2]"], result: "u32[B, 3]" },
  { op: "random_bits", types: ["bool[B, N, 3]", "u32[2]"], attributes: { stream: 7, word: 1 }, result: "u32[B, N, 3]" },
];

/** Values that a case's operand gets; `seed` tells the operands apart. */
export function caseOperand(type: string, seed: number): ReferenceTensor {
  const { dtype, shape } = typeOf(type);
  const lengths = concreteShape(shape, caseBindings);
  const values = Float64Array.from({ length: lengths.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(3.7 * Math.sin(seed + i * 1.7)));
  const data = dtype === "bool" ? values.map((value) => (value > 0 ? 1 : 0)) : dtype === "f32" ? values : dtype === "u32" ? values.map((value) => Math.floor(Math.abs(value))) : values.map(Math.round);
  return { dtype, shape: lengths, data };
}
