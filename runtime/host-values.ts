/**
 * Checks what the caller hands over (tensors, typed arrays, numbers, GPU buffers) against the signature, before any shape is
 * looked at: names, element types, lengths. Flow: user's record -> GivenValue list -> extents.ts.
 */
import type { DType, TensorSpec } from "./artifact.ts";
import { RuntimeError } from "./errors.ts";
import { type GivenTensor, formatShape } from "./extents.ts";
import { type ArrayOf, type GpuTensor, type Tensor, type TensorData, allocate, elementCount, gpuBytes } from "./tensor.ts";

/** What stands for a tensor: with its shape, or flat and row-major; in host memory, or in GPU memory of the device's own. */
export type Value<D extends DType = DType> = Tensor<D> | ArrayOf<D> | GpuTensor<D> | GPUBuffer;

/** A parameter: as a value, but a tensor's dtype is looked at only when it is handed over, since files of weights tell it no sooner. */
export type Weight<D extends DType = DType> = Tensor | ArrayOf<D> | GpuTensor | GPUBuffer;

/** Any value, or a number for a tensor of rank 0. */
export type HostValue = Value | number;

/** A value that fits its place in the signature; `data` or `buffer` is there. */
export type GivenValue = GivenTensor & ({ readonly data: TensorData; readonly buffer?: undefined } | { readonly data?: undefined; readonly buffer: GPUBuffer });

export type SignaturePart = "input" | "parameter";

const arrayNames: Readonly<Record<DType, string>> = { f32: "Float32Array", f16: "Float32Array", i32: "Int32Array", u32: "Uint32Array", bool: "Uint8Array" };

/** The class name of a typed array, also of one from another realm (a frame, a test sandbox), where instanceof fails. */
const typedArrayName = (value: unknown): string | undefined => {
  if (!ArrayBuffer.isView(value)) return undefined;
  return Object.prototype.toString.call(value).slice(8, -1);
};

const isTensorData = (value: unknown, dtype: DType): value is TensorData => typedArrayName(value) === arrayNames[dtype];

/** By what it can do: in Node the class is not global, and a page may have several realms. */
const isGpuBuffer = (value: unknown): value is GPUBuffer =>
  typeof value === "object" && value !== null && "mapState" in value && "usage" in value && "size" in value && "destroy" in value;

function describe(value: unknown): string {
  const name = typedArrayName(value);
  if (name) return `a ${name}`;
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a plain array";
  if (typeof value !== "object") return `the ${typeof value} ${String(value)}`;
  if (isGpuBuffer(value)) return "a GPUBuffer";
  const held = "data" in value ? value.data : "buffer" in value ? value.buffer : undefined;
  return "dtype" in value && held !== undefined ? `a tensor of ${String(value.dtype)} over ${describe(held)}` : "an object without dtype, shape and data";
}

function givenValue(part: SignaturePart, spec: TensorSpec, value: unknown): GivenValue {
  const label = `${part} '${spec.name}'`;
  const mismatch = (): RuntimeError =>
    new RuntimeError(
      "dtype-mismatch",
      `The ${label} is ${describe(value)}, expected ${spec.dtype}${formatShape(spec.shape)}.`,
      `Pass a ${arrayNames[spec.dtype]} or a tensor { dtype: "${spec.dtype}", shape, data: ${arrayNames[spec.dtype]} }.`,
    );
  if (isTensorData(value, spec.dtype)) return { label, spec, shape: undefined, length: value.length, data: value };
  if (isGpuBuffer(value)) return { label, spec, shape: undefined, length: value.size / gpuBytes(spec.dtype), buffer: value };
  if (typeof value === "number" && spec.shape.length === 0) {
    const data = allocate(spec.dtype, 1);
    data[0] = value;
    return { label, spec, shape: [], length: 1, data };
  }
  if (typeof value !== "object" || value === null) throw mismatch();
  const { dtype, shape, data, buffer } = value as Partial<Record<keyof Tensor | keyof GpuTensor, unknown>>;
  if (dtype !== spec.dtype || !Array.isArray(shape)) throw mismatch();
  const axes: readonly unknown[] = shape;
  const whole = axes.every((extent): extent is number => Number.isInteger(extent) && Number(extent) >= 0);
  if (isGpuBuffer(buffer)) {
    if (!whole) throw new RuntimeError("shape-mismatch", `The ${label} has the shape [${axes.join(", ")}].`, "A shape is a list of lengths.");
    return { label, spec, shape: axes, length: elementCount(axes), buffer };
  }
  if (!isTensorData(data, spec.dtype)) throw mismatch();
  if (!whole || elementCount(axes) !== data.length)
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
export function givenValues(part: SignaturePart, specs: readonly TensorSpec[], values: object): GivenValue[] {
  const known = specs.map((spec) => spec.name);
  const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(", ") || "none";
  const record = values as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(record).filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new RuntimeError(`unknown-${part}`, `There is no ${part} ${list(unknown)}.`, `The model's ${part}s: ${list(known)}.`);
  const missing = known.filter((name) => record[name] === undefined);
  if (missing.length > 0)
    throw new RuntimeError(`missing-${part}`, `The ${part} ${list(missing)} is missing.`, `Given: ${list(Object.keys(record))}; the model's ${part}s: ${list(known)}.`);
  return specs.map((spec) => givenValue(part, spec, record[spec.name]));
}
