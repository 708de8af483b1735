/**
 * Exact simplification of i32 arithmetic, as the builders apply it: sums of constant multiples, and quotients and
 * remainders by a constant. Truncating division is what makes the sign conditions necessary. Every rule holds as long
 * as the index does not overflow an i32, which is undefined in the kernel IR.
 */
import { type Expression, i32, type Instruction } from "./node.ts";
import { type Facts, rangeOf, type Term, termsOf } from "./ranges.ts";
import { sameExpression } from "./traverse.ts";

const int = (value: number): Expression => ({ kind: "const", type: i32, value: value | 0 });

const node = (op: Instruction, ...args: readonly Expression[]): Expression => ({ kind: "instruction", type: i32, op, args });

const constantOf = (e: Expression): number | undefined => (e.kind === "const" ? e.value : undefined);

function scaled(base: Expression | undefined, coefficient: number): Expression {
  if (!base) return int(coefficient);
  return coefficient === 1 ? base : node("mul", base, int(coefficient));
}

/** The sum as an expression, the constant last. */
export function sumOf(terms: readonly Term[]): Expression {
  const constant = terms.reduce((sum, entry) => (entry.base ? sum : sum + entry.coefficient), 0);
  const symbolic = terms.filter((entry) => entry.base && entry.coefficient !== 0);
  const positive = symbolic.filter((entry) => entry.coefficient > 0);
  const negative = symbolic.filter((entry) => entry.coefficient < 0);
  let sum: Expression | undefined;
  for (const entry of positive) sum = sum ? node("add", sum, scaled(entry.base, entry.coefficient)) : scaled(entry.base, entry.coefficient);
  for (const entry of negative)
    sum = sum ? node("sub", sum, scaled(entry.base, -entry.coefficient)) : scaled(entry.base, entry.coefficient);
  if (!sum) return int(constant);
  if (constant === 0) return sum;
  return constant > 0 ? node("add", sum, int(constant)) : node("sub", sum, int(-constant));
}

/** x of x / c or x % c for the given op and constant divisor. */
function dividend(e: Expression | undefined, op: "div" | "rem"): { of: Expression; by: number } | undefined {
  if (e?.kind !== "instruction" || e.op !== op || !e.args[0] || !e.args[1]) return undefined;
  const by = constantOf(e.args[1]);
  return by === undefined ? undefined : { of: e.args[0], by };
}

/** (x / c) * (c * k) + (x % c) * k -> x * k; equal bases and constants are added up. Undefined when nothing combines. */
function combined(terms: readonly Term[]): readonly Term[] | undefined {
  for (let i = 0; i < terms.length; i++) {
    const first = terms[i] as Term;
    const high = dividend(first.base, "div");
    for (let j = high ? 0 : i + 1; j < terms.length; j++) {
      if (i === j) continue;
      const second = terms[j] as Term;
      const rest = (): Term[] => terms.filter((_, at) => at !== i && at !== j);
      if (i < j && !first.base && !second.base) return [...rest(), { coefficient: first.coefficient + second.coefficient }];
      if (i < j && first.base && second.base && sameExpression(first.base, second.base)) {
        const others = rest();
        return [...others.slice(0, i), { ...first, coefficient: first.coefficient + second.coefficient }, ...others.slice(i)];
      }
      const low = high && dividend(second.base, "rem");
      if (high && low && high.by === low.by && first.coefficient === second.coefficient * high.by && sameExpression(high.of, low.of))
        return [...rest(), { base: high.of, coefficient: second.coefficient }];
    }
  }
  return undefined;
}

/** a + (b + c) as (a + b) + c: one shape for a sum, and no parentheses. */
function leaningLeft(plain: Expression): Expression {
  if (plain.kind !== "instruction" || plain.op !== "add") return plain;
  const [a, b] = plain.args;
  if (!a || b?.kind !== "instruction" || (b.op !== "add" && b.op !== "sub") || !b.args[0] || !b.args[1]) return plain;
  return node(b.op, leaningLeft(node("add", a, b.args[0])), b.args[1]);
}

