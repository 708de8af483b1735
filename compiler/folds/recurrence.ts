/**
 * A lowered scan as a recurrence: what does not depend on the carries moves out of the loop and is made for all steps at once
 * (R12), before it or, from stacked carries, after it. Flow: lower.ts -> here -> definitions of the program. class: exact
 */
import { required } from "../errors.ts";
import type { Extent } from "../ir/extent.ts";
import type { Origin } from "../ir/node.ts";
import type { DType, TensorType } from "../ir/types.ts";
import { type Expr, type Expressions, type Load, loadsOf, type Range, rewrite } from "./expression.ts";
import { inlineMaps, inlineProgram, substitute } from "./inline.ts";
import type { Carry, Definition, Program, Recurrence, RecurrenceResult } from "./node.ts";

const axisNames = ["i", "j", "k", "l", "p", "q"];

/** A scan whose body is lowered, one definition a node. */
export interface LoweredScan {
  readonly name: string;
  readonly step: Range;
  readonly body: readonly Definition[];
  readonly carries: readonly { readonly name: string; readonly dtype: DType; readonly shape: readonly Extent[]; readonly initial: string; readonly next: string }[];
  readonly results: readonly { readonly name: string; readonly result: RecurrenceResult; readonly dtype: DType; readonly shape: readonly Extent[]; readonly origin: Origin | undefined }[];
}

/** The definitions that stand for the scan's results, and those that moved out of it. `outer`: definitions before the scan. */
export function recurrenceOf(e: Expressions, scan: LoweredScan, outer: (name: string) => Definition | undefined): Definition[] {
  const carryNames = new Set(scan.carries.map((carry) => carry.name));
  const recurrent = new Set(carryNames);
  for (const definition of scan.body) if (loadsOf(definition.body).some((load) => recurrent.has(load.source))) recurrent.add(definition.name);
  const made: Definition[] = scan.body.filter((definition) => !recurrent.has(definition.name)).map((definition) => stacked(e, definition, scan, recurrent));
  const madeByName = new Map(made.map((definition) => [definition.name, definition]));
  const renamesIndices = (name: string): Definition | undefined => {
    const definition = madeByName.get(name) ?? outer(name);
    return definition && !definition.fold && !definition.recurrence && isAccess(definition.body) ? definition : undefined;
  };
  const inOuter = new Set(madeByName.keys());
  const memo = new Map<Expr, Expr>();
  const settle = (expr: Expr): Expr => inlineMaps(e, atStep(e, expr, inOuter, scan.step), renamesIndices, memo);
  const body = new Map(scan.body.filter((definition) => recurrent.has(definition.name)).map((definition) => [definition.name, { ...definition, body: settle(definition.body) }]));
  const copies: Definition[] = [];
  const own = (name: string, wanted: string, shape: readonly Extent[], dtype: DType): string => {
    const box = shape.map((extent, axis) => e.range(axisNames[axis] ?? "x", extent));
    copies.push({ name: wanted, dtype, box, fold: undefined, body: settle(e.load(name, box.map((range) => e.index(range)), dtype)), origin: undefined });
    return wanted;
  };
  const taken = new Set<string>();
  const carries = scan.carries.map((carry): Carry => {
    const box = carry.shape.map((extent, axis) => e.range(axisNames[axis] ?? "x", extent));
    const next = body.has(carry.next) && !taken.has(carry.next) ? carry.next : own(carry.next, `${carry.name}.next`, carry.shape, carry.dtype);
    taken.add(next);
    return { name: carry.name, dtype: carry.dtype, box, initial: settle(e.load(carry.initial, box.map((range) => e.index(range)), carry.dtype)), next };
  });
  const inside = coneOf(carries.map((carry) => carry.next), body, copies);
  const after: { readonly name: string; readonly value: string }[] = [];
  const results: { name: string; result: RecurrenceResult; dtype: DType; shape: readonly Extent[]; origin: Origin | undefined }[] = [];
  for (const { name, result, dtype, shape, origin } of scan.results) {
    if (result.kind === "carry" || inside.has(result.value)) {
      results.push({ name, result, dtype, shape, origin });
      continue;
    }
    const cone = [...coneOf([result.value], body, copies, inside)];
    const reads = cone.flatMap((each) => loadsOf(body.get(each)?.body ?? e.constant(0, "f32")).map((load) => load.source));
    const nexts = new Set(carries.map((carry) => carry.next));
    const sinks = reads.every((source) => !inside.has(source) || nexts.has(source));
    if (sinks && body.has(result.value)) after.push({ name, value: result.value });
    else {
      const value = body.has(result.value) ? result.value : own(result.value, `${name}.value`, shape.slice(1), dtype);
      for (const each of coneOf([value], body, copies)) inside.add(each);
      results.push({ name, result: { kind: "stack", value }, dtype, shape, origin });
    }
  }
  const sunk = sink(e, scan, after, { body, inside, carries }, results);
  return [...made, ...finished(e, scan, carries, [...body.values()].filter((definition) => inside.has(definition.name)).concat(copies), results), ...sunk];
}

