/**
 * Scalar expressions in float64, one vector of elements at a time: an expression is compiled once to steps that fill
 * columns along one range while all other ranges stand still. Used by evaluate.ts alone.
 */
import { InternalError, required } from "../errors.ts";
import { bindExtent, type Bindings, type Extent, extentValue } from "../ir/extent.ts";
import { type DType, isFloat } from "../ir/types.ts";
import { instructions } from "../kernel/instructions.ts";
import type { Instruction } from "../kernel/node.ts";
import { bitcastNumber, convertNumber, roundTo } from "../kernel/numbers.ts";
import { type Expr, operandsOf, type Range, visit } from "./expression.ts";

/** Values of one node: one per index of the vector range, or a single one that all share (`step` 0). */
export interface Column {
  readonly values: Float64Array;
  readonly step: 0 | 1;
}

/** Changes the exact results of float instructions in place, as rounding to a narrower format would. */
export type Disturb = (op: Instruction, result: Float64Array, operands: readonly Column[]) => void;

/** A tensor that expressions load from, row-major. */
export interface Stored {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

export interface Scope {
  readonly bindings: Bindings;
  readonly stored: ReadonlyMap<string, Stored>;
  readonly disturb: Disturb | undefined;
  /** The range along which columns run; undefined: all columns have one element. */
  readonly along: Range | undefined;
  /** Current index of every range, by its id; that of `along` is ignored. */
  readonly at: Map<number, number>;
}

export interface CompiledExpression {
  readonly result: Column;
  /** Fills `result` for the current indices. */
  readonly run: () => void;
}

export const lengthOf = (extent: Extent, bindings: Bindings): number => required(extentValue(bindExtent(extent, bindings)), "evaluate-folds", `extent ${extent.key}`);

export function compileColumns(expr: Expr, scope: Scope): CompiledExpression {
  const columns = new Map<Expr, Column>();
  const steps: (() => void)[] = [];
  const length = scope.along ? lengthOf(scope.along.extent, scope.bindings) : 1;
  const varies = varying(expr, scope.along);
  const make = (node: Expr): void => {
    // Indices of loads are followed by `compileScalar`; only what enters the arithmetic gets a column.
    if (columns.has(node)) return;
    if (node.kind !== "load") for (const operand of operandsOf(node)) make(operand);
    const step = varies.has(node) ? 1 : 0;
    const column: Column = { values: new Float64Array(step === 1 ? length : 1), step };
    columns.set(node, column);
    const operands = node.kind === "load" ? [] : operandsOf(node).map((operand) => required(columns.get(operand), "evaluate-folds", "operand"));
    const fill = compileStep(node, column, operands, scope);
    if (fill) steps.push(fill);
  };
  make(expr);
  return {
    result: required(columns.get(expr), "evaluate-folds", "result"),
    run: () => {
      for (const step of steps) step();
    },
  };
}

/** The nodes that depend on a range. */
function varying(expr: Expr, along: Range | undefined): Set<Expr> {
  const found = new Set<Expr>();
  visit(expr, (node) => {
    if (node.kind === "index" ? node.range === along : operandsOf(node).some((operand) => found.has(operand))) found.add(node);
  });
  return found;
}

/** What fills the column at each turn; undefined when it never changes. */
function compileStep(node: Expr, column: Column, operands: readonly Column[], scope: Scope): (() => void) | undefined {
  const { values } = column;
  switch (node.kind) {
    case "const":
      values.fill(node.value);
      return undefined;
    case "extent":
      values.fill(lengthOf(node.extent, scope.bindings));
      return undefined;
    case "index": {
      const { id } = node.range;
      if (column.step === 0) return () => void (values[0] = scope.at.get(id) ?? Number.NaN);
      values.forEach((_, i) => (values[i] = i));
      return undefined;
    }
    case "load":
      return compileLoad(node, column, scope);
    case "convert":
    case "bitcast": {
      const from = node.arg.dtype;
      const change = node.kind === "bitcast" ? bitcastNumber : isFloat(from) && isFloat(node.dtype) ? (value: number): number => value : convertNumber;
      const source = required(operands[0], "evaluate-folds", "operand of a conversion").values;
      return () => {
        for (let i = 0; i < values.length; i++) values[i] = change(source[i] as number, from, node.dtype);
      };
    }
    case "apply":
      return compileApply(node, values, operands, scope.disturb);
    default:
      return node satisfies never;
  }
}

function compileApply(node: Extract<Expr, { kind: "apply" }>, values: Float64Array, operands: readonly Column[], disturb: Disturb | undefined): () => void {
  const dtype = node.args[node.args.length - 1]?.dtype ?? node.dtype;
  const compute = isFloat(dtype) ? (arithmetic(node.op, values, operands) ?? anyInstruction(node.op, dtype, values, operands)) : anyInstruction(node.op, dtype, values, operands);
  if (!disturb || !isFloat(node.dtype)) return compute;
  return () => {
    compute();
    disturb(node.op, values, operands);
  };
}

/** Tight loops for what contractions and norms are made of. */
function arithmetic(op: Instruction, out: Float64Array, operands: readonly Column[]): (() => void) | undefined {
  const [left, right] = operands;
  if (!left || !right) return undefined;
  const { values: a, step: s } = left;
  const { values: b, step: t } = right;
  switch (op) {
    case "add":
      return () => {
        for (let i = 0; i < out.length; i++) out[i] = (a[i * s] as number) + (b[i * t] as number);
      };
    case "sub":
      return () => {
        for (let i = 0; i < out.length; i++) out[i] = (a[i * s] as number) - (b[i * t] as number);
      };
    case "mul":
      return () => {
        for (let i = 0; i < out.length; i++) out[i] = (a[i * s] as number) * (b[i * t] as number);
      };
    default:
      return undefined;
  }
}

/** The instruction table in float64: floats are not rounded, integers wrap. */
function anyInstruction(op: Instruction, dtype: DType, out: Float64Array, operands: readonly Column[]): () => void {
  const { evaluate, result } = instructions[op];
  const finish = isFloat(dtype) || result === "bool" ? undefined : roundTo[dtype];
  const [a, b, c] = operands;
  const none = new Float64Array(1);
  const read = (column: Column | undefined, i: number): number => (column ? column.values[i * column.step] : none[0]) as number;
  return () => {
    for (let i = 0; i < out.length; i++) {
      const value = evaluate(dtype, read(a, i), read(b, i), read(c, i));
      out[i] = finish ? finish(value) : value;
    }
  };
}

/** Elements beyond the tensor read as NaN: a guard around the load discards them. */
function compileLoad(load: Extract<Expr, { kind: "load" }>, { values, step }: Column, scope: Scope): () => void {
  const { data, shape } = required(scope.stored.get(load.source), "evaluate-folds", `value of '${load.source}'`);
  if (shape.length !== load.indices.length) throw new InternalError("evaluate-folds", `'${load.source}' has ${shape.length} axes, loaded with ${load.indices.length}`);
  const indices = load.indices.map((index) => compileScalar(index, scope));
  const offset = (): number => indices.reduce((sum, index, axis) => sum * (shape[axis] as number) + index(), 0);
  const { along, at } = scope;
  if (step === 0 || !along) return () => void (values[0] = data[offset()] ?? Number.NaN);
  const strides = load.indices.map((index) => strideAlong(index, along, scope.bindings));
  const known = strides.every((stride) => stride !== undefined);
  const stride = strides.reduce<number>((sum, one, axis) => sum * (shape[axis] as number) + (one ?? 0), 0);
  if (!known)
    return () => {
      for (let i = 0; i < values.length; i++) {
        at.set(along.id, i);
        values[i] = data[offset()] ?? Number.NaN;
      }
    };
  return () => {
    at.set(along.id, 0);
    let place = offset();
    for (let i = 0; i < values.length; i++, place += stride) values[i] = data[place] ?? Number.NaN;
  };
}

/** By how much an index grows from one place of the range to the next; undefined when that differs from place to place. */
function strideAlong(index: Expr, along: Range, bindings: Bindings): number | undefined {
  if (index.kind === "index") return index.range === along ? 1 : 0;
  if (index.kind === "const" || index.kind === "extent") return 0;
  if (index.kind === "apply" && (index.op === "add" || index.op === "sub" || index.op === "mul")) {
    const [a, b] = index.args.map((arg) => strideAlong(arg, along, bindings));
    if (a !== undefined && b !== undefined && index.op !== "mul") return index.op === "add" ? a + b : a - b;
    if (a === 0 && b === 0) return 0;
    const factor = numberOf(index.args[1], bindings) ?? numberOf(index.args[0], bindings);
    const scaled = numberOf(index.args[1], bindings) === undefined ? b : a;
    if (index.op === "mul" && factor !== undefined && scaled !== undefined) return factor * scaled;
  }
  return varying(index, along).size === 0 ? 0 : undefined;
}

function numberOf(expr: Expr | undefined, bindings: Bindings): number | undefined {
  if (expr?.kind === "const") return expr.value;
  return expr?.kind === "extent" ? lengthOf(expr.extent, bindings) : undefined;
}

/** One number at the current indices, without disturbance: for positions in tensors, which are exact. */
function compileScalar(expr: Expr, scope: Scope): () => number {
  switch (expr.kind) {
    case "const":
      return () => expr.value;
    case "extent": {
      const value = lengthOf(expr.extent, scope.bindings);
      return () => value;
    }
    case "index": {
      const { id } = expr.range;
      return () => scope.at.get(id) ?? Number.NaN;
    }
    case "load": {
      const { data, shape } = required(scope.stored.get(expr.source), "evaluate-folds", `value of '${expr.source}'`);
      const indices = expr.indices.map((index) => compileScalar(index, scope));
      return () => data[indices.reduce((sum, index, axis) => sum * (shape[axis] as number) + index(), 0)] ?? Number.NaN;
    }
    case "apply": {
      const args = expr.args.map((arg) => compileScalar(arg, scope));
      const dtype = expr.args[expr.args.length - 1]?.dtype ?? expr.dtype;
      const { evaluate, result } = instructions[expr.op];
      const exact = isFloat(dtype) || result === "bool";
      return () => {
        const value = evaluate(dtype, ...args.map((arg) => arg()));
        return exact ? value : roundTo[dtype](value);
      };
    }
    case "convert":
    case "bitcast": {
      const arg = compileScalar(expr.arg, scope);
      const change = expr.kind === "bitcast" ? bitcastNumber : convertNumber;
      return () => change(arg(), expr.arg.dtype, expr.dtype);
    }
    default:
      return expr satisfies never;
  }
}
