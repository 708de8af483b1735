/** A refusal of a target as a diagnostic, where its place in the source can be shown. Used by cli/ and plugin/. */
import type { Refusal } from "../errors.ts";
import type { SourceFile } from "../source/source-file.ts";
import type { Diagnostic } from "./diagnostic.ts";

/** Undefined where the refusal has no place, or its file is not known. */
export function refusalDiagnostic({ code, message, hint, origin }: Refusal, sourceOf: (path: string) => SourceFile | undefined): Diagnostic | undefined {
  const file = origin && sourceOf(origin.path);
  return file && { code, severity: "error", message, hint, notes: [], span: { file, start: origin.start, end: origin.end } };
}
