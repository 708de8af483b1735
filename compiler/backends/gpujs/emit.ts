/**
 * Prints a thread kernel as the source text of one GPU.js function: its arguments are the buffers that it reads, in
 * order, each as rows by columns; the store is its return value. Written for the intersection of all modes: bounds are
 * literals or constants, counters step with `+= n`, names are unique, and there is no literal for NaN or infinity.
 */
import { InternalError } from "../../errors.ts";
import type { ExtentTree } from "../../ir/extent.ts";
import { legalize } from "../../kernel/legalize.ts";
import { freshName } from "../../kernel/names.ts";
import type { Expression, Kernel, Statement } from "../../kernel/node.ts";
import { Lines } from "../text.ts";
import { type Printer, printExpression, printExtent } from "./expression.ts";

const reserved =
  "arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof undefined var void while with yield Math Infinity NaN";

function nameTable(): (name: string) => string {
  const taken = new Set(reserved.split(" "));
  const given = new Map<string, string>();
  return (name) => {
    const fresh = given.get(name) ?? freshName(name, taken);
    given.set(name, fresh);
    return fresh;
  };
}

/**
 * GPU.js runs a loop to its end only if the bound is a literal or a constant; sums and products of constants it cuts
 * at 1000 turns without a word. A call counts as a constant for it, whatever its argument.
 */
function loopEnd(end: Expression, printer: Printer): string {
  const tree: ExtentTree | undefined = end.kind === "extent" ? end.extent : undefined;
  if (tree === undefined || typeof tree === "string") return printExpression(end, printer).text;
  const { text } = printExtent(tree);
  return text.startsWith("Math.floor(") ? text : `Math.floor(${text})`;
}

function emitStatement(statement: Statement, lines: Lines, printer: Printer): void {
  const text = (e: Expression): string => printExpression(e, printer).text;
  const body = (statements: readonly Statement[]) => (): void => {
    for (const inner of statements) emitStatement(inner, lines, printer);
  };
  switch (statement.kind) {
    case "let":
      return lines.add(`const ${printer.name(statement.name)} = ${text(statement.value)};`);
    case "var":
      return lines.add(`let ${printer.name(statement.name)} = ${text(statement.value)};`);
    case "assign":
      return lines.add(`${printer.name(statement.name)} = ${text(statement.value)};`);
    case "store":
      return lines.add(statement.value.type.scalar === "bool" ? `return ${text(statement.value)} ? 1 : 0;` : `return ${text(statement.value)};`);
    case "for": {
      const name = printer.name(statement.name);
      return lines.block(`for (let ${name} = ${text(statement.start)}; ${name} < ${loopEnd(statement.end, printer)}; ${name} += ${text(statement.step)}) {`, body(statement.body));
    }
    case "if":
      return lines.branch(`if (${text(statement.condition)}) {`, body(statement.then), statement.otherwise.length > 0 ? body(statement.otherwise) : undefined);
    case "comment":
      return lines.add(`// ${statement.text}`);
    case "array":
    case "set":
    case "barrier":
      throw new InternalError("gpujs", `${statement.kind} in a thread kernel`);
    default:
      return statement satisfies never;
  }
}

/** Source text of a verified thread kernel. throws: InternalError for a workgroup kernel. */
export function emitGpuJs(source: Kernel): string {
  if (source.mode !== "thread") throw new InternalError("gpujs", `${source.name} is a workgroup kernel`);
  const kernel = legalize(source, "gpujs");
  const printer: Printer = { name: nameTable() };
  const lines = new Lines();
  const name = printer.name(kernel.name);
  const inputs = kernel.buffers.filter((buffer) => buffer.access === "read").map((buffer) => printer.name(buffer.name));
  lines.block(`function ${name}(${inputs.join(", ")}) {`, () => {
    for (const statement of kernel.body) emitStatement(statement, lines, printer);
  });
  return lines.text();
}
