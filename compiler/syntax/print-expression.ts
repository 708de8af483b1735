/** Layout of expressions, for the formatter. */
import type { CommentPlacer } from "./comments.ts";
import { concat, group, hardLine, indent, type Layout, line, softLine, whenBroken } from "./layout.ts";
import { type Argument, type BinaryExpression, binaryPrecedence, type Block, type Expression, type IndexItem, leftSpine, type Parameter } from "./tree.ts";

/** What printing needs besides the tree. Parameter lists and blocks occur within expressions (in scans). */
export interface Printer {
  readonly comments: CommentPlacer;
  readonly parameters: (list: readonly Parameter[], end: number) => Layout;
  readonly block: (block: Block) => Layout;
}

/** `tight`: no blanks around `*` and `/`, as in shapes. */
export function printExpression(expression: Expression, printer: Printer, tight = false): Layout {
  switch (expression.kind) {
    case "number":
      return expression.text;
    case "boolean":
      return String(expression.value);
    case "none":
      return "none";
    case "ellipsis":
      return "...";
    case "string":
      return `"${expression.value}"`;
    case "name":
      return expression.name;
    case "reserved":
      return expression.word;
    case "unary":
      return concat(expression.operator === "-" ? "-" : "not ", printExpression(expression.operand, printer, tight));
    case "binary":
      return chain(expression, printer, tight);
    case "paren":
      return concat("(", printExpression(expression.inner, printer, tight), closing(expression.span.end, printer), ")");
    case "tuple":
      return items("(", expression.items, ")", expression.span.end, printer, (item) => printExpression(item, printer, tight));
    case "list":
      return items("[", expression.items, "]", expression.span.end, printer, (item) => printExpression(item, printer, tight));
    case "call":
      return concat(printExpression(expression.callee, printer, tight), items("(", expression.arguments, ")", expression.span.end, printer, (argument) => argumentLayout(argument, printer)));
    case "index":
      return concat(printExpression(expression.base, printer, tight), items("[", expression.items, "]", expression.span.end, printer, (item) => indexLayout(item, printer)));
    case "choice":
      return group(concat(
        // Deeper than what follows, so that a broken condition and its 'then' stay apart.
        "if ", indent(indent(printExpression(expression.condition, printer))), indent(concat(
          printer.comments.gap(expression.whenTrue.span.start, line), "then ", printExpression(expression.whenTrue, printer),
          printer.comments.gap(expression.whenFalse.span.start, line), "else ", printExpression(expression.whenFalse, printer),
        )),
      ));
    case "scan":
      return concat(
        `scan ${expression.elements.length === 1 ? (expression.elements[0]?.text ?? "") : `(${expression.elements.map((element) => element.text).join(", ")})`} in `, printExpression(expression.sequence, printer),
        expression.backwards ? " backwards" : "", expression.backwards?.condition ? concat(" if ", printExpression(expression.backwards.condition, printer)) : "", " with ",
        printer.parameters(expression.state, expression.body.span.start), " ", printer.block(expression.body),
      );
    case "error":
      return "";
    default:
      return expression satisfies never;
  }
}

const argumentLayout = (argument: Argument, printer: Printer): Layout =>
  concat(argument.name ? `${argument.name.text} = ` : "", printExpression(argument.value, printer));

function indexLayout(item: IndexItem, printer: Printer): Layout {
  if (item.kind === "ellipsis") return "...";
  if (item.kind === "element") return printExpression(item.value, printer, true);
  const [start, stop, step] = [item.start, item.stop, item.step].map((part) => (part ? printExpression(part, printer, true) : ""));
  return concat(start ?? "", ":", stop ?? "", item.step ? concat(":", step ?? "") : "");
}

/** Comments left before a closing bracket. */
const closing = (end: number, { comments }: Printer): Layout => comments.gap(end, "");

function items<T extends { readonly span: { readonly start: number } }>(open: string, list: readonly T[], close: string, end: number, printer: Printer, print: (item: T) => Layout): Layout {
  const parts: Layout[] = [];
  for (const [i, item] of list.entries()) {
    const gap = printer.comments.gap(item.span.start, i === 0 ? softLine : line);
    parts.push(gap, print(item), i + 1 < list.length ? "," : whenBroken(","));
  }
  const rest = printer.comments.take(end);
  if (list.length === 0 && rest.length === 0) return `${open}${close}`;
  for (const comment of rest) parts.push(printer.comments.ownLine(comment) ? hardLine : " ", comment.text);
  return group(concat(open, indent(concat(...parts)), rest.length > 0 ? hardLine : softLine, close));
}

/** A chain breaks before its loosest operators only; what binds tighter stays together. */
function chain(expression: BinaryExpression, printer: Printer, tight: boolean): Layout {
  const { first, links } = leftSpine(expression);
  const loosest = Math.min(...links.map((link) => binaryPrecedence[link.operator]));
  const parts: Layout[] = [printExpression(first, printer, tight)];
  for (const link of links) {
    const breaks = binaryPrecedence[link.operator] === loosest;
    const close = tight && (link.operator === "*" || link.operator === "/");
    const gap = printer.comments.gap(link.right.span.start, close ? "" : breaks ? line : " ");
    parts.push(gap, link.operator, close ? "" : " ", printExpression(link.right, printer, tight));
  }
  return group(concat(...parts));
}
