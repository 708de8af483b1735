/** Compile-time arguments: attributes of ops and compile-time parameters of functions, from syntax or value to data. */
import { catalog } from "../diagnostics/catalog.ts";
import { nearestHint } from "../diagnostics/nearest-name.ts";
import { type Extent, extentValue, productOfExtents, sameExtent } from "../ir/extent.ts";
import type { Attribute, TensorNode } from "../ir/node.ts";
import { dtypes, printType } from "../ir/types.ts";
import type { AttributeKind } from "../ops/define.ts";
import type { Span } from "../source/source-file.ts";
import { openExtents } from "./assumptions.ts";
import { evaluateExtent } from "./extents.ts";
import { type CompileTimeType, isDTypeClass } from "./pattern.ts";
import { fail, type Frame, type Given } from "./session.ts";
import type { Value } from "./values.ts";

const wanted: Readonly<Record<AttributeKind, string>> = {
  integer: "a whole number",
  axes: "an axis or a list of axes",
  integers: "a list of whole numbers",
  number: "a number",
  boolean: "true or false",
  dtype: "a dtype",
  extents: "a list of extents",
  extent: "an extent",
};

/** The data of an op's attribute. `operand` is what `...` in a list of extents speaks of. Undefined after a report. */
export function attributeOf(frame: Frame, kind: AttributeKind, name: string, given: Given, operand?: TensorNode): Attribute | undefined {
  switch (kind) {
    case "dtype":
      return dtypeOf(frame, name, given);
    case "extent":
      return given.expression ? evaluateExtent(given.expression, frame) : refuse(frame, name, wanted[kind], given.span);
    case "extents":
      return extentsOf(frame, name, given, operand);
    case "integer":
    case "axes":
    case "integers":
    case "number":
    case "boolean":
      return plainAttribute(frame, kind, name, given);
    default:
      return kind satisfies never;
  }
}

const valueOf = (frame: Frame, given: Given): Value | undefined => given.value ?? (given.expression && frame.session.walk.evaluate(given.expression, frame));

function plainAttribute(frame: Frame, kind: "integer" | "axes" | "integers" | "number" | "boolean", name: string, given: Given): Attribute | undefined {
  const value = valueOf(frame, given);
  if (!value || value.kind === "error") return undefined;
  const data = kind === "boolean" ? (value.kind === "boolean" ? value.value : undefined) : kind === "number" || kind === "integer" ? numberOf(value) : listOf(value);
  const whole = data !== undefined && (kind === "number" || kind === "boolean" || (typeof data === "object" ? data : [data]).every((item) => Number.isInteger(item)));
  return whole ? data : needsNumber(frame, name, wanted[kind], value, given.span);
}

function numberOf(value: Value): number | undefined {
  if (value.kind === "number") return value.value;
  return value.kind === "extent" ? extentValue(value.extent) : undefined;
}

/** A single number counts as a list of one. */
function listOf(value: Value): readonly number[] | undefined {
  const items = value.kind === "list" || value.kind === "tuple" ? value.items.map(numberOf) : [numberOf(value)];
  return items.every((item) => item !== undefined) ? items : undefined;
}

function dtypeOf(frame: Frame, name: string, given: Given): Attribute | undefined {
  const word = given.expression?.kind === "name" ? given.expression.name : undefined;
  const dtype = dtypes.find((candidate) => candidate === word) ?? (word !== undefined && isDTypeClass(word) ? frame.dtypes.get(word) : undefined);
  if (dtype !== undefined) return dtype;
  fail(frame, catalog.notCompileTime, given.span, [name, `one of ${dtypes.join(", ")}`], { hint: word === undefined ? undefined : nearestHint(word, dtypes) });
  return undefined;
}

