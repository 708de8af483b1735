/**
 * A checked model as an ONNX file: the tensor IR, unfused, node by node through the form of each op's record. Knows no op.
 * Flow: tensor IR -> here (graph-builder.ts, graph-extents.ts) -> encode.ts -> bytes.
 */
import type { Tensor } from "../../../runtime/tensor.ts";
import { required } from "../../errors.ts";
import { type Extent, extentNames, extentValue } from "../../ir/extent.ts";
import { isExtent, isLeaf, type TensorFunction, type TensorNode } from "../../ir/node.ts";
import { functionNodes } from "../../ir/traverse.ts";
import { operation } from "../../ops/index.ts";
import { buildForm, type OnnxForm, type OnnxScope, type OnnxValue } from "../../ops/onnx-form.ts";
import { elementWidth, encodeModel, type OnnxConstant, type OnnxDimension, type OnnxSignature } from "./encode.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { GraphExtents, type ShapedLeaf } from "./graph-extents.ts";

export interface OnnxExportOptions {
  /** Values by path, of the declared dtype and shape. Without them parameters are inputs of the graph, after the model's own. */
  readonly parameters?: Readonly<Record<string, Tensor>>;
  /** Version of normfuse that the file names. */
  readonly version?: string;
}

export type OnnxExport =
  | { readonly kind: "file"; readonly bytes: Uint8Array; readonly operators: number; readonly constants: number; /** Names in the file, in the order of the model: a name that an input has gets a number. */ readonly outputs: readonly string[] }
  | { readonly kind: "refused"; readonly code: "export-extent" | "export-size" | "export-op"; readonly message: string; readonly hint: string };

/** What a protobuf message may hold. unit: bytes */
const largestFile = 2 ** 31 - 1;

/** Lengths that the host binds become named dimensions; what depends on them is computed in the graph. */
export function exportOnnx(fn: TensorFunction, options: OnnxExportOptions = {}): OnnxExport {
  const builder = new GraphBuilder();
  const values = new Map<TensorNode, OnnxValue>();
  const declare = (node: TensorNode, name: string): OnnxValue => {
    const value: OnnxValue = { name: builder.declare(name), dtype: node.type.dtype };
    values.set(node, value);
    return value;
  };
  const inputs = fn.inputs.map(({ name, node, doc }) => ({ value: declare(node, name), shape: node.type.shape, doc }));
  const parameters = fn.parameters.map(({ path, node }) => ({ path, value: declare(node, path), shape: node.type.shape, doc: "" }));
  const outputs = fn.outputs.map(({ name, node }) => ({ node, value: { name: builder.declare(name), dtype: node.type.dtype }, shape: node.type.shape, doc: "" }));
  const given = options.parameters;
  const initial = given ? parameters.map(({ path, value }): OnnxConstant => ({ ...value, ...pick(required(given[path], "onnx", `parameter '${path}'`)) })) : [];
  const extents = new GraphExtents(builder, [...inputs, ...parameters]);
  const refused = refusal(fn, extents) ?? tooLarge(initial);
  if (refused) return refused;
  for (const node of functionNodes(fn)) {
    if (isLeaf(node)) continue;
    const operands = node.inputs.map((input) => required(values.get(input), "onnx", `operand of ${node.op}`));
    values.set(node, buildForm(required(operation(node.op).onnx, "onnx", node.op), scopeOf(builder, extents, node, operands)));
  }
  const nodes = builder.finish(outputs.map(({ node, value }) => ({ name: value.name, value: required(values.get(node), "onnx", value.name) })));
  const constants = [...initial, ...builder.constants];
  const bytes = encodeModel({
    name: fn.name, doc: fn.doc, nodes, constants, producer: { name: "normfuse", version: options.version ?? "" },
    inputs: [...inputs, ...(given ? [] : parameters)].map(signature), outputs: outputs.map(signature),
  });
  return { kind: "file", bytes, operators: nodes.length, constants: constants.length, outputs: outputs.map(({ value }) => value.name) };
}

const pick = ({ shape, data }: Tensor): Pick<Tensor, "shape" | "data"> => ({ shape, data });

const signature = ({ value, shape, doc }: ShapedLeaf & { readonly doc: string }): OnnxSignature => ({ ...value, doc, shape: shape.map((extent): OnnxDimension => extentValue(extent) ?? extent.key) });

function scopeOf(builder: GraphBuilder, extents: GraphExtents, node: TensorNode, operands: readonly OnnxValue[]): OnnxScope {
  return {
    node, operands,
    apply: (operator, inputs, options) => builder.apply(operator, inputs, options),
    constant: (data, dtype, shape) => builder.constant(data, dtype, shape),
    body: (dtypes, build) => builder.body(dtypes, build),
    shape: (list) => extents.shape(list),
    extent: (extent) => {
      const value = extentValue(extent);
      return value === undefined ? builder.apply("Squeeze", [extents.vector(extent)]) : builder.constant(value, "i64");
    },
  };
}

/** What keeps a model from being a graph: extents that only the host knows, or that ONNX wants as numbers. */
function refusal(fn: TensorFunction, extents: GraphExtents): OnnxExport | undefined {
  for (const node of functionNodes(fn)) {
    if (isLeaf(node)) continue;
    const form: OnnxForm | null = operation(node.op).onnx;
    if (!form) return { kind: "refused", code: "export-op", message: `'${node.op}' has no form in ONNX`, hint: "write it with other ops, or run the model with normfuse itself" };
    const open = extentsOf(node).flatMap(extentNames).find((name) => !extents.follows(name));
    if (open !== undefined) return { kind: "refused", code: "export-extent", message: `extent '${open}' of ${fn.name} does not follow from the shapes of its inputs and parameters`, hint: `bind it: --bind ${open}=8` };
    const literal = form.literals?.(node).find((extent) => extentValue(extent) === undefined);
    if (literal) return { kind: "refused", code: "export-extent", message: `'${node.op}' in ${fn.name} has ${literal.key} where ONNX wants a number`, hint: `bind it: --bind ${extentNames(literal)[0] ?? ""}=8` };
  }
  return undefined;
}

const extentsOf = (node: TensorNode): readonly Extent[] => [
  ...node.type.shape,
  ...Object.values(node.attributes).flatMap((value): readonly Extent[] => (isExtent(value) ? [value] : Array.isArray(value) ? value.filter((one): one is Extent => isExtent(one)) : [])),
];

function tooLarge(constants: readonly OnnxConstant[]): OnnxExport | undefined {
  const bytes = constants.reduce((sum, { dtype, shape }) => sum + elementWidth(dtype) * shape.reduce((count, extent) => count * extent, 1), 0);
  if (bytes <= largestFile) return undefined;
  return { kind: "refused", code: "export-size", message: `the parameters take ${bytes} bytes; one ONNX file holds at most ${largestFile}`, hint: "leave --params out: parameters then are inputs of the graph" };
}
