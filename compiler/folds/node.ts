/**
 * Index-space level: a program of definitions, each a map `v[P] = body` or a fold `v[P] = fold<monoid> over R of body`.
 * A contraction is a fold of a product; a norm is folds that are broadcast back to their own input. No layer exists here.
 */
import type { ExtentTree } from "../ir/extent.ts";
import type { Origin } from "../ir/node.ts";
import type { DType, TensorType } from "../ir/types.ts";
import type { Expr, Range } from "./expression.ts";

/** Associative and commutative, with an identity in f32. */
export type Monoid = "sum" | "product" | "max" | "min";

export interface Fold {
  readonly monoid: Monoid;
  /** R: the ranges folded away. */
  readonly ranges: readonly Range[];
}

export interface Definition {
  readonly name: string;
  readonly dtype: DType;
  /** P: one range per axis of the value, outermost first. */
  readonly box: readonly Range[];
  readonly fold: Fold | undefined;
  /** Scalar expression over P and R. */
  readonly body: Expr;
  readonly origin: Origin | undefined;
  /** Present on a fold over one tile of the columns of a product: the kernel that makes the tile emits it. */
  readonly partial?: Partial;
  /** Present on a result of a recurrence: `body` then only loads what the recurrence reads, once each, at any place. */
  readonly recurrence?: { readonly of: Recurrence; readonly result: number };
}

/**
 * A loop along `step` whose body hands values on from one step to the next. What does not depend on them stands outside of
 * it (R12): products of the sequence before, what is made of stacked results after.
 */
export interface Recurrence {
  readonly name: string;
  /** Runs over the steps; free in `body`. */
  readonly step: Range;
  readonly carries: readonly Carry[];
  /** One step, operands before users. Loads name carries, earlier definitions of the body, and values outside. */
  readonly body: readonly Definition[];
  readonly results: readonly RecurrenceResult[];
}

export interface Carry {
  readonly name: string;
  readonly dtype: DType;
  readonly box: readonly Range[];
  /** Before the first step, over `box`. */
  readonly initial: Expr;
  /** Definition of the body that it becomes. No two carries have one. */
  readonly next: string;
}

/** A definition of the body, stacked over the steps; or a carry after the last step. */
export type RecurrenceResult = { readonly kind: "stack"; readonly value: string } | { readonly kind: "carry"; readonly carry: string };

/** The same value as the definition's body, told from inside the tile. */
export interface Partial {
  readonly product: string;
  /** Columns in a tile. */
  readonly width: number;
  /** Over the product's box: loads of the product at its own element, and of `tilePivot` for the tile's first element of the row. */
  readonly element: Expr;
}

/** Source name of the first element of a row's tile in `Partial.element`. */
export const tilePivot = "@tile_pivot";

export type SourceRole = "input" | "parameter";

/** A tensor that the host hands in. */
export interface Source {
  readonly name: string;
  readonly role: SourceRole;
  readonly type: TensorType;
}

export interface ProgramOutput {
  /** Name in the model's signature. */
  readonly name: string;
  readonly definition: string;
  readonly type: TensorType;
}

export interface Program {
  readonly name: string;
  readonly sources: readonly Source[];
  /** Operands before users. */
  readonly definitions: readonly Definition[];
  readonly outputs: readonly ProgramOutput[];
}

export const monoidIdentity: Record<Monoid, number> = { sum: 0, product: 1, max: Number.NEGATIVE_INFINITY, min: Number.POSITIVE_INFINITY };

export const monoidInstruction: Record<Monoid, "add" | "mul" | "max" | "min"> = { sum: "add", product: "mul", max: "max", min: "min" };

export type { ExtentTree };
