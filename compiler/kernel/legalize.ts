/**
 * Rewrites what a target lacks or does wrong, on nodes, just before printing. The result computes what the kernel IR
 * defines, with the instructions that the target has; values that a rewrite needs twice get a name before the
 * statement. For WGSL also: accesses get one axis and the width of their buffer.
 */
import type { DType } from "../ir/types.ts";
import { legalizeLoad, legalizeStore } from "./legalize-access.ts";
import { type Context, isFloating, type LegalizeTarget, rewrites } from "./legalize-rewrites.ts";
import { apply, bitcast, constant, convert, float, foldConstants, instruction, ref, select } from "./build.ts";
import { type Expression, type Kernel, scalarType, type Statement } from "./node.ts";
import { freshName } from "./names.ts";
import { same, subgroupExtremumByBits, truncation } from "./prelude.ts";
import { type Range, rangeOf } from "./ranges.ts";
import { splitWords } from "./split-words.ts";
import { childrenOf, declaredNames } from "./traverse.ts";

function legalizeConvert(arg: Expression, to: DType, context: Context): Expression {
  if (context.target !== "gpujs") return convert(arg, to);
  if (arg.type.scalar === "bool") return select(arg, constant(to, 1), constant(to, 0));
  if (to === "bool") return instruction("ne", arg, same(0, arg));
  const toInteger = (to === "i32" || to === "u32") && isFloating(arg);
  return convert(toInteger ? truncation(arg, context) : arg, to);
}

function legalizeExpression(e: Expression, context: Context): Expression {
  const again = (inner: Expression): Expression => legalizeExpression(inner, context);
  switch (e.kind) {
    case "const":
      return Number.isFinite(e.value) || context.target === "wasm" ? e : context.special(e.value, e);
    case "instruction": {
      const folded = foldConstants(e.op, e.args);
      if (folded) return again(folded);
      const args = e.args.map(again);
      return rewrites[context.target].get(e.op)?.(args, context) ?? apply(e.op, args, context.facts);
    }
    case "subgroup": {
      const arg = again(e.arg);
      const extremum = e.op === "subgroup_max" ? "max" : e.op === "subgroup_min" ? "min" : undefined;
      return extremum !== undefined && isFloating(arg) ? subgroupExtremumByBits(extremum, arg, context) : { ...e, arg };
    }
    case "convert":
      return legalizeConvert(again(e.arg), e.type.scalar, context);
    case "load": {
      const index = e.index.map(again);
      return context.target === "wgsl" ? legalizeLoad({ ...e, index }, context.kernel, context) : { ...e, index };
    }
    case "element":
      return { ...e, index: again(e.index) };
    case "bitcast":
      return bitcast(again(e.arg), e.type.scalar);
    case "splat":
    case "lane":
      return { ...e, arg: again(e.arg) };
    case "vector":
      return { ...e, args: e.args.map(again) };
    case "ref":
      return context.target === "gpujs" && e.type.scalar === "bool" ? truthFrom(e.name) : e;
    case "extent":
    case "builtin":
      return e;
    default:
      return e satisfies never;
  }
}

/** GPU.js declares every local as a float, so a truth value has a name only as 1 or 0. */
const asNumber = (e: Expression): Expression => (e.type.scalar === "bool" ? select(e, float(1), float(0)) : e);

const truthFrom = (name: string): Expression => instruction("gt", ref(name, scalarType("f32")), float(0.5));

const isTrivial = (e: Expression): boolean => childrenOf(e).length === 0 || (e.kind === "splat" && isTrivial(e.arg));

const specialNames = { nan: "nan_bits", inf: "inf_bits", negative: "minus_inf_bits" } as const;

/** State of one run: names, and the lets that the whole body needs at its top. */
class Legalizer {
  readonly top: Statement[] = [];
  private readonly target: LegalizeTarget;
  private readonly kernel: Kernel;
  private readonly taken: Set<string>;
  private readonly specials = new Map<string, Expression>();
  private readonly ranges = new Map<string, Range>();

  constructor(kernel: Kernel, target: LegalizeTarget) {
    this.kernel = kernel;
    this.target = target;
    this.taken = declaredNames(kernel);
  }

