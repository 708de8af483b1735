/**
 * The formatter: one layout for every program. Prints from the syntax tree, keeps all comments, and is idempotent.
 * Lines of at most 100 columns where the text allows it, two spaces a level.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile } from "../source/source-file.ts";
import { CommentPlacer } from "./comments.ts";
import { concat, group, hardLine, indent, type Layout, line, render, softLine, whenBroken } from "./layout.ts";
import { parse } from "./parse.ts";
import { printExpression, type Printer } from "./print-expression.ts";
import type { Block, Declaration, Expression, FunctionDeclaration, Name, Parameter, ResultSyntax, Statement, SyntaxTree, TypeSyntax } from "./tree.ts";

const width = 100;

export type FormatResult = { readonly text: string } | { readonly diagnostics: readonly Diagnostic[] };

/** Formats a file; a file with syntax errors is left alone and its diagnostics are returned. */
export function format(file: SourceFile): FormatResult {
  const { tree, diagnostics } = parse(file);
  return diagnostics.length > 0 ? { diagnostics } : { text: printTree(tree) };
}

/** The text of a tree without syntax errors. Ends in a newline unless empty. */
export function printTree(tree: SyntaxTree): string {
  const placer = new CommentPlacer(tree.file.text, tree.comments);
  const printer: Printer = { comments: placer, parameters: (list, end) => parametersLayout(list, end, printer), block: (block) => blockLayout(block, printer) };
  const parts: Layout[] = [];
  let before: Declaration | undefined;
  for (const declaration of tree.declarations) {
    const leading = leadingLayout(declaration.span.start, printer, before === undefined, isShort(before) && isShort(declaration) && before?.kind === declaration.kind);
    parts.push(leading, declarationLayout(declaration, printer), trailingLayout(declaration.span.end, printer), hardLine);
    before = declaration;
  }
  const rest = placer.take(Number.POSITIVE_INFINITY);
  for (const [i, comment] of rest.entries()) {
    if (before !== undefined || i > 0) if (placer.blankAbove(comment.start)) parts.push(hardLine);
    parts.push(comment.text, hardLine);
  }
  return render(concat(...parts), width);
}

/** Declarations of one line, which may follow each other without a blank line. */
const isShort = (declaration: Declaration | undefined): boolean => declaration?.kind === "import" || declaration?.kind === "const";

/** Comments above a declaration, and the blank line that parts it from what is before. */
function leadingLayout(start: number, { comments }: Printer, isFirst: boolean, mayTouch: boolean): Layout {
  const waiting = comments.take(start);
  const parts: Layout[] = [];
  for (const [i, comment] of waiting.entries()) {
    if (i === 0 ? !isFirst : comments.blankAbove(comment.start)) parts.push(hardLine);
    parts.push(comment.text, hardLine);
  }
  if (waiting.length > 0 ? comments.blankAbove(start) : !isFirst && (!mayTouch || comments.blankAbove(start))) parts.push(hardLine);
  return concat(...parts);
}

const trailingLayout = (end: number, { comments }: Printer): Layout => concat(...comments.takeTrailing(end).map((comment, i) => concat(i === 0 ? " " : hardLine, comment.text)));

function declarationLayout(declaration: Declaration, printer: Printer): Layout {
  switch (declaration.kind) {
    case "import": {
      const names = declaration.names && (declaration.names.length === 0 ? "{}" : `{ ${declaration.names.map((name) => name.text).join(", ")} }`);
      return `import ${names === undefined ? "" : `${names} from `}"${declaration.specifier}"`;
    }
    case "const":
      return concat(`const ${declaration.name.text}`, annotation(declaration.type, printer), valueLayout(declaration.value, printer));
    case "fn":
    case "layer":
    case "model":
      return functionLayout(declaration, printer);
    case "train":
      return concat(
        `train ${declaration.name.text} for ${declaration.model.text}${extentsText(declaration.extents)}`,
        parametersLayout(declaration.parameters, declaration.body.span.start, printer), " ", blockLayout(declaration.body, printer),
      );
    default:
      return declaration satisfies never;
  }
}

const extentsText = (extents: readonly Name[] | undefined): string => (extents === undefined ? "" : `[${extents.map((name) => name.text).join(", ")}]`);

function functionLayout(declaration: FunctionDeclaration, printer: Printer): Layout {
  const { result, body, constraint } = declaration;
  const bodyStart = body.kind === "block" ? body.block.span.start : body.value.span.start;
  const parameters = parametersLayout(declaration.parameters, result?.span.start ?? bodyStart, printer);
  const results = result ? concat(" -> ", resultLayout(result, printer)) : "";
  return concat(
    `${declaration.kind} ${declaration.name.text}${extentsText(declaration.extents)}`, parameters, results,
    constraint ? group(indent(concat(printer.comments.gap(constraint.span.start, line), "where ", indent(printExpression(constraint, printer))))) : "",
    body.kind === "block" ? concat(" ", blockLayout(body.block, printer)) : valueLayout(body.value, printer),
  );
}

