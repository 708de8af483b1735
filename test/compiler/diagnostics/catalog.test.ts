/** Error cases, and the completeness of the catalog: every code has a case, every example gives its code, no code repeats. */
import { describe, expect, test } from "vitest";
import { check } from "../../../compiler/check/check.ts";
import { catalog, entries, findEntry } from "../../../compiler/diagnostics/catalog.ts";
import { renderDiagnostics } from "../../../compiler/diagnostics/render.ts";
import { sourceFile, type SourceFile } from "../../../compiler/source/source-file.ts";
import { expected, readCases, section } from "../../support/case-file.ts";

const cases = readCases("errors");

function diagnosticsOf(source: string, files: ReadonlyMap<string, string>) {
  const main = sourceFile("case.nf", source);
  const resolve = (_importer: string, specifier: string): SourceFile | undefined => {
    const text = files.get(specifier);
    if (specifier === "./case.nf") return main;
    return text === undefined ? undefined : sourceFile(specifier.replace("./", ""), text);
  };
  return check([main], { resolve }).diagnostics;
}

const codesSeen = new Set<string>();

describe("error cases", () => {
  test.each(cases.map((file) => [file.path.replace(/.*\//, ""), file] as const))("%s", (_, file) => {
    const files = new Map(file.sections.filter(({ name }) => name === "file").map(({ argument, text }) => [argument, text]));
    const diagnostics = diagnosticsOf(section(file, "source"), files);
    for (const { code } of diagnostics) codesSeen.add(code);
    const text = renderDiagnostics(diagnostics);
    expect(text).toBe(expected(file, "errors", text));
    expect(diagnostics.length).toBeGreaterThan(0);
  });

  test("every code has a case", () => {
    expect(entries.map((entry) => entry.code).filter((code) => !codesSeen.has(code))).toEqual([]);
  });

  test("cases have only sections that are read", () => {
    for (const file of cases) for (const { name } of file.sections) expect(["source", "file", "errors"]).toContain(name);
  });
});

describe("catalog", () => {
  test("codes are unique and well-formed", () => {
    const codes = entries.map((entry) => entry.code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code).toMatch(/^E\d{4}$/);
  });

  test.each(Object.entries(catalog).map(([key, entry]) => [entry.code, key, entry.example] as const))("the example of %s (%s) gives that code alone", (code, _, example) => {
    const files = new Map([["./dense.nf", "fn Dense(x: f32) = x"], ["./cycle.nf", 'import "./case.nf"']]);
    expect(new Set(diagnosticsOf(example, files).map((diagnostic) => diagnostic.code))).toEqual(new Set([code]));
  });

  test("a code is found by name", () => {
    expect(findEntry("E0101")).toBe(catalog.unknownName);
    expect(findEntry("E9999")).toBeUndefined();
  });
});
