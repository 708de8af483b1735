/**
 * Writes every generated file of the repository from its source of truth: `npm run generate`. With `--check` it writes
 * nothing, names the files that are not current and exits with 1.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { diagnosticsText } from "./diagnostics.ts";
import { librarySourcesText } from "./library.ts";
import { opsText } from "./ops.ts";

export interface GeneratedFile {
  /** Relative to the root of the repository. */
  readonly path: string;
  readonly text: () => string;
}

export const generatedFiles: readonly GeneratedFile[] = [
  { path: "compiler/library/sources.ts", text: librarySourcesText },
  { path: "spec/generated/ops.md", text: opsText },
  { path: "spec/generated/diagnostics.md", text: diagnosticsText },
];

/** Paths of the files under `root` that differ from what they should be. */
export const driftedFiles = (root: string, files: readonly GeneratedFile[] = generatedFiles): string[] =>
  files.filter((file) => !existsSync(path.join(root, file.path)) || readFileSync(path.join(root, file.path), "utf8") !== file.text()).map((file) => file.path);

/** Writes what differs and returns its paths. */
export function writeGenerated(root: string, files: readonly GeneratedFile[] = generatedFiles): string[] {
  const drifted = new Set(driftedFiles(root, files));
  for (const file of files) {
    if (!drifted.has(file.path)) continue;
    mkdirSync(path.dirname(path.join(root, file.path)), { recursive: true });
    writeFileSync(path.join(root, file.path), file.text());
  }
  return [...drifted];
}

function main(root: string, check: boolean): void {
  const paths = check ? driftedFiles(root) : writeGenerated(root);
  for (const name of paths) console.log(check ? `not current: ${name}` : `written: ${name}`);
  if (check && paths.length > 0) {
    console.log("run 'npm run generate'");
    process.exitCode = 1;
  }
}

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
if (process.argv[1] === fileURLToPath(import.meta.url)) main(root, process.argv.includes("--check"));
