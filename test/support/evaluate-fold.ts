/**
 * Evaluates an op's lowering as a device would: the scalar expression with every operation rounded to its dtype, folds
 * in index order. Shows whether `lower` means what `evaluate` says, before any schedule or backend is involved.
 */
import { InternalError, required } from "../../compiler/errors.ts";
import { type Expr, Expressions, type Range } from "../../compiler/folds/expression.ts";
import { monoidIdentity, monoidInstruction } from "../../compiler/folds/node.ts";
import { type Bindings, bindExtent, type Extent, extentValue } from "../../compiler/ir/extent.ts";
import { Graph } from "../../compiler/ir/graph.ts";
import type { Attributes, TensorNode } from "../../compiler/ir/node.ts";
import { evaluateInstruction } from "../../compiler/kernel/instructions.ts";
import { bitcastNumber, convertNumber, roundTo } from "../../compiler/kernel/numbers.ts";
import { applyOp } from "../../compiler/ops/build.ts";
import { eachIndex } from "../../compiler/ops/broadcast.ts";
import type { Op, ReferenceTensor } from "../../compiler/ops/define.ts";
import type { TensorType } from "../../compiler/ir/types.ts";

export interface Environment {
  readonly bindings?: Bindings;
  readonly ranges?: ReadonlyMap<Range, number>;
  readonly load?: (source: string, indices: readonly number[]) => number;
}

/** The value of a scalar expression; each node once. */
export function evaluateExpression(root: Expr, { bindings = {}, ranges = new Map(), load }: Environment): number {
  const known = new Map<Expr, number>();
  const value = (expr: Expr): number => {
    const before = known.get(expr);
    if (before !== undefined) return before;
    const result = compute(expr);
    known.set(expr, result);
    return result;
  };
  const compute = (expr: Expr): number => {
    switch (expr.kind) {
      case "const":
        return roundTo[expr.dtype](expr.value);
      case "extent":
        return roundTo[expr.dtype](lengthOf(expr.extent, bindings));
      case "index":
        return required(ranges.get(expr.range), "test", `range ${expr.range.name}`);
      case "load":
        return required(load, "test", "load")(expr.source, expr.indices.map(value));
      case "apply":
        return evaluateInstruction(expr.op, expr.args[expr.args.length - 1]?.dtype ?? expr.dtype, expr.args.map(value));
      case "convert":
        return convertNumber(value(expr.arg), expr.arg.dtype, expr.dtype);
      case "bitcast":
        return bitcastNumber(value(expr.arg), expr.arg.dtype, expr.dtype);
      default:
        return expr satisfies never;
    }
  };
  return value(root);
}

const lengthOf = (extent: Extent, bindings: Bindings): number => required(extentValue(bindExtent(extent, bindings)), "test", `extent ${extent.key}`);

/** The node that an op makes of operands of these types; they are leaves named 0, 1, ... */
export function applied(op: Op, types: readonly TensorType[], attributes: Attributes = {}): TensorNode {
  const graph = new Graph();
  const result = applyOp(graph, op.name, types.map((type, i) => graph.make("input", [], { name: String(i) }, type)), attributes);
  if ("violation" in result) throw new InternalError("test", result.violation.message);
  return result.node;
}

/** The scalar function that an elementwise op's lowering is, on one element per operand. */
export function scalarLowering(op: Op, types: readonly TensorType[], attributes: Attributes = {}): (...operands: readonly number[]) => number {
  const e = new Expressions();
  const node = applied(op, types.map(({ dtype }) => ({ dtype, shape: [] })), attributes);
  const { body } = op.lower({ e, node, box: [], read: (i) => e.load(String(i), [], types[i]?.dtype ?? "f32") });
  return (...operands) => evaluateExpression(body, { load: (source) => operands[Number(source)] ?? Number.NaN });
}

/** The whole result of an op's lowering, element by element. */
export function evaluateLowering(op: Op, node: TensorNode, operands: readonly ReferenceTensor[], bindings: Bindings = {}): number[] {
  const e = new Expressions();
  const box = node.type.shape.map((extent, axis) => e.range(`i${axis}`, extent));
  const read = (i: number, indices: readonly Expr[]): Expr => e.load(String(i), indices, operands[i]?.dtype ?? "f32");
  const { body, fold, epilogue } = op.lower({ e, node, box, read });
  const finish = epilogue?.(e.load("folded", [], node.type.dtype));
  const load = (source: string, indices: readonly number[]): number => {
    const { shape, data } = required(operands[Number(source)], "test", `operand ${source}`);
    // Broadcast: indices align to the right, and axes of extent 1 stretch.
    const offset = shape.reduce((sum, extent, axis) => sum * extent + (extent === 1 ? 0 : (indices[axis + indices.length - shape.length] ?? Number.NaN)), 0);
    return required(data[offset], "test", `element [${indices.join(", ")}] of operand ${source}`);
  };
  const result: number[] = [];
  eachIndex(box.map(({ extent }) => lengthOf(extent, bindings)), (index) => {
    const outer = new Map(box.map((range, axis) => [range, index[axis] ?? 0]));
    if (!fold) return void result.push(evaluateExpression(body, { bindings, ranges: outer, load }));
    let folded: number = monoidIdentity[fold.monoid];
    eachIndex(fold.ranges.map(({ extent }) => lengthOf(extent, bindings)), (inner) => {
      const ranges = new Map([...outer, ...fold.ranges.map((range, i) => [range, inner[i] ?? 0] as const)]);
      folded = evaluateInstruction(monoidInstruction[fold.monoid], node.type.dtype, [folded, evaluateExpression(body, { bindings, ranges, load })]);
    });
    result.push(finish ? evaluateExpression(finish, { bindings, load: () => folded }) : folded);
  });
  return result;
}
