/** Tensors as JSON, as spec/cli.md describes them: { dtype, shape, data }, flat, row-major, NaN and infinities as strings. */
import { allocate, elementCount, type Tensor } from "../../runtime/tensor.ts";
import type { DType } from "../ir/types.ts";
import { Failure } from "./failure.ts";
import { readText } from "./files.ts";

export interface TensorJson {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

const aliases: Readonly<Record<string, DType>> = {
  f32: "f32", f16: "f16", i32: "i32", u32: "u32", bool: "bool",
  float32: "f32", float16: "f16", int32: "i32", uint32: "u32",
};

const words: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, "-Infinity": Number.NEGATIVE_INFINITY, "-0": -0 };

export function tensorToJson(tensor: { readonly dtype: DType; readonly shape: readonly number[]; readonly data: ArrayLike<number> }): TensorJson {
  return {
    dtype: tensor.dtype, shape: [...tensor.shape],
    data: Array.from(tensor.data, (value) => (Number.isFinite(value) ? (Object.is(value, -0) ? "-0" : value) : String(value))),
  };
}

/** Reads an object of named tensors. reports: the file, the tensor's name and what is wrong with it. */
export function readTensors(path: string): Record<string, Tensor> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readText(path));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("json", `${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`, '{ "x": { "dtype": "f32", "shape": [2], "data": [1, 2] } }');
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Failure("json", `${path} holds no object of tensors`, '{ "x": { "dtype": "f32", "shape": [2], "data": [1, 2] } }');
  return Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, tensorFromJson(`${path}: '${name}'`, value)]));
}

export function tensorFromJson(where: string, value: unknown): Tensor {
  const given = value as Partial<TensorJson> | null;
  const fail = (what: string): never => {
    throw new Failure("tensor", `${where} ${what}`, '{ "dtype": "f32", "shape": [2, 3], "data": [1, 2, 3, 4, 5, 6] }');
  };
  if (typeof given !== "object" || given === null) return fail("is no tensor");
  const dtype = aliases[String(given.dtype)] ?? fail(`has dtype ${JSON.stringify(given.dtype)}; known are f32, f16, i32, u32, bool`);
  const shape = Array.isArray(given.shape) && given.shape.every((extent) => Number.isInteger(extent) && extent >= 0) ? (given.shape as number[]) : fail(`has shape ${JSON.stringify(given.shape)}; it must be a list of lengths`);
  const data = Array.isArray(given.data) ? given.data : fail("has no list 'data'");
  if (data.length !== elementCount(shape)) fail(`has ${data.length} numbers; shape [${shape.join(", ")}] needs ${elementCount(shape)}`);
  const typed = allocate(dtype, data.length);
  data.forEach((entry: unknown, i: number) => {
    const number = typeof entry === "number" ? entry : typeof entry === "boolean" ? Number(entry) : words[String(entry)];
    if (number === undefined) fail(`has ${JSON.stringify(entry)} at place ${i}; numbers, "NaN", "Infinity" and "-Infinity" are known`);
    else typed[i] = number;
  });
  return { dtype, shape, data: typed };
}
