/**
 * When a result counts as right: the case's own tolerance, else the row of its suite. Results of f32 devices for float64
 * cases are compared with the float64 reference on the rounded inputs, since no f32 can meet a float64 literal.
 */
import { roundToHalf } from "../../../compiler/kernel/numbers.ts";
import type { Case, CaseTensor, CaseTolerance } from "./cases.ts";

export interface Expected {
  readonly shape: readonly number[];
  readonly dtype: CaseTensor["dtype"];
  readonly data: ArrayLike<number>;
}

/** Rules of the suites, for float results without a tolerance of their own. ONNX publishes 1e-3; its literals are full f32, so a hundredth of that is asked for. */
const suiteDefaults: readonly (readonly [RegExp, CaseTolerance])[] = [
  [/^onnx\//, { rtol: 1e-5, atol: 1e-6 }],
  [/^onnxjs\//, { rtol: 1e-4, atol: 1e-5 }],
  [/^webnn-baseline\//, { rtol: 1e-9, atol: 1e-9 }],
  [/^webnn\//, { rtol: 1e-5, atol: 1e-6 }],
  [/^tfjs/, { atol: 1e-3 }],
  [/^keras\//, { rtol: 1e-6, atol: 1e-6 }],
  [/^candle\//, { atol: 1e-4 }],
  [/^burn\//, { rtol: 5e-3, atol: 1e-5 }],
];

const fallback: CaseTolerance = { rtol: 1e-5, atol: 1e-6 };

const isFloat = (dtype: CaseTensor["dtype"]): boolean => dtype.startsWith("float");

export const isWide = (given: Case): boolean => given.inputs.some(({ dtype }) => dtype === "float64") || given.outputs.some(({ dtype }) => dtype === "float64");

export function toleranceOf(given: Case, dtype: CaseTensor["dtype"]): CaseTolerance {
  if (!isFloat(dtype)) return { atol: 0 };
  return given.tol ?? suiteDefaults.find(([pattern]) => pattern.test(given.name))?.[1] ?? fallback;
}

/** What an f32 device may deviate by from the float64 reference on the same inputs, relative to the largest element. */
export const deviceTolerance: CaseTolerance = { rtol: 1e-5, atol: 2e-6 };

const words = new DataView(new ArrayBuffer(4));

/** Position of an f32 among all f32, so that neighbours differ by 1; both zeros are 0. */
function ordinal32(value: number): number {
  words.setFloat32(0, value);
  const bits = words.getInt32(0);
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

/** The same for half precision. */
function ordinal16(value: number): number {
  const size = Math.abs(roundToHalf(value));
  if (size === 0) return 0;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const position = exponent <= -14 && size < 2 ** -14 ? size / 2 ** -24 : (exponent + 15) * 1024 + (size / 2 ** exponent - 1) * 1024;
  return Math.sign(value) * position;
}

const sameClass = (a: number, b: number): boolean => Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b)) || a === b;

function elementFits(actual: number, expected: number, dtype: CaseTensor["dtype"], tolerance: CaseTolerance, scale: number): boolean {
  const [a, b] = dtype === "float16" ? [roundToHalf(actual), roundToHalf(expected)] : [actual, expected];
  if (!Number.isFinite(a) || !Number.isFinite(b)) return sameClass(a, b);
  if (tolerance.ulp !== undefined) {
    const ordinal = dtype === "float16" ? ordinal16 : ordinal32;
    if (Math.abs(ordinal(Math.fround(a)) - ordinal(Math.fround(b))) <= tolerance.ulp) return true;
  }
  if (tolerance.atol === undefined && tolerance.rtol === undefined) return a === b;
  // No result is nearer than the spacing of its numbers allows: 2 ulp of f32, and as much as the suites grant f16.
  const least = dtype === "float16" ? Math.abs(b) * 2e-3 + 1e-3 : dtype === "float32" ? Math.abs(b) * 2 ** -22 : 0;
  return Math.abs(a - b) <= Math.max(least, (tolerance.atol ?? 0) * scale + (tolerance.rtol ?? 0) * Math.abs(b));
}

/** What is wrong with a result; undefined when it fits. `relative`: the absolute part is meant relative to the largest element beyond 1. */
export function mismatch(actual: { readonly shape: readonly number[]; readonly data: ArrayLike<number> }, expected: Expected, tolerance: CaseTolerance, relative: boolean): string | undefined {
  if (actual.shape.join() !== expected.shape.join()) return `shape [${actual.shape.join(", ")}], not [${expected.shape.join(", ")}]`;
  let scale = 1;
  if (relative) for (let i = 0; i < expected.data.length; i++) if (Number.isFinite(expected.data[i])) scale = Math.max(scale, Math.abs(expected.data[i] ?? 0));
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [actual.data[i] ?? Number.NaN, expected.data[i] ?? Number.NaN];
    if (!elementFits(a, b, expected.dtype, tolerance, scale)) return `element ${i} is ${a}, not ${b}`;
  }
  return undefined;
}