  private define(target: Statement[], wish: string, value: Expression): Expression {
    const name = freshName(wish, this.taken);
    const isTruth = this.target === "gpujs" && value.type.scalar === "bool";
    target.push({ kind: "let", name, value: isTruth ? asNumber(value) : value });
    return isTruth ? truthFrom(name) : ref(name, value.type);
  }

  /**
   * WGSL refuses NaN and infinities in constant expressions, GPU.js has no literals for them. A `let` is no constant
   * expression, so its bits, or the quotient by a zero that the compiler cannot see, give them at run time.
   */
  private special(value: number, like: Expression): Expression {
    const key = Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "negative";
    const lanes = (e: Expression): Expression => (like.type.lanes === 1 ? e : { kind: "splat", type: like.type, arg: e });
    if (this.target === "wasm") return same(value, like);
    if (this.target === "wgsl") {
      const pattern = { nan: 0x7fc00000, inf: 0x7f800000, negative: 0xff800000 }[key];
      const bits = this.specials.get(key) ?? this.define(this.top, specialNames[key], constant("u32", pattern));
      this.specials.set(key, bits);
      return lanes(convert(bitcast(bits, "f32"), like.type.scalar));
    }
    const column: Expression = { kind: "builtin", type: scalarType("i32"), builtin: "thread_x" };
    const zero = this.specials.get("zero") ?? this.define(this.top, "zero", instruction("mul", convert(column, "f32"), float(0)));
    this.specials.set("zero", zero);
    return lanes(instruction("div", constant(like.type.scalar, { nan: 0, inf: 1, negative: -1 }[key]), zero));
  }

  private context(before: Statement[]): Context {
    return {
      target: this.target, kernel: this.kernel,
      facts: (name) => this.ranges.get(name),
      once: (e, wish) => (isTrivial(e) ? e : this.define(before, wish, e)),
      special: (value, like) => this.special(value, like),
    };
  }

  private statement(statement: Statement): readonly Statement[] {
    const before: Statement[] = [];
    const context = this.context(before);
    const legal = (e: Expression): Expression => legalizeExpression(e, context);
    const named = (e: Expression): Expression => (this.target === "gpujs" ? asNumber(legal(e)) : legal(e));
    switch (statement.kind) {
      case "let": {
        this.ranges.set(statement.name, rangeOf(statement.value, context.facts));
        const value = named(statement.value);
        return [...before, { ...statement, value }];
      }
      case "var":
      case "assign": {
        const value = named(statement.value);
        return [...before, { ...statement, value }];
      }
      case "set": {
        const index = legal(statement.index);
        const value = legal(statement.value);
        return [...before, { ...statement, index, value }];
      }
      case "store": {
        const legalStore = { ...statement, index: statement.index.map(legal), value: legal(statement.value) };
        const stores = this.target === "wgsl" ? legalizeStore(legalStore, this.kernel, context) : [legalStore];
        return [...before, ...stores];
      }
      case "for": {
        const [start, end, step] = [legal(statement.start), legal(statement.end), legal(statement.step)];
        const low = rangeOf(statement.start, context.facts).low;
        this.ranges.set(statement.name, { low, high: rangeOf(statement.end, context.facts).high - 1 });
        return [...before, { ...statement, start, end, step, body: this.block(statement.body) }];
      }
      case "if": {
        const condition = legal(statement.condition);
        return [...before, { ...statement, condition, then: this.block(statement.then), otherwise: this.block(statement.otherwise) }];
      }
      case "array":
      case "barrier":
      case "comment":
        return [statement];
      default:
        return statement satisfies never;
    }
  }

  /** Legal statements for these; `top` grows by what they need. */
  block(statements: readonly Statement[]): readonly Statement[] {
    return statements.flatMap((statement) => this.statement(statement));
  }
}

/** The kernel in the target's own instructions. Workgroup kernels go to WGSL and WebAssembly, thread kernels to GPU.js. */
export function legalize(source: Kernel, target: LegalizeTarget): Kernel {
  const kernel = target === "gpujs" ? splitWords(source) : source;
  const legalizer = new Legalizer(kernel, target);
  const statements = legalizer.block(kernel.body);
  const body = [...legalizer.top, ...statements];
  if (target !== "wgsl") return { ...kernel, body };
  return { ...kernel, body, buffers: kernel.buffers.map(({ columns: _columns, ...buffer }) => buffer) };
}
