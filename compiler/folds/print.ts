/** Text of the index-space level, for dumps and golden files. */
import { type Expr, operandsOf, type Range, visit } from "./expression.ts";
import type { Definition, Program, Recurrence } from "./node.ts";
import { printType } from "../ir/types.ts";
import type { Instruction } from "../kernel/node.ts";

const infix: Partial<Record<Instruction, { readonly text: string; readonly level: number }>> = {
  or: { text: "or", level: 1 }, and: { text: "and", level: 2 },
  eq: { text: "==", level: 3 }, ne: { text: "!=", level: 3 }, lt: { text: "<", level: 3 }, le: { text: "<=", level: 3 }, gt: { text: ">", level: 3 }, ge: { text: ">=", level: 3 },
  add: { text: "+", level: 4 }, sub: { text: "-", level: 4 }, mul: { text: "*", level: 5 }, div: { text: "/", level: 5 }, rem: { text: "%", level: 5 },
};

/** Expressions of more nodes than this, counted as a tree, name their shared parts. */
const plainSize = 64;

/** An expression as text: with shared parts, where it is large, as `%0 = ...; %1 = ...; value`, each part once. cost: linear in the distinct nodes. */
export function printExpr(expr: Expr): string {
  const names = new Map<Expr, string>();
  const lets = sharedParts(expr).map((part, i) => {
    const text = `%${i} = ${print(part, 0, names)}`;
    names.set(part, `%${i}`);
    return text;
  });
  return [...lets, print(expr, 0, names)].join("; ");
}

/** What is printed apart: operations that several others use, operands first; nothing in a small expression. */
function sharedParts(expr: Expr): readonly Expr[] {
  const size = new Map<Expr, number>();
  const uses = new Map<Expr, number>();
  visit(expr, (node) => {
    const operands = operandsOf(node);
    size.set(node, operands.reduce((sum, operand) => sum + (size.get(operand) ?? 1), 1));
    for (const operand of operands) uses.set(operand, (uses.get(operand) ?? 0) + 1);
  });
  if ((size.get(expr) ?? 1) <= plainSize) return [];
  return [...size.keys()].filter((node) => node !== expr && (uses.get(node) ?? 0) > 1 && operandsOf(node).length > 0 && node.kind !== "load");
}

function print(expr: Expr, level: number, names: ReadonlyMap<Expr, string>): string {
  const name = names.get(expr);
  if (name !== undefined) return name;
  switch (expr.kind) {
    case "const":
      return Object.is(expr.value, -0) ? "-0" : String(expr.value);
    case "extent":
      return level > 3 && expr.extent.terms.length > 1 ? `(${expr.extent.key})` : expr.extent.key;
    case "index":
      return rangeName(expr.range);
    case "load":
      return `${expr.source}[${expr.indices.map((index) => print(index, 0, names)).join(", ")}]`;
    case "convert":
    case "bitcast":
      return `${expr.kind === "bitcast" ? "bits_" : ""}${expr.dtype}(${print(expr.arg, 0, names)})`;
    case "apply": {
      const operator = infix[expr.op];
      const [a, b] = expr.args;
      if (operator && a && b) {
        const text = `${print(a, operator.level, names)} ${operator.text} ${print(b, operator.level + 1, names)}`;
        return level > operator.level ? `(${text})` : text;
      }
      if (expr.op === "neg" && a) return `-${print(a, 6, names)}`;
      return `${expr.op}(${expr.args.map((arg) => print(arg, 0, names)).join(", ")})`;
    }
    default:
      return expr satisfies never;
  }
}

const boxText = (box: readonly Range[]): string => box.map((range) => `${rangeName(range)} < ${range.extent.key}`).join(", ");

function resultText({ name, results }: Recurrence, result: number): string {
  const found = results[result];
  return found?.kind === "carry" ? `${found.carry} after the last step of ${name}` : `${found?.value} of each step of ${name}`;
}

/** A recurrence before its first result: the carries as they begin and go on, then one step. */
function printRecurrence({ name, step, carries, body }: Recurrence): string[] {
  return [
    `  ${name} for ${rangeName(step)} < ${step.extent.key}`,
    ...carries.map((carry) => `    carry ${carry.name}: ${carry.dtype}[${boxText(carry.box)}] = ${printExpr(carry.initial)}, then ${carry.next}`),
    ...body.map((definition) => `    ${printDefinition(definition)}`),
  ];
}

const rangeName = (range: { readonly name: string; readonly id: number }): string => `${range.name}${range.id}`;

export function printDefinition(definition: Definition): string {
  const box = boxText(definition.box);
  if (definition.recurrence) return `${definition.name}: ${definition.dtype}[${box}] = ${resultText(definition.recurrence.of, definition.recurrence.result)}`;
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
    ...program.definitions.flatMap((definition, i) => {
      const of = definition.recurrence?.of;
      const isFirst = of !== undefined && program.definitions.findIndex((other) => other.recurrence?.of === of) === i;
      return [...(isFirst ? printRecurrence(of) : []), `  ${printDefinition(definition)}`];
    }),
    ...program.outputs.map((output) => `  output ${output.name} = ${output.definition}`),
    "",
  ].join("\n");
}
