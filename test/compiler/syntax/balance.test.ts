/** Bracket repair: what is inserted, what is dropped, and how a file is cut into declarations. */
import { describe, expect, test } from "vitest";
import { sourceFile } from "../../../compiler/source/source-file.ts";
import { balance } from "../../../compiler/syntax/balance.ts";
import { lex } from "../../../compiler/syntax/tokens.ts";

function groups(text: string): string[] {
  const result = balance(lex(text).tokens, sourceFile("a.nf", text));
  return result.groups.map((group) => group.tokens.map((t) => (t.image === "" ? `+${t.tokenType.name}` : t.image)).join(" "));
}

describe("balance", () => {
  test.each([
    ["sound text is only cut", "const a = (1)\nconst b = [2]", ["const a = ( 1 )", "const b = [ 2 ]"]],
    ["a brace before the next declaration", "fn f() { return 1\nfn g() = 2", ["fn f ( ) { return 1 +RightBrace", "fn g ( ) = 2"]],
    ["a parenthesis before the next statement", "fn f() { let a = g(1 let b = 2 }", ["fn f ( ) { let a = g ( 1 +RightParen let b = 2 }"]],
    ["a parenthesis before a body", "fn f(x: f32 { return x }", ["fn f ( x : f32 +RightParen { return x }"]],
    ["a bracket before another closes", "const a = (1 + [2)", ["const a = ( 1 + [ 2 +RightBracket )"]],
    ["a stray one is dropped", "const a = 1)\nconst b = 2", ["const a = 1", "const b = 2"]],
    ["a scan's block stays within its parentheses", "fn f() = (scan x in y with () { emit x })", ["fn f ( ) = ( scan x in y with ( ) { emit x } )"]],
    ["the end closes all", "fn f() { return g([1", ["fn f ( ) { return g ( [ 1 +RightBracket +RightParen +RightBrace"]],
  ])("%s", (_, text, expected) => expect(groups(text)).toEqual(expected));
});
