/**
 * Weights of recurrent layers in the layouts of PyTorch and ONNX, as parameters of the library's `Rnn`, `Lstm`, `PeepholeLstm` and `Gru`.
 * Theirs are [gates * H, I], ours [I, gates * H], and the gates stand in other orders. Pure functions over tensors on the host; an
 * entry of its own, so programs that need it not do not bundle it. The tables are in spec/runtime.md.
 */
import { RuntimeError } from "./errors.ts";
import type { Tensor } from "./tensor.ts";

/** The cells that have a layout: plain, long short-term memory, gated recurrent unit. */
export type RecurrentKind = "rnn" | "lstm" | "gru";

/** How many gates stand side by side. */
const gateCounts: Readonly<Record<RecurrentKind, number>> = { rnn: 1, lstm: 4, gru: 3 };

/** Where each of our gates (i, f, g, o and r, z, n) stands among theirs. */
const pyTorchOrder: Readonly<Record<RecurrentKind, readonly number[]>> = { rnn: [0], lstm: [0, 1, 2, 3], gru: [0, 1, 2] };
/** i, o, f, c and z, r, h. */
const onnxOrder: Readonly<Record<RecurrentKind, readonly number[]>> = { rnn: [0], lstm: [0, 2, 3, 1], gru: [1, 0, 2] };
/** i, o, f to i, f, o. */
const peepholeOrder: readonly number[] = [0, 2, 1];

export interface PyTorchLayer {
  readonly kind: RecurrentKind;
  /** What stands before `weight_ih_l0` in the names, for example "encoder.lstm."; nothing when left out. */
  readonly prefix?: string;
  /** Which of the stacked layers; the first, 0, when left out. */
  readonly layer?: number;
  /** The weights of the direction from the last step to the first. */
  readonly reverse?: boolean;
  /** Path of the layer's instance in our model, for example "lstm_2"; the names stay bare when left out. */
  readonly path?: string;
}

/**
 * One layer and direction of `torch.nn.RNN`, `LSTM` or `GRU` out of a state dict, `readSafetensors` of it for example: wx, wh and bias; of a GRU,
 * whose two biases differ in effect, state_bias too. Without biases these are zeros.
 *
 * throws: RuntimeError `weights-invalid` for a tensor that is missing or has another shape, and for `proj_size`
 */
export function fromPyTorch(tensors: Readonly<Record<string, Tensor>>, { kind, prefix = "", layer = 0, reverse = false, path }: PyTorchLayer): Record<string, Tensor> {
  const nameOf = (part: string): string => `${prefix}${part}_l${layer}${reverse ? "_reverse" : ""}`;
  if (Object.hasOwn(tensors, nameOf("weight_hr"))) throw new RuntimeError("weights-invalid", `'${nameOf("weight_hr")}' projects the state.`, "Write the projection as a product after each step.");
  const take = (part: string): Matrix => matrixOf(nameOf(part), tensors[nameOf(part)]);
  const hasBias = Object.hasOwn(tensors, nameOf("bias_ih"));
  const bias = (part: string, like: Matrix): Matrix => (hasBias ? take(part) : { name: nameOf(part), rows: 1, columns: like.rows, data: new Float32Array(like.rows) });
  const wx = take("weight_ih");
  return assemble(kind, pyTorchOrder[kind], { wx, wh: take("weight_hh"), inputBias: bias("bias_ih", wx), stateBias: bias("bias_hh", wx) }, path);
}

export interface OnnxLayer {
  readonly kind: RecurrentKind;
  /** 0 is the first, 1 the other one of a bidirectional operator; 0 when left out. */
  readonly direction?: number;
  readonly path?: string;
}

/** The initialisers of an ONNX RNN, LSTM or GRU, by the letters of its inputs. */
export interface OnnxWeights {
  /** f32[directions, gates * H, I] */
  readonly W: Tensor;
  /** f32[directions, gates * H, H] */
  readonly R: Tensor;
  /** f32[directions, 2 * gates * H]; zeros when left out */
  readonly B?: Tensor | undefined;
  /** f32[directions, 3 * H], of an LSTM with peepholes: parameters of `PeepholeLstm` */
  readonly P?: Tensor | undefined;
}

/**
 * One direction of an ONNX RNN, LSTM or GRU as parameters. A GRU of `linear_before_reset` 0, ONNX's default, belongs to `Gru` with
 * `reset_after = false`.
 *
 * throws: RuntimeError `weights-invalid` for a tensor of another shape
 */
