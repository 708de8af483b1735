/**
 * From values to nodes: literals take their dtype, compile-time operands are folded by the op's own reference, and the
 * op's shape rule is asked. Ops come from the registry; operators are found by the records' `operator` field.
 */
import { catalog, type Details } from "../diagnostics/catalog.ts";
import type { Note } from "../diagnostics/diagnostic.ts";
import { addExtents, constantExtent, type Extent, extentValue, multiplyExtents, negateExtent, subtractExtents } from "../ir/extent.ts";
import type { Attributes, TensorNode } from "../ir/node.ts";
import { type DType, isFloat, printType, type TensorType } from "../ir/types.ts";
import { applyOp } from "../ops/build.ts";
import { isViolation, type Op, type Violation } from "../ops/define.ts";
import { operations } from "../ops/index.ts";
import type { Span } from "../source/source-file.ts";
import { elementLimit, fail, type Frame, originOf } from "./session.ts";
import { describe, errorValue, isWeak, tensorValue, type Value } from "./values.ts";

/** The ops that the syntax itself and the functions of the language stand for: literals, extents as values, slices, scalars given for tensors, sums of products. */
export const structural = { constant: "constant", extent: "extent", slice: "slice", reshape: "reshape", stretch: "broadcast_to", join: "concat", permute: "transpose", multiply: "mul", add_up: "sum", position: "position", equal: "eq", choose: "where", flip: "flip" } as const;

const byOperator: ReadonlyMap<string, Op> = new Map([...operations.values()].flatMap((op) => (op.operator === undefined ? [] : [[op.operator, op] as const])));

export const binaryOp = (operator: string): Op | undefined => byOperator.get(operator);

export const unaryOp = (operator: "-" | "not"): Op | undefined => byOperator.get(operator === "-" ? "-x" : "not x");

const extentArithmetic: ReadonlyMap<string, (a: Extent, b: Extent) => Extent> = new Map([["+", addExtents], ["-", subtractExtents], ["*", multiplyExtents]]);

export interface OperandPlace {
  readonly name: string;
  readonly span: Span;
}

/** Applies an op to values. Weak operands take the dtype of the strong ones. reports: what is no tensor, and violations of the op's constraints. */
export function applyToValues(frame: Frame, op: Op, values: readonly Value[], attributes: Attributes, span: Span, places: readonly OperandPlace[]): Value {
  if (values.some((value) => value.kind === "error")) return errorValue;
  const folded = fold(op, values);
  if (folded) return folded;
  const dtype = commonDType(op, values);
  const inputs: TensorNode[] = [];
  for (const [i, value] of values.entries()) {
    const [only, ...others] = op.operands[i]?.dtypes ?? [];
    const node = materialise(frame, value, only !== undefined && others.length === 0 ? only : dtype, places[i]?.span ?? span);
    if (!node) return errorValue;
    inputs.push(node);
  }
  return applyToNodes(frame, op.name, inputs, attributes, span, places);
}

export function applyToNodes(frame: Frame, name: string, inputs: readonly TensorNode[], attributes: Attributes, span: Span, places: readonly OperandPlace[]): Value {
  const applied = applyOp(frame.graph, name, inputs, attributes, originOf(span));
  if ("violation" in applied) return fail(frame, catalog.operandMismatch, span, [applied.violation.message], violationDetails(applied.violation, inputs, places));
  return tensorValue(applied.node);
}

function violationDetails(violation: Violation, inputs: readonly TensorNode[], places: readonly OperandPlace[]): Details {
  const notes = (violation.operands ?? inputs.map((_, i) => i)).flatMap((operand, i): Note[] => {
    const node = inputs[operand];
    const place = places[operand];
    return node && place ? [{ message: `${place.name} is ${markAxis(node.type, violation.axes?.[i])}`, span: place.span }] : [];
  });
  return { notes, hint: violation.hint };
}

/** A type with one axis pointed out: `f32[B, >784<]`. */
export function markAxis(type: TensorType, axis: number | undefined): string {
  if (axis === undefined) return printType(type);
  return `${type.dtype}[${type.shape.map((extent, i) => (i === axis ? `>${extent.key}<` : extent.key)).join(", ")}]`;
}

/** Computes an elementwise op on compile-time operands, or extent arithmetic; undefined when it must become a node. */
function fold(op: Op, values: readonly Value[]): Value | undefined {
  const extents = values.map((value) => (value.kind === "extent" ? value.extent : value.kind === "number" && Number.isInteger(value.value) ? constantExtent(value.value) : undefined));
  const [a, b] = extents;
  if (values.some((value) => value.kind === "extent" && extentValue(value.extent) === undefined)) {
    if (a && values.length === 1 && op.operator === "-x") return extentOf(negateExtent(a));
    const arithmetic = extentArithmetic.get(op.operator ?? "");
    return a && b && arithmetic && a.terms.length * b.terms.length <= 64 ? extentOf(arithmetic(a, b)) : undefined;
  }
  if (op.family !== "elementwise" || op.attributes.length > 0) return undefined;
  const scalars = values.map(scalarOf);
  if (!scalars.every((scalar) => scalar !== undefined)) return undefined;
  const type = op.infer(scalars.map(({ dtype }) => ({ dtype, shape: [] })), {});
  if (isViolation(type)) return undefined;
  const result = op.evaluate(scalars.map(({ dtype, value }) => ({ dtype, shape: [], data: Float64Array.of(value) })), {}, [], type.dtype).data[0] ?? Number.NaN;
  return type.dtype === "bool" ? { kind: "boolean", value: result !== 0 } : { kind: "number", value: result };
}

