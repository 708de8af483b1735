/** Type-checks generated modules together with a file that uses them, under the options of a strict project. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { repository } from "./bundle.ts";

/** Errors of tsc --strict; the files are written to `folder`, `use` as use.ts. */
export function typeErrors(folder: string, files: readonly { readonly path: string; readonly text: string }[], use: string): string[] {
  mkdirSync(folder, { recursive: true });
  for (const file of [...files, { path: "use.ts", text: use }]) if (!file.path.includes("/")) writeFileSync(path.join(folder, file.path), file.text);
  const program = ts.createProgram([path.join(folder, "use.ts")], {
    strict: true,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2023.d.ts", "lib.dom.d.ts"],
    paths: { "normfuse/runtime": [path.join(repository, "runtime/index.ts")] },
  });
  return ts.getPreEmitDiagnostics(program).map(({ messageText, file }) => `${path.basename(file?.fileName ?? "")}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
}
