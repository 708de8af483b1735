/**
 * Unrolls loops that are marked `unroll` and whose bounds are literals, on nodes, before printing. Names declared in
 * the body get the iteration as a suffix, so that names stay unique.
 */
import type { Expression, Kernel, Statement } from "./node.ts";
import { i32 } from "./node.ts";
import { freshName } from "./names.ts";
import { noFacts } from "./ranges.ts";
import { withOperands } from "./rewrite.ts";
import { rebuild } from "./simplify.ts";
import { declaredNames, visitStatements } from "./traverse.ts";

/** Iterations times statements beyond which a loop stays a loop, to keep the text readable. */
const largestUnrolledBody = 160;

type Loop = Extract<Statement, { kind: "for" }>;

function countStatements(statements: readonly Statement[]): number {
  let count = 0;
  visitStatements(statements, (statement) => {
    if (statement.kind !== "comment") count++;
  });
  return count;
}

/** Values of the counter, when the bounds are literals and the result stays small. */
function iterations(loop: Loop): readonly number[] | undefined {
  if (!loop.unroll || loop.start.kind !== "const" || loop.end.kind !== "const" || loop.step.kind !== "const" || loop.step.value < 1) return undefined;
  const values: number[] = [];
  for (let i = loop.start.value; i < loop.end.value; i += loop.step.value) {
    values.push(i);
    if (values.length * countStatements(loop.body) > largestUnrolledBody) return undefined;
  }
  return values;
}

/** The statements with names replaced; `renamed` maps declared names (also of vars and arrays) to new ones. */
function copy(statements: readonly Statement[], replacements: ReadonlyMap<string, Expression>, renamed: ReadonlyMap<string, string>): readonly Statement[] {
  const again = (e: Expression): Expression => renameArrays(rebuild(e, noFacts, replacements), renamed);
  const named = (name: string): string => renamed.get(name) ?? name;
  return statements.map((statement): Statement => {
    switch (statement.kind) {
      case "let":
      case "var":
      case "assign":
        return { ...statement, name: named(statement.name), value: again(statement.value) };
      case "array":
        return { ...statement, name: named(statement.name) };
      case "set":
        return { ...statement, array: named(statement.array), index: again(statement.index), value: again(statement.value) };
      case "store":
        return { ...statement, index: statement.index.map(again), value: again(statement.value) };
      case "for":
        return { ...statement, name: named(statement.name), start: again(statement.start), end: again(statement.end), step: again(statement.step), body: copy(statement.body, replacements, renamed) };
      case "if":
        return { ...statement, condition: again(statement.condition), then: copy(statement.then, replacements, renamed), otherwise: copy(statement.otherwise, replacements, renamed) };
      case "barrier":
      case "comment":
        return statement;
      default:
        return statement satisfies never;
    }
  });
}

function renameArrays(e: Expression, renamed: ReadonlyMap<string, string>): Expression {
  return withOperands(e.kind === "element" ? { ...e, array: renamed.get(e.array) ?? e.array } : e, (operand) => renameArrays(operand, renamed));
}

function unrollLoop(loop: Loop, values: readonly number[], taken: Set<string>): readonly Statement[] {
  const uncommented = loop.body.filter((statement) => statement.kind !== "comment");
  return values.flatMap((value, turn) => {
    const replacements = new Map<string, Expression>([[loop.name, { kind: "const", type: i32, value }]]);
    const renamed = new Map<string, string>();
    visitStatements(loop.body, (statement) => {
      if (statement.kind !== "let" && statement.kind !== "var" && statement.kind !== "array" && statement.kind !== "for") return;
      const name = freshName(`${statement.name}_${value}`, taken);
      renamed.set(statement.name, name);
      if (statement.kind === "for") replacements.set(statement.name, { kind: "ref", type: i32, name });
      else if (statement.kind !== "array") replacements.set(statement.name, { kind: "ref", type: statement.value.type, name });
    });
    return copy(turn === 0 ? loop.body : uncommented, replacements, renamed);
  });
}

function unrollBlock(statements: readonly Statement[], taken: Set<string>): readonly Statement[] {
  return statements.flatMap((statement): readonly Statement[] => {
    if (statement.kind === "if") return [{ ...statement, then: unrollBlock(statement.then, taken), otherwise: unrollBlock(statement.otherwise, taken) }];
    if (statement.kind !== "for") return [statement];
    const loop = { ...statement, body: unrollBlock(statement.body, taken) };
    const values = iterations(loop);
    return values ? unrollLoop(loop, values, taken) : [loop];
  });
}

/** The kernel with its small marked loops written out; the same object when none is marked. */
export function unroll(kernel: Kernel): Kernel {
  let marked = false;
  visitStatements(kernel.body, (statement) => {
    marked ||= statement.kind === "for" && statement.unroll;
  });
  return marked ? { ...kernel, body: unrollBlock(kernel.body, declaredNames(kernel)) } : kernel;
}
