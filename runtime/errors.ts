/**
 * What the runtime throws at its caller: one class, told apart by `code`. Every message holds the actual values and ends
 * with what to do about it, so that a mistake in a call never shows up as a bare TypeError from the depths.
 */

export type RuntimeErrorCode =
  | "device-unavailable"
  | "device-lost"
  | "out-of-memory"
  | "kernel-failed"
  | "artifact-version"
  | "artifact-invalid"
  | "shape-mismatch"
  | "dtype-mismatch"
  | "missing-input"
  | "unknown-input"
  | "missing-parameter"
  | "unknown-parameter"
  | "weights-invalid"
  | "buffer-invalid"
  | "disposed";

export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;
  /** What to do instead, as a sentence; the message ends with it. */
  readonly hint: string;

  constructor(code: RuntimeErrorCode, problem: string, hint: string, cause?: unknown) {
    super(`${problem} ${hint}`, cause === undefined ? undefined : { cause });
    this.name = "RuntimeError";
    this.code = code;
    this.hint = hint;
  }
}

/** The text of anything that was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** By its field, not its class: a device may come from another copy of this package. */
export const codeOf = (thrown: unknown): unknown => (thrown instanceof Error && "code" in thrown ? thrown.code : undefined);
