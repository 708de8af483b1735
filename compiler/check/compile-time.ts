/**
 * Truths that are known while compiling: `where` clauses and `if`. Whole numbers, extents and flags with arithmetic and
 * comparisons, and whether an optional argument is given. While a function is checked on its own its extents are only names, and a truth may be unknown.
 */
import { catalog } from "../diagnostics/catalog.ts";
import { extentValue } from "../ir/extent.ts";
import { type BinaryOperator, type Expression, leftSpine } from "../syntax/tree.ts";
import { findName } from "./scope.ts";
import { fail, type Frame } from "./session.ts";
import type { Value } from "./values.ts";

/** Of a tensor or a function, only whether it was given. */
type Known = number | boolean | "none" | "given";

/** `unknown` depends on an extent that has no number yet; `error` is reported. */
export type Truth = { readonly value: boolean } | { readonly kind: "unknown" } | { readonly kind: "error" };

type Result = { readonly value: Known } | { readonly kind: "unknown" } | { readonly kind: "error" };

const unknown: Result = { kind: "unknown" };
const error: Result = { kind: "error" };

export function compileTimeTruth(expression: Expression, frame: Frame): Truth {
  const result = known(expression, frame);
  if (!("value" in result)) return result;
  if (typeof result.value === "boolean") return { value: result.value };
  if (result.value === "given") refuse(expression, frame);
  else fail(frame, catalog.notCompileTime, expression.span, ["the condition", "a comparison or a flag"]);
  return { kind: "error" };
}

function known(expression: Expression, frame: Frame): Result {
  const { first, links } = leftSpine(expression);
  let left = operand(first, frame);
  for (const link of links) {
    const right = known(link.right, frame);
    if ("kind" in left || "kind" in right) {
      left = ("kind" in left && left.kind === "error") || ("kind" in right && right.kind === "error") ? error : unknown;
      continue;
    }
    const value = combine[link.operator]?.(left.value, right.value);
    if (value === undefined) return refuse(link, frame);
    left = { value };
  }
  return left;
}

function operand(expression: Expression, frame: Frame): Result {
  switch (expression.kind) {
    case "number":
    case "boolean":
      return { value: expression.value };
    case "paren":
      return known(expression.inner, frame);
    case "unary": {
      const inner = known(expression.operand, frame);
      if (!("value" in inner)) return inner;
      if (expression.operator === "-" && typeof inner.value === "number") return { value: -inner.value };
      return expression.operator === "not" && typeof inner.value === "boolean" ? { value: !inner.value } : refuse(expression, frame);
    }
    case "none":
      return { value: "none" };
    case "name": {
      const found = findName(expression.name, frame);
      if (found.kind === "extent") return fromValue({ kind: "extent", extent: found.extent }) ?? refuse(expression, frame);
      if (found.kind === "local" || found.kind === "constant") return fromValue(found.value) ?? refuse(expression, frame);
      // Reports an unknown name with its nearest ones.
      return fromValue(frame.session.walk.evaluate(expression, frame)) ?? refuse(expression, frame);
    }
    case "error":
      return error;
    default:
      return refuse(expression, frame);
  }
}

function fromValue(value: Value): Result | undefined {
  switch (value.kind) {
    case "number":
    case "boolean":
      return { value: value.value };
    case "extent": {
      const number = extentValue(value.extent);
      return number === undefined ? unknown : { value: number };
    }
    case "none":
      return { value: "none" };
    case "tensor":
    case "function":
    case "op":
    case "language":
      return { value: "given" };
    case "error":
      return error;
    default:
      return undefined;
  }
}

function refuse(expression: Expression, frame: Frame): Result {
  fail(frame, catalog.notCompileTime, expression.span, ["the condition", "whole numbers, extents and flags"], { hint: "choose between tensors with where(condition, a, b)" });
  return error;
}

type Combine = (a: Known, b: Known) => Known | undefined;

const onNumbers = (compute: (a: number, b: number) => Known): Combine => (a, b) => (typeof a === "number" && typeof b === "number" ? compute(a, b) : undefined);

const onTruths = (compute: (a: boolean, b: boolean) => boolean): Combine => (a, b) => (typeof a === "boolean" && typeof b === "boolean" ? compute(a, b) : undefined);

/** A tensor is compared with `none` alone. */
const onAll = (compute: (a: Known, b: Known) => boolean): Combine => (a, b) => ((a === "given" && b !== "none") || (b === "given" && a !== "none") ? undefined : compute(a, b));

const combine: Readonly<Record<BinaryOperator, Combine | undefined>> = {
  "+": onNumbers((a, b) => a + b), "-": onNumbers((a, b) => a - b), "*": onNumbers((a, b) => a * b),
  "/": onNumbers((a, b) => a / b), "%": onNumbers((a, b) => a % b), "**": onNumbers((a, b) => a ** b),
  "<": onNumbers((a, b) => a < b), "<=": onNumbers((a, b) => a <= b), ">": onNumbers((a, b) => a > b), ">=": onNumbers((a, b) => a >= b),
  "==": onAll((a, b) => a === b), "!=": onAll((a, b) => a !== b),
  and: onTruths((a, b) => a && b), or: onTruths((a, b) => a || b),
  "@": undefined, "|>": undefined,
};
