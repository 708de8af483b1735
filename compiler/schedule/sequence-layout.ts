/**
 * Where the values of one step are kept: in registers of the invocation that owns a column, or in workgroup memory; and the
 * flat form of the stages. Flow: region and tile -> here -> choose-sequence.ts, sequence.ts.
 */
import type { Expr, Expressions, Load, Range } from "../folds/expression.ts";
import { unflattenIndex } from "../folds/index-arithmetic.ts";
import { substitute } from "../folds/inline.ts";
import type { Recurrence } from "../folds/node.ts";
import { flatColumn, type SequenceCarry, type SequenceShape, type Stage, type StepValue } from "../fusion/sequence.ts";
import { byteSize } from "../ir/types.ts";
import { constantExtent, type Extent, extentValue, productOfExtents } from "../ir/extent.ts";
import type { SequenceTile } from "./tile.ts";

/** A stage over one flat range of columns and one of what it folds. */
export interface FlatStage {
  readonly stage: Stage;
  readonly column: Range;
  readonly folded: Range;
  readonly body: Expr;
  readonly left: Expr | undefined;
  readonly right: Expr | undefined;
}

export interface FlatSequence {
  readonly recurrence: Recurrence;
  /** The rows as one range. */
  readonly row: Range;
  readonly stages: readonly FlatStage[];
  readonly carries: readonly { readonly carry: SequenceCarry; readonly column: Range; readonly initial: Expr }[];
  /** Carries and stages by name. */
  readonly values: ReadonlyMap<string, StepValue>;
}

/** `rowsPerGroup`: rows past the end repeat the last one. */
export function flattenSequence(e: Expressions, recurrence: Recurrence, shape: SequenceShape, rowsPerGroup: number): FlatSequence {
  const extents = (ranges: readonly Range[]): Extent[] => ranges.map((range) => range.extent);
  const row = e.range("row", productOfExtents(extents(shape.rows)));
  const count = extentValue(row.extent);
  const index = e.index(row);
  const whole = count !== undefined && count % rowsPerGroup === 0;
  const at = whole || count === 1 ? index : e.apply("min", index, e.apply("sub", e.extent(row.extent, "i32"), e.constant(1, "i32")));
  const rows = new Map<Range, Expr>();
  unflattenIndex(e, at, extents(shape.rows)).forEach((each, axis) => rows.set(shape.rows[axis] as Range, each));
  const flat = (name: string, ranges: readonly Range[], by: Map<Range, Expr>): Range => {
    const range = e.range(name, ranges.length === 0 ? constantExtent(1) : productOfExtents(extents(ranges)));
    unflattenIndex(e, e.index(range), extents(ranges)).forEach((each, axis) => by.set(ranges[axis] as Range, each));
    return range;
  };
  const stages = shape.stages.map((stage): FlatStage => {
    const by = new Map(rows);
    const column = flat("column", stage.columns, by);
    const folded = flat("k", stage.definition.fold?.ranges ?? [], by);
    const over = (expr: Expr): Expr => substitute(e, expr, by);
    return { stage, column, folded, body: over(stage.body), left: stage.manner === "product" ? over(stage.left) : undefined, right: stage.manner === "product" ? over(stage.right) : undefined };
  });
  const carries = shape.carries.map((carry) => {
    const by = new Map(rows);
    const column = flat("column", carry.columns, by);
    return { carry, column, initial: substitute(e, carry.initial, by) };
  });
  return { recurrence, row, stages, carries, values: new Map([...shape.carries, ...shape.stages].map((value) => [value.name, value])) };
}

/** What of a stage is computed from values of the step. */
export const expressionsOf = (flat: FlatStage): readonly Expr[] => (flat.left && flat.right ? [flat.left] : [flat.body]);

/** The number that `place` is beyond the index of `range`, if it is one. */
export function offsetFrom(e: Expressions, place: Expr, range: Range): number | undefined {
  const rest = substitute(e, place, new Map([[range, e.constant(0, "i32")]]));
  if (rest.kind !== "const") return undefined;
  const own = rest.value === 0 ? e.index(range) : e.apply("add", e.index(range), rest);
  const other = rest.value === 0 ? own : e.apply("add", rest, e.index(range));
  return place === own || place === other ? rest.value : undefined;
}

