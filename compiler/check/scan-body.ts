/**
 * The body of a scan, walked once on leaves that stand for one step: which carries get which next values, and what is emitted. Flow:
 * scan.ts makes the leaves and the frame -> here -> scan.ts makes the scan's results of what the body gives.
 */
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { TensorNode } from "../ir/node.ts";
import { printType, type TensorType } from "../ir/types.ts";
import type { Span } from "../source/source-file.ts";
import type { Block, Name, Statement } from "../syntax/tree.ts";
import { runLet } from "./body.ts";
import { fit, materialise } from "./operations.ts";
import { fail, type Frame, type Local } from "./session.ts";
import { describe, errorValue, tensorValue, type Value } from "./values.ts";

/** A value that goes from step to step. `next` is set while the body is walked. */
export interface Carry {
  readonly name: string;
  readonly type: TensorType;
  readonly initial: TensorNode;
  next: TensorNode | undefined;
}

/** What `emit` gives: a sequence with one element of every step, or the carry of this number after the last step. */
export type Emission = { readonly kind: "sequence"; readonly node: TensorNode } | { readonly kind: "last"; readonly carry: number };

/** In the order of the `emit` statements; undefined after a report. */
export function runScanBody(body: Block, frame: Frame, carries: readonly Carry[]): readonly Emission[] | undefined {
  const emissions: Emission[] = [];
  const lets: Local[] = [];
  let sound = true;
  for (const statement of body.statements) {
    switch (statement.kind) {
      case "let":
        runLet(statement, frame, lets);
        break;
      case "next":
        sound = runNext(statement, frame, carries) && sound;
        break;
      case "emit": {
        const value = frame.session.walk.evaluate(statement.value, frame);
        const node = value.kind === "error" ? undefined : materialise(frame, value, "f32", statement.value.span);
        sound &&= node !== undefined;
        if (node) emissions.push({ kind: "sequence", node });
        break;
      }
      case "last": {
        const carry = carries.findIndex(({ name }) => name === statement.name.text);
        if (carry < 0) sound = noCarry(statement.name, frame, carries, "emit last gives a carry after the last step");
        else emissions.push({ kind: "last", carry });
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
  return sound ? emissions : undefined;
}

/** `next h = e`, or `next (h, c) = e` of a tuple. False after a report. */
function runNext(statement: Extract<Statement, { kind: "next" }>, frame: Frame, carries: readonly Carry[]): boolean {
  const value = frame.session.walk.evaluate(statement.value, frame);
  if (!statement.destructures) return statement.names.every((name) => setNext(name, value, statement.value.span, frame, carries));
  if (value.kind === "error") return false;
  if (value.kind !== "tuple" || value.items.length !== statement.names.length) {
    fail(frame, catalog.destructuringMismatch, statement.span, [String(statement.names.length), value.kind === "tuple" ? `a tuple of ${value.items.length}` : describe(value)]);
    return false;
  }
  return statement.names.every((name, i) => setNext(name, value.items[i] ?? errorValue, statement.value.span, frame, carries));
}

function setNext(name: Name, value: Value, span: Span, frame: Frame, carries: readonly Carry[]): boolean {
  const carry = carries.find((candidate) => candidate.name === name.text);
  if (!carry) return noCarry(name, frame, carries);
  if (carry.next) {
    fail(frame, catalog.scanBody, name.span, [`'${name.text}' has a next value already`], { hint: "each carry has one" });
    return false;
  }
  const node = fitted(frame, carry.name, value, carry.type, span);
  carry.next = node ?? carry.initial;
  frame.locals.set(carry.name, { value: node ? tensorValue(node) : errorValue, name, isLet: false, used: true });
  return node !== undefined;
}

function noCarry(name: Name, frame: Frame, carries: readonly Carry[], why?: string): false {
  const known = carries.map((carry) => carry.name).join(", ");
  fail(frame, catalog.scanBody, name.span, [`'${name.text}' is no carry of this scan`], { hint: [why, known === "" ? "it has none" : `carries: ${known}`].filter((part) => part !== undefined).join("; ") });
  return false;
}

/** A value in the type of a carry. Undefined after a report. */
export function fitted(frame: Frame, name: string, value: Value, type: TensorType, span: Span): TensorNode | undefined {
  if (value.kind === "error") return undefined;
  const before = frame.sink.length;
  const node = fit(frame, value, type, span, true);
  if (!node && frame.sink.length === before) fail(frame, catalog.resultMismatch, span, [name, printType(type), describe(value)]);
  return node;
}
