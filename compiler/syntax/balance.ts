/**
 * Between lexer and parser: checks the brackets, repairs them in the token stream, and cuts the stream into declarations.
 * So the parser always sees balanced tokens, an error in one declaration cannot reach the next, and a missing brace is
 * reported where it is missing together with the brace that it should close.
 */
import { createTokenInstance, type IToken, type TokenType } from "chevrotain";
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile, Span } from "../source/source-file.ts";
import { declarationWords, statementWords, token } from "./tokens.ts";

/** Brackets and prefix operators that may be pending at one place. */
export const nestingLimit = 200;

export interface TokenGroup {
  /** Tokens of one declaration, brackets balanced. */
  readonly tokens: readonly IToken[];
  /** Something in it was already reported. */
  readonly reported: boolean;
  /** Closing brackets that close nothing: worth a report unless the parser says something better. */
  readonly strays: readonly Diagnostic[];
  /** It must not be handed to the parser. */
  readonly tooDeep: boolean;
}

interface Open {
  readonly token: IToken;
  /** Prefix operators pending outside the bracket. */
  readonly pending: number;
}

const closerOf = new Map<TokenType, TokenType>([
  [token.leftParen, token.rightParen],
  [token.leftBracket, token.rightBracket],
  [token.leftBrace, token.rightBrace],
]);
const closers = new Set(closerOf.values());
const closerText = (open: IToken): string => (open.tokenType === token.leftParen ? ")" : open.tokenType === token.leftBracket ? "]" : "}");
const endOf = (t: IToken): number => (t.endOffset ?? t.startOffset) + 1;

export function balance(tokens: readonly IToken[], file: SourceFile): { readonly groups: readonly TokenGroup[]; readonly diagnostics: readonly Diagnostic[] } {
  const balancer = new Balancer(file);
  for (const t of tokens) balancer.accept(t);
  balancer.finish();
  return balancer;
}

/** Holds the state of one sweep over the tokens. */
class Balancer {
  readonly groups: TokenGroup[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly #file: SourceFile;
  #open: Open[] = [];
  #group: IToken[] = [];
  #reported = false;
  #strays: Diagnostic[] = [];
  #tooDeep = false;
  #scan = false;
  #pending = 0;
  #last: IToken | undefined;

  constructor(file: SourceFile) {
    this.#file = file;
  }

  accept(t: IToken): void {
    if (declarationWords.includes(t.tokenType)) {
      this.#endGroup();
    } else if (statementWords.includes(t.tokenType)) {
      if (this.#open.some((open) => open.token.tokenType === token.leftBrace)) this.#closeDownToBrace();
    } else if (t.tokenType === token.arrow || (t.tokenType === token.leftBrace && !this.#scan)) {
      // Neither an arrow nor a body can stand inside round or square brackets.
      this.#closeDownToBrace();
    } else if (t.tokenType === token.scanWord) this.#scan = true;

    if (closers.has(t.tokenType)) {
      if (!this.#close(t)) return;
    } else {
      this.#countPending(t);
      if (closerOf.has(t.tokenType)) {
        this.#open.push({ token: t, pending: this.#pending });
        this.#pending = 0;
      }
    }
    this.#checkDepth(t);
    this.#group.push(t);
    this.#last = t;
  }

  finish(): void {
    this.#endGroup();
  }

  #endGroup(): void {
    this.#closeAll(0);
    if (this.#group.length > 0) this.groups.push({ tokens: this.#group, reported: this.#reported, strays: this.#strays, tooDeep: this.#tooDeep });
    else this.diagnostics.push(...this.#strays);
    this.#group = [];
    this.#strays = [];
    this.#reported = this.#tooDeep = this.#scan = false;
    this.#pending = 0;
  }

  /** Handles a closing bracket. False: it closes nothing and is dropped. */
  #close(t: IToken): boolean {
    let at = this.#open.length - 1;
    while (at >= 0 && closerOf.get(this.#open[at]?.token.tokenType ?? token.name) !== t.tokenType) at--;
    if (at < 0) {
      this.#strays.push(diagnose(catalog.strayBracket, this.#span(t.startOffset, endOf(t)), [t.image]));
      return false;
    }
    this.#closeAll(at + 1);
    this.#pending = this.#open.pop()?.pending ?? 0;
    return true;
  }

  #closeDownToBrace(): void {
    let count = this.#open.length;
    while (count > 0 && this.#open[count - 1]?.token.tokenType !== token.leftBrace) count--;
    this.#closeAll(count);
  }

  /** Reports the innermost unclosed bracket above `keep` and closes all of them here. */
  #closeAll(keep: number): void {
    const innermost = this.#open[this.#open.length - 1];
    if (this.#open.length <= keep || innermost === undefined) return;
    const place = this.#last ? endOf(this.#last) : 0;
    this.#report(
      diagnose(catalog.unclosedBracket, this.#span(place, place), [innermost.token.image, closerText(innermost.token)], {
        notes: this.#open.slice(keep).reverse().slice(0, 3).map((open) => ({
          message: `'${open.token.image}' was opened here`,
          span: this.#span(open.token.startOffset, endOf(open.token)),
        })),
      }),
    );
    while (this.#open.length > keep) {
      const open = this.#open.pop();
      if (!open) break;
      const type = closerOf.get(open.token.tokenType) ?? token.rightBrace;
      this.#group.push(createTokenInstance(type, "", place, place - 1, Number.NaN, Number.NaN, Number.NaN, Number.NaN));
      this.#pending = open.pending;
    }
  }

  /** Prefix operators and `**` make the tree deep without a bracket; any looser operator or separator ends their reach. */
  #countPending(t: IToken): void {
    const type = t.tokenType;
    const afterOperand = this.#last !== undefined && isOperandEnd(this.#last.tokenType);
    if (type === token.power || type === token.notSymbol || type === token.notWord || (type === token.minus && !afterOperand)) this.#pending++;
    else if (type.CATEGORIES?.includes(token.binaryOperator) === true || resets.has(type)) this.#pending = 0;
  }

  #checkDepth(t: IToken): void {
    const depth = this.#open.reduce((sum, open) => sum + open.pending, this.#open.length + this.#pending);
    if (depth <= nestingLimit || this.#tooDeep) return;
    this.#tooDeep = true;
    this.#report(diagnose(catalog.nestingTooDeep, this.#span(t.startOffset, endOf(t)), ["brackets and operators", String(nestingLimit)]));
  }

  #report(diagnostic: Diagnostic): void {
    // One report for a declaration that is nested beyond hope: its brackets are not worth a second.
    if (this.#tooDeep && diagnostic.code !== catalog.nestingTooDeep.code) return;
    this.#reported = true;
    this.diagnostics.push(diagnostic);
  }

  #span(start: number, end: number): Span {
    return { file: this.#file, start, end };
  }
}

const resets = new Set<TokenType>([token.comma, token.semicolon, token.assign, token.colon, ...statementWords]);

const operandEnds = new Set<TokenType>([
  token.name, token.number, token.string, token.trueWord, token.falseWord, token.infWord, token.nanWord,
  token.rightParen, token.rightBracket, token.rightBrace,
]);

const isOperandEnd = (type: TokenType): boolean => operandEnds.has(type);
