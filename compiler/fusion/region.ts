/**
 * Regions: what one kernel computes. Given the set of definitions that go to memory, every one of them has a region: the
 * definition, and the folds that it needs and that are not in memory. The roles of its folds (prologue, ride, epilogue,
 * partial) say how each is owned.
 */
import type { Expr, Expressions, Range } from "../folds/expression.ts";
import { substitute } from "../folds/inline.ts";
import type { Definition, Recurrence } from "../folds/node.ts";
import { type Extent, extentNames } from "../ir/extent.ts";
import type { ContractionShape } from "./contraction-shape.ts";
import type { SequenceTile } from "../schedule/tile.ts";
import type { SequenceShape } from "./sequence.ts";

/** A fold inside a region, its box substituted by the region's ranges. */
export interface Member {
  readonly definition: Definition;
  /** Over the region's ranges and `ranges`. */
  readonly body: Expr;
  readonly ranges: readonly Range[];
  /** Index of the value at its place of use, over the region's ranges. */
  readonly at: readonly Expr[];
}

export interface RegionOutput {
  readonly definition: Definition;
  /** What is stored at each element of `box`; a member's own value when the output is a fold. */
  readonly body: Expr;
  readonly box: readonly Range[];
}

interface RegionBase {
  readonly outputs: readonly RegionOutput[];
}

export interface ElementwiseRegion extends RegionBase {
  readonly template: "elementwise";
}

/** Rows owned by one workgroup: folds along each row, then maps over the row. */
export interface RowsRegion extends RegionBase {
  readonly template: "rows";
  readonly rows: readonly Range[];
  readonly folds: readonly Member[];
}

/** A product of a contraction region: its right operand over batch, columns and k, in the region's ranges. */
export interface Product {
  readonly definition: Definition;
  readonly right: Expr;
}

export interface ContractionRegion extends RegionBase {
  readonly template: "contraction";
  /** The first product; `shape.right` is its right operand. */
  readonly definition: Definition;
  readonly shape: ContractionShape;
  /** Further products of the same left operand over the same box: the two of a gated unit. */
  readonly siblings: readonly Product[];
  /** Stored panels that hold the right operand, product by product; see pack-operands.ts. */
  readonly panels?: readonly (string | undefined)[];
  /** Columns of the right operands as they are stored, where that is more than the product has: a multiple of four; see pack-operands.ts. */
  readonly storedColumns?: Extent;
  /** Row folds needed while multiplying: computed first, by each workgroup for its rows. */
  readonly prologue: readonly Member[];
  /** Row folds over k needed only afterwards: accumulated in the main loop. */
  readonly ride: readonly Member[];
  /** Folds over the columns of the product: the workgroup owns whole rows. `ranges` are the columns. */
  readonly epilogue: readonly Member[];
  /** Partial folds of the product that each tile emits; further outputs. */
  readonly partials: readonly PartialOutput[];
}

/** A partial fold of one tile: see Definition.partial. */
export interface PartialOutput {
  readonly definition: Definition;
  /** Over the region's ranges. */
  readonly element: Expr;
  readonly width: number;
}

/** The region that also emits `partials` of its product, which must be what it stores. */
export function withPartials(e: Expressions, region: Region, partials: readonly Definition[]): Region | Illegal {
  const output = region.outputs[0];
  if (region.template !== "contraction" || output?.definition !== region.definition || region.epilogue.length > 0 || region.siblings.length > 0) return { illegal: `${partials[0]?.partial?.product ?? "the product"} is not stored as it is: its tiles cannot emit partial statistics` };
  const by = new Map(region.definition.box.map((range, axis) => [range, e.index(output.box[axis] ?? range)]));
  const made = partials.flatMap((definition) => (definition.partial ? [{ definition, width: definition.partial.width, element: substitute(e, definition.partial.element, by) }] : []));
  return { ...region, partials: made, outputs: [output, ...made.map(({ definition }): RegionOutput => ({ definition, body: e.constant(0, definition.dtype), box: definition.box }))] };
}

/**
 * A contraction whose left operand is made on the way from another product along the same k, one k after the other: the table
 * of that product never exists. Folds over k run beside it; those that hang on a maximum are rescaled when it grows.
 */
export interface StreamRegion extends RegionBase {
  readonly template: "stream";
  readonly definition: Definition;
  /** `left` is what is summed up with `right`: the factors that vary along k. */
  readonly shape: ContractionShape;
  /** The product that is streamed over: its columns are the k of `shape`. */
  readonly scores: { readonly definition: Definition; readonly shape: ContractionShape };
  /** Row folds that the left operand of the scores needs. */
  readonly prologue: readonly Member[];
  /** max over k of `shift.body`; every other fold and `shape.left` contain exp(shift.body - shift) as a factor or not at all. */
  readonly shift: Member | undefined;
  /** Sums over k, with the k of `shape`. */
  readonly folds: readonly (Member & { readonly rescaled: boolean })[];
  /** Folds along the columns of the finished row; `ranges` are the columns. */
  readonly epilogue: readonly Member[];
  /** The value of `definition` from loads of `streamTotal` and of the folds. */
  readonly finish: Expr;
}

/** Source name of the plain sum in `StreamRegion.finish`. */
export const streamTotal = "@total";

/** All products of a contraction region. */
export const productsOf = (region: ContractionRegion): Product[] => [{ definition: region.definition, right: region.shape.right }, ...region.siblings];

/** One output element per invocation, every fold a serial loop: the only form without workgroup memory. */
export interface ThreadRegion extends RegionBase {
  readonly template: "thread";
  readonly folds: readonly Member[];
}

/** All steps of a recurrence: a workgroup takes its rows through them, and hands on what is carried in memory of its own. */
export interface SequenceRegion extends RegionBase {
  readonly template: "sequence";
  readonly recurrence: Recurrence;
  readonly shape: SequenceShape;
  /** Stored panels of the right operand of a product, by the product; see pack-operands.ts. */
  readonly panels: ReadonlyMap<string, string>;
  /** Workgroup memory that a tile takes. */
  readonly workgroupBytes: (tile: SequenceTile) => number;
}

/** Name of the extent that is the first step of a dispatch, where a recurrence takes several. No extent of the recurrence has it. */
export function firstStepOf({ step, carries }: Recurrence): string {
  const taken = new Set([step.extent, ...carries.flatMap((carry) => carry.box.map((range) => range.extent))].flatMap(extentNames));
  let name = "first_step";
  while (taken.has(name)) name += "_0";
  return name;
}

export type Region = ElementwiseRegion | RowsRegion | ContractionRegion | StreamRegion | ThreadRegion | SequenceRegion;

/** Which templates a target has: all of them, or `thread` alone. */
export type Templates = "workgroup" | "thread";

export type Illegal = { readonly illegal: string };

export const isIllegal = (region: Region | Illegal): region is Illegal => "illegal" in region;
