/**
 * Scalar expressions of the index-space level: what one element of a value is, as a function of named ranges.
 * Interned per `Expressions` table, so that equal expressions are the same object and walks can be memoised.
 */
import { type Extent, extentValue } from "../ir/extent.ts";
import type { DType } from "../ir/types.ts";
import type { Instruction } from "../kernel/node.ts";

/** A named index running over 0 .. extent-1. */
export interface Range {
  readonly id: number;
  readonly name: string;
  readonly extent: Extent;
}

export type Expr =
  | { readonly kind: "const"; readonly id: number; readonly dtype: DType; readonly value: number }
  /** The value of an extent as a number. */
  | { readonly kind: "extent"; readonly id: number; readonly dtype: DType; readonly extent: Extent }
  /** The value of a range; i32. */
  | { readonly kind: "index"; readonly id: number; readonly dtype: DType; readonly range: Range }
  /** One element of an input or of another definition. */
  | { readonly kind: "load"; readonly id: number; readonly dtype: DType; readonly source: string; readonly indices: readonly Expr[] }
  | { readonly kind: "apply"; readonly id: number; readonly dtype: DType; readonly op: Instruction; readonly args: readonly Expr[] }
  | { readonly kind: "convert"; readonly id: number; readonly dtype: DType; readonly arg: Expr }
  | { readonly kind: "bitcast"; readonly id: number; readonly dtype: DType; readonly arg: Expr };

const comparisons: ReadonlySet<Instruction> = new Set<Instruction>(["eq", "ne", "lt", "le", "gt", "ge", "is_nan", "is_inf", "and", "or", "not"]);

/** Builds and interns expressions. One per compilation. */
export class Expressions {
  readonly #interned = new Map<string, Expr>();
  #ranges = 0;

  /** A fresh range. Ranges of extent 1 are never read: `index` gives 0 for them. */
  range(name: string, extent: Extent): Range {
    return { id: this.#ranges++, name, extent };
  }

  #intern(key: string, make: (id: number) => Expr): Expr {
    const known = this.#interned.get(key);
    if (known) return known;
    const made = make(this.#interned.size);
    this.#interned.set(key, made);
    return made;
  }

  constant(value: number, dtype: DType): Expr {
    const bits = Object.is(value, -0) ? "-0" : String(value);
    return this.#intern(`c:${dtype}:${bits}`, (id) => ({ kind: "const", id, dtype, value }));
  }

  extent(extent: Extent, dtype: DType): Expr {
    const value = extentValue(extent);
    if (value !== undefined) return this.constant(value, dtype);
    return this.#intern(`e:${dtype}:${extent.key}`, (id) => ({ kind: "extent", id, dtype, extent }));
  }

  index(range: Range): Expr {
    if (extentValue(range.extent) === 1) return this.constant(0, "i32");
    return this.#intern(`i:${range.id}`, (id) => ({ kind: "index", id, dtype: "i32", range }));
  }

  load(source: string, indices: readonly Expr[], dtype: DType): Expr {
    return this.#intern(`l:${source}:${indices.map((index) => index.id).join(",")}`, (id) => ({ kind: "load", id, dtype, source, indices }));
  }

  /** An instruction. The result has the dtype of the last operand, bool for comparisons and logic. */
  apply(op: Instruction, ...args: readonly Expr[]): Expr {
    const simple = this.#simplify(op, args);
    if (simple) return simple;
    const dtype = comparisons.has(op) ? "bool" : (args[args.length - 1]?.dtype ?? "f32");
    return this.#intern(`a:${op}:${args.map((arg) => arg.id).join(",")}`, (id) => ({ kind: "apply", id, dtype, op, args }));
  }

  convert(arg: Expr, dtype: DType): Expr {
    if (arg.dtype === dtype) return arg;
    if (arg.kind === "const") return this.constant(convertNumber(arg.value, arg.dtype, dtype), dtype);
    if (arg.kind === "extent" && dtype !== "bool") return this.extent(arg.extent, dtype);
    return this.#intern(`v:${dtype}:${arg.id}`, (id) => ({ kind: "convert", id, dtype, arg }));
  }

  bitcast(arg: Expr, dtype: DType): Expr {
    return this.#intern(`b:${dtype}:${arg.id}`, (id) => ({ kind: "bitcast", id, dtype, arg }));
  }

  /** Bit-exact identities only: x * 1, x / 1, x - 0 (x + 0 would turn -0 into 0), and integer ones. */
  #simplify(op: Instruction, args: readonly Expr[]): Expr | undefined {
    const [a, b] = args;
    if (!a || !b) return undefined;
    const right = b.kind === "const" ? b.value : undefined;
    const left = a.kind === "const" ? a.value : undefined;
    const integer = a.dtype === "i32" || a.dtype === "u32";
    if ((op === "mul" || op === "div") && right === 1) return a;
    if (op === "mul" && left === 1) return b;
    if (op === "sub" && right === 0 && !Object.is(right, -0)) return a;
    // A square as a product: the centring rule looks for products, and no device's pow is as accurate.
    if (op === "pow" && right === 2) return this.apply("mul", a, a);
    if (op === "pow" && right === 1) return a;
    if (integer) {
      if (op === "add" && right === 0) return a;
      if (op === "add" && left === 0) return b;
      if (op === "mul" && (left === 0 || right === 0)) return this.constant(0, a.dtype);
      if (left !== undefined && right !== undefined) {
        const wrapped = (value: number): Expr => this.constant(a.dtype === "u32" ? value >>> 0 : value | 0, a.dtype);
        if (op === "add") return wrapped(left + right);
        if (op === "sub") return wrapped(left - right);
        if (op === "mul") return wrapped(Math.imul(left, right));
      }
    }
    return undefined;
  }
}

