/** Walks the statements of a function body and checks what it returns. */
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { TensorNode } from "../ir/node.ts";
import { printType, type TensorType } from "../ir/types.ts";
import type { Span } from "../source/source-file.ts";
import type { Block, Expression, FunctionDeclaration, LetStatement, ParamStatement, ResultSyntax, TypeSyntax } from "../syntax/tree.ts";
import { compileTimeTruth } from "./compile-time.ts";
import { initialiserOf } from "./initialiser.ts";
import { parameterPath, subInstance } from "./instance.ts";
import { fit } from "./operations.ts";
import { fail, type Frame, type Local, notSupported, originOf } from "./session.ts";
import { readType } from "./signature.ts";
import { describe, errorValue, tensorValue, type Value } from "./values.ts";

/** The value that a body returns, of the declared type where there is one. */
export function runBody(declaration: FunctionDeclaration, frame: Frame): Value {
  if (declaration.constraint && !holds(declaration, declaration.constraint, frame)) return errorValue;
  const { body } = declaration;
  const returned = body.kind === "value" ? { value: frame.session.walk.evaluate(body.value, frame), span: body.value.span } : runBlock(declaration, body.block, frame);
  if (!returned || returned.value.kind === "error") return errorValue;
  const { value, span } = returned;
  if (value.kind === "op" || value.kind === "language" || value.kind === "function" || value.kind === "string" || value.kind === "none") return fail(frame, catalog.notAValue, span, [describe(value)]);
  return declaration.result ? checkResult(declaration, declaration.result, value, span, frame) : value;
}

/** The `where` clause with the extents of this application. Unknown counts as true: it is asked again where they are known. */
function holds(declaration: FunctionDeclaration, constraint: Expression, frame: Frame): boolean {
  const truth = compileTimeTruth(constraint, frame);
  if (!("value" in truth)) return truth.kind === "unknown";
  if (!truth.value) {
    const { text } = constraint.span.file;
    const extents = [...frame.extents].map(([name, extent]) => `${name} = ${extent.key}`).join(", ");
    fail(frame, catalog.constraintFails, constraint.span, [text.slice(constraint.span.start, constraint.span.end), declaration.name.text, extents]);
  }
  return truth.value;
}

interface Returned {
  readonly value: Value;
  readonly span: Span;
}

function runBlock(declaration: FunctionDeclaration, block: Block, frame: Frame): Returned | undefined {
  const lets: Local[] = [];
  let returned: Returned | undefined;
  for (const statement of block.statements) {
    if (returned) {
      fail(frame, catalog.afterReturn, statement.span, [], { notes: [{ message: "returned here", span: returned.span }] });
      break;
    }
    switch (statement.kind) {
      case "let":
        runLet(statement, frame, lets);
        break;
      case "param":
        runParam(declaration, statement, frame);
        break;
      case "return":
        returned = { value: frame.session.walk.evaluate(statement.value, frame), span: statement.value.span };
        break;
      case "next":
      case "emit":
      case "last":
      case "minimize":
        notSupported(frame, statement.span, `'${statement.kind === "last" ? "emit" : statement.kind}'`);
        returned = { value: errorValue, span: statement.span };
        break;
      default:
        statement satisfies never;
    }
  }
  if (!returned) {
    const end = Math.max(block.span.start, block.span.end - 1);
    fail(frame, catalog.missingReturn, { ...block.span, start: end, end: block.span.end }, [declaration.name.text], { hint: "end the body with 'return'" });
    return undefined;
  }
  // After an error the uses in what was not evaluated are unknown.
  if (frame.isOwnCheck && !frame.sink.some((diagnostic) => diagnostic.severity === "error" && diagnostic.span.file === block.span.file && diagnostic.span.start >= block.span.start && diagnostic.span.end <= block.span.end))
    for (const { used, name } of lets) if (!used && !name.text.startsWith("_")) frame.sink.push(diagnose(catalog.unusedLet, name.span, [name.text], { hint: `remove it, or call it '_${name.text}'` }));
  return returned;
}

