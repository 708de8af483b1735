/** The names that an expression reads, without asking what they mean. For the checker, where a side of an `if` is not evaluated. */
import type { Expression, IndexItem } from "./tree.ts";

/** Every name in the expression, in no order. cost: linear; iterative, since chains may be long. */
export function namesIn(expression: Expression): Set<string> {
  const names = new Set<string>();
  const open: Expression[] = [expression];
  for (let at = open.pop(); at; at = open.pop()) {
    if (at.kind === "name") names.add(at.name);
    open.push(...partsOf(at));
  }
  return names;
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "call":
      return [expression.callee, ...expression.arguments.map(({ value }) => value)];
    case "index":
      return [expression.base, ...expression.items.flatMap(indexParts)];
    case "unary":
      return [expression.operand];
    case "binary":
      return [expression.left, expression.right];
    case "paren":
      return [expression.inner];
    case "tuple":
    case "list":
      return expression.items;
    case "choice":
      return [expression.condition, expression.whenTrue, expression.whenFalse];
    case "scan":
      return [
        expression.sequence, ...(expression.backwards?.condition ? [expression.backwards.condition] : []), ...expression.state.flatMap((carry) => carry.default ?? []),
        ...expression.body.statements.flatMap((statement) => (statement.kind === "let" || statement.kind === "next" || statement.kind === "emit" || statement.kind === "return" ? [statement.value] : [])),
      ];
    case "number":
    case "boolean":
    case "string":
    case "name":
    case "none":
    case "ellipsis":
    case "reserved":
    case "error":
      return [];
    default:
      return expression satisfies never;
  }
}

function indexParts(item: IndexItem): readonly Expression[] {
  if (item.kind === "ellipsis") return [];
  return item.kind === "element" ? [item.value] : [item.start, item.stop, item.step].flatMap((part) => (part ? [part] : []));
}