/** As kernels do: floats are limited to the integer range, integers wrap. */
function convertNumber(value: number, from: DType, to: DType): number {
  if (to === "bool") return value === 0 ? 0 : 1;
  if (to !== "i32" && to !== "u32") return value;
  const [least, most] = to === "i32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  if (from === "f32" || from === "f16") return Math.min(most, Math.max(least, Math.trunc(value)));
  return to === "i32" ? value | 0 : value >>> 0;
}

export function operandsOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "const":
    case "extent":
    case "index":
      return [];
    case "load":
      return expr.indices;
    case "apply":
      return expr.args;
    case "convert":
    case "bitcast":
      return [expr.arg];
    default:
      return expr satisfies never;
  }
}

/** Rebuilds `expr` bottom-up; `replace` may give another expression for a node whose operands are already rebuilt. */
export function rewrite(e: Expressions, expr: Expr, replace: (expr: Expr) => Expr | undefined, memo = new Map<Expr, Expr>()): Expr {
  const known = memo.get(expr);
  if (known) return known;
  const rebuilt = withOperands(e, expr, operandsOf(expr).map((operand) => rewrite(e, operand, replace, memo)));
  const result = replace(rebuilt) ?? rebuilt;
  memo.set(expr, result);
  return result;
}

function withOperands(e: Expressions, expr: Expr, operands: readonly Expr[]): Expr {
  const before = operandsOf(expr);
  if (operands.every((operand, i) => operand === before[i])) return expr;
  switch (expr.kind) {
    case "load":
      return e.load(expr.source, operands, expr.dtype);
    case "apply":
      return e.apply(expr.op, ...operands);
    case "convert":
      return e.convert(operands[0] as Expr, expr.dtype);
    case "bitcast":
      return e.bitcast(operands[0] as Expr, expr.dtype);
    default:
      return expr;
  }
}

/** Visits every distinct node once, operands first. */
export function visit(expr: Expr, see: (expr: Expr) => void, seen = new Set<Expr>()): void {
  if (seen.has(expr)) return;
  seen.add(expr);
  for (const operand of operandsOf(expr)) visit(operand, see, seen);
  see(expr);
}

export function rangesOf(expr: Expr): Set<Range> {
  const found = new Set<Range>();
  visit(expr, (node) => {
    if (node.kind === "index") found.add(node.range);
  });
  return found;
}

export function loadsOf(expr: Expr): Extract<Expr, { kind: "load" }>[] {
  const found: Extract<Expr, { kind: "load" }>[] = [];
  visit(expr, (node) => {
    if (node.kind === "load") found.push(node);
  });
  return found;
}
