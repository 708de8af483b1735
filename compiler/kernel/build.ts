/**
 * Constructors of kernel expressions that simplify as they build. Integers: constant folding, sums of multiples,
 * quotients and remainders. Floats: only what gives the same bits. Scheduling code builds every kernel with these;
 * `apply` takes facts about names as well, which simplify.ts supplies.
 */
import type { ExtentTree } from "../ir/extent.ts";
import type { DType } from "../ir/types.ts";
import { evaluateInstruction, instructions, resultType } from "./instructions.ts";
import { type Builtin, type Expression, i32, type Instruction, type Lanes, scalarType, type SubgroupOperation, type ValueType } from "./node.ts";
import { bitcastNumber, convertNumber, roundTo } from "./numbers.ts";
import { type Facts, noFacts, rangeOf } from "./ranges.ts";
import { simplifyProduct, simplifyQuotient, simplifySum } from "./simplify-integer.ts";
import { sameExpression, sameValueType } from "./traverse.ts";

/** A scalar constant, rounded to its element type. */
export const constant = (scalar: DType, value: number): Expression => ({ kind: "const", type: scalarType(scalar), value: roundTo[scalar](value) });

export const int = (value: number): Expression => constant("i32", value);
export const float = (value: number): Expression => constant("f32", value);
export const truth = (value: boolean): Expression => constant("bool", value ? 1 : 0);

export const ref = (name: string, type: ValueType): Expression => ({ kind: "ref", type, name });

/** An i32 made of extents and numbers; a number alone is a literal. */
export const extent = (tree: ExtentTree): Expression => (typeof tree === "number" ? int(tree) : { kind: "extent", type: i32, extent: tree });

export const builtin = (which: Builtin): Expression => ({ kind: "builtin", type: i32, builtin: which });

/** `lanes` consecutive elements of a buffer from `index` on. unit of the index: scalar elements, or row and column. */
export const load = (buffer: string, dtype: DType, index: Expression | readonly Expression[], lanes: Lanes = 1): Expression => ({
  kind: "load", type: { scalar: dtype, lanes }, buffer, index: "kind" in index ? [index] : index,
});

/** One element, of all its lanes, of a private or workgroup array. */
export const element = (array: string, type: ValueType, index: Expression): Expression => ({ kind: "element", type, array, index });

export function convert(arg: Expression, scalar: DType): Expression {
  if (arg.type.scalar === scalar) return arg;
  if (arg.kind === "const") return constant(scalar, convertNumber(arg.value, arg.type.scalar, scalar));
  return { kind: "convert", type: { scalar, lanes: arg.type.lanes }, arg };
}

/** Over the invocations of a subgroup; must become the value of a `let`. */
export const subgroup = (op: SubgroupOperation, arg: Expression): Expression => ({ kind: "subgroup", type: arg.type, op, arg });

/** The same bits as f32, i32 or u32. */
export function bitcast(arg: Expression, scalar: DType): Expression {
  if (arg.type.scalar === scalar) return arg;
  if (arg.kind === "const") return constant(scalar, bitcastNumber(arg.value, arg.type.scalar, scalar));
  return { kind: "bitcast", type: { scalar, lanes: arg.type.lanes }, arg };
}

export const splat = (arg: Expression, lanes: Lanes): Expression =>
  lanes === 1 ? arg : { kind: "splat", type: { scalar: arg.type.scalar, lanes }, arg };

/** A vector of two or four scalars; a scalar stays itself. */
export function vector(...args: readonly [Expression, ...Expression[]]): Expression {
  const lanes: Lanes = args.length === 1 ? 1 : args.length === 2 ? 2 : 4;
  return lanes === 1 ? args[0] : { kind: "vector", type: { scalar: args[0].type.scalar, lanes }, args };
}

export function lane(arg: Expression, at: number): Expression {
  if (arg.type.lanes === 1) return arg;
  if (arg.kind === "splat") return arg.arg;
  const part = arg.kind === "vector" ? arg.args[at] : undefined;
  return part ?? { kind: "lane", type: scalarType(arg.type.scalar), arg, lane: at };
}

/** The value of a constant, or of a repeated constant. */
export const constantValue = (e: Expression): number | undefined =>
  e.kind === "const" ? e.value : e.kind === "splat" && e.arg.kind === "const" ? e.arg.value : undefined;

/** Instructions whose f32 value is the same on every device, so that folding them changes no bit. */
const foldable: ReadonlySet<Instruction> = new Set<Instruction>([
  "add", "sub", "mul", "div", "neg", "abs", "sign", "min", "max", "floor", "ceil", "round", "trunc", "sqrt",
  "eq", "ne", "lt", "le", "gt", "ge", "is_nan", "is_inf", "and", "or", "not", "bit_and", "bit_or", "bit_xor", "shift_left", "shift_right", "select",
]);

