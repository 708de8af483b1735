/**
 * `scan x in xs with (h: f32[B, H] = 0) { ... }`: the body is checked once, on leaves that stand for one step. `next h = e` gives
 * the carry of the next step, and `h` its value from there on; `emit y` adds y to a sequence. The value of a scan is what it
 * emits, or its carries after the last step when it emits nothing.
 */
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { TensorNode } from "../ir/node.ts";
import { printType, type TensorType } from "../ir/types.ts";
import type { ScanExpression } from "../syntax/tree.ts";
import { runLet } from "./body.ts";
import { applyToNodes, fit, materialise } from "./operations.ts";
import { fail, type Frame, type Local, originOf } from "./session.ts";
import { readType } from "./signature.ts";
import { describe, errorValue, tensorValue, type Value } from "./values.ts";

interface Carry {
  readonly name: string;
  readonly type: TensorType;
  readonly initial: TensorNode;
  next: TensorNode | undefined;
}

export function evaluateScan(expression: ScanExpression, frame: Frame): Value {
  if (!distinctNames(expression, frame)) return errorValue;
  const sequences = sequencesOf(expression, frame);
  const carries = sequences && initialCarries(expression, frame);
  if (!sequences || !carries) return errorValue;
  // A number that no other scan of this graph has.
  const scan = frame.graph.nodeCount;
  const inner: Frame = { ...frame, locals: new Map(frame.locals), calls: new Map() };
  const leaf = (op: string, index: number, { dtype, shape }: TensorType): TensorNode => frame.graph.make(op, [], { scan, index, shape, dtype }, { dtype, shape }, originOf(expression.span));
  expression.elements.forEach((name, i) => {
    const type = sequences[i]?.type;
    if (type) inner.locals.set(name.text, { value: tensorValue(leaf("scan_element", i, { dtype: type.dtype, shape: type.shape.slice(1) })), name, isLet: true, used: true });
  });
  expression.state.forEach(({ name }, i) => {
    const carry = carries[i];
    if (carry) inner.locals.set(name.text, { value: tensorValue(leaf("scan_carry", i, carry.type)), name, isLet: true, used: true });
  });
  const emitted = runSteps(expression, inner, carries);
  if (!emitted) return errorValue;
  if (emitted.length + carries.length === 0) return fail(frame, catalog.scanBody, expression.span, ["nothing is emitted or carried"], { hint: "write emit ... in the body, or a carry after 'with'" });
  const missing = carries.find((carry) => !carry.next);
  if (missing) return fail(frame, catalog.scanBody, expression.span, [`the carry '${missing.name}' has no next value`], { hint: `write next ${missing.name} = ... in the body` });
  const operands = [...sequences, ...carries.map((carry) => carry.initial), ...carries.flatMap((carry) => carry.next ?? []), ...emitted];
  const places = [...expression.elements.map((name) => ({ name: `the sequence of '${name.text}'`, span: expression.sequence.span })), ...expression.state.map(({ name }) => ({ name: `'${name.text}'`, span: name.span }))];
  const results = Array.from({ length: emitted.length || carries.length }, (_, i) => applyToNodes(frame, "scan", operands, { scan, elements: sequences.length, carries: carries.length, result: i }, expression.span, places));
  const [only] = results;
  if (results.some((result) => result.kind === "error")) return errorValue;
  return results.length === 1 && only ? only : { kind: "tuple", items: results };
}

/** Elements and carries share one scope. */
function distinctNames(expression: ScanExpression, frame: Frame): boolean {
  const seen = new Map<string, ScanExpression["span"]>();
  for (const { text, span } of [...expression.elements, ...expression.state.map(({ name }) => name)]) {
    const before = seen.get(text);
    if (before) {
      fail(frame, catalog.duplicateName, span, [text], { notes: [{ message: "first bound here", span: before }] });
      return false;
    }
    seen.set(text, span);
  }
  return true;
}

