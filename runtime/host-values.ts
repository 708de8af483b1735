/**
 * Checks what the host hands over (tensors, typed arrays, numbers) against the signature, before any shape is looked at:
 * names, element types, lengths. Flow: user's record -> HostTensor list -> extents.ts.
 */
import type { DType, TensorSpec } from "./artifact.ts";
import { RuntimeError } from "./errors.ts";
import { type GivenTensor, formatShape } from "./extents.ts";
import { type Tensor, type TensorData, allocate, elementCount } from "./tensor.ts";

/** A tensor with its shape, a flat row-major array, or a number for a tensor of rank 0. */
export type HostValue = Tensor | TensorData | number;

export interface HostTensor extends GivenTensor {
  readonly data: TensorData;
}

export type SignaturePart = "input" | "parameter";

const arrayNames: Readonly<Record<DType, "Float32Array" | "Int32Array" | "Uint32Array">> = {
  f32: "Float32Array",
  f16: "Float32Array",
  i32: "Int32Array",
  u32: "Uint32Array",
  bool: "Uint32Array",
};

/** The class name of a typed array, also of one from another realm (a frame, a test sandbox), where instanceof fails. */
const typedArrayName = (value: unknown): string | undefined => {
  if (!ArrayBuffer.isView(value)) return undefined;
  return Object.prototype.toString.call(value).slice(8, -1);
};

const isTensorData = (value: unknown, dtype: DType): value is TensorData => typedArrayName(value) === arrayNames[dtype];

function describe(value: unknown): string {
  const name = typedArrayName(value);
  if (name) return `a ${name}`;
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a plain array";
  if (typeof value !== "object") return `the ${typeof value} ${String(value)}`;
  return "dtype" in value && "data" in value ? `a tensor of ${String(value.dtype)} over ${describe(value.data)}` : "an object without dtype, shape and data";
}

function hostTensor(part: SignaturePart, spec: TensorSpec, value: unknown): HostTensor {
  const label = `${part} '${spec.name}'`;
  const mismatch = (): RuntimeError =>
    new RuntimeError(
      "dtype-mismatch",
      `The ${label} is ${describe(value)}, expected ${spec.dtype}${formatShape(spec.shape)}.`,
      `Pass a ${arrayNames[spec.dtype]} or a tensor { dtype: "${spec.dtype}", shape, data: ${arrayNames[spec.dtype]} }.`,
    );
  if (isTensorData(value, spec.dtype)) return { label, spec, shape: undefined, length: value.length, data: value };
  if (typeof value === "number" && spec.shape.length === 0) {
    const data = allocate(spec.dtype, 1);
    data[0] = value;
    return { label, spec, shape: [], length: 1, data };
  }
  if (typeof value !== "object" || value === null) throw mismatch();
  const { dtype, shape, data } = value as Partial<Record<keyof Tensor, unknown>>;
  if (dtype !== spec.dtype || !Array.isArray(shape) || !isTensorData(data, spec.dtype)) throw mismatch();
  const axes: readonly unknown[] = shape;
  if (!axes.every((extent): extent is number => Number.isInteger(extent) && Number(extent) >= 0) || elementCount(axes) !== data.length)
    throw new RuntimeError(
      "shape-mismatch",
      `The ${label} has the shape [${axes.join(", ")}] and ${data.length} elements of data.`,
      "The product of the shape must be the number of elements.",
    );
  return { label, spec, shape: axes, length: data.length, data };
}

/**
 * The tensors of a signature out of the user's record, in the order of the signature.
 *
 * throws: RuntimeError `missing-…` and `unknown-…` for names, `dtype-mismatch` for values
 */
export function hostTensors(part: SignaturePart, specs: readonly TensorSpec[], values: object): HostTensor[] {
  const known = specs.map((spec) => spec.name);
  const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(", ") || "none";
  const record = values as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(record).filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new RuntimeError(`unknown-${part}`, `There is no ${part} ${list(unknown)}.`, `The model's ${part}s: ${list(known)}.`);
  const missing = known.filter((name) => record[name] === undefined);
  if (missing.length > 0)
    throw new RuntimeError(`missing-${part}`, `The ${part} ${list(missing)} is missing.`, `Given: ${list(Object.keys(record))}; the model's ${part}s: ${list(known)}.`);
  return specs.map((spec) => hostTensor(part, spec, record[spec.name]));
}