export function fromOnnx({ W, R, B, P }: OnnxWeights, { kind, direction = 0, path }: OnnxLayer): Record<string, Tensor> {
  const wx = sliceOf("W", W, direction, 3);
  const wh = sliceOf("R", R, direction, 3);
  const both = B ? sliceOf("B", B, direction, 2) : { name: "B", rows: 1, columns: 2 * wx.rows, data: new Float32Array(2 * wx.rows) };
  if (both.columns !== 2 * wx.rows) throw wrongShape("B", [both.columns], `[${2 * wx.rows}] in each direction: two biases`);
  const part = (start: number): Matrix => ({ name: "B", rows: 1, columns: wx.rows, data: both.data.subarray(start, start + wx.rows) });
  const parameters = assemble(kind, onnxOrder[kind], { wx, wh, inputBias: part(0), stateBias: part(wx.rows) }, path);
  if (!P) return parameters;
  const peephole = sliceOf("P", P, direction, 2);
  if (kind !== "lstm" || peephole.columns !== 3 * wh.columns) throw wrongShape("P", [peephole.columns], `[${3 * wh.columns}] in each direction, of an LSTM`);
  return { ...parameters, [nameIn(path, "peephole")]: vector(reordered(peephole.data, peepholeOrder, wh.columns)) };
}

/** Row-major. */
interface Matrix {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

interface Parts {
  readonly wx: Matrix;
  readonly wh: Matrix;
  readonly inputBias: Matrix;
  readonly stateBias: Matrix;
}

const nameIn = (path: string | undefined, name: string): string => (path === undefined ? name : `${path}.${name}`);

function assemble(kind: RecurrentKind, order: readonly number[], { wx, wh, inputBias, stateBias }: Parts, path: string | undefined): Record<string, Tensor> {
  const hidden = wh.columns;
  const wanted = gateCounts[kind] * hidden;
  for (const { name, rows, columns } of [wx, wh]) if (rows !== wanted) throw wrongShape(name, [rows, columns], `${wanted} rows: ${gateCounts[kind]} gates of the ${hidden} columns of '${wh.name}'`);
  for (const { name, columns } of [inputBias, stateBias]) if (columns !== wanted) throw wrongShape(name, [columns], `[${wanted}]`);
  const [first, second] = [reordered(inputBias.data, order, hidden), reordered(stateBias.data, order, hidden)];
  return {
    [nameIn(path, "wx")]: transposed(wx, order, hidden),
    [nameIn(path, "wh")]: transposed(wh, order, hidden),
    ...(kind === "gru" ? { [nameIn(path, "bias")]: vector(first), [nameIn(path, "state_bias")]: vector(second) } : { [nameIn(path, "bias")]: vector(first.map((value, i) => value + (second[i] ?? 0))) }),
  };
}

const vector = (data: Float32Array): Tensor => ({ dtype: "f32", shape: [data.length], data });

/** Blocks of `size` elements, block `order[i]` as block i. */
function reordered(data: Float32Array, order: readonly number[], size: number): Float32Array {
  const result = new Float32Array(data.length);
  order.forEach((from, to) => result.set(data.subarray(from * size, (from + 1) * size), to * size));
  return result;
}

/** [gates * H, K] to [K, gates * H], gate by gate in our order. */
function transposed({ rows, columns, data }: Matrix, order: readonly number[], hidden: number): Tensor {
  const result = new Float32Array(rows * columns);
  order.forEach((from, to) => {
    for (let unit = 0; unit < hidden; unit++) for (let k = 0; k < columns; k++) result[k * rows + to * hidden + unit] = data[(from * hidden + unit) * columns + k] ?? 0;
  });
  return { dtype: "f32", shape: [columns, rows], data: result };
}

/** A matrix or vector of floats. */
function matrixOf(name: string, tensor: Tensor | undefined): Matrix {
  if (!tensor) throw new RuntimeError("weights-invalid", `There is no tensor '${name}'.`, "Give the prefix, layer and direction under which the weights are stored.");
  const [rows = 1, columns = 1] = tensor.shape.length === 1 ? [1, tensor.shape[0]] : tensor.shape;
  if (tensor.shape.length > 2 || tensor.shape.length === 0) throw wrongShape(name, tensor.shape, "a matrix or a vector");
  return { name, rows, columns, data: floatsOf(name, tensor) };
}

/** One direction of a tensor whose first axis is the directions. */
function sliceOf(name: string, tensor: Tensor, direction: number, rank: number): Matrix {
  const [directions = 0, ...rest] = tensor.shape;
  if (tensor.shape.length !== rank || !(direction >= 0 && direction < directions)) throw wrongShape(name, tensor.shape, `${rank} axes, of which the first has a direction ${direction}`);
  const [rows, columns] = rest.length === 1 ? [1, rest[0] ?? 0] : [rest[0] ?? 0, rest[1] ?? 0];
  return { name, rows, columns, data: floatsOf(name, tensor).subarray(direction * rows * columns, (direction + 1) * rows * columns) };
}

function floatsOf(name: string, { dtype, shape, data }: Tensor): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new RuntimeError("weights-invalid", `The tensor '${name}' is ${dtype}[${shape.join(", ")}].`, "Weights are f32 or f16.");
}

const wrongShape = (name: string, shape: readonly number[], wanted: string): RuntimeError =>
  new RuntimeError("weights-invalid", `The tensor '${name}' has the shape [${shape.join(", ")}], expected ${wanted}.`, "Check that the kind is the one that the weights were trained for.");
