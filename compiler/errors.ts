/**
 * Errors that are not the user's fault. A user's mistake is a `Diagnostic` (see diagnostics/), never an exception.
 * Leaf module: it may be imported from everywhere in `compiler/`.
 */

/** A broken invariant of the compiler itself. `stage` names the pass or module that noticed it. */
export class InternalError extends Error {
  readonly stage: string;

  constructor(stage: string, message: string) {
    super(`${stage}: ${message}`);
    this.name = "InternalError";
    this.stage = stage;
  }
}

/** A model that is right in itself, and that a target cannot have: the user's to mend, as data. The command line, the plugin and the test helper report it like a diagnostic. */
export class Refusal extends Error {
  readonly code: string;
  readonly hint: string;
  /** Where in the source, if that is one place. */
  readonly origin: { readonly path: string; readonly start: number; readonly end: number } | undefined;

  constructor(code: string, message: string, hint: string, origin?: { readonly path: string; readonly start: number; readonly end: number }) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.hint = hint;
    this.origin = origin;
  }
}

/** Returns `value`, or throws an InternalError when it is absent: the one replacement for a non-null assertion. */
export function required<T>(value: T | null | undefined, stage: string, what: string): T {
  if (value === null || value === undefined) throw new InternalError(stage, `${what} is missing`);
  return value;
}
