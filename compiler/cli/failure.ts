/** What ends a command early: the user's mistake (exit 1) as data. Everything else that is thrown is our bug (exit 70). */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";

export class Failure extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly diagnostics: readonly Diagnostic[];

  constructor(code: string, message: string, hint?: string, diagnostics: readonly Diagnostic[] = []) {
    super(message);
    this.name = "Failure";
    this.code = code;
    this.hint = hint;
    this.diagnostics = diagnostics;
  }
}
