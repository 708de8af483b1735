/**
 * A model of ONNX as data, and its file. Field numbers are those of onnx.proto (github.com/onnx/onnx, onnx/onnx.proto), at
 * IR version 9, which opset 20 belongs to. Flow: export.ts -> here -> the caller's file.
 */
import { toHalfBits } from "../../../runtime/devices/half.ts";
import type { OnnxAttribute, OnnxDType, OnnxGraphBody, OnnxNode, OnnxValue } from "../../ops/onnx-form.ts";
import { typeCode } from "../../ops/onnx-form.ts";
import { Message } from "./protobuf.ts";

export const opset = 20;
const irVersion = 9;

/** A number, or the name of a length that the caller chooses. */
export type OnnxDimension = number | string;

export interface OnnxSignature extends OnnxValue {
  readonly shape: readonly OnnxDimension[];
  readonly doc: string;
}

export interface OnnxConstant extends OnnxValue {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export interface OnnxModel {
  readonly name: string;
  readonly doc: string;
  readonly producer: { readonly name: string; readonly version: string };
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxSignature[];
  readonly outputs: readonly OnnxSignature[];
  readonly constants: readonly OnnxConstant[];
}

/** Elements as the file holds them, little-endian. */
const elements: Readonly<Record<OnnxDType, (data: ArrayLike<number>) => ArrayBufferView>> = {
  f32: (data) => Float32Array.from(data),
  f64: (data) => Float64Array.from(data),
  f16: (data) => Uint16Array.from(data, toHalfBits),
  i32: (data) => Int32Array.from(data),
  u32: (data) => Uint32Array.from(data),
  i64: (data) => BigInt64Array.from(Array.from(data, BigInt)),
  bool: (data) => Uint8Array.from(data, (value) => (value === 0 ? 0 : 1)),
  u8: (data) => Uint8Array.from(data),
};

const widths: Readonly<Record<OnnxDType, number>> = { f32: 4, f64: 8, f16: 2, i32: 4, u32: 4, i64: 8, bool: 1, u8: 1 };

/** unit: bytes an element */
export const elementWidth = (dtype: OnnxDType): number => widths[dtype];

export const encodeModel = (model: OnnxModel): Uint8Array =>
  new Message()
    .integer(1, irVersion)
    .text(2, model.producer.name)
    .text(3, model.producer.version)
    .textIfAny(6, model.doc)
    .message(7, encodeGraph(model))
    .message(8, new Message().text(1, "").integer(2, opset))
    .toBytes();

const encodeGraph = (model: OnnxModel): Message =>
  new Message()
    .messages(1, model.nodes, encodeNode)
    .text(2, model.name)
    .messages(5, model.constants, encodeConstant)
    .textIfAny(10, model.doc)
    .messages(11, model.inputs, encodeSignature)
    .messages(12, model.outputs, encodeSignature);

function encodeNode(node: OnnxNode): Message {
  const message = new Message();
  for (const input of node.inputs) message.text(1, input ?? "");
  for (const output of node.outputs) message.text(2, output);
  return message
    .text(3, node.outputs[0] ?? "")
    .text(4, node.operator)
    .messages(5, Object.entries(node.attributes), ([name, attribute]) => encodeAttribute(name, attribute));
}

/** Values, then field 20 with the kind of value. */
function encodeAttribute(name: string, attribute: OnnxAttribute): Message {
  const message = new Message().text(1, name);
  switch (attribute.kind) {
    case "integer":
      return message.integer(3, attribute.value).integer(20, 2);
    case "integers":
      for (const value of attribute.values) message.integer(8, value);
      return message.integer(20, 7);
    case "number":
      return message.float(2, attribute.value).integer(20, 1);
    case "text":
      return message.text(4, attribute.value).integer(20, 3);
    case "graph":
      return message.message(6, encodeBody(attribute.graph)).integer(20, 5);
    default:
      return attribute satisfies never;
  }
}

/** Shapes within a body follow from its operators. */
const encodeBody = (body: OnnxGraphBody): Message =>
  new Message()
    .messages(1, body.nodes, encodeNode)
    .text(2, "body")
    .messages(11, body.inputs, (value) => new Message().text(1, value.name).message(2, tensorType(value)))
    .messages(12, body.outputs, (value) => new Message().text(1, value.name).message(2, tensorType(value)));

const encodeSignature = (value: OnnxSignature): Message => new Message().text(1, value.name).message(2, tensorType(value, value.shape)).textIfAny(3, value.doc);

function tensorType({ dtype }: OnnxValue, shape?: readonly OnnxDimension[]): Message {
  const tensor = new Message().integer(1, typeCode(dtype));
  if (shape) tensor.message(2, new Message().messages(1, shape, (extent) => (typeof extent === "number" ? new Message().integer(1, extent) : new Message().text(2, extent))));
  return new Message().message(1, tensor);
}

function encodeConstant({ name, dtype, shape, data }: OnnxConstant): Message {
  const message = new Message();
  for (const extent of shape) message.integer(1, extent);
  const view = elements[dtype](data);
  return message.integer(2, typeCode(dtype)).text(8, name).bytes(9, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}
