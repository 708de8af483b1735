/** Expressions in shapes and brackets: syntax to extent. */
import { catalog } from "../diagnostics/catalog.ts";
import { nearestHint } from "../diagnostics/nearest-name.ts";
import {
  addExtents, constantExtent, divideExtents, type Extent, extentValue, multiplyExtents, negateExtent, subtractExtents,
} from "../ir/extent.ts";
import type { Span } from "../source/source-file.ts";
import { type BinaryOperator, type Expression, leftSpine } from "../syntax/tree.ts";
import { type Frame, fail } from "./session.ts";
import { findName } from "./scope.ts";

/** Terms of one extent; products of long sums would otherwise grow without bound. */
const termLimit = 64;

const largestExtent = 2 ** 31 - 1;

/** The extent that an expression means, or undefined after a report. Extents may be negative here: bounds of slices are. */
export function evaluateExtent(expression: Expression, frame: Frame): Extent | undefined {
  const { first, links } = leftSpine(expression);
  let value = atom(first, frame);
  for (const link of links) {
    const right = value && atomOrSpine(link.right, frame);
    if (!value || !right) return undefined;
    value = combine(link.operator, value, right, link.span, frame);
  }
  return value;
}

const atomOrSpine = (expression: Expression, frame: Frame): Extent | undefined =>
  expression.kind === "binary" ? evaluateExtent(expression, frame) : atom(expression, frame);

function combine(operator: BinaryOperator, a: Extent, b: Extent, span: Span, frame: Frame): Extent | undefined {
  if (a.terms.length * b.terms.length > termLimit) return refuse(frame, span, "this extent has too many terms");
  switch (operator) {
    case "+":
      return inRange(addExtents(a, b), span, frame);
    case "-":
      return inRange(subtractExtents(a, b), span, frame);
    case "*":
      return inRange(multiplyExtents(a, b), span, frame);
    case "/": {
      if (extentValue(b) === 0) return refuse(frame, span, "an extent is divided by 0");
      const quotient = divideExtents(a, b);
      if (quotient.terms.some((term) => term.atoms.some((atom) => atom.quotient !== undefined))) frame.session.notes.divisions.push({ numerator: a, denominator: b });
      return inRange(quotient, span, frame);
    }
    default:
      return refuse(frame, span, `'${operator}' cannot be used in an extent`);
  }
}

function inRange(extent: Extent, span: Span, frame: Frame): Extent | undefined {
  const tooLarge = extent.terms.some((term) => Math.abs(term.coefficient) > largestExtent || term.atoms.length > 16);
  return tooLarge ? refuse(frame, span, `an extent is at most ${largestExtent}`) : extent;
}

function atom(expression: Expression, frame: Frame): Extent | undefined {
  switch (expression.kind) {
    case "number":
      if (!Number.isInteger(expression.value)) return refuse(frame, expression.span, `${expression.text} is not a whole number`);
      return inRange(constantExtent(expression.value), expression.span, frame);
    case "name":
      return named(expression.name, expression.span, frame);
    case "paren":
      return evaluateExtent(expression.inner, frame);
    case "unary": {
      const inner = expression.operator === "-" ? evaluateExtent(expression.operand, frame) : undefined;
      return inner ? negateExtent(inner) : expression.operator === "-" ? undefined : refuse(frame, expression.span, "'not' cannot be used in an extent");
    }
    case "error":
      return undefined;
    default:
      return refuse(frame, expression.span, "this is not an extent");
  }
}

function named(name: string, span: Span, frame: Frame): Extent | undefined {
  const found = findName(name, frame);
  if (found.kind === "extent") return found.extent;
  if (found.kind === "local" || found.kind === "constant") {
    const { value } = found;
    if (value.kind === "error") return undefined;
    if (value.kind === "extent") return value.extent;
    if (value.kind === "number" && Number.isInteger(value.value)) return inRange(constantExtent(value.value), span, frame);
    return refuse(frame, span, `'${name}' is not a whole number known at compile time`);
  }
  fail(frame, catalog.unknownExtent, span, [name], {
    hint: nearestHint(name, frame.extents.keys()) ?? (frame.declaration ? `declare it: ${frame.declaration.kind} ${frame.declaration.name.text}[${name}](...)` : undefined),
  });
  return undefined;
}

function refuse(frame: Frame, span: Span, why: string): undefined {
  fail(frame, catalog.invalidExtent, span, [why], { hint: "extents are names and whole numbers with + - * / and parentheses" });
  return undefined;
}
