/**
 * Initial parameters from an artifact's parameter specs. Counter-based: every element is a pure function of (seed, path of
 * the parameter, index), from operations that are exact or correctly rounded everywhere, so that all platforms agree to
 * the last bit. An entry of its own: programs that load trained weights do not bundle it.
 */
import type { Artifact, ParameterSpec } from "./artifact.ts";
import { RuntimeError } from "./errors.ts";
import { type Bindings, evaluateShape } from "./extents.ts";
import { type Tensor, allocate, elementCount } from "./tensor.ts";

/** An even mixing of 32 bits. source: Ellis, "lowbias32", github.com/skeeto/hash-prospector */
function mix(word: number): number {
  let x = word;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Two words that stand for a stream: seed and path. */
function streamKey(seed: number, path: string): readonly [number, number] {
  let low = mix(seed >>> 0);
  let high = mix(Math.floor(seed / 2 ** 32) ^ 0x9e3779b9);
  for (let i = 0; i < path.length; i++) {
    low = mix(low ^ path.charCodeAt(i));
    high = mix((high + low) | 0);
  }
  return [low, high];
}

type Stream = (index: number) => number;

/** Uniform in the open interval (0, 1), 53 bits. */
function uniformStream(seed: number, path: string): Stream {
  const [low, high] = streamKey(seed, path);
  return (index) => {
    const a = mix(mix(index ^ low) ^ high);
    const b = mix(a ^ mix((index + 0x9e3779b9) ^ high));
    return ((a >>> 5) * 2 ** 26 + (b >>> 6) + 0.5) * 2 ** -53;
  };
}

/** Natural logarithm for 0 < x < 1, by halving and the series of atanh: Math.log may differ between platforms. error: 1e-15 relative */
function logarithm(x: number): number {
  let mantissa = x;
  let exponent = 0;
  for (; mantissa < 0.75; mantissa *= 2) exponent--;
  const z = (mantissa - 1) / (mantissa + 1);
  let sum = 0;
  for (let power = 31; power >= 1; power -= 2) sum = sum * z * z + 1 / power;
  return 2 * z * sum + exponent * Math.LN2;
}

const polynomial = (coefficients: readonly number[], x: number): number => coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);

/** Quantile of the standard normal distribution. error: 1e-15 relative. source: Wichura 1988, algorithm AS 241, PPND16 */
function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(centre[0], r)) / polynomial(centre[1], r);
  }
  const r = Math.sqrt(-logarithm(q < 0 ? p : 1 - p));
  const [table, shift] = r <= 5 ? [near, 1.6] : [far, 5];
  const value = polynomial(table[0], r - shift) / polynomial(table[1], r - shift);
  return q < 0 ? -value : value;
}

type Ratio = readonly [readonly number[], readonly number[]];

const centre: Ratio = [
  [3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125, 45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727],
  [1, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867, 39307.89580009271061, 28729.085735721942674, 5226.495278852854561],
];
const near: Ratio = [
  [1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504, 1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4],
  [1, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459, 0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9],
];
const far: Ratio = [
  [6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123, 0.026532189526576123093, 0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7],
  [1, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4, 1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15],
];

interface Fans {
  readonly input: number;
  readonly output: number;
}

/** The last two axes are inputs and outputs; axes before them (taps of a convolution) multiply both. A vector counts as both. */
function fans(shape: readonly number[]): Fans {
  const output = shape[shape.length - 1] ?? 1;
  if (shape.length < 2) return { input: output, output };
  const taps = elementCount(shape.slice(0, -2));
  return { input: taps * (shape[shape.length - 2] ?? 1), output: taps * output };
}

/**
 * Orthonormal columns, or rows where the matrix is wide, of a matrix of normal numbers: Gram-Schmidt, twice, in float64.
 * Axes before the last are taken as one. With R's diagonal positive the result is uniform over the orthogonal matrices.
 * cost: long side * short side^2
 */
