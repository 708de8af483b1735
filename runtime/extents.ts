/**
 * Extents at run time: evaluates the artifact's extent expressions, and finds the numbers behind extent names from the
 * shapes of the tensors that the host hands over. Flow: host values -> bindings -> buffer lengths and grids.
 */
import type { ExtentExpression, Repeat, TensorSpec } from "./artifact.ts";
import { RuntimeError } from "./errors.ts";

export type Bindings = Readonly<Record<string, number>>;

/** A tensor as handed over: `shape` is absent when the host gave a flat typed array. */
export interface GivenTensor {
  /** For messages: `input 'x'`, `parameter 'w'`. */
  readonly label: string;
  readonly spec: TensorSpec;
  readonly shape: readonly number[] | undefined;
  /** unit: elements */
  readonly length: number;
}

/** `4*H`, `ceil(N / 64)`; parentheses only where they are needed. */
export function formatExtent(extent: ExtentExpression, nested = false): string {
  if (typeof extent !== "object") return String(extent);
  const [op, left, right] = extent;
  if (op === "ceil/") return `ceil(${formatExtent(left)} / ${formatExtent(right, true)})`;
  if (op === "*") return `${formatExtent(left, true)}*${formatExtent(right, true)}`;
  const text = `${formatExtent(left, op === "/")} ${op} ${formatExtent(right, true)}`;
  return nested ? `(${text})` : text;
}

export const formatShape = (shape: readonly ExtentExpression[]): string =>
  `[${shape.map((extent) => formatExtent(extent)).join(", ")}]`;

/** The number, or undefined when a name in it is not bound. */
export function tryExtent(extent: ExtentExpression, bindings: Bindings): number | undefined {
  if (typeof extent === "number") return extent;
  if (typeof extent === "string") return Object.hasOwn(bindings, extent) ? bindings[extent] : undefined;
  const left = tryExtent(extent[1], bindings);
  const right = tryExtent(extent[2], bindings);
  if (left === undefined || right === undefined) return undefined;
  switch (extent[0]) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return Math.floor(left / right);
    case "ceil/":
      return Math.ceil(left / right);
    default:
      return extent[0] satisfies never;
  }
}

/** throws: RuntimeError `artifact-invalid` when a name is not bound or the value is no count. */
export function evaluateExtent(extent: ExtentExpression, bindings: Bindings): number {
  const value = tryExtent(extent, bindings);
  if (value !== undefined && Number.isInteger(value) && value >= 0) return value;
  throw new RuntimeError(
    "artifact-invalid",
    `The extent ${formatExtent(extent)} is ${value ?? "not known"} where ${formatBindings(bindings)}.`,
    "Every extent must be a whole number of at least 0 that follows from the shapes of the inputs and parameters.",
  );
}

/** The bindings of each turn of a dispatch. */
export function turnsOf(repeat: Repeat | undefined, bindings: Bindings): readonly Bindings[] {
  if (!repeat) return [bindings];
  const turns = Math.max(1, Math.ceil(evaluateExtent(repeat.below, bindings) / repeat.by));
  return Array.from({ length: turns }, (_, i) => ({ ...bindings, [repeat.extent]: i * repeat.by }));
}

export const evaluateShape = (shape: readonly ExtentExpression[], bindings: Bindings): number[] =>
  shape.map((extent) => evaluateExtent(extent, bindings));

export const formatBindings = (bindings: Bindings): string =>
  Object.entries(bindings).map(([name, value]) => `${name} = ${value}`).join(", ") || "no name is bound";

/** The one unknown name in `extent` and the value it must have for the extent to be `actual`; undefined if that is not decided. */
function solve(extent: ExtentExpression, actual: number, bindings: Bindings): readonly [string, number] | undefined {
  if (!Number.isInteger(actual) || actual < 0 || typeof extent === "number") return undefined;
  if (typeof extent === "string") return tryExtent(extent, bindings) === undefined ? [extent, actual] : undefined;
  const [op, left, right] = extent;
  const a = tryExtent(left, bindings);
  const b = tryExtent(right, bindings);
  if (b !== undefined) {
    if (op === "+") return solve(left, actual - b, bindings);
    if (op === "-") return solve(left, actual + b, bindings);
    if (op === "*" && b > 0) return solve(left, actual / b, bindings);
  } else if (a !== undefined) {
    if (op === "+") return solve(right, actual - a, bindings);
    if (op === "-") return solve(right, a - actual, bindings);
    if (op === "*" && a > 0) return solve(right, actual / a, bindings);
  }
  return undefined;
}

