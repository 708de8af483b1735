/**
 * Concrete syntax tree to syntax tree: names, spans, docs, operator precedence. After an error the concrete tree has
 * holes; every hole becomes an `error` expression or drops the smallest node that cannot do without it.
 */
import type { CstNode, IToken } from "chevrotain";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Span } from "../source/source-file.ts";
import { buildExpression } from "./build-expression.ts";
import { type BuildContext, type Builder, chosenNode, nodeOf, nodesOf, nodeSpan, tokenOf, tokensOf, tokenSpan } from "./cst.ts";
import type {
  Block, Comment, Declaration, Expression, FunctionDeclaration, Name, Parameter, ResultItem, ResultSyntax, ShapeItem, Statement, TypeSyntax,
} from "./tree.ts";

export const buildComments = (tokens: readonly IToken[]): Comment[] =>
  tokens.map((t) => ({ text: t.image.trimEnd(), start: t.startOffset, end: (t.endOffset ?? t.startOffset) + 1 }));

const nameOf = (t: IToken, builder: BuildContext): Name => ({ text: t.image, span: tokenSpan(t, builder) });

const names = (node: CstNode | undefined, builder: BuildContext): Name[] | undefined =>
  node && tokensOf(node, "Name").map((t) => nameOf(t, builder));

function expressionIn(parent: CstNode, key: string, builder: Builder): Expression {
  const node = nodeOf(parent, key);
  return node ? buildExpression(node, builder) : { kind: "error", span: nodeSpan(parent, builder) };
}

const optionalExpression = (parent: CstNode, key: string, builder: Builder): Expression | undefined => {
  const node = nodeOf(parent, key);
  return node && buildExpression(node, builder);
};

export function buildDeclaration(node: CstNode, context: BuildContext, broken: boolean): { readonly declaration: Declaration | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const builder: Builder = {
    ...context,
    diagnostics: [],
    block: (parent) => blockOf(parent, builder),
    parameters: (parent) => parametersOf(parent, builder),
  };
  const declaration = declarationOf(node, builder, broken);
  return { declaration, diagnostics: builder.diagnostics };
}

function declarationOf(wrapper: CstNode, builder: Builder, broken: boolean): Declaration | undefined {
  const first = chosenNode(wrapper);
  if (!first) return undefined;
  const span = nodeSpan(first, builder);
  const base = { doc: docBefore(span.start, builder), broken, span };
  const name = tokenOf(first, "Name");
  switch (first.name) {
    case "importDeclaration": {
      const specifier = tokenOf(first, "String");
      if (!specifier) return undefined;
      const list = nodeOf(first, "importList");
      return { kind: "import", ...base, names: names(list, builder), specifier: specifier.image.slice(1, -1), specifierSpan: tokenSpan(specifier, builder) };
    }
    case "constDeclaration": {
      if (!name) return undefined;
      return { kind: "const", ...base, name: nameOf(name, builder), type: optionalType(first, builder), value: expressionIn(first, "expression", builder) };
    }
    case "functionDeclaration":
      return name && functionOf(first, nameOf(name, builder), base, builder);
    case "trainDeclaration": {
      const [own, model] = [tokenOf(first, "trainName"), tokenOf(first, "modelName")];
      if (!own || !model) return undefined;
      return {
        kind: "train", ...base, name: nameOf(own, builder), model: nameOf(model, builder),
        extents: names(nodeOf(first, "extentNames"), builder), parameters: parametersOf(first, builder), body: blockOf(first, builder),
      };
    }
    default:
      return undefined;
  }
}

function functionOf(node: CstNode, name: Name, base: { doc: string; broken: boolean; span: Span }, builder: Builder): FunctionDeclaration {
  const value = nodeOf(node, "value");
  const result = nodeOf(node, "result");
  return {
    kind: tokenOf(node, "Layer") ? "layer" : tokenOf(node, "Model") ? "model" : "fn",
    ...base,
    name,
    extents: names(nodeOf(node, "extentNames"), builder),
    parameters: parametersOf(node, builder),
    result: result && resultOf(result, builder),
    constraint: optionalExpression(node, "constraint", builder),
    body: value ? { kind: "value", value: buildExpression(value, builder) } : { kind: "block", block: blockOf(node, builder) },
  };
}

