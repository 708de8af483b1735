/** The types of signatures: what a function's parameters may be, as patterns over its own extent names. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Extent } from "../ir/extent.ts";
import type { DType } from "../ir/types.ts";
import type { Parameter } from "../syntax/tree.ts";

/** A tensor type whose extents may hold names still to be solved; `lead` says that it begins with `...`. */
export interface Pattern {
  readonly dtype: DType;
  readonly lead: boolean;
  readonly extents: readonly Extent[];
}

export type CompileTimeType = "int" | "flag" | "axes";

export interface SignatureParameter {
  readonly name: string;
  /** `undefined`: its type is wrong, which was reported. */
  readonly type: { readonly kind: "tensor"; readonly pattern: Pattern } | { readonly kind: CompileTimeType } | undefined;
  readonly syntax: Parameter;
}

export interface Signature {
  /** Those in brackets, in order. */
  readonly explicit: readonly string[];
  /** All extent names: those in brackets, then those first seen in parameter types. */
  readonly names: readonly string[];
  readonly parameters: readonly SignatureParameter[];
  readonly diagnostics: readonly Diagnostic[];
}

export function printPattern(pattern: Pattern): string {
  const items = [...(pattern.lead ? ["..."] : []), ...pattern.extents.map((extent) => extent.key)];
  return items.length === 0 ? pattern.dtype : `${pattern.dtype}[${items.join(", ")}]`;
}