function extentsOf(frame: Frame, name: string, given: Given, operand: TensorNode | undefined): readonly Extent[] | undefined {
  const { expression } = given;
  if (!expression) return refuse(frame, name, wanted.extents, given.span);
  const items = expression.kind === "list" || expression.kind === "tuple" ? expression.items : [expression];
  const extents: Extent[] = [];
  const hasRest = items[0]?.kind === "ellipsis";
  for (const item of hasRest ? items.slice(1) : items) {
    if (item.kind === "ellipsis") {
      fail(frame, catalog.misplacedEllipsis, item.span, [hasRest ? "'...' is written twice in one shape" : "'...' must come first in a shape"]);
      return undefined;
    }
    const extent = evaluateExtent(item, frame);
    if (!extent) return undefined;
    extents.push(extent);
  }
  if (!hasRest) return extents;
  const rest = frame.lead ?? (operand && axesBefore(operand, extents));
  if (rest) return [...rest, ...extents];
  fail(frame, catalog.misplacedEllipsis, items[0]?.span ?? given.span, [`'...' has no meaning here: no leading axes${operand ? ` of ${printType(operand.type)}` : ""} leave ${extents.map((extent) => extent.key).join(" * ")} elements`]);
  return undefined;
}

/** The leading axes of a tensor whose other axes have as many elements as `extents`. */
function axesBefore({ type }: TensorNode, extents: readonly Extent[]): readonly Extent[] | undefined {
  const wanted = productOfExtents(extents);
  const count = type.shape.findIndex((_, i) => sameExtent(productOfExtents(type.shape.slice(i)), wanted));
  if (count >= 0) return type.shape.slice(0, count);
  return extents.length === 0 ? type.shape : undefined;
}

/** Refuses a value that has no number; where only extents are to blame, the body may be right once they have one. */
export function needsNumber(frame: Frame, name: string, what: string, value: Value, span: Span): undefined {
  const open = openExtents(value);
  for (const extent of open) frame.session.notes.numbers.add(extent);
  fail(frame, catalog.notCompileTime, span, [name, what], open.length === 0 ? {} : { hint: `give ${open.join(" and ")} a number: in brackets, or for an extent of a model with --bind ${open[0]}=4` });
}

function refuse(frame: Frame, name: string, what: string, span: Span): undefined {
  fail(frame, catalog.notCompileTime, span, [name, what]);
  return undefined;
}

const compileTimeKinds: Readonly<Record<CompileTimeType, string>> = { int: "a whole number", real: "a number", flag: "true or false", axes: "an axis or a list of axes", function: "a function, layer or op" };

/** Checks the value of a compile-time parameter. Undefined after a report. */
export function compileTimeValue(frame: Frame, type: CompileTimeType, name: string, value: Value, span: Span): Value | undefined {
  if (value.kind === "error") return undefined;
  const isWhole = (candidate: Value): boolean => Number.isInteger(numberOf(candidate) ?? Number.NaN);
  const fits = ((): boolean => {
    switch (type) {
      case "flag":
        return value.kind === "boolean";
      case "int":
        return isWhole(value);
      case "real":
        return numberOf(value) !== undefined;
      case "axes":
        return isWhole(value) || (value.kind === "list" && value.items.every(isWhole));
      case "function":
        return value.kind === "function" || value.kind === "op" || value.kind === "language";
      default:
        return type satisfies never;
    }
  })();
  return fits ? value : needsNumber(frame, name, compileTimeKinds[type], value, span);
}

/** Text of a compile-time value that tells any two apart; key of the call memo. */
export function compileTimeKey(value: Value): string {
  if (value.kind === "list") return `[${value.items.map(compileTimeKey).join(",")}]`;
  if (value.kind === "boolean") return String(value.value);
  if (value.kind === "op") return value.op.name;
  if (value.kind === "language") return value.name;
  if (value.kind === "function") {
    const { declaration: { name: { span } }, extents = [], times = 1, instance } = value;
    return `${span.file.path}:${span.start}[${extents.map((extent) => extent.key).join(",")}]*${times}${instance?.path ?? ""}`;
  }
  const number = numberOf(value);
  return number === undefined ? value.kind : String(number);
}
