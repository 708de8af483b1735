/** Evaluates expressions: names, literals, operators, pipes and calls, each to a value in a frame. */
import { catalog } from "../diagnostics/catalog.ts";
import { nearestHint } from "../diagnostics/nearest-name.ts";
import type { Span } from "../source/source-file.ts";
import { namesIn } from "../syntax/names-in.ts";
import { type BinaryExpression, type Expression, leftSpine } from "../syntax/tree.ts";
import { extentValue } from "../ir/extent.ts";
import { needsNumber } from "./attributes.ts";
import { compileTimeTruth } from "./compile-time.ts";
import { indexTensor } from "./indexing.ts";
import { evaluateExtent } from "./extents.ts";
import { applyToValues, binaryOp, unaryOp } from "./operations.ts";
import { evaluateScan } from "./scan.ts";
import { findName, visibleNames } from "./scope.ts";
import { depthLimit, fail, type Frame, type Given, notSupported } from "./session.ts";
import { describe, errorValue, type FunctionValue, type Value } from "./values.ts";

/** The value of an expression; `error` after a report. Never throws, and its recursion is bounded. */
export function evaluate(expression: Expression, frame: Frame): Value {
  const { counters } = frame.session;
  if (counters.depth >= depthLimit) return fail(frame, catalog.nestingTooDeep, expression.span, ["expressions and calls", String(depthLimit)], { hint: "name inner parts with 'let'" });
  counters.depth++;
  const { first, links } = leftSpine(expression);
  let value = evaluateOperand(first, frame);
  for (const [i, link] of links.entries()) value = link.operator === "|>" ? pipe(value, link, frame) : operate(value, link, i === 0 ? first : link.left, frame);
  counters.depth--;
  return value;
}

function evaluateOperand(expression: Expression, frame: Frame): Value {
  switch (expression.kind) {
    case "number":
      return { kind: "number", value: expression.value };
    case "boolean":
      return { kind: "boolean", value: expression.value };
    case "none":
      return { kind: "none" };
    case "ellipsis":
      return fail(frame, catalog.misplacedEllipsis, expression.span, ["'...' has no meaning here: it stands for axes, first in a list of extents"]);
    case "string":
      return { kind: "string", value: expression.value };
    case "name":
      return nameValue(expression.name, expression.span, frame);
    case "paren":
      return evaluate(expression.inner, frame);
    case "tuple":
      return { kind: "tuple", items: expression.items.map((item) => evaluate(item, frame)) };
    case "list": {
      const items = expression.items.map((item) => evaluate(item, frame));
      return items.some((item) => item.kind === "error") ? errorValue : { kind: "list", items };
    }
    case "unary": {
      const op = unaryOp(expression.operator);
      const operand = evaluate(expression.operand, frame);
      if (!op) return notSupported(frame, expression.span, `operator '${expression.operator}'`);
      return applyToValues(frame, op, [operand], {}, expression.span, [{ name: "the operand", span: expression.operand.span }]);
    }
    case "call": {
      if (isRepeat(expression)) return repeated(expression, frame);
      const callee = evaluate(expression.callee, frame);
      return frame.session.walk.apply(callee, givenOf(expression.arguments), frame, expression.span);
    }
    case "index": {
      const base = evaluate(expression.base, frame);
      if (base.kind === "function") return withExtents(base, expression, frame);
      return indexTensor(base, expression, frame);
    }
    case "choice": {
      const truth = compileTimeTruth(expression.condition, frame);
      if ("value" in truth) {
        // What the other side reads is used, in another application.
        for (const name of namesIn(truth.value ? expression.whenFalse : expression.whenTrue)) {
          const local = frame.locals.get(name);
          if (local) local.used = true;
        }
        return evaluate(truth.value ? expression.whenTrue : expression.whenFalse, frame);
      }
      frame.session.notes.undecided ||= truth.kind === "unknown";
      // Not decided yet: both ways must make sense.
      const [whenTrue, whenFalse] = [evaluate(expression.whenTrue, frame), evaluate(expression.whenFalse, frame)];
      return truth.kind === "error" || whenFalse.kind === "error" ? errorValue : frame.otherwise ? whenFalse : whenTrue;
    }
    case "reserved":
      return notSupported(frame, expression.span, `'${expression.word}'`);
    case "scan":
      return evaluateScan(expression, frame);
    case "binary":
      // A spine never ends in another binary expression.
      return evaluate(expression, frame);
    case "error":
      return errorValue;
    default:
      return expression satisfies never;
  }
}

