/** Every fenced program of the spec is checked; those marked `error CODE` must give just that code. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { check } from "../compiler/check/check.ts";
import { findEntry } from "../compiler/diagnostics/catalog.ts";
import { renderDiagnostics } from "../compiler/diagnostics/render.ts";
import { parseModule } from "../compiler/ir/parse.ts";
import { printModule } from "../compiler/ir/print.ts";
import { sourceFile } from "../compiler/source/source-file.ts";

const folder = new URL("../spec/", import.meta.url);

interface Fence {
  readonly file: string;
  readonly line: number;
  readonly tag: string;
  readonly text: string;
}

function fencesOf(file: string): Fence[] {
  const text = readFileSync(new URL(file, folder), "utf8");
  return [...text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    file, line: text.slice(0, match.index).split("\n").length, tag: (match[1] ?? "").trim(), text: match[2] ?? "",
  }));
}

const fences = readdirSync(folder).filter((name) => name.endsWith(".md")).sort().flatMap(fencesOf);
const programs = fences.filter((fence) => fence.tag === "nf" || fence.tag.startsWith("nf "));

describe("spec", () => {
  test("there are programs", () => expect(programs.length).toBeGreaterThanOrEqual(15));

  test.each(programs.map((fence) => [`${fence.file}:${fence.line}`, fence] as const))("%s", (_, { file, tag, text }) => {
    const { diagnostics } = check([sourceFile(file, text)]);
    const wanted = /^nf error (E\d{4})$/.exec(tag)?.[1];
    if (wanted === undefined) expect(renderDiagnostics(diagnostics)).toBe("");
    else expect([...new Set(diagnostics.map((diagnostic) => diagnostic.code))]).toEqual([wanted]);
  });

  test("codes that the spec mentions exist", () => {
    for (const name of ["language.md", "types.md"])
      for (const [code] of readFileSync(new URL(name, folder), "utf8").matchAll(/\bE\d{4}\b/g)) expect(findEntry(code), code).toBeDefined();
  });

  test("the example of tensor IR prints back", () => {
    const [example] = fencesOf("tensor-ir.md");
    expect(printModule(parseModule(example?.text ?? ""))).toBe(example?.text);
  });

  test("the paths in the section on instances are the real ones", () => {
    const source = programs.find((fence) => fence.text.includes("model Shared"))?.text ?? "";
    const [fn] = check([sourceFile("a.nf", source)]).module.functions;
    expect(fn?.parameters.map((leaf) => leaf.path).toSorted()).toEqual(["dense.w", "q.w", "scale"]);
  });
});
