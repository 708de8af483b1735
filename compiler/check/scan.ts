/**
 * `scan x in xs with (h: f32[B, H] = 0) { ... }`: the body is checked once, on leaves that stand for one step. `next h = e` gives
 * the carry of the next step, and `h` its value from there on; `emit y` adds y to a sequence, and `emit last h` gives a carry after the
 * last step. The value of a scan is what it emits, or its carries after the last step when it emits nothing. A scan that runs backwards
 * is one over flipped sequences whose results are flipped: the graph knows one direction only.
 */
import { catalog } from "../diagnostics/catalog.ts";
import type { TensorNode } from "../ir/node.ts";
import { printType, type TensorType } from "../ir/types.ts";
import type { ScanExpression } from "../syntax/tree.ts";
import { compileTimeTruth } from "./compile-time.ts";
import { applyToNodes, materialise, structural } from "./operations.ts";
import { type Carry, type Emission, fitted, runScanBody } from "./scan-body.ts";
import { fail, type Frame, originOf } from "./session.ts";
import { readType } from "./signature.ts";
import { describe, errorValue, tensorValue, type Value } from "./values.ts";

/** A sequence that was not given: its element is `none` in every step. */
type Sequence = TensorNode | "none";

export function evaluateScan(expression: ScanExpression, frame: Frame): Value {
  if (!distinctNames(expression, frame)) return errorValue;
  const backwards = runsBackwards(expression, frame);
  const given = backwards === undefined ? undefined : sequencesOf(expression, frame);
  const carries = given && initialCarries(expression, frame);
  if (!given || !carries) return errorValue;
  const sequences = given.map((sequence) => (backwards && sequence !== "none" ? flipped(sequence, expression, frame) : sequence));
  const inner: Frame = { ...frame, locals: new Map(frame.locals), calls: new Map() };
  // A number that no other scan of this graph has.
  const scan = frame.graph.nodeCount;
  const present = bindLeaves(expression, sequences, carries, scan, inner);
  const emissions = runScanBody(expression.body, inner, carries);
  if (!emissions) return errorValue;
  if (emissions.length + carries.length === 0) return fail(frame, catalog.scanBody, expression.span, ["nothing is emitted or carried"], { hint: "write emit ... in the body, or a carry after 'with'" });
  const missing = carries.find((carry) => !carry.next);
  if (missing) return fail(frame, catalog.scanBody, expression.span, [`the carry '${missing.name}' has no next value`], { hint: `write next ${missing.name} = ... in the body` });
  return resultsOf(expression, frame, { scan, backwards: backwards === true, sequences: present, carries, emissions });
}

interface Walked {
  readonly scan: number;
  readonly backwards: boolean;
  readonly sequences: readonly TensorNode[];
  readonly carries: readonly Carry[];
  readonly emissions: readonly Emission[];
}

function resultsOf(expression: ScanExpression, frame: Frame, { scan, backwards, sequences, carries, emissions }: Walked): Value {
  const emitted = emissions.flatMap((emission) => (emission.kind === "sequence" ? [emission.node] : []));
  const operands = [...sequences, ...carries.map((carry) => carry.initial), ...carries.flatMap((carry) => carry.next ?? []), ...emitted];
  const places = [...expression.elements.map((name) => ({ name: `the sequence of '${name.text}'`, span: expression.sequence.span })), ...expression.state.map(({ name }) => ({ name: `'${name.text}'`, span: name.span }))];
  const result = (index: number): Value => applyToNodes(frame, "scan", operands, { scan, elements: sequences.length, carries: carries.length, result: index }, expression.span, places);
  const wanted: readonly Emission[] = emissions.length > 0 ? emissions : carries.map((_, carry) => ({ kind: "last", carry }));
  let sequence = 0;
  const items = wanted.map((emission): Value => {
    if (emission.kind === "last") return result(emitted.length + emission.carry);
    const value = result(sequence++);
    return backwards && value.kind === "tensor" ? tensorValue(flipped(value.node, expression, frame)) : value;
  });
  const [only] = items;
  if (items.some((item) => item.kind === "error")) return errorValue;
  return items.length === 1 && only ? only : { kind: "tuple", items };
}

function flipped(node: TensorNode, { span }: ScanExpression, frame: Frame): TensorNode {
  const value = applyToNodes(frame, structural.flip, [node], { axis: [0] }, span, []);
  return value.kind === "tensor" ? value.node : node;
}

/** Binds the names of elements and carries in the body's frame. Gives the sequences that are there. */
function bindLeaves(expression: ScanExpression, sequences: readonly Sequence[], carries: readonly Carry[], scan: number, inner: Frame): readonly TensorNode[] {
  const leaf = (op: string, index: number, { dtype, shape }: TensorType): Value => tensorValue(inner.graph.make(op, [], { scan, index, shape, dtype }, { dtype, shape }, originOf(expression.span)));
  const present: TensorNode[] = [];
  for (const [i, name] of expression.elements.entries()) {
    const sequence = sequences[i] ?? "none";
    const value: Value = sequence === "none" ? { kind: "none" } : leaf("scan_element", present.length, { dtype: sequence.type.dtype, shape: sequence.type.shape.slice(1) });
    if (sequence !== "none") present.push(sequence);
    inner.locals.set(name.text, { value, name, isLet: true, used: true });
  }
  for (const [i, { name }] of expression.state.entries()) {
    const carry = carries[i];
    if (carry) inner.locals.set(name.text, { value: leaf("scan_carry", i, carry.type), name, isLet: true, used: true });
  }
  return present;
}

/** Undefined after a report. */
function runsBackwards({ backwards }: ScanExpression, frame: Frame): boolean | undefined {
  if (!backwards?.condition) return backwards !== undefined;
  const truth = compileTimeTruth(backwards.condition, frame);
  if ("value" in truth) return truth.value;
  frame.session.notes.undecided ||= truth.kind === "unknown";
  return truth.kind === "error" ? undefined : !frame.otherwise;
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

function sequencesOf(expression: ScanExpression, frame: Frame): readonly Sequence[] | undefined {
  const { span } = expression.sequence;
  const given = frame.session.walk.evaluate(expression.sequence, frame);
  if (given.kind === "error") return undefined;
  const values = expression.elements.length > 1 && given.kind === "tuple" ? given.items : [given];
  if (values.length !== expression.elements.length) {
    fail(frame, catalog.scanBody, span, [`${expression.elements.length} names stand for the elements of ${describe(given)}`], { hint: "write as many sequences as names: scan (x, m) in (xs, ms)" });
    return undefined;
  }
  const sequences: Sequence[] = [];
  for (const value of values) {
    const sequence = value.kind === "none" ? "none" : materialise(frame, value, "f32", span);
    if (!sequence) return undefined;
    if (sequence !== "none" && sequence.type.shape.length === 0) {
      fail(frame, catalog.scanBody, span, [`a scan runs along the first axis of its sequence, and ${printType(sequence.type)} has none`]);
      return undefined;
    }
    sequences.push(sequence);
  }
  if (sequences.some((sequence) => sequence !== "none")) return sequences;
  fail(frame, catalog.scanBody, span, ["every sequence of the scan is 'none', so it has no number of steps"], { hint: "one sequence at least is always given" });
  return undefined;
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
