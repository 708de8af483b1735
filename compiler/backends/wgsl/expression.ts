/** Kernel expressions as WGSL text. WGSL's grammar wants more parentheses than C's: the levels below say where. */
import { InternalError, required } from "../../errors.ts";
import type { ExtentTree } from "../../ir/extent.ts";
import type { DType } from "../../ir/types.ts";
import { instruction, int } from "../../kernel/build.ts";
import type { Buffer, Expression, Instruction, SubgroupOperation, ValueType } from "../../kernel/node.ts";
import { shortestFloat } from "../../kernel/numbers.ts";
import { exactQuotient } from "../../kernel/simplify-integer.ts";
import { atom, operand, type Printed, primary } from "../text.ts";

/** What printing needs to know of the kernel. */
export interface Printer {
  readonly name: (name: string) => string;
  /** Field of the uniform block for an extent. */
  readonly field: (extent: string) => string;
  readonly buffers: ReadonlyMap<string, Buffer>;
}

const level = { loose: 0, logic: 2, comparison: 3, sum: 4, product: 5, unary: 6 } as const;

const vectorSuffix: Readonly<Record<Exclude<DType, "bool">, string>> = { f32: "f", f16: "h", i32: "i", u32: "u" };

/** `f32`, `vec4f`, `vec4<bool>`. */
export function wgslType({ scalar, lanes }: ValueType): string {
  if (lanes === 1) return scalar;
  return scalar === "bool" ? `vec${lanes}<bool>` : `vec${lanes}${vectorSuffix[scalar]}`;
}

/** The type that a value has in a storage buffer: bool is a u32 word. */
export const storedType = (dtype: DType, lanes: ValueType["lanes"]): string => wgslType({ scalar: dtype === "bool" ? "u32" : dtype, lanes });

function printConstant(scalar: DType, value: number): Printed {
  if (!Number.isFinite(value)) throw new InternalError("wgsl", `${value} has no literal; legalize first`);
  const sign = (text: string): Printed => ({ text, level: text.startsWith("-") ? level.unary : primary });
  switch (scalar) {
    case "bool": return atom(value === 0 ? "false" : "true");
    case "i32": return value === -2147483648 ? atom("i32(-2147483648)") : sign(String(value));
    case "u32": return atom(value >= 0x10000 ? `0x${value.toString(16)}u` : `${value}u`);
    case "f32": return sign(shortestFloat(value));
    case "f16": return sign(`${shortestFloat(value)}h`);
    default: return scalar satisfies never;
  }
}

/** How an instruction is written. `chain`: the left operand may be the same operator; other operands need `inner`. */
type Form =
  | { readonly kind: "infix"; readonly symbol: string; readonly level: number; readonly left: number; readonly right: number; readonly chain: boolean }
  | { readonly kind: "prefix"; readonly symbol: string }
  | { readonly kind: "call"; readonly name: string }
  /** legalize.ts leaves none of these. */
  | { readonly kind: "absent" };

const absent: Form = { kind: "absent" };
const call = (name: string): Form => ({ kind: "call", name });
const arithmetic = (symbol: string, at: number): Form => ({ kind: "infix", symbol, level: at, left: at, right: at + 1, chain: false });
const comparison = (symbol: string): Form => ({ kind: "infix", symbol, level: level.comparison, left: level.sum, right: level.sum, chain: false });
const logic = (symbol: string): Form => ({ kind: "infix", symbol, level: level.logic, left: level.comparison, right: level.comparison, chain: true });
const bits = (symbol: string, chain = true): Form => ({ kind: "infix", symbol, level: level.loose, left: level.unary, right: level.unary, chain });

const forms: Readonly<Record<Instruction, Form>> = {
  add: arithmetic("+", level.sum), sub: arithmetic("-", level.sum),
  mul: arithmetic("*", level.product), div: arithmetic("/", level.product), rem: arithmetic("%", level.product),
  neg: { kind: "prefix", symbol: "-" }, not: { kind: "prefix", symbol: "!" },
  abs: call("abs"), sign: call("sign"), min: call("min"), max: call("max"), fma: call("fma"),
  floor: call("floor"), ceil: call("ceil"), round: call("round"), trunc: call("trunc"),
  sqrt: call("sqrt"), inverse_sqrt: call("inverseSqrt"), exp: call("exp"), exp2: call("exp2"), log: call("log"), log2: call("log2"),
  sin: call("sin"), cos: call("cos"), pow: call("pow"), select: call("select"),
  eq: comparison("=="), ne: comparison("!="), lt: comparison("<"), le: comparison("<="), gt: comparison(">"), ge: comparison(">="), is_nan: absent, is_inf: absent,
  and: logic("&&"), or: logic("||"),
  bit_and: bits("&"), bit_or: bits("|"), bit_xor: bits("^"), shift_left: bits("<<", false), shift_right: bits(">>", false),
};

const subgroupCalls: Readonly<Record<SubgroupOperation, string>> = {
  subgroup_add: "subgroupAdd", subgroup_max: "subgroupMax", subgroup_min: "subgroupMin", subgroup_exclusive_add: "subgroupExclusiveAdd",
};

const isComparison = (e: Expression): boolean => e.kind === "instruction" && ["lt", "le", "gt", "ge"].includes(e.op);

