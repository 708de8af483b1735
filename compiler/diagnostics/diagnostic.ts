/** A diagnostic is data: what is wrong, where, with which values, and what to write instead. Rendered in one place (render.ts). */
import type { Span } from "../source/source-file.ts";

export type Severity = "error" | "warning";

export interface Note {
  readonly message: string;
  readonly span?: Span;
}

export interface Diagnostic {
  /** `E` and four digits; the catalog (catalog.ts) explains each. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly span: Span;
  readonly notes: readonly Note[];
  readonly hint?: string;
}