function parametersOf(parent: CstNode, builder: Builder): Parameter[] {
  const list = nodeOf(parent, "parameters");
  return (list ? nodesOf(list, "parameter") : []).flatMap((node) => {
    const name = tokenOf(node, "Name");
    if (!name) return [];
    const span = nodeSpan(node, builder);
    return [{ name: nameOf(name, builder), type: optionalType(node, builder), default: optionalExpression(node, "expression", builder), doc: docBefore(span.start, builder), span }];
  });
}

function resultOf(node: CstNode, builder: Builder): ResultSyntax {
  const span = nodeSpan(node, builder);
  const single = optionalType(node, builder);
  if (single) return { single: true, items: [{ name: undefined, type: single, doc: "", span: single.span }], span };
  const items = nodesOf(node, "resultItem").flatMap((item): ResultItem[] => {
    const type = optionalType(item, builder);
    const name = tokenOf(item, "Name");
    const place = nodeSpan(item, builder);
    return type ? [{ name: name && nameOf(name, builder), type, doc: docBefore(place.start, builder), span: place }] : [];
  });
  return { single: false, items, span };
}

function optionalType(parent: CstNode, builder: Builder): TypeSyntax | undefined {
  const node = nodeOf(parent, "type");
  const name = node && tokenOf(node, "Name");
  if (!node || !name) return undefined;
  const shape = nodeOf(node, "shape");
  return { name: nameOf(name, builder), shape: shape && nodesOf(shape, "shapeItem").map((item) => shapeItemOf(item, builder)), span: nodeSpan(node, builder) };
}

function shapeItemOf(node: CstNode, builder: Builder): ShapeItem {
  const span = nodeSpan(node, builder);
  return tokenOf(node, "Ellipsis") ? { kind: "ellipsis", span } : { kind: "extent", value: expressionIn(node, "expression", builder), span };
}

function blockOf(parent: CstNode, builder: Builder): Block {
  const node = nodeOf(parent, "block");
  if (!node) return { statements: [], span: nodeSpan(parent, builder) };
  return { statements: nodesOf(node, "statement").flatMap((statement) => statementOf(statement, builder)), span: nodeSpan(node, builder) };
}

function statementOf(wrapper: CstNode, builder: Builder): Statement[] {
  const node = chosenNode(wrapper);
  if (!node) return [];
  const span = nodeSpan(node, builder);
  const nameToken = tokenOf(node, "Name");
  const name = nameToken && nameOf(nameToken, builder);
  switch (node.name) {
    case "letStatement":
      return [{ kind: "let", ...bound(node, name, builder), type: optionalType(node, builder), value: expressionIn(node, "expression", builder), span }];
    case "paramStatement": {
      const type = optionalType(node, builder);
      return name && type ? [{ kind: "param", name, type, initialiser: optionalExpression(node, "expression", builder), doc: docBefore(span.start, builder), span }] : [];
    }
    case "returnStatement":
      return [{ kind: "return", value: expressionIn(node, "expression", builder), span }];
    case "nextStatement":
      return name || nodeOf(node, "namePattern") ? [{ kind: "next", ...bound(node, name, builder), value: expressionIn(node, "expression", builder), span }] : [];
    case "emitStatement": {
      const last = nodeOf(node, "lastCarry");
      const carry = last && tokenOf(last, "carry");
      return [carry ? { kind: "last", name: nameOf(carry, builder), span } : { kind: "emit", value: expressionIn(node, "expression", builder), span }];
    }
    case "minimizeStatement":
      return [{ kind: "minimize", goal: expressionIn(node, "goal", builder), optimiser: expressionIn(node, "optimiser", builder), span }];
    default:
      return [];
  }
}

/** What a statement binds: one name, or the names of a tuple's parts. */
function bound(node: CstNode, name: Name | undefined, builder: Builder): { readonly names: readonly Name[]; readonly destructures: boolean } {
  const pattern = names(nodeOf(node, "namePattern"), builder);
  return { names: pattern ?? (name ? [name] : []), destructures: pattern !== undefined };
}

/** The run of `///` lines that ends right above `start`, as text. */
function docBefore(start: number, context: BuildContext): string {
  const { comments, file } = context;
  let low = 0;
  let high = comments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((comments[middle]?.start ?? 0) < start) low = middle + 1;
    else high = middle;
  }
  const lines: string[] = [];
  let cursor = start;
  for (let i = low - 1; i >= 0; i--) {
    const comment = comments[i];
    if (!comment || !comment.text.startsWith("///") || file.text.slice(comment.end, cursor).trim() !== "") break;
    lines.push(comment.text.slice(3).replace(/^ /, ""));
    cursor = comment.start;
  }
  return lines.reverse().join("\n");
}
