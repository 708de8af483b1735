/**
 * Tokens of the language, and the lexer: text in, tokens and comments out. Newlines mean nothing, so comments and
 * blanks leave the token stream; comments are kept beside it for docs and for the formatter.
 */
import { createToken, type IToken, Lexer, type TokenType } from "chevrotain";

const name = createToken({ name: "Name", pattern: /[A-Za-z_][A-Za-z0-9_]*/, label: "a name" });

/** Categories: the grammar takes a flat run of operands and operators; build-tree.ts knows the precedence. */
const binaryOperator = createToken({ name: "BinaryOperator", pattern: Lexer.NA, label: "an operator" });
const prefixOperator = createToken({ name: "PrefixOperator", pattern: Lexer.NA });

const keyword = (word: string, categories: TokenType[] = []): TokenType =>
  createToken({ name: `${word[0]?.toUpperCase()}${word.slice(1)}`, pattern: new RegExp(`${word}\\b`), categories, label: `'${word}'` });

const symbol = (label: string, text: string, categories: TokenType[] = []): TokenType =>
  createToken({ name: label, pattern: text, categories, label: `'${text}'` });

export const token = {
  name,
  binaryOperator,
  prefixOperator,
  docComment: createToken({ name: "DocComment", pattern: /\/\/\/[^\n\r]*/, group: "comments" }),
  comment: createToken({ name: "Comment", pattern: /\/\/[^\n\r]*/, group: "comments" }),
  blank: createToken({ name: "Blank", pattern: /[ \t\r\n\ufeff]+/, group: Lexer.SKIPPED }),
  number: createToken({
    name: "Number",
    pattern: /0[xX][0-9A-Fa-f]+|(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?/,
    label: "a number",
  }),
  string: createToken({ name: "String", pattern: /"[^"\n\r]*"/, label: "a string" }),
  importWord: keyword("import"),
  fromWord: keyword("from"),
  constWord: keyword("const"),
  fnWord: keyword("fn"),
  layerWord: keyword("layer"),
  modelWord: keyword("model"),
  trainWord: keyword("train"),
  forWord: keyword("for"),
  letWord: keyword("let"),
  paramWord: keyword("param"),
  returnWord: keyword("return"),
  nextWord: keyword("next"),
  emitWord: keyword("emit"),
  minimizeWord: keyword("minimize"),
  usingWord: keyword("using"),
  scanWord: keyword("scan"),
  repeatWord: keyword("repeat"),
  gradWord: keyword("grad"),
  whereWord: keyword("where"),
  inWord: keyword("in"),
  withWord: keyword("with"),
  ifWord: keyword("if"),
  thenWord: keyword("then"),
  elseWord: keyword("else"),
  trueWord: keyword("true"),
  falseWord: keyword("false"),
  noneWord: keyword("none"),
  infWord: keyword("inf"),
  nanWord: keyword("nan"),
  notWord: keyword("not", [prefixOperator]),
  andWord: keyword("and", [binaryOperator]),
  orWord: keyword("or", [binaryOperator]),
  ellipsis: symbol("Ellipsis", "..."),
  arrow: symbol("Arrow", "->"),
  pipe: symbol("Pipe", "|>", [binaryOperator]),
  orSymbol: symbol("OrSymbol", "||", [binaryOperator]),
  andSymbol: symbol("AndSymbol", "&&", [binaryOperator]),
  equal: symbol("Equal", "==", [binaryOperator]),
  notEqual: symbol("NotEqual", "!=", [binaryOperator]),
  lessEqual: symbol("LessEqual", "<=", [binaryOperator]),
  greaterEqual: symbol("GreaterEqual", ">=", [binaryOperator]),
  less: symbol("Less", "<", [binaryOperator]),
  greater: symbol("Greater", ">", [binaryOperator]),
  power: symbol("Power", "**", [binaryOperator]),
  plus: symbol("Plus", "+", [binaryOperator]),
  minus: symbol("Minus", "-", [binaryOperator, prefixOperator]),
  times: symbol("Times", "*", [binaryOperator]),
  divide: symbol("Divide", "/", [binaryOperator]),
  remainder: symbol("Remainder", "%", [binaryOperator]),
  matmul: symbol("At", "@", [binaryOperator]),
  notSymbol: symbol("NotSymbol", "!", [prefixOperator]),
  assign: symbol("Assign", "="),
  comma: symbol("Comma", ","),
  colon: symbol("Colon", ":"),
  semicolon: symbol("Semicolon", ";"),
  leftParen: symbol("LeftParen", "("),
  rightParen: symbol("RightParen", ")"),
  leftBracket: symbol("LeftBracket", "["),
  rightBracket: symbol("RightBracket", "]"),
  leftBrace: symbol("LeftBrace", "{"),
  rightBrace: symbol("RightBrace", "}"),
} as const satisfies Record<string, TokenType>;

/** Words that begin a declaration; they occur nowhere else, so the parser resumes at them after an error. */
export const declarationWords: readonly TokenType[] = [
  token.importWord, token.constWord, token.fnWord, token.layerWord, token.modelWord, token.trainWord,
];

/** Words that begin a statement. */
export const statementWords: readonly TokenType[] = [
  token.letWord, token.paramWord, token.returnWord, token.nextWord, token.emitWord, token.minimizeWord,
];

/** Words of forms that are planned: seen out of place, they are answered with a limitation, not with a syntax error. */
export const reservedWords: readonly TokenType[] = [
  token.trainWord, token.scanWord, token.repeatWord, token.gradWord, token.nextWord, token.emitWord,
  token.minimizeWord, token.usingWord, token.inWord, token.withWord, token.whereWord, token.forWord,
];

/** Order matters: keywords before names, long symbols before their prefixes. */
export const allTokens: readonly TokenType[] = (() => {
  const { name: nameToken, ...others } = token;
  return [...Object.values(others), nameToken];
})();

const lexer = new Lexer([...allTokens], { positionTracking: "full", ensureOptimizations: true });

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

export interface LexedText {
  readonly tokens: readonly IToken[];
  /** In order of place. */
  readonly comments: readonly IToken[];
  readonly errors: readonly { readonly offset: number; readonly length: number }[];
}

export function lex(text: string): LexedText {
  const result = lexer.tokenize(text);
  const comments = result.groups["comments"] ?? [];
  const open = result.errors.filter(({ offset }) => text[offset] === '"').map(({ offset }) => ({ offset, length: endOfLine(text, offset) - offset }));
  if (open.length === 0) return { tokens: result.tokens, comments, errors: result.errors };
  // A string that does not end swallows its line: what the lexer made of the rest is not what was meant.
  const swallowed = (offset: number): boolean => open.some((string) => offset >= string.offset && offset < string.offset + string.length);
  return {
    tokens: result.tokens.filter((t) => !swallowed(t.startOffset)),
    comments: comments.filter((t) => !swallowed(t.startOffset)),
    errors: [...result.errors.filter(({ offset }) => !swallowed(offset)), ...open.filter((string, i) => !open.slice(0, i).some((before) => string.offset < before.offset + before.length))],
  };
}
