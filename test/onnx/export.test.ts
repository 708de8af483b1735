/** The file itself: names, dimensions, what is refused; and the forms of ops beyond the cases that every op is tested with. */
import { InferenceSession } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { exportOnnx } from "../../compiler/backends/onnx/export.ts";
import { Message } from "../../compiler/backends/onnx/protobuf.ts";
import { required } from "../../compiler/errors.ts";
import { checkSource, renderDiagnostics, sourceFile, type TensorFunction } from "../../compiler/index.ts";
import type { Bindings } from "../../compiler/ir/extent.ts";
import type { Attributes } from "../../compiler/ir/node.ts";
import { operations } from "../../compiler/ops/index.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { onnxFile, runOnnx } from "../support/onnx-oracle.ts";
import { extents, hostData, tensorFunction, toReference, typeOf } from "../support/tensor-function.ts";

function model(text: string, bind: Bindings = {}): TensorFunction {
  const { models, diagnostics } = checkSource(sourceFile("model.nf", `${text}\n`), { bind });
  expect(renderDiagnostics(diagnostics)).toBe("");
  return required(models[0], "test", "model");
}

const affine = `/// Two maps.
model Affine[B](/// Rows. x: f32[B, 3]) -> (y: f32[B, 2], twice: f32[2*B, 2]) {
  param w: f32[3, 2] = glorot_uniform
  let y = x @ w
  return (y, concat(y, y, axis = 0))
}`.replace("/// Rows. x", "\n  /// Rows.\n  x");

const names = (values: readonly { readonly name: string }[]): string[] => values.map(({ name }) => name);

describe("every record", () => {
  it("has a form, but for the leaves that stand for host data, and scans, which are written out before", () => {
    expect([...operations.values()].filter(({ onnx }) => onnx === null).map(({ name }) => name)).toEqual(["input", "parameter", "scan_element", "scan_carry", "scan"]);
    expect([...operations.values()].filter(({ onnx }) => onnx && onnx.since > 20).map(({ name }) => name)).toEqual([]);
  });
});

describe("a file", () => {
  it("has the model's names, and lengths of the host as named dimensions", async () => {
    const session = await InferenceSession.create(onnxFile(model(affine)));
    expect(session.inputMetadata).toMatchObject([{ name: "x", type: "float32", shape: ["B", 3] }, { name: "w", type: "float32", shape: [3, 2] }]);
    expect(session.outputMetadata).toMatchObject([{ name: "y", shape: ["B", 2] }, { name: "twice", shape: ["2*B", 2] }]);
    await session.release();
  });

  it("holds parameters that are given, docs, producer and version, and is the same every time", async () => {
    const fn = model(affine);
    const { inputs, parameters } = hostData(fn, { B: 2 });
    const file = onnxFile(fn, { parameters, version: "7.8.9" });
    const session = await InferenceSession.create(file);
    expect(session.inputNames).toEqual(["x"]);
    await session.release();
    expect(await runOnnx(file, inputs)).toEqual(await runOnnx(onnxFile(fn), { ...inputs, ...parameters }));
    const text = new TextDecoder("latin1").decode(file);
    for (const part of ["normfuse", "7.8.9", "Affine", "Two maps.", "Rows."]) expect(text).toContain(part);
    expect(onnxFile(fn, { parameters, version: "7.8.9" })).toEqual(file);
  });

  it("keeps names apart: outputs that are inputs, that are the same value, or that are named like an input", async () => {
    const fn = tensorFunction({ inputs: { x: "f32[2]", Add: "f32[2]" } }, ({ op, input }) => {
      const sum = op("add", [input("x"), input("Add")]);
      return { same: input("x"), one: sum, two: sum, Add: op("neg", [sum]) };
    });
    const file = onnxFile(fn);
    const got = await runOnnx(file, { x: { dtype: "f32", shape: [2], data: [1, 2] }, Add: { dtype: "f32", shape: [2], data: [10, 20] } });
    expect(Object.entries(got).map(([name, { data }]) => [name, ...data])).toEqual([["same", 1, 2], ["one", 11, 22], ["two", 11, 22], ["Add_2", -11, -22]]);
  });

  it("finds lengths in products and sums of the shapes", async () => {
    const fn = tensorFunction({ extents: ["A", "B"], inputs: { x: "f32[2*A + 1]", y: "f32[A*B]" } }, ({ op }) => ({ a: op("iota", [], { count: required(extents("A")[0], "test", "A") }), b: op("iota", [], { count: required(extents("B + 1")[0], "test", "B") }) }));
    const got = await runOnnx(onnxFile(fn), { x: { dtype: "f32", shape: [7], data: new Float32Array(7) }, y: { dtype: "f32", shape: [12], data: new Float32Array(12) } });
    expect(names(Object.keys(got).map((name) => ({ name })))).toEqual(["a", "b"]);
    expect([[...(got["a"]?.data ?? [])], [...(got["b"]?.data ?? [])]]).toEqual([[0, 1, 2], [0, 1, 2, 3, 4]]);
  });
});

