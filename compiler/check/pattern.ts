/** The types of signatures: what a function's parameters may be, as patterns over its own extent names. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Extent } from "../ir/extent.ts";
import type { DType } from "../ir/types.ts";
import type { Parameter } from "../syntax/tree.ts";

/** Dtypes that a signature leaves open: one word stands for one and the same dtype everywhere in a signature and its body. */
export type DTypeClass = "float" | "number" | "any";

/** The first one stands for the class where nothing decides. */
export const dtypeClasses: Readonly<Record<DTypeClass, readonly [DType, ...DType[]]>> = {
  float: ["f32", "f16"],
  number: ["f32", "f16", "i32", "u32"],
  any: ["f32", "f16", "i32", "u32", "bool"],
};

export const isDTypeClass = (word: string): word is DTypeClass => Object.hasOwn(dtypeClasses, word);

/** What the open dtypes of a signature are in one application. */
export type DTypes = ReadonlyMap<DTypeClass, DType>;

/** A tensor type whose extents may hold names still to be solved; `lead` says that it begins with `...`. */
export interface Pattern {
  readonly dtype: DType;
  /** The word that `dtype` was written as, where the signature leaves it open. */
  readonly written?: DTypeClass;
  readonly lead: boolean;
  readonly extents: readonly Extent[];
}

/** `real`: a number that the compiler knows; `function`: a function, layer or op that the body applies. */
export type CompileTimeType = "int" | "real" | "flag" | "axes" | "function";

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

/** The words for open dtypes that a signature holds. */
export const classesOf = (signature: Signature): readonly DTypeClass[] => [
  ...new Set(signature.parameters.flatMap(({ type }) => (type?.kind === "tensor" && type.pattern.written !== undefined ? [type.pattern.written] : []))),
];

/** The signature with its open dtypes decided. */
export function withDTypes(signature: Signature, dtypes: DTypes): Signature {
  if (dtypes.size === 0) return signature;
  const decided = (parameter: SignatureParameter): SignatureParameter => {
    const { type } = parameter;
    const dtype = type?.kind === "tensor" && type.pattern.written !== undefined ? dtypes.get(type.pattern.written) : undefined;
    return type?.kind === "tensor" && dtype !== undefined ? { ...parameter, type: { kind: "tensor", pattern: { ...type.pattern, dtype } } } : parameter;
  };
  return { ...signature, parameters: signature.parameters.map(decided) };
}

export function printPattern(pattern: Pattern): string {
  const items = [...(pattern.lead ? ["..."] : []), ...pattern.extents.map((extent) => extent.key)];
  const dtype = pattern.written ?? pattern.dtype;
  return items.length === 0 ? dtype : `${dtype}[${items.join(", ")}]`;
}