const extentOf = (extent: Extent): Value => {
  const value = extentValue(extent);
  return value === undefined ? { kind: "extent", extent } : { kind: "number", value };
};

function scalarOf(value: Value): { readonly dtype: DType; readonly value: number } | undefined {
  if (value.kind === "number") return { dtype: "f32", value: value.value };
  if (value.kind === "boolean") return { dtype: "bool", value: value.value ? 1 : 0 };
  const known = value.kind === "extent" ? extentValue(value.extent) : undefined;
  return known === undefined ? undefined : { dtype: "f32", value: known };
}

/** The dtype that weak operands take: that of the first strong operand which is not a mere condition. */
function commonDType(op: Op, values: readonly Value[]): DType {
  for (const [i, value] of values.entries()) {
    const allowed = op.operands[i]?.dtypes ?? [];
    if (value.kind === "tensor" && !(allowed.length === 1 && allowed[0] === "bool")) return value.node.type.dtype;
  }
  return "f32";
}

/** The node of a value; weak values become constants of `dtype`, where it can hold them. Undefined after a report. */
export function materialise(frame: Frame, value: Value, dtype: DType, span: Span): TensorNode | undefined {
  switch (value.kind) {
    case "tensor":
      return value.node;
    case "number":
      return constantNode(frame, [value.value], [], fitting(dtype, [value.value]), span);
    case "boolean":
      return constantNode(frame, [value.value ? 1 : 0], [], "bool", span);
    case "extent": {
      const known = extentValue(value.extent);
      if (known !== undefined) return constantNode(frame, [known], [], fitting(dtype, [known]), span);
      return nodeOf(applyToNodes(frame, structural.extent, [], { extent: value.extent, dtype: dtype === "bool" ? "i32" : dtype }, span, []));
    }
    case "list":
      return listNode(frame, value, dtype, span);
    case "error":
      return undefined;
    case "none":
      fail(frame, catalog.notAValue, span, [describe(value)], { hint: "ask first: if x == none then ... else ..." });
      return undefined;
    case "string":
    case "tuple":
    case "op":
    case "language":
    case "function":
      fail(frame, catalog.notAValue, span, [describe(value)], { hint: value.kind === "string" || value.kind === "tuple" ? undefined : "apply it to arguments" });
      return undefined;
    default:
      return value satisfies never;
  }
}

export const nodeOf = (value: Value): TensorNode | undefined => (value.kind === "tensor" ? value.node : undefined);

/** An integer dtype cannot hold every number: then f32, so that the op's own dtype rule speaks. */
const fitting = (dtype: DType, values: readonly number[]): DType =>
  dtype === "bool" || (!isFloat(dtype) && !values.every((value) => Number.isInteger(value) && (dtype === "i32" || value >= 0))) ? "f32" : dtype;

const constantNode = (frame: Frame, values: readonly number[], shape: readonly number[], dtype: DType, span: Span): TensorNode | undefined =>
  nodeOf(applyToNodes(frame, structural.constant, [], { values, shape, dtype }, span, []));

function listNode(frame: Frame, list: Value, dtype: DType, span: Span): TensorNode | undefined {
  const shape: number[] = [];
  for (let at: Value | undefined = list; at?.kind === "list"; at = at.items[0]) shape.push(at.items.length);
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (count > elementLimit) {
    fail(frame, catalog.tooLarge, span, ["elements in a list", String(elementLimit)]);
    return undefined;
  }
  const numbers: number[] = [];
  let booleans = 0;
  const why = ((): string | undefined => {
    if (count === 0) return "an empty list has no type";
    const visit = (value: Value, depth: number): string | undefined => {
      if (value.kind === "list") {
        if (depth >= shape.length || value.items.length !== shape[depth]) return "the lists in this list differ in shape";
        for (const item of value.items) {
          const wrong = visit(item, depth + 1);
          if (wrong !== undefined) return wrong;
        }
        return undefined;
      }
      if (depth !== shape.length) return "the lists in this list differ in shape";
      const scalar = scalarOf(value);
      if (!scalar) return `${describe(value)} cannot stand in a list: only numbers known at compile time can`;
      if (scalar.dtype === "bool") booleans++;
      numbers.push(scalar.value);
      return undefined;
    };
    return visit(list, 0) ?? (booleans > 0 && booleans !== numbers.length ? "numbers and truth values are mixed" : undefined);
  })();
  if (why !== undefined) {
    fail(frame, catalog.raggedList, span, [why]);
    return undefined;
  }
  return constantNode(frame, numbers, shape, booleans > 0 ? "bool" : fitting(dtype, numbers), span);
}

/** A value as a tensor of `type`: weak values take its dtype, scalars its shape. Undefined when it does not fit; nothing is reported then. */
export function fit(frame: Frame, value: Value, type: TensorType, span: Span, stretchTensors: boolean): TensorNode | undefined {
  const node = materialise(frame, value, type.dtype, span);
  if (!node || node.type.dtype !== type.dtype) return undefined;
  if (printType(node.type) === printType(type)) return node;
  if (node.type.shape.length > 0 || !(stretchTensors || isWeak(value))) return undefined;
  return nodeOf(applyToNodes(frame, structural.stretch, [node], { shape: type.shape }, span, []));
}