describe("a refusal says what to bind or leave out", () => {
  const counting = "model M[N](x: f32[3]) -> i32[N] = iota(N)";
  const pooling = "model M[B, K](x: f32[B, 8], y: f32[K]) { return max_pool(x, [K]) }";

  it("of a length that no shape has", () => {
    expect(exportOnnx(model(counting))).toMatchObject({ kind: "refused", code: "export-extent", message: "extent 'N' of M does not follow from the shapes of its inputs and parameters", hint: "bind it: --bind N=8" });
    expect(exportOnnx(model(counting, { N: 4 }))).toMatchObject({ kind: "file" });
  });

  it("of a window that ONNX wants as a number", () => {
    expect(exportOnnx(model(pooling))).toMatchObject({ kind: "refused", code: "export-extent", message: "'max_pool' in M has K where ONNX wants a number", hint: "bind it: --bind K=8" });
    expect(exportOnnx(model(pooling, { K: 2 }))).toMatchObject({ kind: "file" });
  });

  it("of parameters beyond what a protobuf message holds", () => {
    const fn = tensorFunction({ inputs: { x: "f32[1]" }, parameters: { w: "f32[536870912]" } }, ({ op, input }) => ({ y: op("add", [input("x"), input("w")]) }));
    expect(exportOnnx(fn, { parameters: { w: { dtype: "f32", shape: [536870912], data: new Float32Array(1) } } })).toMatchObject({ kind: "refused", code: "export-size", message: "the parameters take 2147483648 bytes; one ONNX file holds at most 2147483647" });
    expect(exportOnnx(fn)).toMatchObject({ kind: "file" });
  });
});

interface FormCase {
  readonly what: string;
  readonly op: string;
  readonly types: readonly string[];
  readonly attributes?: Attributes;
  /** Of the first operand; pseudo-random when left out. */
  readonly values?: readonly number[];
}

