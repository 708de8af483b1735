/**
 * Case files: one text file with several sections, input and expected output together. `# ` lines above the first
 * section describe the case; `== name argument` begins a section. With UPDATE_CASES=1 derived sections are rewritten;
 * `source`, `file`, `count` and `expect` never are.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

export interface Section {
  readonly name: string;
  readonly argument: string;
  readonly text: string;
}

export interface CaseFile {
  readonly path: string;
  readonly title: string;
  readonly sections: readonly Section[];
}

const neverRewritten = new Set(["source", "file", "count", "expect"]);

export function parseCase(path: string, text: string): CaseFile {
  const [head = "", ...rest] = text.split(/^== /m);
  const sections = rest.map((part) => {
    const end = part.indexOf("\n");
    const [name = "", ...argument] = part.slice(0, end < 0 ? part.length : end).trim().split(/\s+/);
    return { name, argument: argument.join(" "), text: end < 0 ? "" : part.slice(end + 1).replace(/\n+$/, "") };
  });
  return { path, title: head.replace(/^# ?/gm, "").trim(), sections };
}

/** All cases of a folder under test/cases, in order of name. */
export function readCases(folder: string): CaseFile[] {
  const base = new URL(`../cases/${folder}/`, import.meta.url);
  return readdirSync(base).filter((name) => name.endsWith(".case")).sort().map((name) => {
    const path = new URL(name, base).pathname;
    return parseCase(path, readFileSync(path, "utf8"));
  });
}

/** The text of a section that must be there. */
export function section(file: CaseFile, name: string): string {
  const found = file.sections.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`${file.path} has no section '${name}'`);
  return found.text;
}

/** What a derived section must hold. In update mode the file is rewritten and `actual` is returned. */
export function expected(file: CaseFile, name: string, actual: string): string {
  if (process.env["UPDATE_CASES"] !== "1" || neverRewritten.has(name)) return section(file, name);
  const sections = file.sections.map((candidate) => (candidate.name === name ? { ...candidate, text: actual } : candidate));
  const body = sections.map(({ name: title, argument, text }) => `== ${[title, argument].filter((part) => part !== "").join(" ")}\n${text}\n`).join("\n");
  writeFileSync(file.path, `${file.title.replace(/^/gm, "# ")}\n${body}`);
  return actual;
}
