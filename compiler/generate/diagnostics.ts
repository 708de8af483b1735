/** Writes the table of diagnostics, spec/generated/diagnostics.md, from the catalog. Text in, text out; main.ts does the IO. */
import { type Entry, entries } from "../diagnostics/catalog.ts";

export function diagnosticsText(): string {
  const sorted = [...entries].sort((a, b) => (a.code < b.code ? -1 : 1));
  return [
    "# Diagnostics\n\nGenerated from the catalog in `compiler/diagnostics/catalog.ts` by `npm run generate`; do not edit. Each example gives its diagnostic.\n",
    `| Code | Severity | Title |\n|---|---|---|\n${sorted.map(({ code, severity, title }) => `| [${code}](#${code.toLowerCase()}) | ${severity} | ${title} |\n`).join("")}`,
    ...sorted.map(section),
  ].join("\n");
}

const section = ({ code, severity, title, explanation, example }: Entry<string[]>): string =>
  `## ${code}\n\n**${severity === "warning" ? "Warning: " : ""}${title}.** ${explanation}\n\n\`\`\`nf ${severity} ${code}\n${example}\n\`\`\`\n`;
