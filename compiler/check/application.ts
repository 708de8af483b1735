/**
 * Applies built-in ops, functions, layers and models to arguments. A function is expanded where it is applied: its
 * signature is solved against the argument shapes and its body is walked with the solved extents.
 */
import { catalog } from "../diagnostics/catalog.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Extent } from "../ir/extent.ts";
import type { Attribute, TensorNode } from "../ir/node.ts";
import { type DType, printType } from "../ir/types.ts";
import type { Op } from "../ops/define.ts";
import type { Span } from "../source/source-file.ts";
import { attributeOf, compileTimeKey, compileTimeValue } from "./attributes.ts";
import { bind, evaluateAll, spread, valueOf } from "./bind-arguments.ts";
import { reapply, snakeCase, subInstance } from "./instance.ts";
import { languageFunctions } from "./language-functions.ts";
import { applyToValues, fit, markAxis, materialise, nodeOf, type OperandPlace, structural, applyToNodes } from "./operations.ts";
import { classesOf, type DTypeClass, dtypeClasses, type Pattern, printPattern, type Signature, type SignatureParameter, withDTypes } from "./pattern.ts";
import { expansionLimit, fail, type Frame, type Given } from "./session.ts";
import { readSignature } from "./signature.ts";
import { type Clash, instantiate, type Match, type Solution, solve } from "./unify-shapes.ts";
import { describe, errorValue, type FunctionValue, tensorValue, type Value } from "./values.ts";

/** Applies a value to arguments. reports: everything that does not fit, at the call. */
export function apply(callee: Value, given: readonly Given[], frame: Frame, span: Span): Value {
  switch (callee.kind) {
    case "op":
      return applyBuiltIn(callee.op, given, frame, span);
    case "language":
      return applyLanguageFunction(callee.name, given, frame, span);
    case "function":
      return applyFunction(callee, given, frame, span);
    case "error":
      evaluateAll(given, frame);
      return errorValue;
    case "tensor":
    case "number":
    case "boolean":
    case "extent":
    case "string":
    case "none":
    case "list":
    case "tuple":
      evaluateAll(given, frame);
      return fail(frame, catalog.notCallable, span, [describe(callee)]);
    default:
      return callee satisfies never;
  }
}

function applyBuiltIn(op: Op, given: readonly Given[], frame: Frame, span: Span): Value {
  const names = op.attributes.map((attribute) => attribute.name);
  const last = op.operands[op.operands.length - 1];
  const many = last?.variadic ? spread(op.name, last.name, names, given, frame, span) : undefined;
  const bound = many ? many.named : last?.variadic ? undefined : bind(op.name, [...op.operands.map((operand) => operand.name), ...names], given, frame, span);
  if (!bound) {
    evaluateAll(given, frame);
    return errorValue;
  }
  const values: Value[] = [...(many?.values ?? [])];
  const places = [...(many?.places ?? [])];
  for (const operand of many ? [] : op.operands) {
    const argument = bound.get(operand.name);
    if (!argument) return fail(frame, catalog.missingArgument, span, [operand.name, op.name]);
    values.push(valueOf(argument, frame));
    places.push({ name: `'${operand.name}'`, span: argument.span });
  }
  const attributes: Record<string, Attribute> = {};
  let failed = false;
  for (const spec of op.attributes) {
    const argument = bound.get(spec.name);
    if (!argument) continue;
    const attribute = attributeOf(frame, spec.kind, spec.name, argument, values[0]?.kind === "tensor" ? values[0].node : undefined);
    if (attribute === undefined) failed = true;
    else attributes[spec.name] = attribute;
  }
  return failed ? errorValue : applyInGroups(frame, op, values, attributes, span, places);
}

/** A kernel reads a few tensors at most, so many operands of an associative op are taken in groups. */
const largestGroup = 6;

function applyInGroups(frame: Frame, op: Op, values: readonly Value[], attributes: Readonly<Record<string, Attribute>>, span: Span, places: readonly OperandPlace[]): Value {
  if (values.length <= largestGroup || !op.operands.some((operand) => operand.variadic)) return applyToValues(frame, op, values, attributes, span, places);
  const first = applyToValues(frame, op, values.slice(0, largestGroup), attributes, span, places);
  return applyInGroups(frame, op, [first, ...values.slice(largestGroup)], attributes, span, [{ name: "the first parts", span }, ...places.slice(largestGroup)]);
}

