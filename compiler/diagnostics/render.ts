/** Turns diagnostics into terminal text (line excerpt, caret, notes, hint) and into JSON. The one place that does. */
import { positionOf, type Span } from "../source/source-file.ts";
import type { Diagnostic } from "./diagnostic.ts";

export interface RenderOptions {
  /** ANSI colours; off by default. */
  readonly color?: boolean;
}

const escape = (code: number): string => `\u001b[${code}m`;

/** One diagnostic as text of several lines, without a final newline. */
export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions = {}): string {
  const paint = (code: number, text: string): string => (options.color === true ? `${escape(code)}${text}${escape(0)}` : text);
  const tint = diagnostic.severity === "error" ? 31 : 33;
  const lines = [`${paint(tint, `${diagnostic.severity}[${diagnostic.code}]`)}: ${diagnostic.message}`];
  lines.push(...excerpt(diagnostic.span, (text) => paint(tint, text)));
  for (const note of diagnostic.notes) {
    lines.push(`${paint(36, "note")}: ${note.message}`);
    if (note.span) lines.push(...excerpt(note.span, (text) => paint(36, text)));
  }
  if (diagnostic.hint !== undefined) lines.push(`${paint(32, "hint")}: ${diagnostic.hint}`);
  return lines.join("\n");
}

export const renderDiagnostics = (diagnostics: readonly Diagnostic[], options: RenderOptions = {}): string =>
  diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, options)).join("\n\n");

const longestExcerpt = 160;

function excerpt(span: Span, paint: (text: string) => string): string[] {
  const { file } = span;
  const { line, column } = positionOf(file, span.start);
  const start = file.lineStarts[line - 1] ?? 0;
  const end = file.lineStarts[line] ?? file.text.length + 1;
  const whole = file.text.slice(start, end - 1).replace(/\r$/, "");
  // A window on very long lines, so that a terminal shows the place and not a page of text.
  const from = column > longestExcerpt ? column - longestExcerpt / 2 : 0;
  const shown = whole.slice(from, from + longestExcerpt).replace(/[\t\u0000-\u001f]/g, " ");
  const offset = column - 1 - from;
  const length = Math.max(1, Math.min(span.end - span.start, shown.length - offset));
  const margin = " ".repeat(String(line).length);
  return [
    `${margin}--> ${file.path}:${line}:${column}`,
    `${margin} |`,
    `${line} | ${shown}`,
    `${margin} | ${" ".repeat(Math.max(0, offset))}${paint("^".repeat(length))}`,
  ];
}

export interface JsonPlace {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface JsonDiagnostic extends JsonPlace {
  readonly code: string;
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly notes: readonly ({ readonly message: string } & Partial<JsonPlace>)[];
  readonly hint?: string;
}

function place(span: Span): JsonPlace {
  const start = positionOf(span.file, span.start);
  const end = positionOf(span.file, span.end);
  return { path: span.file.path, line: start.line, column: start.column, endLine: end.line, endColumn: end.column };
}

/** The machine-readable form. Lines and columns start at 1; the end is exclusive. */
export function diagnosticToJson(diagnostic: Diagnostic): JsonDiagnostic {
  return {
    code: diagnostic.code,
    severity: diagnostic.severity,
    message: diagnostic.message,
    ...place(diagnostic.span),
    notes: diagnostic.notes.map((note) => ({ message: note.message, ...(note.span ? place(note.span) : {}) })),
    ...(diagnostic.hint === undefined ? {} : { hint: diagnostic.hint }),
  };
}
