/**
 * A recurrence as one kernel: which of its axes are rows that never meet, so that a workgroup can take some of them through all
 * steps alone, and in which order and manner one step is computed. No rule knows a cell. Flow: recurrence -> here ->
 * schedule/sequence.ts.
 */
import { type Expr, type Expressions, type Load, loadsOf, operandsOf, type Range } from "../folds/expression.ts";
import { flattenIndex } from "../folds/index-arithmetic.ts";
import { substitute } from "../folds/inline.ts";
import type { Definition, Recurrence } from "../folds/node.ts";
import { type Extent, extentValue, productOfExtents, sameExtent } from "../ir/extent.ts";

/** Why a recurrence is no kernel. */
type Illegal = { readonly illegal: string };

/** A carry, or a definition of the body: one value for each row and column in every step. */
export interface StepValue {
  readonly name: string;
  readonly definition: Pick<Definition, "name" | "dtype" | "fold">;
  /** Its axes without the rows. */
  readonly columns: readonly Range[];
  /** Number of its columns. */
  readonly width: number;
}

/** How a value of the step is made by the invocations of a workgroup. */
export type Stage = StepValue & {
  /** Over `rows`, its columns, the step, and what it folds. */
  readonly body: Expr;
} & (
    | { readonly manner: "map" }
    /** Invocations share out the columns; each sums up its own products of `left`, which is the same for all columns, and `right`, the same for all rows. */
    | { readonly manner: "product"; readonly left: Expr; readonly right: Expr }
    /** Invocations share out the columns; each folds its own. */
    | { readonly manner: "serial" }
    /** Invocations share out the folded axis, and merge what they have. */
    | { readonly manner: "shared" }
  );

export interface SequenceCarry extends StepValue {
  /** Over `rows` and its columns. */
  readonly initial: Expr;
  readonly next: string;
}

export interface SequenceShape {
  readonly rows: readonly Range[];
  readonly carries: readonly SequenceCarry[];
  /** Operands before users; stages that do not need each other stand together by their manner. */
  readonly stages: readonly Stage[];
}

/** Folds with at most this many columns are shared out along the folded axis. */
const fewColumns = 8;

export function sequenceShape(e: Expressions, recurrence: Recurrence): SequenceShape | Illegal {
  const ranks = recurrence.carries.map((carry) => carry.box.length);
  const reasons: string[] = [];
  // A carry of one axis is a row itself; where all are, there are no rows to share out.
  for (let axes = Math.min(...ranks, Math.max(0, Math.max(0, ...ranks) - 1)); axes >= 0; axes--) {
    const shape = recurrence.carries.length === 0 ? { illegal: "a scan without carries has nothing to hand on" } : withRows(e, recurrence, axes);
    if (!("illegal" in shape)) return shape;
    reasons.push(axes === 0 && reasons.length > 0 ? `in one workgroup, ${shape.illegal}` : shape.illegal);
  }
  return { illegal: [...new Set(reasons)].join("; ") };
}

