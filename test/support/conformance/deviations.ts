/** Differences by specification: where a result rightly differs from the case, and why. */
import type { BackendName } from "./backends.ts";
import type { Case } from "./cases.ts";

export interface Deviation {
  /** A part of the case's name. */
  readonly name: string;
  readonly backends: readonly BackendName[];
  readonly reason: string;
}

const everywhere: readonly BackendName[] = ["reference", "wasm", "wgsl", "gpujs cpu", "gpujs webasm"];
const inDoubles: readonly BackendName[] = ["reference", "gpujs cpu", "gpujs webasm"];

export const deviations: readonly Deviation[] = [
  { name: "webnn-baseline/gelu_test.js / test gelu / gelu", backends: ["reference"], reason: "the source's erf is an approximation to 1.5e-7, ours is exact" },
  { name: "webnn-baseline/unary_test.js / test unary / erf #2", backends: ["reference"], reason: "the source's erf is an approximation to 1.5e-7, ours is exact" },
  { name: "webnn-baseline/sigmoid_test.js / test sigmoid / sigmoid 3d", backends: ["reference"], reason: "the literals of this float64 case were computed in f32" },
  { name: "tfjs/ops/sign_test.js / sign / does not propagate NaNs", backends: everywhere, reason: "sign keeps NaN" },
  { name: "tfjs/ops/arg_min_test.js / argmin / ignores NaNs", backends: everywhere, reason: "argmin names the first NaN, as NumPy's does" },
  { name: "BinaryCrossentropyTest.test_sample_weighted", backends: inDoubles, reason: "the literal has the rounding of 1 - 1e-7 to f32 in it" },
  { name: "pool / max x=[2,2,3] f=[1,1] s=2 p=1 fractional outputs", backends: everywhere, reason: "TensorFlow.js copies x when the window has one element and the shapes agree, whatever the padding" },
  { name: "tan / numbers exceed float32 precision", backends: ["wgsl"], reason: "beyond 8192 the device's own sine and cosine, which WGSL bounds in -pi .. pi only" },
];

export const deviationOf = (given: Case, backend: BackendName): string | undefined => deviations.find(({ name, backends }) => given.name.includes(name) && backends.includes(backend))?.reason;
