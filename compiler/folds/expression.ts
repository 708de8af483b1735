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

interface Facts {
  readonly id: number;
  readonly dtype: DType;
  /** Ranges that occur in it. */
  readonly ranges: ReadonlySet<Range>;
  /** Loads in it, each once, operands first. */
  readonly loads: readonly Load[];
}

/** One element of an input or of another definition. */
export interface Load extends Facts {
  readonly kind: "load";
  readonly source: string;
  readonly indices: readonly Expr[];
}

export type Expr =
  | (Facts & { readonly kind: "const"; readonly value: number })
  /** The value of an extent as a number. */
  | (Facts & { readonly kind: "extent"; readonly extent: Extent })
  /** The value of a range; i32. */
  | (Facts & { readonly kind: "index"; readonly range: Range })
  | Load
  | (Facts & { readonly kind: "apply"; readonly op: Instruction; readonly args: readonly Expr[] })
  | (Facts & { readonly kind: "convert"; readonly arg: Expr })
  | (Facts & { readonly kind: "bitcast"; readonly arg: Expr });

const comparisons: ReadonlySet<Instruction> = new Set<Instruction>(["eq", "ne", "lt", "le", "gt", "ge", "is_nan", "is_inf", "and", "or", "not"]);

const noRanges: ReadonlySet<Range> = new Set();
const noLoads: readonly Load[] = [];

/** What operands have in common is shared: most expressions add nothing to one of them. */
function rangesIn(operands: readonly Expr[]): ReadonlySet<Range> {
  let all = noRanges;
  for (const { ranges } of operands) {
    if (ranges === all || ranges.size === 0) continue;
    if (all.size === 0) all = ranges;
    else if (![...ranges].every((range) => all.has(range))) all = new Set([...all, ...ranges]);
  }
  return all;
}

function loadsIn(operands: readonly Expr[]): readonly Load[] {
  let all = noLoads;
  for (const { loads } of operands) {
    if (loads === all || loads.length === 0) continue;
    if (all.length === 0) all = loads;
    else {
      const known = new Set(all);
      const more = loads.filter((load) => !known.has(load));
      if (more.length > 0) all = [...all, ...more];
    }
  }
  return all;
}

function idsOf(exprs: readonly Expr[]): string {
  // Not join: this is where half of all keys are made.
  return exprs.reduce((text, { id }) => `${text}${id},`, "");
}

/** Builds and interns expressions. One per compilation. */
export class Expressions {
  readonly #interned = new Map<string, Expr>();
  readonly #remembered = new Map<string, Expr>();
  #ranges = 0;

  /** A fresh range. Ranges of extent 1 are never read: `index` gives 0 for them. */
  range(name: string, extent: Extent): Range {
    return { id: this.#ranges++, name, extent };
  }

  /** The expression that `make` gave for the key the first time. */
  remembered(key: string, make: () => Expr): Expr {
    const found = this.#remembered.get(key) ?? make();
    this.#remembered.set(key, found);
    return found;
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
    return this.#intern(`c:${dtype}:${bits}`, (id) => ({ kind: "const", id, dtype, value, ranges: noRanges, loads: noLoads }));
  }

  extent(extent: Extent, dtype: DType): Expr {
    const value = extentValue(extent);
    if (value !== undefined) return this.constant(value, dtype);
    return this.#intern(`e:${dtype}:${extent.key}`, (id) => ({ kind: "extent", id, dtype, extent, ranges: noRanges, loads: noLoads }));
  }

  index(range: Range): Expr {
    if (extentValue(range.extent) === 1) return this.constant(0, "i32");
    return this.#intern(`i:${range.id}`, (id) => ({ kind: "index", id, dtype: "i32", range, ranges: new Set([range]), loads: noLoads }));
  }

  load(source: string, indices: readonly Expr[], dtype: DType): Expr {
    return this.#intern(`l:${source}:${idsOf(indices)}`, (id) => {
      const loads = [...loadsIn(indices)];
      const made: Load = { kind: "load", id, dtype, source, indices, ranges: rangesIn(indices), loads };
      loads.push(made);
      return made;
    });
  }

  /** An instruction. The result has the dtype of the last operand, bool for comparisons and logic. */
  apply(op: Instruction, ...args: readonly Expr[]): Expr {
    const simple = this.#simplify(op, args);
    if (simple) return simple;
    const dtype = comparisons.has(op) ? "bool" : (args[args.length - 1]?.dtype ?? "f32");
    return this.#intern(`a:${op}:${idsOf(args)}`, (id) => ({ kind: "apply", id, dtype, op, args, ranges: rangesIn(args), loads: loadsIn(args) }));
  }

  convert(arg: Expr, dtype: DType): Expr {
    if (arg.dtype === dtype) return arg;
    if (arg.kind === "const") return this.constant(convertNumber(arg.value, arg.dtype, dtype), dtype);
    if (arg.kind === "extent" && dtype !== "bool") return this.extent(arg.extent, dtype);
    return this.#intern(`v:${dtype}:${arg.id}`, (id) => ({ kind: "convert", id, dtype, arg, ranges: arg.ranges, loads: arg.loads }));
  }

  bitcast(arg: Expr, dtype: DType): Expr {
    return this.#intern(`b:${dtype}:${arg.id}`, (id) => ({ kind: "bitcast", id, dtype, arg, ranges: arg.ranges, loads: arg.loads }));
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
      if (op === "rem" && right === 1) return this.constant(0, a.dtype);
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

/**
 * Rebuilds `expr` bottom-up; `replace` may give another expression for a node whose operands are already rebuilt. Parts that
 * `concerns` is false of stay as they are.
 */
export function rewrite(e: Expressions, expr: Expr, replace: (expr: Expr) => Expr | undefined, memo = new Map<Expr, Expr>(), concerns: (expr: Expr) => boolean = () => true): Expr {
  if (!concerns(expr)) return expr;
  const known = memo.get(expr);
  if (known) return known;
  const before = operandsOf(expr);
  let after: Expr[] | undefined;
  for (let i = 0; i < before.length; i++) {
    const operand = before[i] as Expr;
    const changed = rewrite(e, operand, replace, memo, concerns);
    if (changed !== operand) after ??= before.slice(0, i);
    after?.push(changed);
  }
  const rebuilt = after ? withOperands(e, expr, after) : expr;
  const result = replace(rebuilt) ?? rebuilt;
  memo.set(expr, result);
  return result;
}

function withOperands(e: Expressions, expr: Expr, operands: readonly Expr[]): Expr {
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

export const rangesOf = (expr: Expr): ReadonlySet<Range> => expr.ranges;
export const loadsOf = (expr: Expr): readonly Load[] => expr.loads;