/** The shape when the first `axes` axes of every value are rows. */
function withRows(e: Expressions, recurrence: Recurrence, axes: number): SequenceShape | Illegal {
  const values = [...recurrence.carries.map(({ name, dtype, box }) => ({ name, dtype, box, fold: undefined })), ...recurrence.body];
  const byName = new Map(values.map((value) => [value.name, value]));
  const extents = (recurrence.carries[0]?.box ?? []).slice(0, axes).map((range) => range.extent);
  const rows = extents.map((extent, axis) => e.range(`row${axis}`, extent));
  for (const { name, dtype, box } of values) {
    if (box.length < axes || extents.some((extent, axis) => !sameExtent(extent, (box[axis] as Range).extent))) return { illegal: `rows meet: '${name}' does not have the rows of the carries` };
    if (dtype === "bool") return { illegal: `'${name}' is of type bool: only numbers are kept from step to step` };
    const columns = extentValue(productOfExtents(box.slice(axes).map((range) => range.extent)));
    if (columns === undefined) return { illegal: `open width: the number of columns of '${name}' is not known when the model is compiled` };
  }
  const crossing = (from: Definition | { readonly name: string; readonly box: readonly Range[]; readonly body: Expr }): Illegal | undefined => {
    const own = from.box.slice(0, axes).map((range) => e.index(range));
    const folded = new Set("fold" in from && from.fold ? from.fold.ranges : []);
    for (const load of loadsOf(from.body)) {
      if (!byName.has(load.source)) continue;
      if (!own.every((index, axis) => load.indices[axis] === index)) return { illegal: `rows meet: '${from.name}' reads other rows of '${load.source}' than its own` };
      const columns = new Set([...from.box.slice(axes), ...folded]);
      const sound = load.indices.slice(axes).every((index) => index.loads.length === 0 && [...index.ranges].every((range) => columns.has(range)));
      if (!sound) return { illegal: `'${from.name}' reads '${load.source}' at a place that depends on data or on the step` };
    }
    return undefined;
  };
  for (const definition of recurrence.body) {
    const found = crossing(definition);
    if (found) return found;
  }
  const onRows = (box: readonly Range[], expr: Expr): Expr => substitute(e, expr, new Map(rows.map((row, axis) => [box[axis] as Range, e.index(row)])));
  const valueOf = ({ name, dtype, box, fold }: Pick<Definition, "name" | "dtype" | "box" | "fold">): StepValue => ({ name, definition: { name, dtype, fold }, columns: box.slice(axes), width: extentValue(productOfExtents(box.slice(axes).map((range) => range.extent))) ?? 1 });
  const carries = recurrence.carries.map((carry): SequenceCarry => ({ ...valueOf({ ...carry, fold: undefined }), initial: onRows(carry.box, carry.initial), next: carry.next }));
  const stages = recurrence.body.map((definition): Stage => {
    const value = { ...valueOf(definition), body: onRows(definition.box, definition.body) };
    if (!definition.fold) return { ...value, manner: "map" };
    if (value.width <= fewColumns && definition.dtype === "f32") return { ...value, manner: "shared" };
    const factors = definition.fold.monoid === "sum" ? productFactors(e, value.body, new Set(value.columns), (expr) => [...expr.ranges].some((range) => rows.includes(range) || range === recurrence.step) || expr.loads.some((load) => byName.has(load.source))) : undefined;
    return factors ? { ...value, manner: "product", ...factors } : { ...value, manner: "serial" };
  });
  return { rows, carries, stages: arranged(stages) };
}

/** The body as a product of what is the same for all columns and what is the same for all rows and steps. */
function productFactors(e: Expressions, body: Expr, columns: ReadonlySet<Range>, varies: (expr: Expr) => boolean): { readonly left: Expr; readonly right: Expr } | undefined {
  if (body.dtype !== "f32") return undefined;
  const factors: Expr[] = [];
  const collect = (expr: Expr): void => {
    if (expr.kind === "apply" && expr.op === "mul") for (const operand of operandsOf(expr)) collect(operand);
    else factors.push(expr);
  };
  collect(body);
  const hasColumns = (expr: Expr): boolean => [...expr.ranges].some((range) => columns.has(range));
  const left = factors.filter((factor) => !hasColumns(factor));
  const right = factors.filter(hasColumns);
  if (left.length === 0 || right.length === 0 || right.some(varies)) return undefined;
  const product = (all: readonly Expr[]): Expr => all.reduce((a, b) => e.apply("mul", a, b));
  return { left: product(left), right: product(right) };
}

const mannerOrder: readonly Stage["manner"][] = ["map", "product", "serial", "shared"];

/** Operands before users; of what is ready, all of one manner at a time, so that stages share barriers. */
function arranged(stages: readonly Stage[]): Stage[] {
  const done: Stage[] = [];
  let waiting = [...stages];
  while (waiting.length > 0) {
    const open = new Set(waiting.map((stage) => stage.name));
    const ready = waiting.filter((stage) => loadsOf(stage.body).every((load) => !open.has(load.source)));
    const manner = mannerOrder.find((each) => ready.some((stage) => stage.manner === each));
    const next = ready.filter((stage) => stage.manner === manner);
    done.push(...next);
    waiting = waiting.filter((stage) => !next.includes(stage));
  }
  return done;
}

/** A place in a value: its flat column over the ranges of the stage that reads it. */
export const flatColumn = (e: Expressions, value: StepValue, load: Load): Expr =>
  flattenIndex(e, load.indices.slice(load.indices.length - value.columns.length), value.columns.map((range): Extent => range.extent));
