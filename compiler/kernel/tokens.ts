/** Tokens of the `.kernel` text form, and the cursor that parse.ts reads them with. */

/** `word` includes keywords; `number` keeps its suffix; `end` closes the list. */
export interface Token {
  readonly kind: "word" | "number" | "symbol" | "comment" | "end";
  readonly text: string;
  readonly offset: number;
}

const pattern = /(\/\/[^\n]*)|([A-Za-z_]\w*)|(\d+(?:\.\d+)?(?:e[-+]?\d+)?[uh]?)|(\.\.|&&|\|\||[=!<>]=|[-+*/%<>=(){}[\],:.#])|\s+/gy;

/** throws: SyntaxError at the first character that starts no token. */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < text.length) {
    const offset = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) throw new SyntaxError(`${positionText(text, offset)}: unexpected character '${text[offset]}'`);
    const [, comment, word, number, symbol] = match;
    if (comment !== undefined) tokens.push({ kind: "comment", text: comment.slice(2).replace(/^ /, "").trimEnd(), offset });
    else if (word !== undefined) tokens.push({ kind: "word", text: word, offset });
    else if (number !== undefined) tokens.push({ kind: "number", text: number, offset });
    else if (symbol !== undefined) tokens.push({ kind: "symbol", text: symbol, offset });
  }
  tokens.push({ kind: "end", text: "end of text", offset: text.length });
  return tokens;
}

/** `line:column`, from 1. */
export function positionText(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `${before.length}:${(before.at(-1) ?? "").length + 1}`;
}

/** Reads tokens in order. Comments are skipped except where a statement may start. */
export class Cursor {
  readonly text: string;
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(text: string) {
    this.text = text;
    this.tokens = tokenize(text);
  }

  peek(ahead = 0): Token {
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)] ?? { kind: "end", text: "end of text", offset: this.text.length };
  }

  next(): Token {
    const token = this.peek();
    if (this.at < this.tokens.length - 1) this.at++;
    return token;
  }

  /** True and consumed, when the next token is this word or symbol. */
  accept(text: string): boolean {
    const token = this.peek();
    if (token.text !== text || (token.kind !== "word" && token.kind !== "symbol")) return false;
    this.next();
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) this.fail(`expected '${text}', found '${this.peek().text}'`);
  }

  word(what: string): string {
    const token = this.next();
    if (token.kind !== "word") this.fail(`expected ${what}, found '${token.text}'`, token);
    return token.text;
  }

  integer(what: string): number {
    const sign = this.accept("-") ? -1 : 1;
    const token = this.next();
    if (token.kind !== "number" || !/^\d+$/.test(token.text)) this.fail(`expected ${what}, found '${token.text}'`, token);
    return sign * Number(token.text);
  }

  /** Words separated by commas. */
  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.accept(",")) items.push(item());
    return items;
  }

  fail(message: string, token: Token = this.peek()): never {
    throw new SyntaxError(`${positionText(this.text, token.offset)}: ${message}`);
  }
}