/** Two comparisons side by side in one argument list could read as a template: `a < b, c > (d)`. */
function printCall(name: string, args: readonly Expression[], printer: Printer): Printed {
  const level = args.filter(isComparison).length > 1 ? primary : 0;
  return atom(`${name}(${args.map((arg) => operand(printExpression(arg, printer), level)).join(", ")})`);
}

/** WGSL takes vector by scalar for these, so a repeated operand prints as the scalar it repeats. */
const mixes: ReadonlySet<Instruction> = new Set<Instruction>(["add", "sub", "mul", "div", "rem"]);

function mixedOperand(e: Expression, other: Expression, op: Instruction): Expression {
  return e.kind === "splat" && mixes.has(op) && other.kind !== "splat" && e.type.scalar !== "bool" ? e.arg : e;
}

/** The second operand of a shift is u32 whatever the first is. */
function shiftAmount(e: Expression): Expression {
  if (e.type.scalar === "u32") return e;
  const type: ValueType = { scalar: "u32", lanes: e.type.lanes };
  return e.kind === "const" ? { kind: "const", type, value: e.value } : { kind: "convert", type, arg: e };
}

function printInstruction(e: Extract<Expression, { kind: "instruction" }>, printer: Printer): Printed {
  const form = e.type.lanes > 1 && e.op === "and" ? bits("&") : e.type.lanes > 1 && e.op === "or" ? bits("|") : forms[e.op];
  const [a, b, c] = e.args;
  const first = required(a, "wgsl", `operand of ${e.op}`);
  if (form.kind === "absent") throw new InternalError("wgsl", `instruction ${e.op}; legalize first`);
  if (form.kind === "prefix") return { text: form.symbol + operand(printExpression(first, printer), level.unary + 1), level: level.unary };
  // WGSL writes select(whenFalse, whenTrue, condition).
  if (e.op === "select" && b && c) return printCall("select", [c, b, first], printer);
  if (form.kind === "call") return printCall(form.name, e.args, printer);
  const second = required(b, "wgsl", `second operand of ${e.op}`);
  const left = mixedOperand(first, second, e.op);
  const right = e.op === "shift_left" || e.op === "shift_right" ? shiftAmount(second) : mixedOperand(second, first, e.op);
  const chains = form.chain && left.kind === "instruction" && left.op === e.op;
  const text = `${operand(printExpression(left, printer), chains ? form.level : form.left)} ${form.symbol} ${operand(printExpression(right, printer), form.right)}`;
  return { text, level: form.level };
}

/** Sums and products of the fields of the uniform block. */
export function printExtent(tree: ExtentTree, printer: Printer): Printed {
  if (typeof tree === "number") return printConstant("i32", tree);
  if (typeof tree === "string") return atom(`extents.${printer.field(tree)}`);
  const [operator, left, right] = tree;
  const at = operator === "+" ? level.sum : level.product;
  return { text: `${operand(printExtent(left, printer), at)} ${operator} ${operand(printExtent(right, printer), at + 1)}`, level: at };
}

/** `x[i]`, or `x[i / 4]` and `x[i >> 2u][i & 3]` for a buffer of vectors. */
export function printPlace(name: string, index: readonly Expression[], lanes: number, printer: Printer): string {
  const buffer = required(printer.buffers.get(name), "wgsl", `buffer '${name}'`);
  const at = required(index[0], "wgsl", `index of '${name}'`);
  const inside = (e: Expression): string => `[${printExpression(e, printer).text}]`;
  if (buffer.lanes === 1 && lanes === 1) return printer.name(name) + inside(at);
  if (buffer.lanes === 1) throw new InternalError("wgsl", `an access of ${lanes} lanes to '${name}'; legalize first`);
  if (lanes === buffer.lanes) return printer.name(name) + inside(exactQuotient(at, lanes));
  // An index is never negative, so shifts and masks divide.
  const width = Math.log2(buffer.lanes);
  return printer.name(name) + inside(instruction("shift_right", at, int(width))) + inside(instruction("bit_and", at, int(buffer.lanes - 1)));
}

const laneNames = ["x", "y", "z", "w"] as const;

export function printExpression(e: Expression, printer: Printer): Printed {
  switch (e.kind) {
    case "const":
      return printConstant(e.type.scalar, e.value);
    case "ref":
      return atom(printer.name(e.name));
    case "extent":
      return printExtent(e.extent, printer);
    case "builtin":
      return atom(printer.name(e.builtin));
    case "load": {
      const place = printPlace(e.buffer, e.index, e.type.lanes, printer);
      return atom(e.type.scalar === "bool" ? `${wgslType(e.type)}(${place})` : place);
    }
    case "element":
      return atom(`${printer.name(e.array)}[${printExpression(e.index, printer).text}]`);
    case "instruction":
      return printInstruction(e, printer);
    case "subgroup":
      return printCall(subgroupCalls[e.op], [e.arg], printer);
    case "convert":
    case "splat":
      return printCall(wgslType(e.type), [e.arg], printer);
    case "bitcast":
      return printCall(`bitcast<${wgslType(e.type)}>`, [e.arg], printer);
    case "vector":
      return printCall(wgslType(e.type), e.args, printer);
    case "lane":
      return atom(`${operand(printExpression(e.arg, printer), primary)}.${laneNames[e.lane] ?? "x"}`);
    default:
      return e satisfies never;
  }
}
