import { describe, expect, it } from "vitest";
import type { TensorSpec } from "../../runtime/artifact.ts";
import { givenValues } from "../../runtime/host-values.ts";

const x: TensorSpec = { name: "x", dtype: "f32", shape: ["B"] };
const labels: TensorSpec = { name: "labels", dtype: "i32", shape: ["B"] };
const rate: TensorSpec = { name: "rate", dtype: "f32", shape: [] };

describe("givenValues", () => {
  it("takes typed arrays, tensors, and a number for a scalar, in the order of the signature", () => {
    const tensor = { dtype: "i32", shape: [2], data: new Int32Array(2) };
    const given = givenValues("input", [x, labels, rate], { rate: 0.5, labels: tensor, x: new Float32Array(2) });
    expect(given.map(({ shape, length }) => [shape, length])).toEqual([[undefined, 2], [[2], 2], [[], 1]]);
    expect(given[2]?.data).toEqual(Float32Array.of(0.5));
  });

  it.each<[string, TensorSpec, unknown, string]>([
    ["plain array", x, [1, 2], "The input 'x' is a plain array, expected f32[B]. Pass a Float32Array or a tensor { dtype: \"f32\", shape, data: Float32Array }."],
    ["wrong array", labels, new Float32Array(2), "The input 'labels' is a Float32Array, expected i32[B]."],
    ["double", x, new Float64Array(2), "The input 'x' is a Float64Array, expected f32[B]."],
    ["number for a vector", x, 3, "The input 'x' is the number 3, expected f32[B]."],
    ["null", x, null, "The input 'x' is null, expected f32[B]."],
    ["tensor of another type", x, { dtype: "i32", shape: [1], data: new Int32Array(1) }, "The input 'x' is a tensor of i32 over a Int32Array, expected f32[B]."],
    ["tensor that lies", x, { dtype: "f32", shape: [1], data: new Int32Array(1) }, "The input 'x' is a tensor of f32 over a Int32Array, expected f32[B]."],
    ["object", x, {}, "The input 'x' is an object without dtype, shape and data, expected f32[B]."],
  ])("refuses a %s", (_, spec, value, message) => {
    expect(() => givenValues("input", [spec], { [spec.name]: value })).toThrow(expect.objectContaining({ code: "dtype-mismatch", message: expect.stringContaining(message) }));
  });

  it.each([[[3]], [[1.5]], [[-2]]])("refuses a shape %j that does not fit the data", (shape) => {
    expect(() => givenValues("input", [x], { x: { dtype: "f32", shape, data: new Float32Array(2) } })).toThrow(
      expect.objectContaining({ code: "shape-mismatch", message: `The input 'x' has the shape [${shape}] and 2 elements of data. The product of the shape must be the number of elements.` }),
    );
  });

  it("names what is missing and what is unknown", () => {
    expect(() => givenValues("input", [x, labels], { x: new Float32Array(1) })).toThrow(
      expect.objectContaining({ code: "missing-input", message: "The input 'labels' is missing. Given: 'x'; the model's inputs: 'x', 'labels'." }),
    );
    expect(() => givenValues("parameter", [x], { X: new Float32Array(1) })).toThrow(
      expect.objectContaining({ code: "unknown-parameter", message: "There is no parameter 'X'. The model's parameters: 'x'." }),
    );
  });
});
