/** Arguments of a call to the names that they are for. Used by application.ts for ops, functions and layers alike. */
import { catalog } from "../diagnostics/catalog.ts";
import { nearestHint } from "../diagnostics/nearest-name.ts";
import type { Span } from "../source/source-file.ts";
import type { OperandPlace } from "./operations.ts";
import { fail, type Frame, type Given } from "./session.ts";
import { errorValue, type Value } from "./values.ts";

/** Evaluates arguments that lead nowhere, so that their own mistakes are reported and their names count as used. */
export function evaluateAll(given: readonly Given[], frame: Frame): void {
  for (const argument of given) if (argument.expression) frame.session.walk.evaluate(argument.expression, frame);
}

/** Assigns arguments to parameter names. Undefined after a report. */
export function bind(callee: string, names: readonly string[], given: readonly Given[], frame: Frame, span: Span): ReadonlyMap<string, Given> | undefined {
  const bound = new Map<string, Given>();
  let named = false;
  const positional = given.filter((argument) => argument.name === undefined).length;
  if (positional > names.length) {
    const count = `${names.length} argument${names.length === 1 ? "" : "s"}`;
    fail(frame, catalog.tooManyArguments, given[names.length]?.span ?? span, [callee, count, String(given.length)], { hint: `parameters: ${names.join(", ")}` });
    return undefined;
  }
  for (const [i, argument] of given.entries()) {
    const name = argument.name?.text ?? names[i] ?? "";
    if (argument.name === undefined && named) {
      fail(frame, catalog.positionalAfterNamed, argument.span, [callee], { hint: "give it its name, or move it to the front" });
      return undefined;
    }
    named ||= argument.name !== undefined;
    if (!names.includes(name)) {
      fail(frame, catalog.unknownArgument, argument.name?.span ?? argument.span, [name, callee], { hint: nearestHint(name, names) ?? `parameters: ${names.join(", ")}` });
      return undefined;
    }
    const before = bound.get(name);
    if (before) {
      fail(frame, catalog.repeatedArgument, argument.span, [name, callee], { notes: [{ message: "first given here", span: before.span }] });
      return undefined;
    }
    bound.set(name, argument);
  }
  return bound;
}

export const valueOf = (given: Given, frame: Frame): Value => given.value ?? (given.expression ? frame.session.walk.evaluate(given.expression, frame) : errorValue);

export interface Spread {
  readonly values: readonly Value[];
  readonly places: readonly OperandPlace[];
  readonly named: ReadonlyMap<string, Given>;
}

/**
 * Arguments of a callee with any number of operands: positional ones, with lists and tuples taken apart, are operands; a
 * text, and what has a name, is an attribute. Undefined after a report.
 */
export function spread(callee: string, operand: string, attributes: readonly string[], given: readonly Given[], frame: Frame, span: Span): Spread | undefined {
  const values: Value[] = [];
  const places: OperandPlace[] = [];
  const rest: Given[] = [];
  for (const argument of given) {
    if (argument.name !== undefined && argument.name.text !== operand) {
      rest.push(argument);
      continue;
    }
    const value = valueOf(argument, frame);
    if (value.kind === "error") return undefined;
    const name = attributes[0];
    if (value.kind === "string" && name !== undefined) {
      rest.push({ ...argument, name: { text: name, span: argument.span }, expression: undefined, value });
      continue;
    }
    const isGroup = value.kind === "tuple" || (value.kind === "list" && value.items.some((item) => item.kind === "tensor"));
    for (const item of isGroup ? value.items : [value]) {
      values.push(item);
      places.push({ name: `operand ${values.length}`, span: argument.span });
    }
  }
  if (values.length === 0) {
    fail(frame, catalog.missingArgument, span, [operand, callee]);
    return undefined;
  }
  const named = bind(callee, attributes, rest, frame, span);
  return named && { values, places, named };
}
