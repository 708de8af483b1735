/** Writes compiler/library/sources.ts from the .nf files beside it, so that the compiler can read its library without IO. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../library/", import.meta.url);

/** The text that sources.ts must have. */
export function librarySourcesText(): string {
  const files = readdirSync(folder).filter((name) => name.endsWith(".nf")).sort();
  const entries = files.map((name) => {
    const text = readFileSync(new URL(name, folder), "utf8");
    return `  {\n    path: ${JSON.stringify(`library/${name}`)},\n    text: ${templateOf(text)},\n  },\n`;
  });
  return `/** The library as text. Generated from the .nf files of this folder by compiler/generate/library.ts; do not edit. */\n\nexport const librarySources: readonly { readonly path: string; readonly text: string }[] = [\n${entries.join("")}];\n`;
}

const templateOf = (text: string): string => `\`${text.replace(/[\\`]|\$\{/g, (match) => `\\${match}`)}\``;

export function writeLibrarySources(): void {
  writeFileSync(new URL("sources.ts", folder), librarySourcesText());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeLibrarySources();
