/** Matmul: a fold of a product. */
import { broadcastShapes, broadcastStrides, dot, eachIndex } from "./broadcast.ts";
import { type Extent, sameExtent } from "../ir/extent.ts";
import { printType, type TensorType } from "../ir/types.ts";
import { floats, type JavaScriptElement, type JavaScriptScope, type LowerScope, type Lowered, numbers, type Op, type ReferenceTensor, type Violation } from "./define.ts";

/** A vector counts as a one-row (left) or one-column (right) matrix whose extra axis is dropped from the result. */
function inferMatmul(types: readonly TensorType[]): TensorType | Violation {
  const [a, b] = types as readonly [TensorType, TensorType];
  if (a.dtype !== b.dtype || !numbers.includes(a.dtype))
    return { constraint: "C1", message: `'@' got ${printType(a)} and ${printType(b)}: operands need one numeric dtype`, hint: `convert one: cast(x, ${a.dtype})`, operands: [0, 1] };
  if (a.shape.length === 0 || b.shape.length === 0)
    return { constraint: "C2", message: `'@' got ${printType(a)} and ${printType(b)}: a scalar has no axis to contract`, hint: "multiply by a scalar with '*'", operands: [a.shape.length === 0 ? 0 : 1] };
  const [left, right] = [a.shape.length - 1, Math.max(0, b.shape.length - 2)];
  const [k, l] = [a.shape[left] as Extent, b.shape[right] as Extent];
  if (!sameExtent(k, l))
    return {
      constraint: "C3", message: `'@' contracts ${k.key} against ${l.key}: ${printType(a)} @ ${printType(b)}`,
      hint: "the last axis of the left side must equal the last axis but one of the right side", operands: [0, 1], axes: [left, right],
    };
  const batch = broadcastShapes([{ dtype: a.dtype, shape: a.shape.slice(0, -2) }, { dtype: b.dtype, shape: b.shape.slice(0, -2) }]);
  if ("constraint" in batch) return { ...batch, constraint: "C4", message: `batch axes clash in ${printType(a)} @ ${printType(b)}` };
  const rows = a.shape.length >= 2 ? [a.shape[a.shape.length - 2] as Extent] : [];
  const columns = b.shape.length >= 2 ? [b.shape[b.shape.length - 1] as Extent] : [];
  return { dtype: a.dtype, shape: [...batch, ...rows, ...columns] };
}

function evaluateMatmul(inputs: readonly ReferenceTensor[], shape: readonly number[]): ReferenceTensor {
  const [a, b] = inputs as readonly [ReferenceTensor, ReferenceTensor];
  const aShape = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const bShape = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const [rows, inner] = aShape.slice(-2) as [number, number];
  const columns = bShape[bShape.length - 1] as number;
  const batch = shape.slice(0, shape.length - (a.shape.length > 1 ? 1 : 0) - (b.shape.length > 1 ? 1 : 0));
  const strideA = broadcastStrides(aShape.slice(0, -2), batch.length);
  const strideB = broadcastStrides(bShape.slice(0, -2), batch.length);
  const data: number[] = [];
  eachIndex(batch, (index) => {
    const [startA, startB] = [dot(index, strideA) * rows * inner, dot(index, strideB) * inner * columns];
    for (let m = 0; m < rows; m++)
      for (let n = 0; n < columns; n++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) sum += (a.data[startA + m * inner + k] as number) * (b.data[startB + k * columns + n] as number);
        data.push(sum);
      }
  });
  return { dtype: a.dtype, shape, data: Float64Array.from(data) };
}

function lowerMatmul({ e, node, box, read }: LowerScope): Lowered {
  const [a, b] = node.inputs.map((input) => input.type) as [TensorType, TensorType];
  const k = e.range("k", a.shape[a.shape.length - 1] as Extent);
  const indices = box.map((range) => e.index(range));
  const columns = b.shape.length >= 2 ? indices.splice(-1) : [];
  const rows = a.shape.length >= 2 ? indices.splice(-1) : [];
  const batchA = indices.slice(indices.length - Math.max(0, a.shape.length - 2));
  const batchB = indices.slice(indices.length - Math.max(0, b.shape.length - 2));
  const product = e.apply("mul", read(0, [...batchA, ...rows, e.index(k)]), read(1, [...batchB, e.index(k), ...columns]));
  return { body: product, fold: { monoid: "sum", ranges: [k] } };
}

function matmulElement({ node, indices, read, loop, local }: JavaScriptScope): JavaScriptElement {
  const [a, b] = node.inputs.map((input) => input.type.shape) as [readonly Extent[], readonly Extent[]];
  const k = loop(0);
  const leading = [...indices];
  const column = b.length >= 2 ? leading.splice(-1) : [];
  const row = a.length >= 2 ? leading.splice(-1) : [];
  const atA = [...leading.slice(leading.length - Math.max(0, a.length - 2)), ...row, k];
  const atB = [...leading.slice(leading.length - Math.max(0, b.length - 2)), k, ...column];
  const sum = local("sum");
  return { kind: "fold", loops: [{ name: k, extent: a[a.length - 1] as Extent }], accumulator: sum, start: "0", step: `${sum} += ${read(0, atA)} * ${read(1, atB)}`, value: sum };
}

export const matmul: Op = {
  name: "matmul",
  family: "contraction",
  summary: "a @ b: matrix product over the last axis of a and the last but one of b; leading axes broadcast",
  operator: "@",
  operands: [{ name: "a", dtypes: floats }, { name: "b", dtypes: floats }],
  attributes: [],
  constraints: [
    { id: "C1", text: "operands have one numeric dtype" },
    { id: "C2", text: "neither is a scalar" },
    { id: "C3", text: "the contracted extents are equal" },
    { id: "C4", text: "leading axes broadcast" },
  ],
  infer: inferMatmul,
  evaluate: (inputs, _attributes, shape) => evaluateMatmul(inputs, shape),
  lower: lowerMatmul,
  javascriptElement: matmulElement,
  tolerance: { ulp: 2 },
  samples: [],
  onnx: { op: "MatMul", since: 13 },
  source: "",
};

export const contractionOps: readonly Op[] = [matmul];