/** The value of each lane of a constant. */
export const constantLanes = (e: Expression): readonly number[] | undefined => {
  if (e.kind !== "vector") {
    const value = constantValue(e);
    return value === undefined ? undefined : Array.from({ length: e.type.lanes }, () => value);
  }
  const values = e.args.map(constantValue);
  return values.every((value) => value !== undefined) ? (values as number[]) : undefined;
};

/** A vector of integers or truth values from vectors of constants: one software adapter gets some of them wrong. */
function foldLanes(op: Instruction, args: readonly Expression[]): Expression | undefined {
  const lanes = args.map(constantLanes);
  const type = args.at(-1)?.type;
  if (!type || type.scalar === "f32" || type.scalar === "f16" || !lanes.every((each) => each !== undefined && each.length === type.lanes)) return undefined;
  const parts = Array.from({ length: type.lanes }, (_, i) => foldConstants(op, args.map((arg, a) => constant(arg.type.scalar, (lanes[a] as readonly number[])[i] ?? 0))));
  const [first, ...rest] = parts;
  return first && rest.every((part) => part !== undefined) ? vector(first, ...(rest as Expression[])) : undefined;
}

/** The value of an instruction on constants; undefined where it cannot be folded (an integer division by zero). */
export function foldConstants(op: Instruction, args: readonly Expression[]): Expression | undefined {
  if (args.some((arg) => arg.kind === "vector")) return foldLanes(op, args);
  const values: number[] = [];
  for (const arg of args) {
    const value = constantValue(arg);
    if (value === undefined) return undefined;
    values.push(value);
  }
  const last = args.at(-1)?.type ?? i32;
  const isInteger = last.scalar === "i32" || last.scalar === "u32";
  if ((op === "div" || op === "rem") && isInteger && values[1] === 0) return undefined;
  const type = resultType(op, args.map((arg) => arg.type));
  return splat(constant(type.scalar, evaluateInstruction(op, last.scalar, values)), type.lanes);
}

/** a < b and the like on ranges; undefined when the ranges overlap. */
function decided(op: Instruction, a: Expression, b: Expression, facts: Facts): boolean | undefined {
  const x = rangeOf(a, facts);
  const y = rangeOf(b, facts);
  const below = x.high < y.low;
  const above = x.low > y.high;
  const atMost = x.high <= y.low;
  const atLeast = x.low >= y.high;
  switch (op) {
    case "lt": return below ? true : atLeast ? false : undefined;
    case "le": return atMost ? true : above ? false : undefined;
    case "gt": return above ? true : atMost ? false : undefined;
    case "ge": return atLeast ? true : below ? false : undefined;
    case "eq": return below || above ? false : sameExpression(a, b) ? true : undefined;
    case "ne": return below || above ? true : sameExpression(a, b) ? false : undefined;
    default: return undefined;
  }
}

function simplifyInteger(op: Instruction, a: Expression, b: Expression, facts: Facts): Expression | undefined {
  switch (op) {
    case "add":
    case "sub": return simplifySum({ kind: "instruction", type: i32, op, args: a.kind === "const" && op === "add" ? [b, a] : [a, b] });
    case "mul": return simplifyProduct(a, b);
    case "div":
    case "rem": return simplifyQuotient(op, a, b, facts);
    case "min":
    case "max": {
      const order = decided("le", a, b, facts) ?? (decided("le", b, a, facts) === true ? false : undefined);
      return order === undefined ? undefined : order === (op === "min") ? a : b;
    }
    default: {
      const known = decided(op, a, b, facts);
      return known === undefined ? undefined : truth(known);
    }
  }
}

const isPowerOfTwo = (value: number): boolean => Number.isFinite(value) && value !== 0 && Number.isInteger(Math.log2(Math.abs(value)));

/** Rules on floats that keep every bit, of NaN, infinities and signed zeros too. x + 0 is not among them: -0 + 0 is 0. */
function simplifyFloat(op: Instruction, a: Expression, b: Expression): Expression | undefined {
  const left = constantValue(a);
  const right = constantValue(b);
  if (op === "mul" && right === 1) return a;
  if (op === "mul" && left === 1) return b;
  if (op === "div" && right === 1) return a;
  if (op === "add" && Object.is(right, -0)) return a;
  if (op === "add" && Object.is(left, -0)) return b;
  if (op === "sub" && Object.is(right, 0)) return a;
  // x + (-c) is x - c, and the other way round; a constant then prints without its sign.
  if ((op === "add" || op === "sub") && right !== undefined && right < 0)
    return { kind: "instruction", type: a.type, op: op === "add" ? "sub" : "add", args: [a, splat(constant(b.type.scalar, -right), b.type.lanes)] };
  // x / 2^k and x * 2^-k round the same real number; the bound keeps 2^-k a normal f16 and f32.
  if (op === "div" && right !== undefined && isPowerOfTwo(right) && Math.abs(Math.log2(Math.abs(right))) <= 14)
    return apply("mul", [a, splat(constant(b.type.scalar, 1 / right), b.type.lanes)], noFacts);
  return undefined;
}

