/**
 * Kernel expressions in the subset of JavaScript that every mode of GPU.js computes the same way. Every number is a
 * float there; legalize.ts has already replaced what some mode lacks.
 */
import { InternalError, required } from "../../errors.ts";
import type { ExtentTree } from "../../ir/extent.ts";
import type { DType } from "../../ir/types.ts";
import type { Expression, Instruction } from "../../kernel/node.ts";
import { shortestFloat } from "../../kernel/numbers.ts";
import { atom, operand, type Printed, primary } from "../text.ts";

export interface Printer {
  readonly name: (name: string) => string;
}

const level = { loose: 0, logic: 2, comparison: 3, sum: 4, product: 5, unary: 6 } as const;

type Form =
  | { readonly kind: "infix"; readonly symbol: string; readonly level: number; readonly left: number; readonly right: number; readonly chain: boolean }
  | { readonly kind: "prefix"; readonly symbol: string }
  | { readonly kind: "call"; readonly name: string }
  | { readonly kind: "choice" }
  /** legalize.ts leaves none of these. */
  | { readonly kind: "absent" };

const call = (name: string): Form => ({ kind: "call", name: `Math.${name}` });
const arithmetic = (symbol: string, at: number): Form => ({ kind: "infix", symbol, level: at, left: at, right: at + 1, chain: false });
const comparison = (symbol: string): Form => ({ kind: "infix", symbol, level: level.comparison, left: level.sum, right: level.sum, chain: false });
const logic = (symbol: string): Form => ({ kind: "infix", symbol, level: level.logic, left: level.comparison, right: level.comparison, chain: true });
const bits = (symbol: string): Form => ({ kind: "infix", symbol, level: level.loose, left: level.unary, right: level.unary, chain: false });
const absent: Form = { kind: "absent" };

const forms: Readonly<Record<Instruction, Form>> = {
  add: arithmetic("+", level.sum), sub: arithmetic("-", level.sum),
  mul: arithmetic("*", level.product), div: arithmetic("/", level.product), rem: arithmetic("%", level.product),
  neg: { kind: "prefix", symbol: "-" }, not: { kind: "prefix", symbol: "!" },
  abs: call("abs"), sign: absent, min: call("min"), max: call("max"), fma: absent,
  floor: call("floor"), ceil: call("ceil"), round: absent, trunc: absent,
  sqrt: call("sqrt"), inverse_sqrt: absent, exp: call("exp"), exp2: absent, log: call("log"), log2: call("log2"),
  sin: call("sin"), cos: call("cos"), pow: call("pow"), select: { kind: "choice" },
  eq: comparison("==="), ne: comparison("!=="), lt: comparison("<"), le: comparison("<="), gt: comparison(">"), ge: comparison(">="),
  is_nan: absent, is_inf: absent,
  and: logic("&&"), or: logic("||"),
  bit_and: bits("&"), bit_or: bits("|"), bit_xor: bits("^"), shift_left: bits("<<"), shift_right: bits(">>"),
};

function printConstant(scalar: DType, value: number): Printed {
  if (!Number.isFinite(value)) throw new InternalError("gpujs", `${value} has no literal; legalize first`);
  if (scalar === "bool") return atom(value === 0 ? "false" : "true");
  // Integral floats print without a point: GPU.js looks at the value, not at the spelling.
  const text = scalar === "f32" || scalar === "f16" ? String(Number(shortestFloat(value))) : String(value);
  return { text: text.replace("e+", "e"), level: text.startsWith("-") ? level.unary : primary };
}

/** An extent of the host: `this.constants.N`, and + * / of these. */
export function printExtent(tree: ExtentTree): Printed {
  if (typeof tree === "number") return printConstant("i32", tree);
  if (typeof tree === "string") return atom(`this.constants.${tree}`);
  const [operator, left, right] = tree;
  const at = operator === "+" ? level.sum : level.product;
  const text = `${operand(printExtent(left), at)} ${operator} ${operand(printExtent(right), at + 1)}`;
  return operator === "/" ? atom(`Math.floor(${text})`) : { text, level: at };
}

function printInstruction(e: Extract<Expression, { kind: "instruction" }>, printer: Printer): Printed {
  const form = forms[e.op];
  const [a, b, c] = e.args.map((arg) => printExpression(arg, printer));
  const first = required(a, "gpujs", `operand of ${e.op}`);
  switch (form.kind) {
    case "prefix":
      return { text: form.symbol + operand(first, level.unary + 1), level: level.unary };
    case "call":
      return atom(`${form.name}(${[a, b, c].flatMap((arg) => (arg ? [arg.text] : [])).join(", ")})`);
    case "choice": {
      const [yes, no] = [b, c].map((branch) => operand(required(branch, "gpujs", "branch of select"), level.logic));
      return { text: `${operand(first, level.logic)} ? ${yes} : ${no}`, level: level.loose };
    }
    case "infix": {
      const head = e.args[0];
      const chains = form.chain && head?.kind === "instruction" && head.op === e.op;
      const second = required(b, "gpujs", `second operand of ${e.op}`);
      return { text: `${operand(first, chains ? form.level : form.left)} ${form.symbol} ${operand(second, form.right)}`, level: form.level };
    }
    case "absent":
      throw new InternalError("gpujs", `instruction ${e.op}; legalize first`);
    default:
      return form satisfies never;
  }
}

/** Always two axes: a buffer without columns is one row. */
function printLoad(e: Extract<Expression, { kind: "load" }>, printer: Printer): Printed {
  const [row, column] = e.index.map((entry) => printExpression(entry, printer).text);
  const place = `${printer.name(e.buffer)}${column === undefined ? `[0][${row}]` : `[${row}][${column}]`}`;
  return e.type.scalar === "bool" ? { text: `${place} > 0.5`, level: level.comparison } : atom(place);
}

const builtinText: Readonly<Record<string, string>> = { thread_x: "this.thread.x", thread_y: "this.thread.y", thread_z: "this.thread.z" };

export function printExpression(e: Expression, printer: Printer): Printed {
  switch (e.kind) {
    case "const":
      return printConstant(e.type.scalar, e.value);
    case "ref":
      return atom(printer.name(e.name));
    case "extent":
      return printExtent(e.extent);
    case "builtin":
      return atom(required(builtinText[e.builtin], "gpujs", `${e.builtin} in a thread kernel`));
    case "load":
      return printLoad(e, printer);
    case "instruction":
      return printInstruction(e, printer);
    case "convert":
      // Numbers are floats already, and legalize.ts has truncated where an integer is asked for.
      return printExpression(e.arg, printer);
    case "element":
    case "subgroup":
    case "bitcast":
    case "splat":
    case "vector":
    case "lane":
      throw new InternalError("gpujs", `${e.kind} in a thread kernel`);
    default:
      return e satisfies never;
  }
}
