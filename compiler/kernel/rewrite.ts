/** Rebuilding nodes of kernel IR with other operands: the one place that knows what each kind of them holds. Walks without changes are in traverse.ts. */
import type { Expression, Statement } from "./node.ts";

/** The expression with `change` applied to its operands. */
export function withOperands(e: Expression, change: (operand: Expression) => Expression): Expression {
  switch (e.kind) {
    case "load":
      return { ...e, index: e.index.map(change) };
    case "element":
      return { ...e, index: change(e.index) };
    case "instruction":
    case "vector":
      return { ...e, args: e.args.map(change) };
    case "subgroup":
    case "convert":
    case "bitcast":
    case "splat":
    case "lane":
      return { ...e, arg: change(e.arg) };
    case "const":
    case "ref":
    case "extent":
    case "builtin":
      return e;
    default:
      return e satisfies never;
  }
}

/** The statement with `change` applied to its expressions, and `nested` to the blocks in it. */
export function withExpressions(statement: Statement, change: (e: Expression) => Expression, nested: (block: readonly Statement[]) => readonly Statement[]): Statement {
  switch (statement.kind) {
    case "let":
    case "var":
    case "assign":
      return { ...statement, value: change(statement.value) };
    case "set":
      return { ...statement, index: change(statement.index), value: change(statement.value) };
    case "store":
      return { ...statement, index: statement.index.map(change), value: change(statement.value) };
    case "for":
      return { ...statement, start: change(statement.start), end: change(statement.end), step: change(statement.step), body: nested(statement.body) };
    case "if":
      return { ...statement, condition: change(statement.condition), then: nested(statement.then), otherwise: nested(statement.otherwise) };
    case "array":
    case "barrier":
    case "comment":
      return statement;
    default:
      return statement satisfies never;
  }
}
