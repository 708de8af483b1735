/**
 * One element of an index-space expression as kernel IR: indices become offsets, ranges become loop counters, and one
 * range may run over the lanes of a vector. Shared sub-expressions are named once.
 */
import { type Expr, operandsOf, type Range, visit } from "../folds/expression.ts";
import { flattenIndex, isMultipleApartFrom, isSteady, weightOf } from "../folds/index-arithmetic.ts";
import { constantExtent, type Extent, extentValue, productOfExtents } from "../ir/extent.ts";
import * as k from "../kernel/build.ts";
import type { Expression, Lanes } from "../kernel/node.ts";
import { divisibleByFour, type KernelWriter } from "./kernel-writer.ts";

/** The range that runs over lanes: lane i of a value is its element at (counter + i). The counter is a multiple of `lanes`. */
export interface VectorRange {
  readonly range: Range;
  readonly lanes: Lanes;
  /** The last value of the range, where lanes may lie past it: those read what it has, and are not stored. */
  readonly last?: Expression;
}

export interface ElementScope {
  readonly writer: KernelWriter;
  readonly counters: ReadonlyMap<Range, Expression>;
  readonly vector?: VectorRange;
  /** Literal factors that counters are multiples of, for alignment. */
  readonly multiples?: ReadonlyMap<Range, number>;
  /** Values that are already at hand, by expression; looked up first. */
  readonly known?: ReadonlyMap<Expr, Expression>;
  /** Values of loads that do not come from memory, by source. */
  readonly sources?: ReadonlyMap<string, Expression | ((load: Extract<Expr, { kind: "load" }>) => Expression)>;
  /** Addressing of tensors as [row, column], for thread kernels. */
  readonly rowsByColumns?: boolean;
}

export function emitElement(scope: ElementScope, expr: Expr): Expression {
  return emitElements(scope, [expr])[0] as Expression;
}

/** Several expressions with their shared parts named once. */
export function emitElements(scope: ElementScope, exprs: readonly Expr[]): Expression[] {
  const uses = countUses(exprs);
  const memo = new Map<Expr, Expression>();
  const emit = (expr: Expr): Expression => {
    const before = scope.known?.get(expr) ?? memo.get(expr);
    if (before) return before;
    let value = emitNode(scope, expr, emit);
    if ((uses.get(expr) ?? 0) > 1 && expr.kind !== "const" && expr.kind !== "index") value = scope.writer.let(nameFor(expr), value);
    memo.set(expr, value);
    return value;
  };
  return exprs.map(emit);
}

function nameFor(expr: Expr): string {
  if (expr.kind === "load") return `${expr.source.replace(/[^A-Za-z0-9]+/g, "_")}_value`;
  return expr.kind === "apply" ? expr.op : "value";
}

function countUses(exprs: readonly Expr[]): Map<Expr, number> {
  const uses = new Map<Expr, number>();
  const seen = new Set<Expr>();
  for (const expr of exprs) {
    uses.set(expr, (uses.get(expr) ?? 0) + 1);
    visit(expr, (node) => {
      // Index expressions are re-derived where they are used: they simplify against their surroundings.
      if (node.kind !== "load") for (const operand of operandsOf(node)) uses.set(operand, (uses.get(operand) ?? 0) + 1);
    }, seen);
  }
  return uses;
}

function emitNode(scope: ElementScope, expr: Expr, emit: (expr: Expr) => Expression): Expression {
  switch (expr.kind) {
    case "const":
      return k.constant(expr.dtype, expr.value);
    case "extent":
      return k.convert(scope.writer.extent(expr.extent), expr.dtype);
    case "index":
      return indexValue(scope, expr.range);
    case "load": {
      const source = scope.sources?.get(expr.source);
      if (source !== undefined) return typeof source === "function" ? source(expr) : source;
      return emitLoad(scope, expr);
    }
    case "convert":
      return k.convert(emit(expr.arg), expr.dtype);
    case "bitcast":
      return k.bitcast(emit(expr.arg), expr.dtype);
    case "apply": {
      const args = expr.args.map(emit);
      const lanes = Math.max(...args.map((arg) => arg.type.lanes)) as Lanes;
      return k.instruction(expr.op, ...args.map((arg) => (arg.type.lanes === lanes ? arg : k.splat(arg, lanes))));
    }
    default:
      return expr satisfies never;
  }
}

function indexValue(scope: ElementScope, range: Range): Expression {
  const counter = counterOf(scope, range);
  const { vector } = scope;
  if (!vector || vector.range !== range || vector.lanes === 1) return counter;
  const lanes = Array.from({ length: vector.lanes }, (_, i) => k.add(counter, k.int(i)));
  return k.vector(...(lanes as [Expression, ...Expression[]]));
}

function counterOf(scope: ElementScope, range: Range): Expression {
  const counter = scope.counters.get(range);
  if (!counter) throw new Error(`no counter for range ${range.name}${range.id}`);
  return counter;
}

