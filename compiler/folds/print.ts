/** Text of the index-space level, for dumps and golden files. */
import { type Expr } from "./expression.ts";
import type { Definition, Program } from "./node.ts";
import { printType } from "../ir/types.ts";
import type { Instruction } from "../kernel/node.ts";

const infix: Partial<Record<Instruction, { readonly text: string; readonly level: number }>> = {
  or: { text: "or", level: 1 }, and: { text: "and", level: 2 },
  eq: { text: "==", level: 3 }, ne: { text: "!=", level: 3 }, lt: { text: "<", level: 3 }, le: { text: "<=", level: 3 }, gt: { text: ">", level: 3 }, ge: { text: ">=", level: 3 },
  add: { text: "+", level: 4 }, sub: { text: "-", level: 4 }, mul: { text: "*", level: 5 }, div: { text: "/", level: 5 }, rem: { text: "%", level: 5 },
};

export function printExpr(expr: Expr, level = 0): string {
  switch (expr.kind) {
    case "const":
      return Object.is(expr.value, -0) ? "-0" : String(expr.value);
    case "extent":
      return level > 3 && expr.extent.terms.length > 1 ? `(${expr.extent.key})` : expr.extent.key;
    case "index":
      return rangeName(expr.range);
    case "load":
      return `${expr.source}[${expr.indices.map((index) => printExpr(index)).join(", ")}]`;
    case "convert":
    case "bitcast":
      return `${expr.kind === "bitcast" ? "bits_" : ""}${expr.dtype}(${printExpr(expr.arg)})`;
    case "apply": {
      const operator = infix[expr.op];
      const [a, b] = expr.args;
      if (operator && a && b) {
        const text = `${printExpr(a, operator.level)} ${operator.text} ${printExpr(b, operator.level + 1)}`;
        return level > operator.level ? `(${text})` : text;
      }
      if (expr.op === "neg" && a) return `-${printExpr(a, 6)}`;
      return `${expr.op}(${expr.args.map((arg) => printExpr(arg)).join(", ")})`;
    }
    default:
      return expr satisfies never;
  }
}

const rangeName = (range: { readonly name: string; readonly id: number }): string => `${range.name}${range.id}`;

export function printDefinition(definition: Definition): string {
  const box = definition.box.map((range) => `${rangeName(range)} < ${range.extent.key}`).join(", ");
  const fold = definition.fold;
  const body = fold
    ? `${fold.monoid} { ${fold.ranges.map((range) => `${rangeName(range)} < ${range.extent.key}`).join(", ")} } ${printExpr(definition.body)}`
    : printExpr(definition.body);
  return `${definition.name}: ${definition.dtype}[${box}] = ${body}`;
}

export function printProgram(program: Program): string {
  return [
    `program ${program.name}`,
    ...program.sources.map((source) => `  ${source.role} ${source.name}: ${printType(source.type)}`),
    ...program.definitions.map((definition) => `  ${printDefinition(definition)}`),
    ...program.outputs.map((output) => `  output ${output.name} = ${output.definition}`),
    "",
  ].join("\n");
}