/** Binds the names of a `let`; they are added to `lets`. */
export function runLet(statement: LetStatement, frame: Frame, lets: Local[]): void {
  const evaluated = frame.session.walk.evaluate(statement.value, frame);
  const value = statement.type ? typed(statement.names[0]?.text ?? "", statement.type, evaluated, statement.value.span, frame) : evaluated;
  const [first] = statement.names;
  if (!statement.destructures) {
    if (first) bindLet(first, nameInstance(value, first.text, frame), frame, lets);
    return;
  }
  const items = value.kind === "tuple" ? value.items : undefined;
  if (value.kind !== "error" && items?.length !== statement.names.length) {
    const what = items ? `a tuple of ${items.length}` : describe(value);
    fail(frame, catalog.destructuringMismatch, statement.span, [String(statement.names.length), what]);
  }
  const seen = new Map<string, Span>();
  for (const [i, name] of statement.names.entries()) {
    const before = seen.get(name.text);
    if (before && name.text !== "_") fail(frame, catalog.duplicateName, name.span, [name.text], { notes: [{ message: "first bound here", span: before }] });
    seen.set(name.text, name.span);
    bindLet(name, items?.length === statement.names.length ? (items[i] ?? errorValue) : errorValue, frame, lets);
  }
}

/** A `let` may bind a name anew; the earlier value then must have been read. */
function bindLet(name: { readonly text: string; readonly span: Span }, value: Value, frame: Frame, lets: Local[]): void {
  const local: Local = { value, name, isLet: true, used: false };
  lets.push(local);
  frame.locals.set(name.text, local);
}

/** `let q = Dense[...]` makes one instance that all applications of `q` share. */
function nameInstance(value: Value, name: string, frame: Frame): Value {
  if (value.kind !== "function" || value.declaration.kind === "fn" || value.instance || !frame.instance) return value;
  return { ...value, instance: subInstance(frame.instance, name) };
}

function typed(name: string, syntax: TypeSyntax, value: Value, span: Span, frame: Frame): Value {
  const pattern = readType(syntax, frame);
  if (!pattern || value.kind === "error") return errorValue;
  const type: TensorType = { dtype: pattern.dtype, shape: [...(pattern.lead ? (frame.lead ?? []) : []), ...pattern.extents] };
  const before = frame.sink.length;
  const node = fit(frame, value, type, span, false);
  if (node) return tensorValue(node);
  if (frame.sink.length > before) return errorValue;
  return fail(frame, catalog.resultMismatch, span, [name, printType(type), describe(value)], { notes: [{ message: "declared here", span: syntax.span }] });
}

function runParam(declaration: FunctionDeclaration, statement: ParamStatement, frame: Frame): void {
  const { name } = statement;
  const { instance } = frame;
  const bindError = (): void => void frame.locals.set(name.text, { value: errorValue, name, isLet: false, used: true });
  if (!instance) {
    fail(frame, catalog.misplacedParam, statement.span, [declaration.name.text], { hint: `write 'layer' instead of 'fn' for '${declaration.name.text}'` });
    return bindError();
  }
  const before = frame.locals.get(name.text);
  if (before) {
    fail(frame, catalog.duplicateName, name.span, [name.text], { notes: [{ message: "first declared here", span: before.name.span }] });
    return;
  }
  const pattern = readType(statement.type, frame);
  const initialiser = initialiserOf(statement.initialiser, frame);
  if (!pattern || !initialiser) return bindError();
  const type: TensorType = { dtype: pattern.dtype, shape: [...(pattern.lead ? (frame.lead ?? []) : []), ...pattern.extents] };
  const path = parameterPath(instance, name.text);
  const known = instance.parameters.get(path);
  if (known && printType(known.node.type) !== printType(type)) {
    fail(frame, catalog.resultMismatch, statement.span, [path, printType(known.node.type), printType(type)], { hint: "an instance that is applied twice keeps its shapes" });
    return bindError();
  }
  const node: TensorNode = known?.node ?? frame.graph.make("parameter", [], { name: path }, type, originOf(statement.span));
  if (!known) instance.parameters.set(path, { path, node, initialiser, ...(statement.doc === "" ? {} : { doc: statement.doc }) });
  frame.locals.set(name.text, { value: tensorValue(node), name, isLet: false, used: true });
}

function checkResult(declaration: FunctionDeclaration, result: ResultSyntax, value: Value, span: Span, frame: Frame): Value {
  const name = declaration.name.text;
  const [only] = result.items;
  // `(T)` and `(y: T)` with one element return a bare value.
  if (result.items.length === 1 && only && value.kind !== "tuple") return typed(name, only.type, value, span, frame);
  if (value.kind !== "tuple" || value.items.length !== result.items.length) {
    const declared = result.items.length === 1 ? "one tensor" : `a tuple of ${result.items.length}`;
    return fail(frame, catalog.resultMismatch, span, [name, declared, describe(value)], { notes: [{ message: "declared here", span: result.span }] });
  }
  const items = result.items.map((item, i) => typed(item.name?.text ?? name, item.type, value.items[i] ?? errorValue, span, frame));
  return items.some((item) => item.kind === "error") ? errorValue : { kind: "tuple", items };
}