/** The range whose elements the invocations share out in a stage. */
export const sharedRange = ({ stage, column, folded }: FlatStage): Range => (stage.manner === "shared" ? folded : column);

export interface SequenceLayout {
  readonly homes: ReadonlyMap<string, "private" | "workgroup">;
  /** Carries that their next value takes the place of while the step is still going on: the stage's name, and the carry's. */
  readonly inPlace: ReadonlyMap<string, string>;
  /** Workgroup memory. unit: bytes */
  readonly bytes: number;
  /** Partial folds that are merged at a time. */
  readonly parts: number;
}

interface Use {
  readonly at: number;
  readonly reader: FlatStage;
  /** How far from the reader's own element, if that is a number. */
  readonly offset: number | undefined;
}

export function layoutOf(e: Expressions, flat: FlatSequence, tile: SequenceTile): SequenceLayout {
  const uses = new Map<string, Use[]>();
  flat.stages.forEach((reader, at) => {
    for (const load of new Set(expressionsOf(reader).flatMap((expr) => expr.loads))) {
      const value = flat.values.get(load.source);
      if (!value) continue;
      const isWalked = reader.stage.manner === "map" || reader.stage.manner === "shared";
      uses.set(load.source, [...(uses.get(load.source) ?? []), { at, reader, offset: isWalked ? offsetFrom(e, flatColumn(e, value, load), sharedRange(reader)) : undefined }]);
    }
  });
  const run = tile.threads * tile.columnLanes;
  const emitted = new Set(flat.recurrence.results.flatMap((result) => (result.kind === "carry" ? [result.carry] : [])));
  const homes = new Map<string, "private" | "workgroup">();
  const inPlace = new Map<string, string>();
  const owned = (name: string, width: number): boolean => tile.threads > 1 && width > 1 && (uses.get(name) ?? []).every((use) => use.offset !== undefined && use.offset % run === 0);
  flat.carries.forEach(({ carry }) => {
    const maker = flat.stages.findIndex(({ stage }) => stage.name === carry.next);
    const clash = (uses.get(carry.name) ?? []).some((use) => use.at > maker || (use.at === maker && (use.offset !== 0 || use.reader.stage.manner !== "map")));
    if (!clash) inPlace.set(carry.next, carry.name);
    const names = clash ? [carry.name] : [carry.name, carry.next];
    const home = names.every((name) => owned(name, carry.width)) && flat.stages[maker]?.stage.manner !== "shared" ? "private" : "workgroup";
    for (const name of names) homes.set(name, home);
  });
  for (const { stage } of flat.stages) {
    const isNext = flat.carries.some(({ carry }) => carry.next === stage.name);
    if (homes.has(stage.name) || (!uses.has(stage.name) && !isNext && !emitted.has(stage.name))) continue;
    homes.set(stage.name, stage.manner !== "shared" && owned(stage.name, stage.width) ? "private" : "workgroup");
  }
  const parts = tile.threads === 1 ? 0 : Math.max(0, ...groupsOf(flat.stages).map((group) => group.reduce((sum, { stage }) => sum + (stage.manner === "shared" ? stage.width : 0), 0)));
  const kept = [...homes].filter(([name, home]) => home === "workgroup" && !inPlace.has(name));
  const bytes = kept.reduce((sum, [name]) => sum + (flat.values.get(name)?.width ?? 0) * tile.rows * byteSize(flat.values.get(name)?.definition.dtype ?? "f32"), 0) + parts * tile.threads * tile.rows * 4;
  return { homes, inPlace, bytes, parts };
}

/** Stages that stand together: folds that are shared out at the same time form one group, every other stage its own. */
export function groupsOf(stages: readonly FlatStage[]): FlatStage[][] {
  const groups: FlatStage[][] = [];
  for (const flat of stages) {
    const last = groups.at(-1);
    const joins = flat.stage.manner === "shared" && last?.[0]?.stage.manner === "shared" && !last.some(({ stage }) => flat.body.loads.some((load: Load) => load.source === stage.name));
    if (joins && last) last.push(flat);
    else groups.push([flat]);
  }
  return groups;
}
