/** Expressions: the grammar's flat run of operands and operators becomes a tree by precedence, with explicit stacks. */
import type { CstNode, IToken } from "chevrotain";
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { Span } from "../source/source-file.ts";
import { nestingLimit } from "./balance.ts";
import { type Builder, nodeOf, nodesOf, nodeSpan, tokenOf, tokensOf, tokenSpan } from "./cst.ts";
import { type Argument, type BinaryOperator, binaryPrecedence, type Expression, type IndexItem, type ScanExpression, type UnaryOperator, unaryPrecedence } from "./tree.ts";

type Pending =
  | { readonly kind: "unary"; readonly operator: UnaryOperator; readonly token: IToken }
  | { readonly kind: "binary"; readonly operator: BinaryOperator };

const spellings: Readonly<Record<string, BinaryOperator>> = { "&&": "and", "||": "or" };

const precedence = (pending: Pending): number => (pending.kind === "unary" ? unaryPrecedence[pending.operator] : binaryPrecedence[pending.operator]);

export function buildExpression(node: CstNode, builder: Builder): Expression {
  const operands = nodesOf(node, "operand");
  const operators = tokensOf(node, "BinaryOperator");
  const values: Expression[] = [];
  const stack: Pending[] = [];
  const reduce = (): void => {
    const pending = stack.pop();
    const right = values.pop();
    if (!pending || !right) return;
    if (pending.kind === "unary") {
      const span = { ...right.span, start: pending.token.startOffset };
      values.push({ kind: "unary", operator: pending.operator, operand: right, span });
      return;
    }
    const left = values.pop();
    if (!left) values.push(right);
    else values.push({ kind: "binary", operator: pending.operator, left, right, span: { ...left.span, end: right.span.end } });
  };
  for (const [i, operand] of operands.entries()) {
    for (const prefix of tokensOf(operand, "PrefixOperator")) stack.push({ kind: "unary", operator: prefix.image === "-" ? "-" : "not", token: prefix });
    values.push(operandOf(operand, builder));
    const operator = operators[i];
    if (!operator || i + 1 >= operands.length) continue;
    const next: Pending = { kind: "binary", operator: spellings[operator.image] ?? (operator.image as BinaryOperator) };
    const level = precedence(next);
    for (let top = stack[stack.length - 1]; top && (precedence(top) > level || (precedence(top) === level && next.operator !== "**")); top = stack[stack.length - 1]) reduce();
    stack.push(next);
  }
  while (stack.length > 0) reduce();
  return values[0] ?? { kind: "error", span: nodeSpan(node, builder) };
}

function operandOf(node: CstNode, builder: Builder): Expression {
  const primary = nodeOf(node, "primary");
  let value: Expression = primary ? primaryOf(primary, builder) : { kind: "error", span: nodeSpan(node, builder) };
  const suffixes = nodesOf(node, "suffix");
  const beyond = suffixes[nestingLimit];
  if (beyond) builder.diagnostics.push(diagnose(catalog.nestingTooDeep, nodeSpan(beyond, builder), ["calls and indexes", String(nestingLimit)]));
  for (const suffix of suffixes.slice(0, nestingLimit)) {
    const call = nodeOf(suffix, "callSuffix");
    const index = nodeOf(suffix, "indexSuffix");
    const span: Span = { ...value.span, end: Math.max(value.span.end, nodeSpan(suffix, builder).end) };
    if (call) value = { kind: "call", callee: value, arguments: nodesOf(call, "argument").map((argument) => argumentOf(argument, builder)), span };
    else if (index) value = { kind: "index", base: value, items: nodesOf(index, "indexItem").map((item) => indexItemOf(item, builder)), span };
  }
  return value;
}

function argumentOf(node: CstNode, builder: Builder): Argument {
  const name = tokenOf(node, "Name");
  const value = nodeOf(node, "expression");
  const span = nodeSpan(node, builder);
  return {
    name: name && { text: name.image, span: tokenSpan(name, builder) },
    value: value ? buildExpression(value, builder) : { kind: "error", span },
    span,
  };
}

