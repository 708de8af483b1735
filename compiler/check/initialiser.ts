/** Initialisers of parameters: `zeros`, `normal(0.02)`, or a number. */
import { catalog } from "../diagnostics/catalog.ts";
import { nearestHint } from "../diagnostics/nearest-name.ts";
import type { Initialiser } from "../ir/node.ts";
import type { Expression } from "../syntax/tree.ts";
import { fail, type Frame } from "./session.ts";

/** Whether an initialiser takes its one number. */
const takesNumber: Readonly<Record<Initialiser["name"], boolean>> = {
  zeros: false, ones: false, constant: true, glorot_uniform: false, he_normal: false, orthogonal: false, normal: true, uniform: true,
};

const isInitialiser = (name: string): name is Initialiser["name"] => Object.hasOwn(takesNumber, name);

/** A parameter without an initialiser starts at zero. Undefined after a report. */
export function initialiserOf(expression: Expression | undefined, frame: Frame): Initialiser | undefined {
  if (!expression) return { name: "zeros" };
  if (expression.kind === "error") return undefined;
  if (expression.kind === "name" && isInitialiser(expression.name)) {
    if (!takesNumber[expression.name]) return { name: expression.name };
    return refuse(expression, expression.name, frame, `write ${expression.name}(0.1)`);
  }
  if (expression.kind === "name" && !frame.module.names.has(expression.name)) return refuse(expression, expression.name, frame, nearestHint(expression.name, Object.keys(takesNumber)));
  if (expression.kind === "call" && expression.callee.kind === "name" && (isInitialiser(expression.callee.name) || !frame.module.names.has(expression.callee.name)))
    return called(expression, expression.callee.name, frame);
  const value = frame.session.walk.evaluate(expression, frame);
  if (value.kind === "error") return undefined;
  return value.kind === "number" ? { name: "constant", value: value.value } : refuse(expression, "this value", frame, undefined);
}

function called(expression: Extract<Expression, { kind: "call" }>, name: string, frame: Frame): Initialiser | undefined {
  if (!isInitialiser(name)) return refuse(expression, name, frame, nearestHint(name, Object.keys(takesNumber)));
  const [argument] = expression.arguments;
  if (!takesNumber[name]) return expression.arguments.length === 0 ? { name } : refuse(expression, `${name}(...)`, frame, `write ${name} without a number`);
  const value = argument && expression.arguments.length === 1 ? frame.session.walk.evaluate(argument.value, frame) : undefined;
  if (value?.kind === "error") return undefined;
  return value?.kind === "number" ? { name, value: value.value } : refuse(expression, `${name}(...)`, frame, `'${name}' takes one number: ${name}(0.1)`);
}

function refuse(expression: Expression, text: string, frame: Frame, hint: string | undefined): undefined {
  fail(frame, catalog.unknownInitialiser, expression.span, [`'${text}'`], { hint: hint ?? `initialisers: ${Object.keys(takesNumber).join(", ")}` });
  return undefined;
}
