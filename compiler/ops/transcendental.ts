/** Elementwise functions of analysis beyond those in elementwise.ts: exponential, hyperbolic and inverse ones. */
import type { Expr, Expressions } from "../folds/expression.ts";
import { floats, type Op } from "./define.ts";
import { binary, unary } from "./families.ts";
import { lowerAcos, lowerAcosh, lowerAsin, lowerAsinh, lowerAtan, lowerAtan2, lowerAtanh, lowerCosh, lowerExpm1, lowerLog1p, lowerSinh, lowerTan } from "./inverse-functions.ts";

const inf = Number.POSITIVE_INFINITY;
const nan = Number.NaN;

/** An op that JavaScript has under Math. */
interface FromMath {
  readonly name: "log2" | "exp2" | "expm1" | "log1p" | "tan" | "sinh" | "cosh" | "asinh" | "acosh" | "atanh" | "asin" | "acos" | "atan";
  readonly summary: string;
  readonly compute: (x: number) => number;
  readonly javascript: (x: string) => string;
  readonly lower: (e: Expressions, x: Expr) => Expr;
  readonly ulp: number;
  readonly absolute?: number;
  readonly samples: readonly number[];
  readonly onnx: Op["onnx"];
  readonly source?: string;
}

const fromMath = ({ compute, lower, samples, ...rest }: FromMath): Op =>
  unary({ ...rest, dtypes: floats, compute: (x) => compute(x ?? nan), javascript: (x) => rest.javascript(x ?? ""), lower: (e, x) => lower(e, x as Expr), samples: samples.map((x) => [x]) });

const math = (name: Exclude<FromMath["name"], "exp2">): Pick<FromMath, "name" | "compute" | "javascript"> => ({ name, compute: Math[name], javascript: (x) => `Math.${name}(${x})` });

const wide = [-inf, -90, -9, -1, -0.3, -1e-6, 0, 1e-6, 0.4, 1, 3, 20, 88, inf, nan];
const unit = [-1.5, -1, -0.9, -0.4, 0, 1e-6, 0.3, 0.5, 0.7, 1, 2, nan];

export const transcendentalOps: readonly Op[] = [
  fromMath({ ...math("log2"), summary: "logarithm to base 2; NaN below 0, -inf at 0", lower: (e, x) => e.apply("log2", x), ulp: 4, absolute: 1e-6, samples: [1, 0.5, 2, 1e-30, 1e30, 0, -1, inf, nan], onnx: null, source: "Log(x) / Log(2)" }),
  fromMath({ name: "exp2", summary: "2^x", compute: (x) => 2 ** x, javascript: (x) => `2 ** ${x}`, lower: (e, x) => e.apply("exp2", x), ulp: 32, samples: wide, onnx: null, source: "Pow(2, x)" }),
  fromMath({ ...math("expm1"), summary: "e^x - 1, accurate near 0", lower: lowerExpm1, ulp: 48, samples: wide, onnx: null, source: "no cancellation: a series near 0" }),
  fromMath({ ...math("log1p"), summary: "log(1 + x), accurate near 0; NaN below -1", lower: lowerLog1p, ulp: 8, absolute: 1e-6, samples: [-2, -1, -0.9, -0.3, -1e-6, 0, 1e-6, 0.5, 1, 1e30, inf, nan], onnx: null, source: "no cancellation: a series near 0" }),
  fromMath({ ...math("tan"), summary: "tangent; radians", lower: lowerTan, ulp: 8, absolute: 1e-3, samples: [0, 0.5, 1, -3, 3.1], onnx: { op: "Tan", since: 7 } }),
  fromMath({ ...math("sinh"), summary: "hyperbolic sine", lower: lowerSinh, ulp: 64, samples: wide, onnx: { op: "Sinh", since: 9 } }),
  fromMath({ ...math("cosh"), summary: "hyperbolic cosine", lower: lowerCosh, ulp: 64, samples: wide, onnx: { op: "Cosh", since: 9 } }),
  fromMath({ ...math("asinh"), summary: "inverse hyperbolic sine", lower: lowerAsinh, ulp: 8, absolute: 1e-6, samples: wide, onnx: { op: "Asinh", since: 9 } }),
  fromMath({ ...math("acosh"), summary: "inverse hyperbolic cosine; NaN below 1", lower: lowerAcosh, ulp: 8, absolute: 1e-6, samples: [-inf, -2, 0, 0.9, 1, 1.0001, 1.5, 10, 1e10, 1e30, inf, nan], onnx: { op: "Acosh", since: 9 } }),
  fromMath({ ...math("atanh"), summary: "inverse hyperbolic tangent; NaN beyond 1", lower: lowerAtanh, ulp: 16, absolute: 1e-6, samples: unit, onnx: { op: "Atanh", since: 9 } }),
  fromMath({ ...math("asin"), summary: "inverse sine, in radians; NaN beyond 1", lower: lowerAsin, ulp: 8, absolute: 5e-7, samples: unit, onnx: { op: "Asin", since: 7 } }),
  fromMath({ ...math("acos"), summary: "inverse cosine, in radians; NaN beyond 1", lower: lowerAcos, ulp: 8, absolute: 5e-7, samples: unit, onnx: { op: "Acos", since: 7 } }),
  fromMath({ ...math("atan"), summary: "inverse tangent, in radians", lower: lowerAtan, ulp: 8, samples: wide, onnx: { op: "Atan", since: 7 } }),
  binary({
    name: "atan2", summary: "angle of the point (b, a), in radians; zeros have no sign", dtypes: floats,
    compute: (a, b) => Math.atan2((a ?? nan) + 0, (b ?? nan) + 0), javascript: (a, b) => `Math.atan2(${a} + 0, ${b} + 0)`,
    lower: (e, a, b) => lowerAtan2(e, a as Expr, b as Expr), ulp: 8, absolute: 1e-6,
    samples: [[1, 2], [-3, 2], [3, -2], [-3, -2], [0, 0], [0, -1], [1, 0], [-1, 0], [inf, inf], [1, -inf], [1, nan], [nan, 1], [1e-30, 1e30]], onnx: null,
  }),
];
