/**
 * The text form of kernel IR (`.kernel`), as spec/kernel-ir.md defines it. parse.ts reads it back: print, parse, print
 * gives the same text, and verified kernels come back as the same nodes.
 */
import type { ExtentTree } from "../ir/extent.ts";
import type { Expression, Instruction, Kernel, KernelModule, Statement, ValueType } from "./node.ts";
import { shortestFloat } from "./numbers.ts";

/** Operators of the text form; higher binds tighter. Instructions without an entry print as calls. */
export const infixOperators: ReadonlyMap<Instruction, { readonly symbol: string; readonly precedence: number }> = new Map([
  ["or", { symbol: "||", precedence: 1 }],
  ["and", { symbol: "&&", precedence: 2 }],
  ["eq", { symbol: "==", precedence: 3 }],
  ["ne", { symbol: "!=", precedence: 3 }],
  ["lt", { symbol: "<", precedence: 3 }],
  ["le", { symbol: "<=", precedence: 3 }],
  ["gt", { symbol: ">", precedence: 3 }],
  ["ge", { symbol: ">=", precedence: 3 }],
  ["add", { symbol: "+", precedence: 4 }],
  ["sub", { symbol: "-", precedence: 4 }],
  ["mul", { symbol: "*", precedence: 5 }],
  ["div", { symbol: "/", precedence: 5 }],
  ["rem", { symbol: "%", precedence: 5 }],
]);

/** `f32`, `i32x4`. */
export const printValueType = (type: ValueType): string => (type.lanes === 1 ? type.scalar : `${type.scalar}x${type.lanes}`);

const extentPrecedence = { "+": 1, "*": 2, "/": 2 } as const;

/** The tree as infix text; parentheses keep its exact structure. */
export function printExtentTree(tree: ExtentTree, above = 0): string {
  if (!Array.isArray(tree)) return String(tree);
  const [operator, left, right] = tree as readonly ["+" | "*" | "/", ExtentTree, ExtentTree];
  const precedence = extentPrecedence[operator];
  const text = `${printExtentTree(left, precedence)} ${operator} ${printExtentTree(right, precedence + 1)}`;
  return precedence < above ? `(${text})` : text;
}

function printConstant(scalar: ValueType["scalar"], value: number): string {
  switch (scalar) {
    case "bool": return value === 0 ? "false" : "true";
    case "i32": return String(value);
    case "u32": return `${value}u`;
    case "f16":
    case "f32": {
      const suffix = scalar === "f16" ? "h" : "";
      if (Number.isNaN(value)) return `nan${suffix}`;
      return Number.isFinite(value) ? `${shortestFloat(value)}${suffix}` : `${value < 0 ? "-" : ""}inf${suffix}`;
    }
    default: return scalar satisfies never;
  }
}

export const laneNames = ["x", "y", "z", "w"] as const;

function printIndex(index: readonly Expression[], lanes: number): string {
  const axes = index.map((entry) => printExpression(entry)).join(", ");
  return lanes === 1 ? `[${axes}]` : `[${axes} : ${lanes}]`;
}

const call = (name: string, args: readonly Expression[]): string => `${name}(${args.map((arg) => printExpression(arg)).join(", ")})`;