/** Only loads, conversions and constants: such a map costs nothing where it is read. */
function isAccess(expr: Expr): boolean {
  switch (expr.kind) {
    case "const":
    case "extent":
      return true;
    case "load":
      return expr.indices.every((index) => index.loads.length === 0);
    case "convert":
      return isAccess(expr.arg);
    default:
      return false;
  }
}

/** Loads of what is stacked by now, at the step. */
const atStep = (e: Expressions, expr: Expr, moved: ReadonlySet<string>, step: Range): Expr =>
  rewrite(e, expr, (node) => (node.kind === "load" && moved.has(node.source) ? e.load(node.source, [e.index(step), ...node.indices], node.dtype) : undefined), new Map(), (node) => node.loads.length > 0);

/** A definition of the body for all steps at once. */
function stacked(e: Expressions, definition: Definition, scan: LoweredScan, recurrent: ReadonlySet<string>): Definition {
  const steps = e.range("t", scan.step.extent);
  const moved = new Set(scan.body.map(({ name }) => name).filter((name) => !recurrent.has(name)));
  return { ...definition, box: [steps, ...definition.box], body: substitute(e, atStep(e, definition.body, moved, scan.step), new Map([[scan.step, e.index(steps)]])) };
}

/** What `names` need of the body, themselves included, and not through what is in `ends`. */
function coneOf(names: readonly string[], body: ReadonlyMap<string, Definition>, copies: readonly Definition[], ends: ReadonlySet<string> = new Set()): Set<string> {
  const found = new Set<string>();
  const queue = [...names];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const definition = body.get(name) ?? copies.find((copy) => copy.name === name);
    if (!definition || found.has(name) || ends.has(name)) continue;
    found.add(name);
    queue.push(...loadsOf(definition.body).map((load) => load.source));
  }
  return found;
}

interface Loop {
  readonly body: ReadonlyMap<string, Definition>;
  readonly inside: ReadonlySet<string>;
  readonly carries: readonly Carry[];
}

/** What is emitted but handed on to no later step is made after the loop, of the stacked values of the carries. */
function sink(e: Expressions, scan: LoweredScan, after: readonly { readonly name: string; readonly value: string }[], { body, inside, carries }: Loop, results: { name: string; result: RecurrenceResult; dtype: DType; shape: readonly Extent[]; origin: Origin | undefined }[]): Definition[] {
  if (after.length === 0) return [];
  const wanted = [...coneOf(after.map(({ value }) => value), body, [], inside)];
  const order = [...body.values()].filter((definition) => wanted.includes(definition.name));
  const stackOf = (carry: Carry): string => {
    const known = results.find(({ result }) => result.kind === "stack" && result.value === carry.next);
    if (known) return known.name;
    const name = `${carry.name}.stack`;
    results.push({ name, result: { kind: "stack", value: carry.next }, dtype: carry.dtype, shape: [scan.step.extent, ...carry.box.map((range) => range.extent)], origin: undefined });
    return name;
  };
  const names = new Map(after.map(({ name, value }) => [value, name]));
  const renamed = (name: string): string => names.get(name) ?? name;
  const one = e.constant(1, "i32");
  return order.map((definition): Definition => {
    const steps = e.range("t", scan.step.extent);
    const t = e.index(steps);
    const replace = (node: Expr): Expr | undefined => {
      if (node.kind !== "load") return undefined;
      if (wanted.includes(node.source)) return e.load(renamed(node.source), [t, ...node.indices], node.dtype);
      const made = carries.find((carry) => carry.next === node.source);
      if (made) return e.load(stackOf(made), [t, ...node.indices], node.dtype);
      const carry = carries.find(({ name }) => name === node.source);
      return carry && before(carry, node);
    };
    const before = (carry: Carry, load: Load): Expr => {
      const first = substitute(e, carry.initial, new Map(carry.box.map((range, axis) => [range, load.indices[axis] as Expr])));
      const previous = e.load(stackOf(carry), [e.apply("max", e.apply("sub", t, one), e.constant(0, "i32")), ...load.indices], load.dtype);
      return e.apply("select", e.apply("eq", t, e.constant(0, "i32")), first, previous);
    };
    const moved = rewrite(e, definition.body, replace);
    return { ...definition, name: renamed(definition.name), box: [steps, ...definition.box], body: substitute(e, moved, new Map([[scan.step, t]])) };
  });
}