function simplifyTruth(op: Instruction, args: readonly Expression[]): Expression | undefined {
  const [a, b] = args;
  if (op === "not" && a?.kind === "instruction" && a.op === "not") return a.args[0];
  if (!a || !b || (op !== "and" && op !== "or")) return undefined;
  // The operand that decides: false for `and`, true for `or`.
  const deciding = op === "and" ? 0 : 1;
  for (const [one, other] of [[a, b], [b, a]] as const) {
    const value = constantValue(one);
    if (value !== undefined) return value === deciding ? one : other;
  }
  return sameExpression(a, b) ? a : undefined;
}

/** An instruction, simplified with what `facts` says of names. */
export function apply(op: Instruction, args: readonly Expression[], facts: Facts): Expression {
  const folded = foldable.has(op) ? foldConstants(op, args) : undefined;
  if (folded) return folded;
  const plain: Expression = { kind: "instruction", type: resultType(op, args.map((arg) => arg.type)), op, args };
  const [a, b, c] = args;
  if (!a) return plain;
  if (op === "select" && b && c) {
    const condition = constantValue(a);
    if (condition !== undefined && a.type.lanes <= b.type.lanes) return condition !== 0 ? b : c;
    const chosen = a.kind === "vector" ? constantLanes(a) : undefined;
    if (chosen && chosen.length === b.type.lanes) return vector(...(chosen.map((value, i) => lane(value !== 0 ? b : c, i)) as [Expression, ...Expression[]]));
    return sameExpression(b, c) ? b : plain;
  }
  if (op === "neg" && a.kind === "instruction" && a.op === "neg") return a.args[0] ?? plain;
  if (instructions[op].operands === "bools") return simplifyTruth(op, args) ?? plain;
  if (!b || c || !sameValueType(a.type, b.type)) return plain;
  if ((op === "div" || op === "rem") && (a.type.scalar === "i32" || a.type.scalar === "u32") && constantValue(b) === 1) return op === "div" ? a : splat(constant(a.type.scalar, 0), a.type.lanes);
  if (a.type.scalar === "i32" && a.type.lanes === 1) return simplifyInteger(op, a, b, facts) ?? plain;
  return (a.type.scalar === "f32" || a.type.scalar === "f16" ? simplifyFloat(op, a, b) : undefined) ?? plain;
}

/** An instruction on operands of fitting types; the verifier reports those that do not fit. */
export const instruction = (op: Instruction, ...args: readonly Expression[]): Expression => apply(op, args, noFacts);

export const add = (a: Expression, b: Expression): Expression => instruction("add", a, b);
export const sub = (a: Expression, b: Expression): Expression => instruction("sub", a, b);
export const mul = (a: Expression, b: Expression): Expression => instruction("mul", a, b);
/** Integers: truncates towards zero. */
export const div = (a: Expression, b: Expression): Expression => instruction("div", a, b);
/** Has the sign of `a`. */
export const rem = (a: Expression, b: Expression): Expression => instruction("rem", a, b);
export const neg = (a: Expression): Expression => instruction("neg", a);
export const abs = (a: Expression): Expression => instruction("abs", a);
export const min = (a: Expression, b: Expression): Expression => instruction("min", a, b);
export const max = (a: Expression, b: Expression): Expression => instruction("max", a, b);
/** a * b + c, rounded once or twice. */
export const fma = (a: Expression, b: Expression, c: Expression): Expression => instruction("fma", a, b, c);
export const eq = (a: Expression, b: Expression): Expression => instruction("eq", a, b);
export const ne = (a: Expression, b: Expression): Expression => instruction("ne", a, b);
export const lt = (a: Expression, b: Expression): Expression => instruction("lt", a, b);
export const le = (a: Expression, b: Expression): Expression => instruction("le", a, b);
export const gt = (a: Expression, b: Expression): Expression => instruction("gt", a, b);
export const ge = (a: Expression, b: Expression): Expression => instruction("ge", a, b);
export const and = (a: Expression, b: Expression): Expression => instruction("and", a, b);
export const or = (a: Expression, b: Expression): Expression => instruction("or", a, b);
export const not = (a: Expression): Expression => instruction("not", a);
/** Both operands are evaluated. */
export const select = (condition: Expression, whenTrue: Expression, whenFalse: Expression): Expression => instruction("select", condition, whenTrue, whenFalse);
