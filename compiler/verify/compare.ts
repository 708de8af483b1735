/** Compares a computed value with the exact one, element by element, and keeps the worst. Flow: values -> here -> results of check-model.ts. */
import { type DType, isFloat } from "../ir/types.ts";
import { contractLimit, ordinaryShare, rowLength, rowScales } from "./bounds.ts";

/** The element that comes closest to its bound, or exceeds it most. */
export interface Deviation {
  readonly passed: boolean;
  /** One number per axis. */
  readonly index: readonly number[];
  readonly got: number;
  readonly want: number;
  /** Absolute; what |got - want| may be. */
  readonly bound: number;
  /** |got - want| over the rms of the row. */
  readonly relative: number;
  /** `bound` over the same rms. */
  readonly relativeBound: number;
  /** The largest error over rms in rows that are not all but zero, be the bound what it may. */
  readonly largest: number;
  /** |got - want| in spacings of f32 at `want`. */
  readonly ulp: number;
}

export interface CompareOptions {
  /** Error over rms that is fine in any case; the contract's when left out. */
  readonly limit?: number;
  /** Rms that the whole value has on ordinary input: the measure for rows that are all but zero. */
  readonly ordinary?: number;
  /** Further allowance of each row, asked for only when the limit does not suffice. unit: absolute */
  readonly allowance?: () => Float64Array;
  /** Told the row-major offset of each element beyond its bound. */
  readonly differs?: (offset: number) => void;
}

/** What a value loses when it is stored in half precision, beyond the contract for f32. */
const halfFactor = 512;

const largestFloat = 3.4028234663852886e38;
const smallestNormal = 2 ** -126;

export function ulpDistance(got: number, want: number): number {
  if (!Number.isFinite(got) || !Number.isFinite(want)) return Object.is(got, want) ? 0 : Number.POSITIVE_INFINITY;
  const size = Math.abs(want);
  return Math.abs(got - want) / (size < smallestNormal ? 2 ** -149 : 2 ** (Math.floor(Math.log2(size)) - 23));
}

/**
 * `want` is the exact value, `got` of dtype `dtype`. Floats keep to the bound; NaN and infinities agree in class; integers
 * and truth values are equal.
 */
export function compareValues(got: ArrayLike<number>, want: ArrayLike<number>, shape: readonly number[], dtype: DType, options: CompareOptions = {}): Deviation | undefined {
  const length = rowLength(shape);
  const scales = rowScales(want, shape);
  const least = Math.max((options.ordinary ?? 0) * ordinaryShare, smallestNormal);
  const limit = (options.limit ?? contractLimit) * (dtype === "f16" ? halfFactor : 1);
  let extra: Float64Array | undefined;
  let worst: Deviation | undefined;
  let worstRatio = -1;
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    const row = Math.floor(i / length);
    const scale = Math.max(scales[row] as number, least);
    const exact = want[i] as number;
    const expected = isFloat(dtype) && Math.abs(exact) > largestFloat ? Math.sign(exact) * Number.POSITIVE_INFINITY : exact;
    const actual = got[i] ?? Number.NaN;
    const error = distance(actual, expected);
    let bound = isFloat(dtype) ? limit * scale : 0;
    if (error > bound && Number.isFinite(error) && options.allowance) {
      extra ??= options.allowance();
      bound += extra[row] as number;
    }
    if ((scales[row] as number) >= least || !Number.isFinite(error)) largest = Math.max(largest, error / scale);
    if (error > bound) options.differs?.(i);
    const ratio = error === 0 ? 0 : error / bound;
    if (!(ratio > worstRatio)) continue;
    worstRatio = ratio;
    worst = { passed: error <= bound, index: indexOf(i, shape), got: actual, want: expected, bound, relative: error / scale, relativeBound: bound / scale, largest: 0, ulp: ulpDistance(actual, expected) };
  }
  return worst && { ...worst, largest };
}

function distance(got: number, want: number): number {
  if (Object.is(got, want) || got === want) return 0;
  return Number.isFinite(got) && Number.isFinite(want) ? Math.abs(got - want) : Number.POSITIVE_INFINITY;
}

function indexOf(offset: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = offset;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = Math.max(1, shape[axis] ?? 1);
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return index;
}

/** The worse of two: what failed, else what came closer to its bound. */
export function worse(a: Deviation | undefined, b: Deviation | undefined): boolean {
  if (!a || !b) return b === undefined && a !== undefined;
  if (a.passed !== b.passed) return !a.passed;
  const ratio = ({ relative, relativeBound }: Deviation): number => (relative === 0 ? 0 : relative / relativeBound);
  return ratio(a) > ratio(b);
}
