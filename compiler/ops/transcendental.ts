/** Elementwise functions of analysis beyond those in elementwise.ts: exponential, hyperbolic and inverse ones. */
import type { Expr, Expressions } from "../folds/expression.ts";
import { floats, type Op } from "./define.ts";
import { binary, unary } from "./families.ts";
import { chooseIn, type OnnxScope, type OnnxValue } from "./onnx-form.ts";
import { lowerAcos, lowerAcosh, lowerAsin, lowerAsinh, lowerAtan, lowerAtan2, lowerAtanh, lowerCosh, lowerExpm1, lowerLog1p, lowerSinh, lowerTan } from "./inverse-functions.ts";

/** A number of the dtype of the first operand. */
const literalLike = (scope: OnnxScope, value: number): OnnxValue => scope.constant(value, scope.node.type.dtype);

/** Below -60 the result is -1 to the last bit, and e^x sinh x would be 0 times an infinity. */
function expm1Form(scope: OnnxScope): OnnxValue {
  const half = scope.apply("Mul", [scope.apply("Max", [scope.operands[0] as OnnxValue, literalLike(scope, -60)]), literalLike(scope, 0.5)]);
  const doubled = scope.apply("Mul", [scope.apply("Exp", [half]), literalLike(scope, 2)]);
  return scope.apply("Mul", [doubled, scope.apply("Sinh", [half])]);
}

/** log(1 + x) = 2 atanh(x / (2 + x)), which loses nothing near 0. */
function log1pForm(scope: OnnxScope): OnnxValue {
  const x = scope.operands[0] as OnnxValue;
  const near = scope.apply("Mul", [scope.apply("Atanh", [scope.apply("Div", [x, scope.apply("Add", [x, literalLike(scope, 2)])])]), literalLike(scope, 2)]);
  const far = scope.apply("Log", [scope.apply("Add", [x, literalLike(scope, 1)])]);
  return chooseIn(scope, scope.apply("Less", [scope.apply("Abs", [x]), literalLike(scope, 0.5)], { dtype: "bool" }), near, far);
}

/** The angle of the smaller side over the larger, turned into its quadrant. Equal sides, infinite ones too, are at 45 degrees; both 0 at 0. */
function atan2Form(scope: OnnxScope): OnnxValue {
  const [y, x] = scope.operands as [OnnxValue, OnnxValue];
  const is = (operator: "Equal" | "Less", a: OnnxValue, b: OnnxValue): OnnxValue => scope.apply(operator, [a, b], { dtype: "bool" });
  const [zero, high, wide] = [literalLike(scope, 0), scope.apply("Abs", [y]), scope.apply("Abs", [x])];
  const [big, small] = [scope.apply("Max", [high, wide]), scope.apply("Min", [high, wide])];
  const equal = chooseIn(scope, is("Equal", big, zero), zero, literalLike(scope, 1));
  const first = scope.apply("Atan", [chooseIn(scope, is("Equal", big, small), equal, scope.apply("Div", [small, big]))]);
  const steep = chooseIn(scope, is("Less", wide, high), scope.apply("Sub", [literalLike(scope, Math.PI / 2), first]), first);
  const turned = chooseIn(scope, is("Less", x, zero), scope.apply("Sub", [literalLike(scope, Math.PI), steep]), steep);
  return chooseIn(scope, is("Less", y, zero), scope.apply("Neg", [turned]), turned);
}

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
  fromMath({ ...math("log2"), summary: "logarithm to base 2; NaN below 0, -inf at 0", lower: (e, x) => e.apply("log2", x), ulp: 4, absolute: 1e-6, samples: [1, 0.5, 2, 1e-30, 1e30, 0, -1, inf, nan], onnx: { op: "Mul(Log(x), 1 / log 2)", since: 14, build: (scope) => scope.apply("Mul", [scope.apply("Log", scope.operands), literalLike(scope, Math.LOG2E)]) } }),
  fromMath({ name: "exp2", summary: "2^x", compute: (x) => 2 ** x, javascript: (x) => `2 ** ${x}`, lower: (e, x) => e.apply("exp2", x), ulp: 32, samples: wide, onnx: { op: "Pow(2, x)", since: 15, build: (scope) => scope.apply("Pow", [literalLike(scope, 2), scope.operands[0] as OnnxValue]) } }),
  fromMath({ ...math("expm1"), summary: "e^x - 1, accurate near 0", lower: lowerExpm1, ulp: 48, samples: wide, onnx: { op: "2 Exp(x / 2) Sinh(x / 2)", since: 14, build: expm1Form }, source: "no cancellation: a series near 0" }),
  fromMath({ ...math("log1p"), summary: "log(1 + x), accurate near 0; NaN below -1", lower: lowerLog1p, ulp: 8, absolute: 1e-6, samples: [-2, -1, -0.9, -0.3, -1e-6, 0, 1e-6, 0.5, 1, 1e30, inf, nan], onnx: { op: "2 Atanh(x / (x + 2)), far from 0 Log(x + 1)", since: 16, build: log1pForm }, source: "no cancellation: a series near 0" }),
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
    samples: [[1, 2], [-3, 2], [3, -2], [-3, -2], [0, 0], [0, -1], [1, 0], [-1, 0], [inf, inf], [1, -inf], [1, nan], [nan, 1], [1e-30, 1e30]], onnx: { op: "Atan(Div(a, b)) in its quadrant", since: 16, build: atan2Form },
  }),
];