function sequencesOf(expression: ScanExpression, frame: Frame): TensorNode[] | undefined {
  const given = frame.session.walk.evaluate(expression.sequence, frame);
  if (given.kind === "error") return undefined;
  const values = expression.elements.length > 1 && given.kind === "tuple" ? given.items : [given];
  if (values.length !== expression.elements.length) {
    fail(frame, catalog.scanBody, expression.sequence.span, [`${expression.elements.length} names stand for the elements of ${describe(given)}`], { hint: "write as many sequences as names: scan (x, m) in (xs, ms)" });
    return undefined;
  }
  const nodes = values.map((value) => materialise(frame, value, "f32", expression.sequence.span));
  for (const node of nodes) {
    if (!node) return undefined;
    if (node.type.shape.length > 0) continue;
    fail(frame, catalog.scanBody, expression.sequence.span, [`a scan runs along the first axis of its sequence, and ${printType(node.type)} has none`]);
    return undefined;
  }
  return nodes as TensorNode[];
}

function initialCarries(expression: ScanExpression, frame: Frame): Carry[] | undefined {
  const carries: Carry[] = [];
  for (const { name, type: syntax, default: initial, span } of expression.state) {
    if (!syntax || !initial) {
      fail(frame, catalog.scanBody, span, [`the carry '${name.text}' has no ${syntax ? "initial value" : "type"}`], { hint: `for example ${name.text}: f32[B, H] = 0` });
      return undefined;
    }
    const pattern = readType(syntax, frame);
    if (!pattern) return undefined;
    const type: TensorType = { dtype: pattern.dtype, shape: [...(pattern.lead ? (frame.lead ?? []) : []), ...pattern.extents] };
    const node = fitted(frame, name.text, frame.session.walk.evaluate(initial, frame), type, initial.span);
    if (!node) return undefined;
    carries.push({ name: name.text, type, initial: node, next: undefined });
  }
  return carries;
}

function fitted(frame: Frame, name: string, value: Value, type: TensorType, span: ScanExpression["span"]): TensorNode | undefined {
  if (value.kind === "error") return undefined;
  const before = frame.sink.length;
  const node = fit(frame, value, type, span, true);
  if (!node && frame.sink.length === before) fail(frame, catalog.resultMismatch, span, [name, printType(type), describe(value)]);
  return node;
}

/** What the body emits; undefined after a report. */
function runSteps(expression: ScanExpression, frame: Frame, carries: readonly Carry[]): TensorNode[] | undefined {
  const emitted: TensorNode[] = [];
  const lets: Local[] = [];
  let sound = true;
  for (const statement of expression.body.statements) {
    switch (statement.kind) {
      case "let":
        runLet(statement, frame, lets);
        break;
      case "next": {
        const carry = carries.find(({ name }) => name === statement.name.text);
        if (!carry || carry.next) {
          const known = carries.map(({ name }) => name).join(", ");
          fail(frame, catalog.scanBody, statement.name.span, [carry ? `'${statement.name.text}' has a next value already` : `'${statement.name.text}' is no carry of this scan`], { hint: carry ? "each carry has one" : `carries: ${known}` });
          sound = false;
          break;
        }
        const node = fitted(frame, carry.name, frame.session.walk.evaluate(statement.value, frame), carry.type, statement.value.span);
        sound &&= node !== undefined;
        carry.next = node ?? carry.initial;
        frame.locals.set(carry.name, { value: node ? tensorValue(node) : errorValue, name: statement.name, isLet: true, used: true });
        break;
      }
      case "emit": {
        const value = frame.session.walk.evaluate(statement.value, frame);
        const node = value.kind === "error" ? undefined : materialise(frame, value, "f32", statement.value.span);
        sound &&= node !== undefined;
        if (node) emitted.push(node);
        break;
      }
      case "param":
      case "return":
      case "minimize":
        fail(frame, catalog.scanBody, statement.span, [`'${statement.kind}' has no place in the body of a scan`], { hint: statement.kind === "return" ? "write emit ..., once for each result" : "declare it before the scan" });
        return undefined;
      default:
        statement satisfies never;
    }
  }
  if (frame.isOwnCheck && sound) for (const { used, name } of lets) if (!used && !name.text.startsWith("_")) frame.sink.push(diagnose(catalog.unusedLet, name.span, [name.text], { hint: `remove it, or call it '_${name.text}'` }));
  return sound ? emitted : undefined;
}
