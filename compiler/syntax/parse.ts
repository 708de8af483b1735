/** Source text to syntax tree: lexer, bracket check, grammar and tree in one call. Never throws; errors are diagnostics. */
import { EOF, type IRecognitionException } from "chevrotain";
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { positionOf, type SourceFile } from "../source/source-file.ts";
import { balance, type TokenGroup } from "./balance.ts";
import { buildComments, buildDeclaration } from "./build-tree.ts";
import type { BuildContext } from "./cst.ts";
import { parseDeclaration } from "./parser.ts";
import { declarationWords, lex, reservedWords } from "./tokens.ts";
import type { Declaration, SyntaxTree } from "./tree.ts";

export interface ParseResult {
  readonly tree: SyntaxTree;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses a file. The tree holds every declaration that could be made out; broken ones are marked. */
export function parse(file: SourceFile): ParseResult {
  const lexed = lex(file.text);
  const diagnostics: Diagnostic[] = lexed.errors.map(({ offset, length }) => characterError(file, offset, length));
  const balanced = balance(lexed.tokens, file);
  diagnostics.push(...balanced.diagnostics);
  const context: BuildContext = { file, comments: buildComments(lexed.comments) };
  const declarations: Declaration[] = [];
  const badCharacters = lexed.errors.map(({ offset }) => offset);
  for (const [i, group] of balanced.groups.entries()) {
    if (group.tooDeep) continue;
    const parsed = parseDeclaration(group.tokens);
    const start = group.tokens[0]?.startOffset ?? 0;
    const next = balanced.groups[i + 1]?.tokens[0]?.startOffset ?? Number.POSITIVE_INFINITY;
    const alreadyReported = group.reported || badCharacters.some((offset) => offset >= start && offset < next);
    // A missing '{' also leaves its '}' over; what the parser expected says more.
    if (alreadyReported || parsed.errors.length === 0) diagnostics.push(...group.strays);
    if (!alreadyReported) diagnostics.push(...firstPerLine(withoutLeftovers(parsed.errors).map((error) => syntaxError(error, group, file))));
    const broken = alreadyReported || group.strays.length > 0 || parsed.errors.length > 0;
    const first = group.tokens[0];
    if (parsed.node && first && declarationWords.includes(first.tokenType)) {
      const built = buildDeclaration(parsed.node, context, broken);
      diagnostics.push(...built.diagnostics);
      if (built.declaration) declarations.push(built.declaration);
    }
  }
  diagnostics.sort((a, b) => a.span.start - b.span.start);
  return { tree: { file, declarations, comments: context.comments }, diagnostics };
}

function characterError(file: SourceFile, offset: number, length: number): Diagnostic {
  const text = file.text.slice(offset, offset + Math.min(length, 20));
  const span = { file, start: offset, end: offset + length };
  if (text.startsWith('"')) return diagnose(catalog.unclosedString, span, [text], { hint: "a string ends with '\"' on the line where it begins" });
  const hint = meantBy.get(text.charAt(0));
  return diagnose(catalog.unexpectedCharacter, span, [JSON.stringify(text)], hint === undefined ? {} : { hint });
}

/** What people write who come from other languages. */
const meantBy: ReadonlyMap<string, string> = new Map([
  ["|", "'|>' passes a value on; 'or' is the logical one"],
  ["&", "write 'and'"],
  ["!", "write 'not'; '!=' compares"],
  ["^", "'**' is the power"],
  ["'", "strings stand in double quotes"],
  ["#", "comments begin with '//'"],
  ["?", "write 'if c then a else b', or where(c, a, b) for tensors"],
]);

function syntaxError(error: IRecognitionException, group: TokenGroup, file: SourceFile): Diagnostic {
  const last = group.tokens[group.tokens.length - 1];
  const atEnd = error.token.tokenType === EOF || Number.isNaN(error.token.startOffset);
  const start = atEnd ? (last?.endOffset ?? -1) + 1 : error.token.startOffset;
  const span = { file, start, end: atEnd ? start : (error.token.endOffset ?? start) + 1 };
  if (reservedWords.includes(error.token.tokenType))
    return diagnose(catalog.notSupported, span, [`'${error.token.image}'`], { hint: "the word is reserved; choose another one if it was meant as a name" });
  const found = atEnd ? "the end of the declaration" : `'${error.token.image}'`;
  return diagnose(catalog.unexpectedToken, span, [error.message === EOF.name ? "a declaration" : error.message, found]);
}

/** After another error in the declaration, tokens that are left over at its end say nothing new. */
function withoutLeftovers(errors: readonly IRecognitionException[]): readonly IRecognitionException[] {
  const told = errors.filter((error) => error.name !== "NotAllInputParsedException" && error.message !== EOF.name);
  return told.length > 0 ? told : errors.slice(0, 1);
}

/** Recovery inside a declaration may trip several times over one mistake. */
function firstPerLine(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<number>();
  return diagnostics.filter((diagnostic) => {
    const { line } = positionOf(diagnostic.span.file, diagnostic.span.start);
    if (seen.has(line)) return false;
    seen.add(line);
    return true;
  });
}