/** A body that only says what a recurrence reads: see Definition.recurrence. */
export function touchOf(e: Expressions, recurrence: Recurrence, dtype: DType): Expr {
  const touched = [...readsOf(recurrence).values()].map((load): Expr => e.convert(e.load(load.source, load.indices.map(() => e.constant(0, "i32")), load.dtype), "f32"));
  return touched.length === 0 ? e.constant(0, dtype) : e.convert(touched.reduce((a, b) => e.apply("add", a, b)), dtype);
}

/** The recurrence, and its results as definitions. */
function finished(e: Expressions, scan: LoweredScan, carries: readonly Carry[], body: readonly Definition[], results: readonly { readonly name: string; readonly result: RecurrenceResult; readonly dtype: DType; readonly shape: readonly Extent[]; readonly origin: Origin | undefined }[]): Definition[] {
  const of: Recurrence = { name: scan.name, step: scan.step, carries, body, results: results.map(({ result }) => result) };
  return results.map(({ name, dtype, shape, origin }, result): Definition => ({
    name, dtype, box: shape.map((extent, axis) => e.range(axisNames[axis] ?? "x", extent)), fold: undefined, origin,
    body: touchOf(e, of, dtype),
    recurrence: { of, result },
  }));
}

/** What a recurrence reads of the values around it, by name. */
export function readsOf({ carries, body }: Recurrence): Map<string, Load> {
  const own = new Set([...carries, ...body].map(({ name }) => name));
  const loads = [...body.map((definition) => definition.body), ...carries.map((carry) => carry.initial)].flatMap((expr) => loadsOf(expr));
  return new Map(loads.filter((load) => !own.has(load.source)).map((load) => [load.source, load]));
}

/** One step as a program of its own, the first: what it reads and the carries are its inputs. */
export function stepProgram(e: Expressions, { name, step, carries, body, results }: Recurrence, typeOf: (name: string) => TensorType): Program {
  const first = new Map([[step, e.constant(0, "i32")]]);
  const boxType = ({ dtype, box }: Pick<Definition, "dtype" | "box">): TensorType => ({ dtype, shape: box.map((range) => range.extent) });
  const ends = new Set([...carries.map((carry) => carry.next), ...results.flatMap((result) => (result.kind === "stack" ? [result.value] : []))]);
  const own = new Set([...carries, ...body].map((each) => each.name));
  const reads = new Set(body.flatMap((definition) => loadsOf(definition.body).map((load) => load.source)).filter((source) => !own.has(source)));
  return {
    name, definitions: body.map((definition) => ({ ...definition, body: substitute(e, definition.body, first) })),
    sources: [...carries.map((carry) => ({ name: carry.name, role: "input" as const, type: boxType(carry) })), ...[...reads].map((source) => ({ name: source, role: "input" as const, type: typeOf(source) }))],
    outputs: body.filter((definition) => ends.has(definition.name)).map((definition) => ({ name: definition.name, definition: definition.name, type: boxType(definition) })),
  };
}

/** The same recurrence without the maps of its body that `keep` does not name. */
export function inlineRecurrence(e: Expressions, recurrence: Recurrence, keep: (program: Program) => ReadonlySet<string>): Recurrence {
  const { carries, body, results } = recurrence;
  const typeOf = ({ dtype, box }: Pick<Definition, "dtype" | "box">): Program["sources"][number]["type"] => ({ dtype, shape: box.map((range) => range.extent) });
  const ends = [...new Set([...carries.map((carry) => carry.next), ...results.flatMap((result) => (result.kind === "stack" ? [result.value] : []))])];
  const program: Program = {
    name: recurrence.name, definitions: body,
    // Only that they are data matters here, not what they are.
    sources: [...carries.map((carry) => ({ name: carry.name, role: "input" as const, type: typeOf(carry) })), ...[...readsOf(recurrence).values()].map((load) => ({ name: load.source, role: "input" as const, type: { dtype: load.dtype, shape: [] } }))],
    outputs: ends.map((name) => ({ name, definition: name, type: typeOf(required(body.find((each) => each.name === name), "recurrence", name)) })),
  };
  const kept = keep(program);
  return { ...recurrence, body: inlineProgram(e, program, (definition) => kept.has(definition.name)).definitions };
}