function orthogonal(shape: readonly number[], normal: Stream): Float64Array {
  const across = shape[shape.length - 1] ?? 1;
  const count = elementCount(shape);
  const down = across === 0 ? 0 : count / across;
  const [length, vectors] = down >= across ? [down, across] : [across, down];
  const basis: Float64Array[] = [];
  for (let v = 0; v < vectors; v++) {
    const vector = Float64Array.from({ length }, (_, i) => normal(v * length + i));
    // One pass loses orthogonality to cancellation; a second one restores it to rounding.
    for (let pass = 0; pass < 2; pass++)
      for (const other of basis) {
        let dot = 0;
        for (let i = 0; i < length; i++) dot += (vector[i] ?? 0) * (other[i] ?? 0);
        for (let i = 0; i < length; i++) vector[i] = (vector[i] ?? 0) - dot * (other[i] ?? 0);
      }
    const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    basis.push(vector.map((value) => value / norm));
  }
  const result = new Float64Array(count);
  basis.forEach((vector, v) => vector.forEach((value, i) => (result[down >= across ? i * across + v : v * across + i] = value)));
  return result;
}

type Fill = (shape: readonly number[], uniform: Stream, value: number | undefined) => Stream;

const symmetric = (uniform: Stream, bound: number): Stream => (i) => (2 * uniform(i) - 1) * bound;

/** `value` is a constant's value, a normal's deviation, a uniform's bound, and for the others a gain; 1 where it is not given. */
const initialisers: Readonly<Record<string, Fill>> = {
  zeros: () => () => 0,
  ones: () => () => 1,
  constant: (_shape, _uniform, value = 0) => () => value,
  uniform: (_shape, uniform, value = 1) => symmetric(uniform, value),
  normal: (_shape, uniform, value = 1) => (i) => value * normalQuantile(uniform(i)),
  glorot_uniform: (shape, uniform, value = 1) => symmetric(uniform, value * Math.sqrt(6 / (fans(shape).input + fans(shape).output))),
  he_normal: (shape, uniform, value = 1) => {
    const deviation = value * Math.sqrt(2 / fans(shape).input);
    return (i) => deviation * normalQuantile(uniform(i));
  },
  orthogonal: (shape, uniform, value = 1) => {
    const matrix = orthogonal(shape, (i) => normalQuantile(uniform(i)));
    return (i) => value * (matrix[i] ?? 0);
  },
};

/** One parameter. throws: RuntimeError `artifact-invalid` for an initialiser of another version */
export function initialParameter(spec: ParameterSpec, seed: number, extents: Bindings = {}): Tensor {
  const fill = Object.hasOwn(initialisers, spec.initialiser.name) ? initialisers[spec.initialiser.name] : undefined;
  if (!fill)
    throw new RuntimeError("artifact-invalid", `Parameter '${spec.name}' has the initialiser '${spec.initialiser.name}'.`, `This runtime knows ${Object.keys(initialisers).join(", ")}.`);
  const shape = evaluateShape(spec.shape, extents);
  const data = allocate(spec.dtype, elementCount(shape));
  const stream = fill(shape, uniformStream(seed, spec.name), spec.initialiser.value);
  for (let i = 0; i < data.length; i++) data[i] = stream(i);
  return { dtype: spec.dtype, shape, data };
}

/**
 * All parameters of a model, keyed by path, ready for `prepare`. `extents` binds names that parameter shapes hold.
 * The same seed gives the same numbers on every platform, whatever the order or number of the other parameters.
 * For a generated module's `prepare`, the paths are those of its types: `initialParameters<keyof MnistParameters>(...)`.
 */
export function initialParameters<Path extends string = string>(artifact: Pick<Artifact, "parameters">, seed: number, extents: Bindings = {}): Record<Path, Tensor> {
  return Object.fromEntries(artifact.parameters.map((spec) => [spec.name, initialParameter(spec, seed, extents)])) as Record<Path, Tensor>;
}
