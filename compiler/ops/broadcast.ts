/** Broadcasting as in NumPy: right-aligned axes, extent 1 stretches. Shape rule, reference offsets and lowering. */
import type { Expr, Expressions } from "../folds/expression.ts";
import { type Extent, extentValue, sameExtent } from "../ir/extent.ts";
import { printType, type TensorType } from "../ir/types.ts";
import type { Violation } from "./define.ts";

/** The common shape of `types`, or the clash. */
export function broadcastShapes(types: readonly TensorType[]): readonly Extent[] | Violation {
  const rank = Math.max(0, ...types.map((type) => type.shape.length));
  const shape: Extent[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let chosen: Extent | undefined;
    let owner = 0;
    for (const [i, type] of types.entries()) {
      const extent = type.shape[axis - rank + type.shape.length];
      if (extent === undefined) continue;
      if (chosen === undefined || (extentValue(chosen) === 1 && extentValue(extent) !== 1)) {
        chosen = extent;
        owner = i;
      } else if (extentValue(extent) !== 1 && !sameExtent(extent, chosen)) {
        const other = types[owner] as TensorType;
        return {
          constraint: "broadcast",
          message: `shapes ${printType(other)} and ${printType(type)} clash: ${chosen.key} against ${extent.key} on axis ${axis - rank}`,
          hint: "extents must be equal, or one of them 1",
          operands: [owner, i],
          axes: [axis - rank + other.shape.length, axis - rank + type.shape.length],
        };
      }
    }
    shape.push(chosen as Extent);
  }
  return shape;
}

/** Indices into an operand of `shape` for the element at `indices` of the broadcast result. */
export function broadcastIndices(e: Expressions, shape: readonly Extent[], indices: readonly Expr[]): Expr[] {
  const lead = indices.length - shape.length;
  return shape.map((extent, axis) => (extentValue(extent) === 1 ? e.constant(0, "i32") : (indices[axis + lead] as Expr)));
}

/** Row-major strides with 0 on stretched axes, aligned to a result of `rank` axes. unit: elements */
export function broadcastStrides(shape: readonly number[], rank: number): number[] {
  const strides = new Array<number>(rank).fill(0);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis] ?? 1;
    strides[axis + rank - shape.length] = extent === 1 ? 0 : stride;
    stride *= extent;
  }
  return strides;
}

/** Calls `see` with the index tuple of every element of a box, row-major. The tuple is reused. */
export function eachIndex(shape: readonly number[], see: (index: readonly number[], offset: number) => void): void {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const index = new Array<number>(shape.length).fill(0);
  for (let offset = 0; offset < count; offset++) {
    see(index, offset);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next < (shape[axis] ?? 1) ? next : 0;
      if (next < (shape[axis] ?? 1)) break;
    }
  }
}

export const dot = (index: readonly number[], strides: readonly number[]): number =>
  index.reduce((sum, position, axis) => sum + position * (strides[axis] ?? 0), 0);