function applyLanguageFunction(name: string, given: readonly Given[], frame: Frame, span: Span): Value {
  const member = languageFunctions.get(name);
  if (!member) return errorValue;
  const names = member.attributes.map((attribute) => attribute.name);
  const many = member.variadic ? spread(name, member.operand, names, given, frame, span) : undefined;
  const bound = many ? many.named : member.variadic ? undefined : bind(name, [member.operand, ...names], given, frame, span);
  if (!bound) {
    evaluateAll(given, frame);
    return errorValue;
  }
  const operand = bound.get(member.operand);
  if (!many && !operand) return fail(frame, catalog.missingArgument, span, [member.operand, name]);
  const values = many ? many.values : operand ? [valueOf(operand, frame)] : [];
  const inputs: TensorNode[] = [];
  for (const [i, value] of values.entries()) {
    const input = materialise(frame, value, dtypeAmong(values), many?.places[i]?.span ?? operand?.span ?? span);
    if (!input) return errorValue;
    inputs.push(input);
  }
  const attributes: Record<string, number | string> = {};
  for (const spec of member.attributes) {
    const argument = bound.get(spec.name);
    const value = !argument ? spec.default : spec.kind === "text" ? textOf(frame, spec.name, argument) : attributeOf(frame, spec.kind, spec.name, argument);
    if (value === undefined && !argument) return fail(frame, catalog.missingArgument, span, [spec.name, name]);
    if (typeof value !== "number" && typeof value !== "string") return errorValue;
    attributes[spec.name] = value;
  }
  return member.apply(frame, inputs, attributes, span);
}

const dtypeAmong = (values: readonly Value[]): DType => values.flatMap((value) => (value.kind === "tensor" ? [value.node.type.dtype] : []))[0] ?? "f32";

function textOf(frame: Frame, name: string, given: Given): string | undefined {
  const value = valueOf(given, frame);
  if (value.kind === "string") return value.value;
  if (value.kind !== "error") fail(frame, catalog.notCompileTime, given.span, [name, "a text in quotes"]);
  return undefined;
}

export function signatureOf(fn: FunctionValue, frame: Frame): Signature {
  const { signatures } = frame.session;
  const known = signatures.get(fn.declaration);
  if (known) return known;
  const signature = readSignature(fn.declaration, fn.module, frame.session);
  signatures.set(fn.declaration, signature);
  return signature;
}

/** A chain: the result of each application is the first argument of the next; further arguments go to all. */
function applyRepeated({ times = 1, instance, ...body }: FunctionValue, given: readonly Given[], frame: Frame, span: Span): Value {
  const inner: Frame = instance ? { ...frame, instance: reapply(instance) } : frame;
  const [first, ...others] = given;
  let value: Value = first ? valueOf(first, frame) : errorValue;
  for (let i = 0; i < times && value.kind !== "error"; i++)
    value = applyFunction({ ...body, instance: undefined }, [{ name: undefined, expression: undefined, value, span: first?.span ?? span }, ...others], inner, span);
  return value;
}

function applyFunction(fn: FunctionValue, given: readonly Given[], frame: Frame, span: Span): Value {
  if (fn.times !== undefined) return applyRepeated(fn, given, frame, span);
  const { declaration } = fn;
  const { session } = frame;
  const name = declaration.name.text;
  if (declaration.kind !== "fn" && frame.instance === undefined) {
    evaluateAll(given, frame);
    const own = frame.declaration;
    return fail(frame, catalog.layerInFunction, span, [name], { hint: own ? `write 'layer' instead of 'fn' for '${own.name.text}'` : "a constant cannot hold a layer" });
  }
  const status = session.walk.ensureChecked(fn, frame, span);
  const signature = signatureOf(fn, frame);
  const bound = status === "ok" ? bind(name, signature.parameters.map((parameter) => parameter.name), given, frame, span) : undefined;
  if (!bound) {
    evaluateAll(given, frame);
    return errorValue;
  }
  const call = new Call(fn, signature, frame, span);
  return call.run(bound);
}

/** One application under way. */
class Call {
  readonly #fn: FunctionValue;
  readonly #name: string;
  /** With its open dtypes decided, once the arguments are known. */
  #signature: Signature;
  #dtypes = new Map<DTypeClass, DType>();
  readonly #caller: Frame;
  readonly #span: Span;
  readonly #solution: Solution;
  readonly #values = new Map<string, Value>();

  constructor(fn: FunctionValue, signature: Signature, caller: Frame, span: Span) {
    this.#fn = fn;
    this.#name = fn.declaration.name.text;
    this.#signature = signature;
    this.#caller = caller;
    this.#span = span;
    this.#solution = { extents: new Map(), lead: undefined };
  }

