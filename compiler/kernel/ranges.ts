/**
 * What is known of i32 values while building: an interval, and the value as a sum of constant multiples. The index
 * simplifications of build.ts rest on both. Facts about names come from simplify.ts, which knows the loops around.
 */
import type { ExtentTree } from "../ir/extent.ts";
import { type Expression, i32 } from "./node.ts";

/** Closed interval; the ends may be infinite. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** The range of an i32 name, or of a builtin by its own name; undefined where nothing is known. */
export type Facts = (name: string) => Range | undefined;

export const noFacts: Facts = () => undefined;

const anything: Range = { low: -Infinity, high: Infinity };
const natural: Range = { low: 0, high: Infinity };

const spanOf = (values: readonly number[]): Range => ({ low: Math.min(...values), high: Math.max(...values) });

/** 0 times an infinite end is 0: the end stands for values that are large, not for infinity. */
const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

const product = (a: Range, b: Range): Range =>
  spanOf([times(a.low, b.low), times(a.low, b.high), times(a.high, b.low), times(a.high, b.high)]);

const quotient = (a: Range, by: number): Range => ({ low: Math.trunc(a.low / by), high: Math.trunc(a.high / by) });

function rangeOfTree(tree: ExtentTree): Range {
  if (typeof tree === "number") return { low: tree, high: tree };
  if (typeof tree === "string") return natural;
  const left = rangeOfTree(tree[1]);
  const right = rangeOfTree(tree[2]);
  if (tree[0] === "+") return { low: left.low + right.low, high: left.high + right.high };
  return tree[0] === "*" ? product(left, right) : left.low >= 0 && right.low >= 0 ? { low: 0, high: left.high } : anything;
}

/** The interval of a scalar i32 expression. cost: linear in the expression. */
export function rangeOf(e: Expression, facts: Facts): Range {
  if (e.type.scalar !== "i32" || e.type.lanes !== 1) return anything;
  if (e.kind === "const") return { low: e.value, high: e.value };
  if (e.kind === "extent") return rangeOfTree(e.extent);
  if (e.kind === "builtin") return facts(e.builtin) ?? natural;
  if (e.kind === "ref") return facts(e.name) ?? anything;
  if (e.kind !== "instruction") return anything;
  const operands = e.args.map((arg) => rangeOf(arg, facts));
  const [a = anything, b = anything, c = anything] = operands;
  const constant = b.low === b.high ? b.low : undefined;
  switch (e.op) {
    case "add": return { low: a.low + b.low, high: a.high + b.high };
    case "sub": return { low: a.low - b.high, high: a.high - b.low };
    case "mul": return product(a, b);
    case "neg": return { low: -a.high, high: -a.low };
    case "div": return constant !== undefined && constant > 0 ? quotient(a, constant) : a.low >= 0 && b.low >= 0 ? { low: 0, high: a.high } : anything;
    case "rem":
      if (constant === undefined || constant <= 0) return a.low >= 0 ? { low: 0, high: a.high } : anything;
      return { low: a.low >= 0 ? 0 : 1 - constant, high: Math.min(constant - 1, Math.max(a.high, 0)) };
    case "min": return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
    case "max": return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
    case "select": return { low: Math.min(b.low, c.low), high: Math.max(b.high, c.high) };
    case "bit_and": return b.low >= 0 ? { low: 0, high: b.high } : a.low >= 0 ? { low: 0, high: a.high } : anything;
    case "shift_right": return constant !== undefined && a.low >= 0 ? { low: 0, high: Math.floor(a.high / 2 ** constant) } : anything;
    default: return anything;
  }
}

/** coefficient times base; without a base, the coefficient alone. */
export interface Term {
  readonly coefficient: number;
  readonly base?: Expression;
}

const extentNode = (extent: ExtentTree): Expression =>
  typeof extent === "number" ? { kind: "const", type: i32, value: extent } : { kind: "extent", type: i32, extent };

const multiplied = (left: Expression | undefined, right: Expression | undefined): Expression | undefined =>
  left && right ? { kind: "instruction", type: i32, op: "mul", args: [left, right] } : (left ?? right);

const term = (coefficient: number, base: Expression | undefined): Term => (base ? { coefficient, base } : { coefficient });

function productTerms(left: Expression, right: Expression, whole: Expression): readonly Term[] {
  const a = termsOf(left);
  const b = termsOf(right);
  const [x, y] = [a[0], b[0]];
  if (a.length === 1 && b.length === 1 && x && y) {
    const coefficient = x.coefficient * y.coefficient;
    return [coefficient === 1 ? { coefficient, base: whole } : term(coefficient, multiplied(x.base, y.base))];
  }
  const scaled = a.length === 1 && x && !x.base ? { by: x.coefficient, sum: b } : b.length === 1 && y && !y.base ? { by: y.coefficient, sum: a } : undefined;
  if (!scaled) return [{ coefficient: 1, base: whole }];
  return scaled.sum.map((entry) => ({ ...entry, coefficient: entry.coefficient * scaled.by }));
}

/** The sum that a scalar i32 expression is, constants and constant factors taken apart. Never empty. */
export function termsOf(e: Expression): readonly Term[] {
  if (e.kind === "const") return [{ coefficient: e.value }];
  if (e.kind === "extent" && Array.isArray(e.extent)) {
    const [operator, left, right] = e.extent as readonly ["+" | "*" | "/", ExtentTree, ExtentTree];
    if (operator === "+") return [...termsOf(extentNode(left)), ...termsOf(extentNode(right))];
    if (operator === "*") return productTerms(extentNode(left), extentNode(right), e);
  }
  if (e.kind === "instruction" && e.args[0] && e.args[1]) {
    const [left, right] = e.args;
    if (e.op === "add") return [...termsOf(left), ...termsOf(right)];
    if (e.op === "sub") return [...termsOf(left), ...termsOf(right).map((entry) => ({ ...entry, coefficient: -entry.coefficient }))];
    if (e.op === "mul") return productTerms(left, right, e);
  }
  return [{ coefficient: 1, base: e }];
}
