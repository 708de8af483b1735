/**
 * The syntax tree: what a file says, with a span on every node and nothing resolved. Made by build-tree.ts, read by
 * the formatter and the checker. Parentheses and the spelling of numbers are kept, so the tree prints back.
 */
import type { SourceFile, Span } from "../source/source-file.ts";

export interface Name {
  readonly text: string;
  readonly span: Span;
}

export type BinaryOperator = "@" | "*" | "/" | "%" | "+" | "-" | "<" | "<=" | ">" | ">=" | "==" | "!=" | "and" | "or" | "**" | "|>";

export type UnaryOperator = "-" | "not";

export type Expression =
  | { readonly kind: "number"; readonly value: number; readonly text: string; readonly span: Span }
  | { readonly kind: "boolean"; readonly value: boolean; readonly span: Span }
  /** The absence of an optional argument. */
  | { readonly kind: "none"; readonly span: Span }
  | { readonly kind: "string"; readonly value: string; readonly span: Span }
  | { readonly kind: "name"; readonly name: string; readonly span: Span }
  | { readonly kind: "reserved"; readonly word: string; readonly span: Span }
  | CallExpression
  | IndexExpression
  | { readonly kind: "unary"; readonly operator: UnaryOperator; readonly operand: Expression; readonly span: Span }
  | BinaryExpression
  | { readonly kind: "paren"; readonly inner: Expression; readonly span: Span }
  | { readonly kind: "tuple"; readonly items: readonly Expression[]; readonly span: Span }
  | { readonly kind: "list"; readonly items: readonly Expression[]; readonly span: Span }
  /** `...` in a list: the leading axes of a shape. */
  | { readonly kind: "ellipsis"; readonly span: Span }
  | ScanExpression
  /** `if c then a else b`, decided at compile time. */
  | { readonly kind: "choice"; readonly condition: Expression; readonly whenTrue: Expression; readonly whenFalse: Expression; readonly span: Span }
  /** Stands where the parser could not go on; already reported. */
  | { readonly kind: "error"; readonly span: Span };

export interface CallExpression {
  readonly kind: "call";
  readonly callee: Expression;
  readonly arguments: readonly Argument[];
  readonly span: Span;
}

/** `x[0, 1:3]`, and `Dense[784, 10]`: which of the two it is depends on what the name means. */
export interface IndexExpression {
  readonly kind: "index";
  readonly base: Expression;
  readonly items: readonly IndexItem[];
  readonly span: Span;
}

export interface BinaryExpression {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  readonly span: Span;
}

export interface ScanExpression {
  readonly kind: "scan";
  /** One name for each sequence. */
  readonly elements: readonly Name[];
  readonly sequence: Expression;
  /** `backwards`, from the last element to the first; with `if c`, only where c holds. */
  readonly backwards: { readonly condition: Expression | undefined } | undefined;
  readonly state: readonly Parameter[];
  readonly body: Block;
  readonly span: Span;
}

export interface Argument {
  readonly name: Name | undefined;
  readonly value: Expression;
  readonly span: Span;
}

export type IndexItem =
  | { readonly kind: "element"; readonly value: Expression; readonly span: Span }
  | {
      readonly kind: "slice";
      readonly start: Expression | undefined;
      readonly stop: Expression | undefined;
      readonly step: Expression | undefined;
      readonly span: Span;
    }
  | { readonly kind: "ellipsis"; readonly span: Span };

export type ShapeItem =
  | { readonly kind: "extent"; readonly value: Expression; readonly span: Span }
  | { readonly kind: "ellipsis"; readonly span: Span };

export interface TypeSyntax {
  readonly name: Name;
  /** Absent: a scalar. */
  readonly shape: readonly ShapeItem[] | undefined;
  readonly span: Span;
}

export interface Parameter {
  readonly name: Name;
  readonly type: TypeSyntax | undefined;
  readonly default: Expression | undefined;
  readonly doc: string;
  readonly span: Span;
}

export interface ResultItem {
  readonly name: Name | undefined;
  readonly type: TypeSyntax;
  readonly doc: string;
  readonly span: Span;
}