/**
 * Names from concrete shapes. Axes that are a bare name bind first; then axes and flat lengths with one unknown name are
 * solved for it; at last every axis of every tensor is checked.
 *
 * throws: RuntimeError `shape-mismatch`, naming tensor, axis, expected expression and actual number
 */
export function inferBindings(given: readonly GivenTensor[], start: Bindings): Bindings {
  const bindings: Record<string, number> = { ...start };
  const sources = new Map<string, string>();
  const bind = (found: readonly [string, number] | undefined, label: string): boolean => {
    if (!found) return false;
    bindings[found[0]] = found[1];
    sources.set(found[0], label);
    return true;
  };

  for (const { label, spec, shape } of given) {
    if (!shape) continue;
    if (shape.length !== spec.shape.length) throw rankError(label, spec, shape);
    spec.shape.forEach((extent, axis) => {
      if (typeof extent === "string") bind(solve(extent, shape[axis] ?? 0, bindings), label);
    });
  }
  for (let changed = true; changed; ) {
    changed = false;
    for (const { label, spec, shape, length } of given)
      if (shape) spec.shape.forEach((extent, axis) => (changed = bind(solve(extent, shape[axis] ?? 0, bindings), label) || changed));
      else {
        const unknown = spec.shape.filter((extent) => tryExtent(extent, bindings) === undefined);
        const known = spec.shape.reduce<number>((product, extent) => product * (tryExtent(extent, bindings) ?? 1), 1);
        if (unknown.length === 1) changed = bind(solve(unknown[0] ?? 0, length / known, bindings), label) || changed;
      }
  }
  for (const tensor of given) checkTensor(tensor, bindings, sources);
  return bindings;
}

function checkTensor({ label, spec, shape, length }: GivenTensor, bindings: Bindings, sources: ReadonlyMap<string, string>): void {
  const expected = spec.shape.map((extent) => tryExtent(extent, bindings));
  const declared = `${spec.dtype}${formatShape(spec.shape)}`;
  if (shape) {
    const axis = expected.findIndex((value, i) => value !== shape[i]);
    if (axis < 0) return;
    const extent = spec.shape[axis] ?? 0;
    const value = expected[axis];
    const why = typeof extent === "string" && sources.has(extent) ? ` (from ${sources.get(extent)})` : "";
    const wanted = typeof extent === "number" ? `${extent}` : `${formatExtent(extent)}${value === undefined ? "" : ` = ${value}${why}`}`;
    throw new RuntimeError(
      "shape-mismatch",
      `The ${label}, axis ${axis}: expected ${wanted}, got ${shape[axis]}; it has the shape [${shape.join(", ")}].`,
      `It is declared as ${declared}.`,
    );
  }
  if (expected.some((value) => value === undefined))
    throw new RuntimeError(
      "shape-mismatch",
      `The ${label} is a flat array of ${length} elements, which does not decide the extents of ${declared}.`,
      "Pass a tensor { dtype, shape, data } instead.",
    );
  const count = expected.reduce<number>((product, value) => product * (value ?? 1), 1);
  if (count !== length)
    throw new RuntimeError(
      "shape-mismatch",
      `The ${label} has ${length} elements, expected ${expected.join(" * ") || "1"}${expected.length > 1 ? ` = ${count}` : ""}.`,
      `It is declared as ${declared}.`,
    );
}

const rankError = (label: string, spec: TensorSpec, shape: readonly number[]): RuntimeError =>
  new RuntimeError(
    "shape-mismatch",
    `The ${label} has ${shape.length} axes [${shape.join(", ")}], expected ${spec.shape.length}.`,
    `It is declared as ${spec.dtype}${formatShape(spec.shape)}.`,
  );
