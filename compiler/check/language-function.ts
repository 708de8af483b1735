/** What a function of the language is: it takes tensors and compile-time arguments, and expands to nodes. */
import type { TensorNode } from "../ir/node.ts";
import type { AttributeKind } from "../ops/define.ts";
import type { Span } from "../source/source-file.ts";
import type { Frame } from "./session.ts";
import type { Value } from "./values.ts";

export interface LanguageFunction {
  readonly name: string;
  readonly summary: string;
  readonly operand: string;
  /** Takes any number of operands. */
  readonly variadic?: boolean;
  readonly attributes: readonly { readonly name: string; readonly kind: AttributeKind | "text"; readonly default?: number }[];
  readonly apply: (frame: Frame, inputs: readonly TensorNode[], attributes: Readonly<Record<string, number | string>>, span: Span) => Value;
}
