/**
 * Values that models are checked with: ordinary ones, and those on which norms go wrong. Everything is a pure function of
 * seed, case, tensor and element (the runtime's counter-based initialisers), so a failure can be run again. A tensor's rows
 * run along its last axis. Flow: here -> cases.ts -> check-model.ts.
 */
import { initialParameter } from "../../runtime/initialise.ts";
import { elementCount, type Tensor } from "../../runtime/tensor.ts";
import type { ParameterSpec } from "../../runtime/artifact.ts";
import { type DType, isFloat } from "../ir/types.ts";
import { roundTo } from "../kernel/numbers.ts";

/** What one element is, given a standard normal number, its place in the row, the row's length and number. */
type Element = (gaussian: number, column: number, length: number, row: number) => number;

const constants = [0.1, 1e4 + 0.1, -3, 0];

/** Kinds of input, finite ones first. Names are printed. */
const kinds = {
  ordinary: (g) => g,
  "mean 1 sigma": (g) => g + 1,
  "mean 100 sigma": (g) => g + 100,
  "mean 10000 sigma": (g) => g + 1e4,
  "constant rows": (_g, _column, _length, row) => constants[row % constants.length] ?? 0,
  "huge first channel": (g, column) => (column === 0 ? 1e3 : g),
  "huge inner channel": (g, column, length, row) => (column === ((length >> 1) + row) % length ? -1e3 : g),
  "tiny values": (g) => 1e-6 * g,
  "nearly constant": (g) => 5 + 1e-3 * g,
  "one-hot rows": (_g, column, length, row) => (column === (row * 5) % length ? 1 : 0),
  zeros: () => 0,
  "large mixed signs": (g) => 1e3 * g,
  "a different kind in each row": (g, column, length, row) => mixed[row % mixed.length]?.(g, column, length, row) ?? g,
  "one NaN": (g, column, length, row) => (row === 0 && column === length >> 1 ? Number.NaN : g),
  "one infinity": (g, column, length, row) => (row === 0 && column === length >> 1 ? Number.POSITIVE_INFINITY : g),
  "masked with -infinity": (g, column, _length, row) => ((column + row) % 3 === 2 ? Number.NEGATIVE_INFINITY : g),
} satisfies Record<string, Element>;

export type InputKind = keyof typeof kinds;

const elements: Readonly<Record<InputKind, Element>> = kinds;

const notFinite: ReadonlySet<InputKind> = new Set<InputKind>(["one NaN", "one infinity", "masked with -infinity"]);

export const inputKinds = Object.keys(kinds) as readonly InputKind[];

export const isFiniteKind = (kind: InputKind): boolean => !notFinite.has(kind);

const mixed: readonly Element[] = inputKinds.filter((kind) => isFiniteKind(kind) && kind !== "a different kind in each row").map((kind) => elements[kind]);

/** Parameters: as the source initialises them, or moved so that no gain is 1, no bias 0 and no weight column has mean 0. */
export type ParameterKind = "initial" | "varied";

const weightMean = 0.05;

const normal = (name: string, shape: readonly number[], seed: number): Float64Array =>
  Float64Array.from(initialParameter({ name, dtype: "f32", shape, initialiser: { name: "normal", value: 1 } }, seed).data);

function toTensor(dtype: DType, shape: readonly number[], values: Float64Array): Tensor {
  if (dtype === "i32") return { dtype, shape, data: Int32Array.from(values) };
  if (dtype === "u32") return { dtype, shape, data: Uint32Array.from(values) };
  if (dtype === "bool") return { dtype, shape, data: Uint8Array.from(values) };
  return { dtype, shape, data: Float32Array.from(values, roundTo[dtype]) };
}

/** One input tensor. Integers are below `limit`, at least 0; bool is 0 or 1, about half each. */
export function inputTensor(name: string, dtype: DType, shape: readonly number[], kind: InputKind, seed: number, limit = 8): Tensor {
  const drawn = normal(`${name} of ${kind}`, shape, seed);
  if (!isFloat(dtype)) return toTensor(dtype, shape, drawn.map((g) => (dtype === "bool" ? Number(g > 0) : Math.floor(Math.abs(g) * 1e4) % Math.max(1, limit))));
  const length = Math.max(1, shape[shape.length - 1] ?? 1);
  const element = elements[kind];
  return toTensor(dtype, shape, drawn.map((g, i) => element(g, i % length, length, Math.floor(i / length))));
}

/** One parameter; `shape` has the extents bound. */
export function parameterTensor(spec: ParameterSpec, shape: readonly number[], kind: ParameterKind, seed: number): Tensor {
  const initial = initialParameter({ ...spec, shape }, seed);
  if (kind === "initial" || !isFloat(spec.dtype)) return toTensor(spec.dtype, shape, Float64Array.from(initial.data));
  const drawn = normal(`${spec.name} varied`, shape, seed);
  const { name } = spec.initialiser;
  const length = Math.max(1, shape[shape.length - 1] ?? 1);
  const rows = Math.max(1, elementCount(shape) / length);
  const vary = (value: number, g: number): number => {
    // Gains stay positive: they may be variances.
    if (name === "ones" || name === "constant") return (value === 0 ? 1 : value) * Math.exp(0.4 * g);
    if (name === "zeros") return shape.length < 2 ? 0.5 * g : g / Math.sqrt(rows) + weightMean;
    return value + weightMean;
  };
  return toTensor(spec.dtype, shape, Float64Array.from(initial.data, (value, i) => vary(value, drawn[i] ?? 0)));
}
