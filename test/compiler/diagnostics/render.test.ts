/** The two forms of a diagnostic: terminal text and JSON. */
import { describe, expect, test } from "vitest";
import { catalog, diagnose } from "../../../compiler/diagnostics/catalog.ts";
import { diagnosticToJson, renderDiagnostic } from "../../../compiler/diagnostics/render.ts";
import { sourceFile } from "../../../compiler/source/source-file.ts";

const file = sourceFile("a.nf", "fn f(x: f32[n]) =\n\tsofmax(x)\n");
const diagnostic = diagnose(catalog.unknownName, { file, start: 19, end: 25 }, ["sofmax"], { notes: [{ message: "in 'f'", span: { file, start: 3, end: 4 } }, { message: "plain" }], hint: "did you mean 'softmax'?" });

describe("render", () => {
  test("text", () => {
    expect(renderDiagnostic(diagnostic)).toBe(
      ["error[E0101]: unknown name 'sofmax'", " --> a.nf:2:2", "  |", "2 |  sofmax(x)", "  |  ^^^^^^", "note: in 'f'", " --> a.nf:1:4", "  |", "1 | fn f(x: f32[n]) =", "  |    ^", "note: plain", "hint: did you mean 'softmax'?"].join("\n"),
    );
  });

  test("colour only on demand", () => {
    expect(renderDiagnostic(diagnostic)).not.toContain("\u001b");
    expect(renderDiagnostic(diagnostic, { color: true })).toContain("\u001b[31m");
  });

  test("a very long line is cut to a window around the place", () => {
    const long = sourceFile("b.nf", "x".repeat(50_000));
    const text = renderDiagnostic(diagnose(catalog.unknownName, { file: long, start: 40_000, end: 40_010 }, ["x"]));
    expect(text.length).toBeLessThan(600);
    expect(text).toContain("^^^^^^^^^^");
  });

  test("JSON", () => {
    expect(diagnosticToJson(diagnostic)).toEqual({
      code: "E0101", severity: "error", message: "unknown name 'sofmax'", path: "a.nf", line: 2, column: 2, endLine: 2, endColumn: 8,
      notes: [{ message: "in 'f'", path: "a.nf", line: 1, column: 4, endLine: 1, endColumn: 5 }, { message: "plain" }],
      hint: "did you mean 'softmax'?",
    });
  });
});