export const givenOf = (list: readonly { readonly name: { readonly text: string; readonly span: Span } | undefined; readonly value: Expression; readonly span: Span }[]): Given[] =>
  list.map(({ name, value, span }) => ({ name, expression: value, value: undefined, span }));

function nameValue(name: string, span: Span, frame: Frame): Value {
  const found = findName(name, frame);
  switch (found.kind) {
    case "local":
    case "constant":
      return found.value;
    case "extent":
      return { kind: "extent", extent: found.extent };
    case "function":
      return { kind: "function", declaration: found.declaration, module: found.module, extents: undefined, instance: undefined };
    case "train":
      return notSupported(frame, span, `'train' declaration '${name}'`);
    case "op":
      return { kind: "op", op: found.op };
    case "language":
      return { kind: "language", name: found.name };
    case "planned":
      return notSupported(frame, span, `'${name}'`);
    case "nothing":
      return fail(frame, catalog.unknownName, span, [name], { hint: nearestHint(name, visibleNames(frame)) });
    default:
      return found satisfies never;
  }
}

function operate(left: Value, link: BinaryExpression, leftExpression: Expression, frame: Frame): Value {
  const right = evaluate(link.right, frame);
  if (left.kind === "error" || right.kind === "error") return errorValue;
  const op = binaryOp(link.operator);
  if (!op) return notSupported(frame, link.span, `operator '${link.operator}'`);
  return applyToValues(frame, op, [left, right], {}, link.span, [
    { name: "the left side", span: leftExpression.span },
    { name: "the right side", span: link.right.span },
  ]);
}

/** `x |> f` is `f(x)`; `x |> f(a, b = 1)` is `f(x, a, b = 1)`. */
function pipe(left: Value, link: BinaryExpression, frame: Frame): Value {
  const right = strip(link.right);
  const piped: Given = { name: undefined, expression: undefined, value: left, span: link.left.span };
  // `repeat(3, Block)` is a layer itself, not a call that lacks its first argument.
  const isCall = right.kind === "call" && !isRepeat(right);
  const callee = evaluate(isCall ? right.callee : right, frame);
  if (callee.kind !== "error" && callee.kind !== "function" && callee.kind !== "op" && callee.kind !== "language")
    return fail(frame, catalog.notCallable, right.span, [describe(callee)], { hint: "the right side of '|>' is a function, a layer or a call that lacks its first argument" });
  return frame.session.walk.apply(callee, [piped, ...(isCall ? givenOf(right.arguments) : [])], frame, link.span);
}

const strip = (expression: Expression): Expression => {
  let at = expression;
  while (at.kind === "paren") at = at.inner;
  return at;
};

const isRepeat = ({ callee }: Extract<Expression, { kind: "call" }>): boolean => callee.kind === "reserved" && callee.word === "repeat";

/** Applications of one `repeat`. */
const repeatLimit = 4096;

/** `repeat(12, Block[64])`: a chain of that many instances, each with parameters of its own. */
function repeated(expression: Extract<Expression, { kind: "call" }>, frame: Frame): Value {
  const [count, layer, extra] = expression.arguments;
  if (!count || !layer || extra || count.name || layer.name) return fail(frame, catalog.notCallable, expression.span, ["'repeat' takes a count and a layer; this call"], { hint: "write x |> repeat(12, Block[64])" });
  const extent = evaluateExtent(count.value, frame);
  const body = evaluate(layer.value, frame);
  if (!extent || body.kind === "error") return errorValue;
  if (body.kind !== "function") return fail(frame, catalog.notCallable, layer.span, [describe(body)]);
  const times = extentValue(extent);
  if (times === undefined) {
    needsNumber(frame, "the count of 'repeat'", "a whole number", { kind: "extent", extent }, count.span);
    return errorValue;
  }
  if (times < 1 || times > repeatLimit)
    return fail(frame, catalog.notCompileTime, count.span, ["the count of 'repeat'", `a whole number from 1 to ${repeatLimit} known at compile time`]);
  return { ...body, times };
}

/** `Dense[784, 1000]`: the function with its extents given. */
function withExtents(base: FunctionValue, expression: Extract<Expression, { kind: "index" }>, frame: Frame): Value {
  if (base.extents) return fail(frame, catalog.extentCount, expression.span, [base.declaration.name.text, "no further extents", "more are"]);
  const extents = [];
  for (const item of expression.items) {
    if (item.kind !== "element") return fail(frame, catalog.invalidExtent, item.span, ["a slice is not an extent"]);
    const extent = evaluateExtent(item.value, frame);
    if (!extent) return errorValue;
    extents.push(extent);
  }
  return { ...base, extents };
}