/** `above`: precedence of the operator around; what binds less tightly gets parentheses. */
export function printExpression(e: Expression, above = 0): string {
  switch (e.kind) {
    case "const":
      return printConstant(e.type.scalar, e.value);
    case "ref":
      return e.name;
    case "extent":
      return typeof e.extent === "string" ? `#${e.extent}` : `#(${printExtentTree(e.extent)})`;
    case "builtin":
      return e.builtin;
    case "load":
      return e.buffer + printIndex(e.index, e.type.lanes);
    case "element":
      return e.array + printIndex([e.index], 1);
    case "instruction": {
      const operator = infixOperators.get(e.op);
      const [left, right] = e.args;
      if (!operator || !left || !right || e.args.length !== 2) return call(e.op, e.args);
      const text = `${printExpression(left, operator.precedence)} ${operator.symbol} ${printExpression(right, operator.precedence + 1)}`;
      return operator.precedence < above ? `(${text})` : text;
    }
    case "subgroup":
      return call(e.op, [e.arg]);
    case "convert":
      return call(e.type.scalar, [e.arg]);
    case "bitcast":
      return call(`bits_${e.type.scalar}`, [e.arg]);
    case "splat":
      return call(`splat${e.type.lanes}`, [e.arg]);
    case "vector":
      return call(`vec${e.type.lanes}`, e.args);
    case "lane":
      // A name or a call takes the suffix as it is; operators need parentheses, which precedence 6 asks for.
      return `${printExpression(e.arg, 6)}.${laneNames[e.lane] ?? e.lane}`;
    default:
      return e satisfies never;
  }
}

function printBlock(statements: readonly Statement[], indent: string): string {
  return statements.map((statement) => `${printStatement(statement, indent)}\n`).join("");
}

/** One statement, without the final line break. */
export function printStatement(statement: Statement, indent = ""): string {
  const inner = `${indent}  `;
  switch (statement.kind) {
    case "let":
    case "var":
      return `${indent}${statement.kind} ${statement.name} = ${printExpression(statement.value)}`;
    case "assign":
      return `${indent}${statement.name} = ${printExpression(statement.value)}`;
    case "array":
      return `${indent}array ${statement.name}: ${printValueType(statement.type)}[${statement.length}]`;
    case "set":
      return `${indent}${statement.array}${printIndex([statement.index], 1)} = ${printExpression(statement.value)}`;
    case "store":
      return `${indent}${statement.buffer}${printIndex(statement.index, 1)} = ${printExpression(statement.value)}`;
    case "for": {
      const step = statement.step.kind === "const" && statement.step.value === 1 ? "" : ` step ${printExpression(statement.step)}`;
      const header = `for ${statement.name} in ${printExpression(statement.start)} .. ${printExpression(statement.end)}${step}`;
      return `${indent}${header}${statement.unroll ? " unroll" : ""} {\n${printBlock(statement.body, inner)}${indent}}`;
    }
    case "if": {
      const otherwise = statement.otherwise.length === 0 ? "" : ` else {\n${printBlock(statement.otherwise, inner)}${indent}}`;
      return `${indent}if ${printExpression(statement.condition)} {\n${printBlock(statement.then, inner)}${indent}}${otherwise}`;
    }
    case "barrier":
      return `${indent}barrier`;
    case "comment":
      return `${indent}// ${statement.text}`.trimEnd();
    default:
      return statement satisfies never;
  }
}

export function printKernel(kernel: Kernel): string {
  const lines = [`kernel ${kernel.name} {`];
  lines.push(kernel.mode === "thread" ? "  thread" : `  workgroup ${kernel.workgroupSize}`);
  lines.push(`  grid ${kernel.grid.map((axis) => printExtentTree(axis)).join(", ")}`);
  if (kernel.extents.length > 0) lines.push(`  extents ${kernel.extents.join(", ")}`);
  for (const buffer of kernel.buffers) {
    const type = printValueType({ scalar: buffer.dtype, lanes: buffer.lanes });
    const columns = buffer.columns === undefined ? "" : ` columns ${printExtentTree(buffer.columns)}`;
    lines.push(`  ${buffer.access} ${buffer.name}: ${type}[${printExtentTree(buffer.length)}]${columns}`);
  }
  for (const shared of kernel.workgroupArrays) lines.push(`  shared ${shared.name}: ${printValueType(shared.type)}[${shared.length}]`);
  return `${lines.join("\n")}\n\n${printBlock(kernel.body, "  ")}}\n`;
}

export const printModule = (module: KernelModule): string => module.kernels.map(printKernel).join("\n");
