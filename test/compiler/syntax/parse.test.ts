/** Parsing: precedence, declarations, recovery, bracket repair and the limits on nesting. */
import { describe, expect, test } from "vitest";
import { sourceFile } from "../../../compiler/source/source-file.ts";
import { parse } from "../../../compiler/syntax/parse.ts";
import type { Expression } from "../../../compiler/syntax/tree.ts";
import { attention, mlp, small } from "../../support/programs.ts";

const parseText = (text: string) => parse(sourceFile("a.nf", text));

function show(e: Expression): string {
  switch (e.kind) {
    case "number":
      return e.text;
    case "name":
      return e.name;
    case "unary":
      return `(${e.operator} ${show(e.operand)})`;
    case "binary":
      return `(${show(e.left)} ${e.operator} ${show(e.right)})`;
    case "paren":
      return show(e.inner);
    case "call":
      return `${show(e.callee)}(${e.arguments.map((a) => (a.name ? `${a.name.text}=` : "") + show(a.value)).join(" ")})`;
    case "index":
      return `${show(e.base)}[${e.items.map((i) => (i.kind === "element" ? show(i.value) : i.kind === "ellipsis" ? "..." : `${i.start ? show(i.start) : ""}:${i.stop ? show(i.stop) : ""}:${i.step ? show(i.step) : ""}`)).join(" ")}]`;
    case "tuple":
      return `<${e.items.map(show).join(" ")}>`;
    case "list":
      return `[${e.items.map(show).join(" ")}]`;
    default:
      return e.kind;
  }
}

function expression(text: string): string {
  const { tree, diagnostics } = parseText(`const a = ${text}`);
  expect(diagnostics).toEqual([]);
  const [first] = tree.declarations;
  return first?.kind === "const" ? show(first.value) : "";
}

const codes = (text: string): string[] => parseText(text).diagnostics.map((diagnostic) => diagnostic.code);

describe("expressions", () => {
  test.each([
    ["a + b * c - d", "((a + (b * c)) - d)"],
    ["-a ** b ** -c", "(- (a ** (b ** (- c))))"],
    ["not a == b and c || d", "(((not (a == b)) and c) or d)"],
    ["! a", "(not a)"],
    ["x @ w + b |> f |> g(1, k = 2)", "((((x @ w) + b) |> f) |> g(1 k=2))"],
    ["Dense[4*H, N](x)[0, ..., 1:, :2, ::3, -1]", "Dense[(4 * H) N](x)[0 ... 1:: :2: ::3 (- 1)]"],
    ["(a, b,)", "<a b>"],
    ["[[1., 2.], [0x1F, .5e-3]]", "[[1. 2.] [0x1F .5e-3]]"],
    ["where(a < b, inf, nan)", "where((a < b) inf nan)"],
    ["a\n  - b\n\n @ c", "(a - (b @ c))"],
    ["x[0:3]", "x[0:3:]"],
  ])("%s", (text, tree) => expect(expression(text)).toBe(tree));

  test("spans cover the text", () => {
    const [first] = parseText("const a = f(b) + -c").tree.declarations;
    if (first?.kind !== "const" || first.value.kind !== "binary") throw new Error("not a sum");
    const text = (e: Expression): string => e.span.file.text.slice(e.span.start, e.span.end);
    expect([text(first.value), text(first.value.left), text(first.value.right)]).toEqual(["f(b) + -c", "f(b)", "-c"]);
  });
});

describe("declarations", () => {
  test.each([mlp, attention, small])("a sound program has no diagnostics", (text) => expect(codes(text)).toEqual([]));

  test("doc comments attach to the declaration and the parameter below", () => {
    const [first] = parseText("// no\n\n/// one\n/// two\nmodel M(/// input\n  x: f32, y: f32) -> f32 { return x }").tree.declarations;
    expect(first?.doc).toBe("one\ntwo");
    expect(first?.kind === "model" && first.parameters.map((parameter) => parameter.doc)).toEqual(["input", ""]);
  });

  test("statements need no separator", () => {
    const [first] = parseText("fn f(x: f32) { let a = x let (b, c) = (a, a); return b }").tree.declarations;
    expect(first?.kind === "fn" && first.body.kind === "block" && first.body.block.statements.map((statement) => statement.kind)).toEqual(["let", "let", "return"]);
  });
});

describe("recovery", () => {
  test("an error in one declaration leaves the next alone", () => {
    const { tree, diagnostics } = parseText("fn f(x: f32) = +\nfn g(x: f32) = x\nfn h(x: f32 { return x }\nconst k = 1");
    expect(diagnostics.map((diagnostic) => diagnostic.code)).toEqual(["E0002", "E0003"]);
    expect(tree.declarations.map((declaration) => declaration.broken)).toEqual([true, false, true, false]);
  });

  test("a missing comma is an error", () => expect(codes("const a = f(b c)")).toEqual(["E0002"]));

  test("a missing brace is reported where it is missing, with the brace that opened", () => {
    const [only] = parseText("fn f(x: f32) {\n  return x\n\nfn g(x: f32) = x").diagnostics;
    expect(only?.code).toBe("E0003");
    expect(only?.span.start).toBe("fn f(x: f32) {\n  return x".length);
    expect(only?.notes[0]?.span?.start).toBe("fn f(x: f32) ".length);
  });
});

describe("limits", () => {
  test("10,000 terms in a chain parse", () => expect(codes(`const a = ${"1 + ".repeat(10_000)}1`)).toEqual([]));

  test.each([
    ["brackets", "(".repeat(10_000)],
    ["closed brackets", `${"[".repeat(10_000)}1${"]".repeat(10_000)}`],
    ["prefix operators", `${"-".repeat(10_000)}1`],
    ["powers", `${"1 ** ".repeat(10_000)}1`],
    ["calls", `f${"(1)".repeat(10_000)}`],
    ["mixed", `${"-(".repeat(150)}1${")".repeat(150)}`],
  ])("deep %s give one diagnostic", (_, text) => expect(codes(`const a = ${text}`)).toEqual(["E0005"]));

  test("199 brackets are fine", () => expect(codes(`const a = ${"(".repeat(199)}1${")".repeat(199)}`)).toEqual([]));
});