const forms: readonly FormCase[] = [
  { what: "a cast of NaN, infinities and what is out of range", op: "cast", types: ["f32[8]"], attributes: { dtype: "i32" }, values: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e9, -3e9, 2147483520, -1.9, 1.9] },
  { what: "a cast to unsigned integers", op: "cast", types: ["f32[6]"], attributes: { dtype: "u32" }, values: [Number.NaN, 5e9, -1, 4294967040, 3e9, 0.9] },
  { what: "a cast of negative integers to unsigned ones", op: "cast", types: ["i32[3]"], attributes: { dtype: "u32" }, values: [-1, -2147483648, 7] },
  { what: "an unsigned sum that wraps", op: "sum", types: ["u32[2, 3]"], attributes: { axis: 1 }, values: [4294967295, 2, 3, 1, 2, 3] },
  { what: "an integer sum that wraps", op: "sum", types: ["i32[2]"], values: [2147483647, 2] },
  { what: "a sum of a scalar", op: "sum", types: ["f32"] },
  { what: "a maximum of infinities", op: "max", types: ["f32[2, 2]"], attributes: { axis: 1, keep: true }, values: [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 1, Number.POSITIVE_INFINITY] },
  { what: "padding as long as the window", op: "max_pool", types: ["f32[B, 5]"], attributes: { window: extents("2"), before: [3], after: [2] } },
  { what: "a window over all leading axes", op: "sum_pool", types: ["f32[2, B, 5]"], attributes: { window: extents("N"), stride: [2] } },
  { what: "no window at all", op: "sum_pool", types: ["f32[2, B]"], attributes: { window: [] } },
  { what: "a convolution without a window", op: "conv", types: ["f32[B, 3]", "f32[2, 3]"] },
  { what: "a transposed convolution without a window", op: "conv_transpose", types: ["f32[B, 3]", "f32[3, 2]"] },
  { what: "elements added beyond the last step", op: "conv_transpose", types: ["f32[B, 2, 3]", "f32[2, 3, 3]"], attributes: { stride: [2], before: [1], after: [1], extra: [4] } },
  { what: "elements added in place of padding", op: "conv_transpose", types: ["f32[B, 2, 3]", "f32[2, 3, 3]"], attributes: { after: [2], extra: [2] } },
  { what: "an exclusive product", op: "cumprod", types: ["f32[B, 3, N]"], attributes: { axis: 1, exclusive: true } },
  { what: "an exclusive product from the end", op: "cumprod", types: ["f32[N]"], attributes: { axis: 0, exclusive: true, reverse: true } },
  { what: "a border longer than the tensor, of unknown length", op: "pad_reflect", types: ["f32[B, N]"], attributes: { before: [3, 9], after: [4, 0] } },
  { what: "a reflected border of one element", op: "pad_reflect", types: ["f32[1, B]"], attributes: { before: [2, 0], after: [1, 0] } },
  { what: "a wrapped border longer than the tensor", op: "pad_wrap", types: ["f32[B, N]"], attributes: { before: [5, 0], after: [0, 7] } },
  { what: "padding by an infinity", op: "pad", types: ["f32[B]"], attributes: { before: [1], after: [2], value: Number.NEGATIVE_INFINITY } },
  { what: "padding of integers", op: "pad", types: ["i32[B]"], attributes: { before: [1], after: [0], value: 3 } },
  { what: "indices beyond both ends", op: "gather", types: ["f32[3, B]", "i32[5]"], attributes: { axis: 1 } },
  { what: "half precision", op: "matmul", types: ["f16[B, 3]", "f16[3, N]"] },
  { what: "a slice to an end that only the graph knows", op: "slice", types: ["f32[N]"], attributes: { axis: 0, start: required(extents("1")[0], "test", "1"), stop: required(extents("N")[0], "test", "N"), step: 2 } },
];

describe("forms", () => {
  const bindings = { B: 2, N: 4 };

  it.each(forms.map((one) => [`${one.op}: ${one.what}`, one] as const))("%s", async (_, { op: name, types, attributes, values }) => {
    const fn = tensorFunction({ extents: ["B", "N"], inputs: { ...Object.fromEntries(types.map((type, i) => [`x${i}`, type])), shapes: "f32[B, N]" } }, ({ op, input }) => ({ y: op(name, types.map((_type, i) => input(`x${i}`)), attributes ?? {}) }));
    const made = hostData(fn, bindings).inputs;
    const first = required(made["x0"], "test", "x0");
    if (values) for (const [i, value] of values.entries()) first.data[i] = value;
    const inputs = toReference(made);
    const want = required(evaluate(fn, bindings, inputs, {})["y"], "test", "y");
    const got = required((await runOnnx(onnxFile(fn), inputs))["y"], "test", "y");
    expect(got.shape).toEqual(want.shape);
    const digits = typeOf(required(types[0], "test", name)).dtype === "f16" ? 1 : 4;
    for (const [i, value] of want.data.entries())
      if (Number.isFinite(value)) expect(got.data[i]).toBeCloseTo(value, digits);
      else expect(got.data[i]).toBe(value);
  });
});

describe("the wire format", () => {
  it("has the bytes of the protobuf documentation", () => {
    // "Encoding": field 1 with 150 is 08 96 01, field 2 with "testing" is 12 07 ..., field 3 with the first message 1a 03 08 96 01.
    expect([...new Message().integer(1, 150).toBytes()]).toEqual([0x08, 0x96, 0x01]);
    expect([...new Message().text(2, "testing").toBytes()]).toEqual([0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
    expect([...new Message().message(3, new Message().integer(1, 150)).toBytes()]).toEqual([0x1a, 0x03, 0x08, 0x96, 0x01]);
    // -2 is 2^64 - 2 in ten bytes.
    expect([...new Message().integer(1, -2).toBytes()]).toEqual([0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    expect([...new Message().float(4, 1.5).textIfAny(5, "").toBytes()]).toEqual([0x25, 0, 0, 0xc0, 0x3f]);
  });
});