  run(bound: ReadonlyMap<string, Given>): Value {
    if (!this.#takeExtents()) return errorValue;
    const values = new Map([...bound].map(([name, given]) => [name, valueOf(given, this.#caller)] as const));
    if (!this.#decideDTypes(values, bound)) return errorValue;
    const matches: (Match & { readonly given: Given })[] = [];
    const scalars: { readonly parameter: SignatureParameter; readonly pattern: Pattern; readonly node: TensorNode; readonly given: Given }[] = [];
    let failed = false;
    for (const parameter of this.#signature.parameters) {
      const given = bound.get(parameter.name);
      const value = values.get(parameter.name);
      if (!given || !value || value.kind === "none") {
        if (parameter.syntax.default) continue;
        fail(this.#caller, catalog.missingArgument, this.#span, [parameter.name, this.#name]);
        failed = true;
        continue;
      }
      const { type } = parameter;
      if (!type || value.kind === "error") {
        failed = true;
      } else if (type.kind !== "tensor") {
        const checked = compileTimeValue(this.#caller, type.kind, parameter.name, value, given.span);
        if (checked) this.#values.set(parameter.name, checked);
        else failed = true;
      } else {
        const node = materialise(this.#caller, value, type.pattern.dtype, given.span);
        if (!node) failed = true;
        else if (node.type.shape.length === 0) scalars.push({ parameter, pattern: type.pattern, node, given });
        else {
          matches.push({ pattern: type.pattern, type: node.type, given });
          this.#values.set(parameter.name, tensorValue(node));
        }
      }
    }
    if (failed) return errorValue;
    const clash = solve(matches, this.#signature.names, this.#solution, this.#caller.session.notes.divisions);
    if (clash) return this.#reportClash(clash, bound);
    for (const scalar of scalars) if (!this.#placeScalar(scalar.parameter.name, scalar.pattern, scalar.node, scalar.given.span)) return errorValue;
    return this.#allSolved() ? this.#expand() : errorValue;
  }

  /** An open dtype is that of the first tensor given for it; numbers alone leave it at its default. */
  #decideDTypes(values: ReadonlyMap<string, Value>, bound: ReadonlyMap<string, Given>): boolean {
    for (const { name, type } of this.#signature.parameters) {
      const value = values.get(name);
      if (type?.kind !== "tensor" || type.pattern.written === undefined || value?.kind !== "tensor") continue;
      const { written } = type.pattern;
      const { dtype } = value.node.type;
      if (!dtypeClasses[written].includes(dtype)) {
        fail(this.#caller, catalog.argumentMismatch, bound.get(name)?.span ?? this.#span, [name, this.#name, printPattern(type.pattern), printType(value.node.type)], { hint: `'${written}' is one of ${dtypeClasses[written].join(", ")}` });
        return false;
      }
      if (!this.#dtypes.has(written)) this.#dtypes.set(written, dtype);
    }
    for (const word of classesOf(this.#signature)) if (!this.#dtypes.has(word)) this.#dtypes.set(word, dtypeClasses[word][0]);
    this.#signature = withDTypes(this.#signature, this.#dtypes);
    return true;
  }

  #takeExtents(): boolean {
    const { extents } = this.#fn;
    if (!extents) return true;
    const { explicit } = this.#signature;
    if (extents.length !== explicit.length) {
      const count = explicit.length === 0 ? "no extents" : `${explicit.length} extent${explicit.length === 1 ? "" : "s"} (${explicit.join(", ")})`;
      fail(this.#caller, catalog.extentCount, this.#span, [this.#name, count, `${extents.length} ${extents.length === 1 ? "is" : "are"}`]);
      return false;
    }
    for (const [i, name] of explicit.entries()) {
      const extent = extents[i];
      if (extent) this.#solution.extents.set(name, extent);
    }
    return true;
  }

  #reportClash(clash: Clash, bound: ReadonlyMap<string, Given>): Value {
    const parameter = this.#signature.parameters.find((candidate) => candidate.type?.kind === "tensor" && candidate.type.pattern === clash.match.pattern);
    const name = parameter?.name ?? "?";
    const given = bound.get(name);
    const declared = printPattern(clash.match.pattern);
    const solved = instantiate(clash.match.pattern, this.#solution, this.#signature.names);
    const { written: _open, ...decided } = clash.match.pattern;
    const meant = solved ? printType(solved) : printPattern(decided);
    const here = meant !== declared ? ` = ${meant}` : "";
    return fail(this.#caller, catalog.argumentMismatch, given?.span ?? this.#span, [name, this.#name, `${declared}${here}`, markAxis(clash.match.type, clash.axis)], {
      notes: parameter ? [{ message: `'${name}' is declared here`, span: parameter.syntax.span }] : [],
      hint: clash.match.pattern.dtype === clash.match.type.dtype ? undefined : `convert it: cast(${name}, ${clash.match.pattern.dtype})`,
    });
  }

  /** A scalar takes the shape that the other arguments gave the parameter. */
  #placeScalar(name: string, pattern: Pattern, node: TensorNode, span: Span): boolean {
    if (pattern.lead && this.#solution.lead === undefined && pattern.extents.length === 0) this.#solution.lead = [];
    const type = instantiate(pattern, this.#solution, this.#signature.names);
    if (!type || type.dtype !== node.type.dtype) {
      fail(this.#caller, catalog.argumentMismatch, span, [name, this.#name, printPattern(pattern), printType(node.type)]);
      return false;
    }
    const placed = type.shape.length === 0 ? node : nodeOf(applyToNodes(this.#caller, structural.stretch, [node], { shape: type.shape }, span, []));
    if (placed) this.#values.set(name, tensorValue(placed));
    return placed !== undefined;
  }

  #allSolved(): boolean {
    const missing = this.#signature.names.find((name) => !this.#solution.extents.has(name));
    if (missing === undefined) return true;
    const { explicit } = this.#signature;
    const hint = explicit.includes(missing) ? `write ${this.#name}[${explicit.join(", ")}](...)` : undefined;
    fail(this.#caller, catalog.unsolvedExtent, this.#span, [missing, this.#name], { hint });
    return false;
  }

  #expand(): Value {
    const { session } = this.#caller;
    const { declaration, module } = this.#fn;
    const isPure = declaration.kind === "fn";
    const key = isPure ? this.#memoKey() : "";
    const known = this.#caller.calls.get(key);
    if (isPure && known) return known;
    if (++session.counters.expansions > expansionLimit) {
      if (session.counters.expansions > expansionLimit + 1) return errorValue;
      return fail(this.#caller, catalog.tooLarge, this.#span, ["applications", String(expansionLimit)]);
    }
    const parent = this.#caller.instance;
    const instance = isPure || !parent ? undefined : this.#fn.instance ? reapply(this.#fn.instance) : subInstance(parent, snakeCase(this.#name));
    const sink: Diagnostic[] = [];
    const inner: Frame = {
      session, module, declaration, graph: this.#caller.graph, extents: this.#solution.extents, lead: this.#solution.lead, dtypes: this.#dtypes, locals: new Map(),
      instance, sink, calls: this.#caller.calls, isOwnCheck: false, otherwise: this.#caller.otherwise,
    };
    session.active.push(declaration);
    const ready = bindLocals(this.#signature, this.#values, this.#solution, inner);
    const result = ready ? session.walk.run(declaration, inner) : errorValue;
    session.active.pop();
    const first = sink.find((diagnostic) => diagnostic.severity === "error");
    if (first) this.#reportInside(first);
    if (isPure) this.#caller.calls.set(key, result);
    return first ? errorValue : result;
  }

  /** A body that is right in general may still fail for these arguments: told at the call, with the place inside as a note. */
  #reportInside(first: Diagnostic): void {
    const notes = [{ message: `in the expansion of '${this.#name}'`, span: first.span }, ...first.notes].slice(0, 4);
    this.#caller.sink.push({ ...first, span: this.#span, notes });
  }

  #memoKey(): string {
    const values = this.#signature.parameters.map(({ name }) => {
      const value = this.#values.get(name);
      return value === undefined ? "" : value.kind === "tensor" ? `#${value.node.id}` : compileTimeKey(value);
    });
    const extents = [...this.#solution.extents.values()].map((extent: Extent) => extent.key);
    const { file, start } = this.#fn.declaration.name.span;
    return `${file.path}:${start}(${values.join(";")})[${extents.join(";")}]`;
  }
}

/** Puts arguments and defaults into a frame whose extents are known. False after a report. */
export function bindLocals(signature: Signature, values: ReadonlyMap<string, Value>, solution: Solution, frame: Frame): boolean {
  let ready = true;
  for (const { name, type, syntax } of signature.parameters) {
    const value = values.get(name) ?? (syntax.default && type ? defaultValue(name, type, syntax.default, solution, signature, frame) : undefined);
    if (value) frame.locals.set(name, { value, name: syntax.name, isLet: false, used: true });
    else ready = false;
  }
  return ready;
}

function defaultValue(name: string, type: NonNullable<SignatureParameter["type"]>, expression: NonNullable<SignatureParameter["syntax"]["default"]>, solution: Solution, signature: Signature, frame: Frame): Value | undefined {
  const value = frame.session.walk.evaluate(expression, frame);
  if (value.kind === "error") return undefined;
  if (value.kind === "none") return value;
  if (type.kind !== "tensor") return compileTimeValue(frame, type.kind, name, value, expression.span);
  const wanted = instantiate(type.pattern, solution, signature.names);
  const before = frame.sink.length;
  const node = wanted && fit(frame, value, wanted, expression.span, true);
  if (node) return tensorValue(node);
  if (frame.sink.length === before) fail(frame, catalog.argumentMismatch, expression.span, [name, frame.declaration?.name.text ?? "", printPattern(type.pattern), describe(value)]);
  return undefined;
}