function resultLayout(result: ResultSyntax, printer: Printer): Layout {
  const [only] = result.items;
  if (result.single && only) return typeLayout(only.type, printer);
  return bracketed(result.items, result.span.end, printer, (item) => concat(item.name ? `${item.name.text}: ` : "", typeLayout(item.type, printer)));
}

const parametersLayout = (list: readonly Parameter[], end: number, printer: Printer): Layout =>
  bracketed(list, end, printer, (parameter) =>
    concat(parameter.name.text, annotation(parameter.type, printer), parameter.default ? concat(" = ", printExpression(parameter.default, printer)) : ""));

/** Items between parentheses with their comments: on one line, or each on its own with a comma after the last. */
function bracketed<T extends { readonly span: { readonly start: number } }>(list: readonly T[], end: number, printer: Printer, print: (item: T) => Layout): Layout {
  if (list.length === 0) return concat("(", printer.comments.gap(end, ""), ")");
  const body: Layout[] = [];
  for (const [i, item] of list.entries()) {
    body.push(printer.comments.gap(item.span.start, i === 0 ? softLine : line));
    body.push(print(item));
    body.push(i + 1 < list.length ? "," : whenBroken(","));
  }
  const rest = printer.comments.take(end);
  for (const comment of rest) body.push(printer.comments.ownLine(comment) ? hardLine : " ", comment.text);
  return group(concat("(", indent(concat(...body)), rest.length > 0 ? hardLine : softLine, ")"));
}

const annotation = (type: TypeSyntax | undefined, printer: Printer): Layout => (type ? concat(": ", typeLayout(type, printer)) : "");

function typeLayout(type: TypeSyntax, printer: Printer): Layout {
  if (type.shape === undefined) return type.name.text;
  const items = type.shape.map((item) => (item.kind === "ellipsis" ? "..." : printExpression(item.value, printer, true)));
  return concat(type.name.text, "[", ...items.flatMap((item, i) => (i === 0 ? [item] : [", ", item])), "]");
}

/** ` = value`; a chain of operators that does not fit moves to lines of its own, indented. */
function valueLayout(value: Expression, printer: Printer): Layout {
  const isChain = value.kind === "binary";
  const gap = printer.comments.gap(value.span.start, isChain ? line : " ");
  const inner = printExpression(value, printer);
  return isChain || gap !== " " ? group(concat(" =", indent(concat(gap, inner)))) : concat(" = ", inner);
}

function blockLayout(block: Block, printer: Printer): Layout {
  const { comments } = printer;
  const parts: Layout[] = [];
  for (const [i, statement] of block.statements.entries()) {
    const waiting = comments.take(statement.span.start);
    for (const [k, comment] of waiting.entries()) {
      if ((i > 0 || k > 0) && comments.blankAbove(comment.start)) parts.push(hardLine);
      parts.push(hardLine, comment.text);
    }
    if ((i > 0 || waiting.length > 0) && comments.blankAbove(statement.span.start)) parts.push(hardLine);
    parts.push(hardLine, statementLayout(statement, printer), trailingLayout(statement.span.end, printer));
  }
  const rest = comments.take(block.span.end);
  for (const [k, comment] of rest.entries()) {
    if ((block.statements.length > 0 || k > 0) && comments.blankAbove(comment.start)) parts.push(hardLine);
    parts.push(hardLine, comment.text);
  }
  return parts.length === 0 ? "{}" : concat("{", indent(concat(...parts)), hardLine, "}");
}

/** A value after its word; a scan's block stands below the word itself. */
const hung = (value: Expression, printer: Printer): Layout => (value.kind === "scan" ? printExpression(value, printer) : group(indent(printExpression(value, printer))));

const boundText = ({ names, destructures }: { readonly names: readonly Name[]; readonly destructures: boolean }): string =>
  destructures ? `(${names.map((name) => name.text).join(", ")})` : (names[0]?.text ?? "");

function statementLayout(statement: Statement, printer: Printer): Layout {
  switch (statement.kind) {
    case "let":
      return concat(`let ${boundText(statement)}`, annotation(statement.type, printer), valueLayout(statement.value, printer));
    case "param":
      return concat(`param ${statement.name.text}`, annotation(statement.type, printer), statement.initialiser ? valueLayout(statement.initialiser, printer) : "");
    case "return":
      return concat("return ", hung(statement.value, printer));
    case "next":
      return concat(`next ${boundText(statement)}`, valueLayout(statement.value, printer));
    case "emit":
      return concat("emit ", hung(statement.value, printer));
    case "last":
      return `emit last ${statement.name.text}`;
    case "minimize":
      return concat("minimize ", printExpression(statement.goal, printer), hardLine, "using ", printExpression(statement.optimiser, printer));
    default:
      return statement satisfies never;
  }
}