/** `single`: written as a bare type; else a parenthesised list. */
export interface ResultSyntax {
  readonly single: boolean;
  readonly items: readonly ResultItem[];
  readonly span: Span;
}

export interface LetStatement {
  readonly kind: "let";
  readonly names: readonly Name[];
  /** `let (a, b) = ...` */
  readonly destructures: boolean;
  readonly type: TypeSyntax | undefined;
  readonly value: Expression;
  readonly span: Span;
}

export interface ParamStatement {
  readonly kind: "param";
  readonly name: Name;
  readonly type: TypeSyntax;
  readonly initialiser: Expression | undefined;
  readonly doc: string;
  readonly span: Span;
}

export type Statement =
  | LetStatement
  | ParamStatement
  | { readonly kind: "return"; readonly value: Expression; readonly span: Span }
  /** `next (h, c) = ...` takes a tuple apart. */
  | { readonly kind: "next"; readonly names: readonly Name[]; readonly destructures: boolean; readonly value: Expression; readonly span: Span }
  | { readonly kind: "emit"; readonly value: Expression; readonly span: Span }
  /** `emit last h`: a carry after the last step. */
  | { readonly kind: "last"; readonly name: Name; readonly span: Span }
  | { readonly kind: "minimize"; readonly goal: Expression; readonly optimiser: Expression; readonly span: Span };

export interface Block {
  readonly statements: readonly Statement[];
  readonly span: Span;
}

interface DeclarationBase {
  /** Text of the `///` lines above, without the slashes. */
  readonly doc: string;
  /** It holds a syntax error: its signature may be read, its body must not be checked. */
  readonly broken: boolean;
  readonly span: Span;
}

export interface ImportDeclaration extends DeclarationBase {
  readonly kind: "import";
  /** Absent: every declaration of the file. */
  readonly names: readonly Name[] | undefined;
  readonly specifier: string;
  readonly specifierSpan: Span;
}

export interface ConstDeclaration extends DeclarationBase {
  readonly kind: "const";
  readonly name: Name;
  readonly type: TypeSyntax | undefined;
  readonly value: Expression;
}

export interface FunctionDeclaration extends DeclarationBase {
  readonly kind: "fn" | "layer" | "model";
  readonly name: Name;
  /** Names in brackets; absent when there are no brackets. */
  readonly extents: readonly Name[] | undefined;
  readonly parameters: readonly Parameter[];
  readonly result: ResultSyntax | undefined;
  readonly constraint: Expression | undefined;
  readonly body: { readonly kind: "block"; readonly block: Block } | { readonly kind: "value"; readonly value: Expression };
}

export interface TrainDeclaration extends DeclarationBase {
  readonly kind: "train";
  readonly name: Name;
  readonly model: Name;
  readonly extents: readonly Name[] | undefined;
  readonly parameters: readonly Parameter[];
  readonly body: Block;
}

export type Declaration = ImportDeclaration | ConstDeclaration | FunctionDeclaration | TrainDeclaration;

export interface Comment {
  /** As written, with its slashes. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface SyntaxTree {
  readonly file: SourceFile;
  readonly declarations: readonly Declaration[];
  readonly comments: readonly Comment[];
}

/** How tightly an operator binds; higher binds more. `**` is right-associative, the others left-associative. */
export const binaryPrecedence: Readonly<Record<BinaryOperator, number>> = {
  "|>": 1, or: 2, and: 3,
  "<": 5, "<=": 5, ">": 5, ">=": 5, "==": 5, "!=": 5,
  "+": 6, "-": 6, "*": 7, "/": 7, "%": 7, "@": 7, "**": 9,
};

/** `not a == b` is `not (a == b)`; `-a ** b` is `-(a ** b)`. */
export const unaryPrecedence: Readonly<Record<UnaryOperator, number>> = { not: 4, "-": 8 };

/** Binary chains lean left and may be thousands long, so walks go down the left side by a loop: innermost link first. */
export function leftSpine(expression: Expression): { readonly first: Expression; readonly links: readonly BinaryExpression[] } {
  const links: BinaryExpression[] = [];
  let at = expression;
  while (at.kind === "binary") {
    links.push(at);
    at = at.left;
  }
  return { first: at, links: links.reverse() };
}
