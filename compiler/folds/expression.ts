/**
 * Scalar expressions of the index-space level: what one element of a value is, as a function of named ranges.
 * Interned per `Expressions` table, so that equal expressions are the same object and walks can be memoised.
 */
import { type Extent, extentValue } from "../ir/extent.ts";
import type { DType } from "../ir/types.ts";
import type { Instruction } from "../kernel/node.ts";
import { convertNumber } from "./convert-number.ts";
import { Bindings, InternTable } from "./intern.ts";

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
    else for (const range of ranges) if (!all.has(range)) all = new Set([...all, ...ranges]);
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

/** Builds and interns expressions. One per compilation. */
export class Expressions {
  readonly #operations = new InternTable<Expr>();
  readonly #leaves = new Map<string, Expr>();
  readonly #indices = new Map<Range, Expr>();
  #bindings = new Bindings<Range, Expr>();
  #expressions = 0;
  #ranges = 0;

  /** A fresh range. Ranges of extent 1 are never read: `index` gives 0 for them. */
  range(name: string, extent: Extent): Range {
    return { id: this.#ranges++, name, extent };
  }

  /** What has been substituted by equal bindings before: by expression, what came out. */
  substituted(by: ReadonlyMap<Range, Expr>): Map<Expr, Expr> {
    return this.#bindings.resultsOf(by);
  }

  /** They are made again where they are wanted, to the same expressions. */
  forgetSubstitutions(): void {
    this.#bindings = new Bindings<Range, Expr>();
  }

  #leaf(key: string, make: (id: number) => Expr): Expr {
    const found = this.#leaves.get(key) ?? make(this.#expressions++);
    this.#leaves.set(key, found);
    return found;
  }

  constant(value: number, dtype: DType): Expr {
    const bits = Object.is(value, -0) ? "-0" : String(value);
    return this.#leaf(`c:${dtype}:${bits}`, (id) => ({ kind: "const", id, dtype, value, ranges: noRanges, loads: noLoads }));
  }

  extent(extent: Extent, dtype: DType): Expr {
    const value = extentValue(extent);
    if (value !== undefined) return this.constant(value, dtype);
    return this.#leaf(`e:${dtype}:${extent.key}`, (id) => ({ kind: "extent", id, dtype, extent, ranges: noRanges, loads: noLoads }));
  }

  index(range: Range): Expr {
    if (extentValue(range.extent) === 1) return this.constant(0, "i32");
    const found: Expr = this.#indices.get(range) ?? { kind: "index", id: this.#expressions++, dtype: "i32", range, ranges: new Set([range]), loads: noLoads };
    this.#indices.set(range, found);
    return found;
  }

  load(source: string, indices: readonly Expr[], dtype: DType): Expr {
    const known = this.#operations.find("load", source, indices);
    if (known) return known;
    const loads = [...loadsIn(indices)];
    const made: Load = { kind: "load", id: this.#expressions++, dtype, source, indices, ranges: rangesIn(indices), loads };
    loads.push(made);
    this.#operations.add(made, "load", source, indices);
    return made;
  }

  /** An instruction. The result has the dtype of the last operand, bool for comparisons and logic. */
  apply(op: Instruction, ...args: readonly Expr[]): Expr {
    const simple = this.#simplify(op, args);
    if (simple) return simple;
    const dtype = comparisons.has(op) ? "bool" : (args[args.length - 1]?.dtype ?? "f32");
    const known = this.#operations.find("apply", op, args);
    if (known) return known;
    const made: Expr = { kind: "apply", id: this.#expressions++, dtype, op, args, ranges: rangesIn(args), loads: loadsIn(args) };
    this.#operations.add(made, "apply", op, args);
    return made;
  }

  convert(arg: Expr, dtype: DType): Expr {
    if (arg.dtype === dtype) return arg;
    if (arg.kind === "const") return this.constant(convertNumber(arg.value, arg.dtype, dtype), dtype);
    if (arg.kind === "extent" && dtype !== "bool") return this.extent(arg.extent, dtype);
    return this.#leaf(`v:${dtype}:${arg.id}`, (id) => ({ kind: "convert", id, dtype, arg, ranges: arg.ranges, loads: arg.loads }));
  }

  bitcast(arg: Expr, dtype: DType): Expr {
    return this.#leaf(`b:${dtype}:${arg.id}`, (id) => ({ kind: "bitcast", id, dtype, arg, ranges: arg.ranges, loads: arg.loads }));
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
  const known = memo.get(expr);
  if (known) return known;
  if (!concerns(expr)) return expr;
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