/** a + b or a - b; `plain` is the unsimplified node. */
export function simplifySum(plain: Expression): Expression {
  let terms = termsOf(plain);
  let changed = false;
  for (let next = combined(terms); next; next = combined(terms)) {
    terms = next.flatMap((entry) => (entry.base ? termsOf(entry.base).map((inner) => ({ ...inner, coefficient: inner.coefficient * entry.coefficient })) : [entry]));
    changed = true;
  }
  const dropped = terms.filter((entry) => entry.coefficient !== 0);
  return changed || dropped.length < terms.length ? sumOf(dropped) : leaningLeft(plain);
}

/** x * c for a constant on either side: folds into an inner constant factor; the constant goes right. */
export function simplifyProduct(a: Expression, b: Expression): Expression {
  const [left, right] = a.kind === "const" ? [b, a] : [a, b];
  const factor = constantOf(right);
  if (factor === 0) return int(0);
  if (factor === 1) return left;
  if (factor !== undefined && left.kind === "instruction" && left.op === "mul" && left.args[0] && left.args[1]) {
    const inner = constantOf(left.args[1]);
    if (inner !== undefined) return simplifyProduct(left.args[0], int(inner * factor));
  }
  return node("mul", left, right);
}

interface Split {
  /** The part of the sum that the divisor divides, already divided. */
  readonly quotient: readonly Term[];
  readonly rest: readonly Term[];
}

function splitBy(e: Expression, divisor: number): Split {
  const quotient: Term[] = [];
  const rest: Term[] = [];
  for (const entry of termsOf(e)) {
    const kept = entry.base ? (entry.coefficient % divisor === 0 ? 0 : entry.coefficient) : entry.coefficient % divisor;
    if (entry.coefficient !== kept) quotient.push({ ...entry, coefficient: (entry.coefficient - kept) / divisor });
    if (kept !== 0) rest.push({ ...entry, coefficient: kept });
  }
  return { quotient, rest };
}

/** e / by for a multiple of `by`, a power of two: the terms that it divides apart from the rest, which is shifted. */
export function exactQuotient(e: Expression, by: number): Expression {
  const { quotient, rest } = splitBy(e, by);
  if (rest.length === 0) return sumOf(quotient);
  const shifted = node("shift_right", sumOf(rest), int(Math.log2(by)));
  return sumOf([...quotient.filter((entry) => entry.base), { coefficient: 1, base: shifted }, ...quotient.filter((entry) => !entry.base)]);
}

/** a / b or a % b. */
export function simplifyQuotient(op: "div" | "rem", a: Expression, b: Expression, facts: Facts): Expression {
  const by = constantOf(b);
  if (by === undefined || by <= 0) return node(op, a, b);
  if (by === 1) return op === "div" ? a : int(0);
  const whole = rangeOf(a, facts);
  if (whole.low > -by && whole.high < by) return op === "div" ? int(0) : a;
  const { quotient, rest } = splitBy(a, by);
  if (rest.length === 0) return op === "div" ? sumOf(quotient) : int(0);
  const remainder = sumOf(rest);
  const range = rangeOf(remainder, facts);
  if (quotient.length > 0 && range.low >= 0 && rangeOf(sumOf(quotient), facts).low >= 0) {
    const inner = simplifyQuotient(op, remainder, b, facts);
    return op === "rem" ? inner : simplifySum(node("add", sumOf(quotient), inner));
  }
  const nested = dividend(a, op);
  if (nested && op === "div" && nested.by > 0) return simplifyQuotient("div", nested.of, int(nested.by * by), facts);
  if (nested && op === "rem" && nested.by > 0 && nested.by % by === 0) return simplifyQuotient("rem", nested.of, b, facts);
  return node(op, a, b);
}