function indexItemOf(node: CstNode, builder: Builder): IndexItem {
  const span = nodeSpan(node, builder);
  if (tokenOf(node, "Ellipsis")) return { kind: "ellipsis", span };
  const start = nodeOf(node, "start");
  const rest = nodeOf(node, "sliceRest");
  const startValue = start && buildExpression(start, builder);
  if (!rest) return { kind: "element", value: startValue ?? { kind: "error", span }, span };
  const [stop, step] = [nodeOf(rest, "stop"), nodeOf(rest, "step")];
  return { kind: "slice", start: startValue, stop: stop && buildExpression(stop, builder), step: step && buildExpression(step, builder), span };
}

function primaryOf(node: CstNode, builder: Builder): Expression {
  const span = nodeSpan(node, builder);
  const number = tokenOf(node, "Number");
  if (number) {
    const value = Number(number.image);
    if (!Number.isFinite(value)) builder.diagnostics.push(diagnose(catalog.numberOutOfRange, span, [number.image]));
    return { kind: "number", value, text: number.image, span };
  }
  const name = tokenOf(node, "Name") ?? tokenOf(node, "Where");
  if (name) return { kind: "name", name: name.image, span };
  const text = tokenOf(node, "String");
  if (text) return { kind: "string", value: text.image.slice(1, -1), span };
  if (tokenOf(node, "True")) return { kind: "boolean", value: true, span };
  if (tokenOf(node, "False")) return { kind: "boolean", value: false, span };
  if (tokenOf(node, "None")) return { kind: "none", span };
  if (tokenOf(node, "Inf")) return { kind: "number", value: Number.POSITIVE_INFINITY, text: "inf", span };
  if (tokenOf(node, "Nan")) return { kind: "number", value: Number.NaN, text: "nan", span };
  const reserved = tokenOf(node, "Grad") ?? tokenOf(node, "Repeat");
  if (reserved) return { kind: "reserved", word: reserved.image, span };
  return bracketedOf(node, span, builder);
}

function listItemOf(node: CstNode, builder: Builder): Expression {
  const span = nodeSpan(node, builder);
  const value = nodeOf(node, "expression");
  if (value) return buildExpression(value, builder);
  return { kind: tokenOf(node, "Ellipsis") ? "ellipsis" : "error", span };
}

function bracketedOf(node: CstNode, span: Span, builder: Builder): Expression {
  const paren = nodeOf(node, "parenthesised");
  if (paren) {
    const items = nodesOf(paren, "expression").map((item) => buildExpression(item, builder));
    const [only] = items;
    return items.length === 1 && only ? { kind: "paren", inner: only, span } : { kind: "tuple", items, span };
  }
  const list = nodeOf(node, "list");
  if (list) return { kind: "list", items: nodesOf(list, "listItem").map((item) => listItemOf(item, builder)), span };
  const choice = nodeOf(node, "choice");
  const [condition, whenTrue, whenFalse] = ["condition", "whenTrue", "whenFalse"].map((label) => choice && nodeOf(choice, label));
  if (condition && whenTrue && whenFalse)
    return { kind: "choice", condition: buildExpression(condition, builder), whenTrue: buildExpression(whenTrue, builder), whenFalse: buildExpression(whenFalse, builder), span };
  const scan = nodeOf(node, "scan");
  const elements = scan ? tokensOf(nodeOf(scan, "scanNames") ?? scan, "Name") : [];
  const sequence = scan && nodeOf(scan, "expression");
  if (scan && elements.length > 0 && sequence)
    return {
      kind: "scan",
      elements: elements.map((element) => ({ text: element.image, span: tokenSpan(element, builder) })),
      sequence: buildExpression(sequence, builder),
      backwards: backwardsOf(nodeOf(scan, "backwards"), builder),
      state: builder.parameters(scan),
      body: builder.block(scan),
      span,
    };
  return { kind: "error", span };
}

function backwardsOf(node: CstNode | undefined, builder: Builder): ScanExpression["backwards"] {
  if (!node) return undefined;
  const condition = nodeOf(node, "expression");
  return { condition: condition && buildExpression(condition, builder) };
}