/** An i32 index expression with the lane range at its counter plus `lane`. */
export function offsetValue(scope: ElementScope, expr: Expr, lane: number): Expression {
  switch (expr.kind) {
    case "const":
      return k.int(expr.value);
    case "extent":
      return scope.writer.extent(expr.extent);
    case "index": {
      const counter = counterOf(scope, expr.range);
      if (lane === 0 || scope.vector?.range !== expr.range) return counter;
      const at = k.add(counter, k.int(lane));
      return scope.vector.last ? k.min(at, scope.vector.last) : at;
    }
    case "apply":
      return k.instruction(expr.op, ...expr.args.map((arg) => offsetValue(scope, arg, lane)));
    case "load":
    case "convert":
    case "bitcast":
      return k.lane(emitElement(scope, expr), lane);
    default:
      return expr satisfies never;
  }
}

function emitLoad(scope: ElementScope, load: Extract<Expr, { kind: "load" }>): Expression {
  const { writer } = scope;
  const { shape } = writer.tensor(load.source);
  if (scope.rowsByColumns) {
    const [row, column] = rowAndColumn(scope, load.indices, shape);
    return writer.load(load.source, [offsetValue(scope, row, 0), offsetValue(scope, column, 0)], 1, columnsOf(shape));
  }
  const offset = flattenIndex(writer.e, load.indices, shape);
  const { vector } = scope;
  if (!vector || vector.lanes === 1 || isSteady(offset, vector.range, vector.lanes)) return writer.load(load.source, offsetValue(scope, offset, 0), 1);
  if (isVectorAccess(scope, offset, shape)) return writer.load(load.source, offsetValue(scope, offset, 0), vector.lanes);
  const lanes = Array.from({ length: vector.lanes }, (_, i) => writer.load(load.source, offsetValue(scope, offset, i), 1));
  return k.vector(...(lanes as [Expression, ...Expression[]]));
}

/** Consecutive, aligned, and of a tensor whose length allows a vec4 binding. */
export function isVectorAccess(scope: Pick<ElementScope, "vector" | "multiples">, offset: Expr, shape: readonly Extent[]): boolean {
  const { vector } = scope;
  if (vector?.lanes !== 4) return false;
  const weight = weightOf(offset, vector.range);
  return weight !== undefined && extentValue(weight) === 1 && divisibleByFour(productOfExtents(shape)) && isMultipleApartFrom(offset, vector.range, 4, scope.multiples ?? new Map());
}

export const columnsOf = (shape: readonly Extent[]): Extent => shape[shape.length - 1] ?? constantExtent(1);

function rowAndColumn(scope: ElementScope, indices: readonly Expr[], shape: readonly Extent[]): [Expr, Expr] {
  const { e } = scope.writer;
  if (indices.length === 0) return [e.constant(0, "i32"), e.constant(0, "i32")];
  return [flattenIndex(e, indices.slice(0, -1), shape.slice(0, -1)), indices[indices.length - 1] as Expr];
}

/** Stores a value at `offset`; lanes of an unaligned vector go one by one. */
export function emitStore(scope: ElementScope, tensor: string, offset: Expr, value: Expression): void {
  const { writer, vector } = scope;
  const { shape, dtype } = writer.tensor(tensor);
  const lanes = vector?.lanes ?? 1;
  const converted = value.type.scalar === dtype ? value : k.convert(value, dtype);
  if (lanes === 1 || !vector) return writer.store(tensor, offsetValue(scope, offset, 0), k.lane(converted, 0));
  const wide = converted.type.lanes === lanes ? converted : k.splat(converted, lanes);
  if (isVectorAccess(scope, offset, shape)) return writer.store(tensor, offsetValue(scope, offset, 0), wide);
  const named = writer.let("stored", wide);
  for (let i = 0; i < lanes; i++) {
    const store = (): void => writer.store(tensor, offsetValue({ ...scope, vector: { range: vector.range, lanes } }, offset, i), k.lane(named, i));
    if (vector.last && i > 0) writer.if(k.le(k.add(counterOf(scope, vector.range), k.int(i)), vector.last), store);
    else store();
  }
}

/** The largest parts of `exprs` that do not depend on `varying` ranges and are worth keeping: what a row needs once. */
export function invariantParts(exprs: readonly Expr[], varying: ReadonlySet<Range>, isVarying: (expr: Expr) => boolean = () => false): Expr[] {
  const moving = new Map<Expr, boolean>();
  const moves = (expr: Expr): boolean => {
    const known = moving.get(expr);
    if (known !== undefined) return known;
    const result = (expr.kind === "index" && varying.has(expr.range)) || isVarying(expr) || operandsOf(expr).some(moves);
    moving.set(expr, result);
    return result;
  };
  const parts = new Set<Expr>();
  const collect = (expr: Expr, seen: Set<Expr>): void => {
    if (seen.has(expr)) return;
    seen.add(expr);
    if (!moves(expr)) {
      const trivial = expr.kind === "const" || expr.kind === "extent" || expr.kind === "index" || expr.dtype === "i32";
      if (!trivial) parts.add(expr);
      return;
    }
    if (expr.kind !== "load") for (const operand of operandsOf(expr)) collect(operand, seen);
  };
  const seen = new Set<Expr>();
  for (const expr of exprs) collect(expr, seen);
  return [...parts];
}

