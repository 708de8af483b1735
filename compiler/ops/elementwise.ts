/** Elementwise arithmetic, comparison and choice. */
import type { Expr } from "../folds/expression.ts";
import { isFloat } from "../ir/types.ts";
import { anything, floats, numbers, type Op } from "./define.ts";
import { binary, comparison, elementwise, unary } from "./families.ts";
import { erfFunction, roundFunction, sigmoidFunction } from "./javascript.ts";
import { lowerCos, lowerSin } from "./inverse-functions.ts";
import { castTo, chain, chooseIn, divideIntegers, integer, type OnnxValue } from "./onnx-form.ts";
import { transcendentalOps } from "./transcendental.ts";
import { erfReference, lowerErf, lowerSigmoid, lowerTanh, roundTiesToEven } from "./special-functions.ts";

const inf = Number.POSITIVE_INFINITY;
const nan = Number.NaN;
const points: readonly (readonly number[])[] = [[-inf], [-100], [-9], [-1], [-1e-4], [-0], [0], [1e-7], [0.5], [1], [3], [20], [88], [inf], [nan]];
const pairs: readonly (readonly number[])[] = [[1, 2], [-3, 2], [0, 0], [-0, 1], [1e30, 1e-30], [inf, 1], [1, nan], [7, -2]];
const integers: readonly (readonly number[])[] = [[7, 2], [-7, 2], [7, -2], [0, 3]];

const fmod = { attributes: { fmod: integer(1) } };
/** Dtypes whose order ONNX, or onnxruntime, does not know. */
const ordered = ["u32", "bool"] as const;

type Scalar = (a: number, b: number, c: number) => number;
const of = (compute: Scalar) => (...x: readonly number[]): number => compute(x[0] ?? nan, x[1] ?? nan, x[2] ?? nan);

function binaryShape(name: string, operator: string | undefined, summary: string): { name: string; operator?: string; summary: string; operands: readonly string[] } {
  return { name, ...(operator === undefined ? {} : { operator }), summary, operands: ["a", "b"] };
}

export const neg = unary({ name: "neg", operator: "-x", summary: "-x", dtypes: numbers, compute: of((x) => -x), javascript: (x) => `-${x}`, lower: (e, x) => e.apply("neg", x as Expr), ulp: 0, samples: points, onnx: { op: "Neg", since: 13, build: (scope) => (scope.node.type.dtype === "u32" ? castTo(scope, scope.apply("Neg", [castTo(scope, scope.operands[0] as OnnxValue, "i64")]), "u32") : scope.apply("Neg", scope.operands)) } });
export const abs = unary({ name: "abs", summary: "|x|", dtypes: numbers, compute: of(Math.abs), javascript: (x) => `Math.abs(${x})`, lower: (e, x) => e.apply("abs", x as Expr), ulp: 0, samples: points, onnx: { op: "Abs", since: 13 } });
export const sign = unary({ name: "sign", summary: "-1, 0 or 1", dtypes: numbers, compute: of(Math.sign), javascript: (x) => `Math.sign(${x})`, lower: (e, x) => e.apply("sign", x as Expr), ulp: 0, samples: points.filter(([x]) => !Number.isNaN(x)), onnx: { op: "Sign", since: 13 } });
export const exp = unary({ name: "exp", summary: "e^x", dtypes: floats, compute: of(Math.exp), javascript: (x) => `Math.exp(${x})`, lower: (e, x) => e.apply("exp", x as Expr), ulp: 32, samples: points, onnx: { op: "Exp", since: 13 } });
export const log = unary({ name: "log", summary: "natural logarithm; NaN below 0, -inf at 0", dtypes: floats, compute: of(Math.log), javascript: (x) => `Math.log(${x})`, lower: (e, x) => e.apply("log", x as Expr), ulp: 4, absolute: 1e-6, samples: [[1], [0.5], [2], [1e-30], [1e30], [0], [-1], [inf], [nan]], onnx: { op: "Log", since: 13 } });
export const sqrt = unary({ name: "sqrt", summary: "square root; NaN below 0", dtypes: floats, compute: of(Math.sqrt), javascript: (x) => `Math.sqrt(${x})`, lower: (e, x) => e.apply("sqrt", x as Expr), ulp: 4, samples: [[0], [1], [2], [1e-30], [1e30], [inf]], onnx: { op: "Sqrt", since: 13 } });
export const rsqrt = unary({ name: "rsqrt", summary: "1 / sqrt(x)", dtypes: floats, compute: of((x) => 1 / Math.sqrt(x)), javascript: (x) => `1 / Math.sqrt(${x})`, lower: (e, x) => e.apply("inverse_sqrt", x as Expr), ulp: 4, samples: [[1], [2], [1e-30], [1e30], [1e-5]], onnx: { ...chain("Sqrt", "Reciprocal"), since: 13 } });
export const reciprocal = unary({ name: "reciprocal", summary: "1 / x", dtypes: floats, compute: of((x) => 1 / x), javascript: (x) => `1 / ${x}`, lower: (e, x) => e.apply("div", e.constant(1, (x as Expr).dtype), x as Expr), ulp: 4, samples: [[1], [-2], [1e30], [3], [inf]], onnx: { op: "Reciprocal", since: 13 } });
export const sin = unary({ name: "sin", summary: "sine; radians", dtypes: floats, compute: of(Math.sin), javascript: (x) => `Math.sin(${x})`, lower: (e, x) => lowerSin(e, x as Expr), ulp: 4, absolute: 4e-7, samples: [[0], [1], [-3], [3.1], [100], [-8000]], onnx: { op: "Sin", since: 7 }, source: "an own polynomial up to 8192, since WGSL promises 2^-11 only; beyond it the target's" });
export const cos = unary({ name: "cos", summary: "cosine; radians", dtypes: floats, compute: of(Math.cos), javascript: (x) => `Math.cos(${x})`, lower: (e, x) => lowerCos(e, x as Expr), ulp: 4, absolute: 4e-7, samples: [[0], [1], [-3], [3.1], [100], [-8000]], onnx: { op: "Cos", since: 7 }, source: "as sin" });
export const tanh = unary({ name: "tanh", summary: "hyperbolic tangent", dtypes: floats, compute: of((x) => Math.tanh(x)), javascript: (x) => `Math.tanh(${x})`, lower: (e, x) => lowerTanh(e, x as Expr), ulp: 16, samples: points, onnx: { op: "Tanh", since: 13 }, source: "a rational function of x, since the built-in is NaN beyond 88 on some adapters" });
export const sigmoid = unary({ name: "sigmoid", summary: "1 / (1 + e^-x)", dtypes: floats, compute: of((x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))), javascript: (x) => `sigmoid(${x})`, functions: [sigmoidFunction], lower: (e, x) => lowerSigmoid(e, x as Expr), ulp: 34, absolute: 1e-37, samples: points, onnx: { op: "Sigmoid", since: 13 } });
export const erf = unary({ name: "erf", summary: "error function", dtypes: floats, compute: of(erfReference), javascript: (x) => `erf(${x})`, functions: [erfFunction], lower: (e, x) => lowerErf(e, x as Expr), ulp: 16, samples: points, onnx: { op: "Erf", since: 13 } });
export const floor = unary({ name: "floor", summary: "largest integer not above x", dtypes: floats, compute: of(Math.floor), javascript: (x) => `Math.floor(${x})`, lower: (e, x) => e.apply("floor", x as Expr), ulp: 0, samples: [[1.5], [-1.5], [2], [-0.2]], onnx: { op: "Floor", since: 13 } });
export const ceil = unary({ name: "ceil", summary: "smallest integer not below x", dtypes: floats, compute: of(Math.ceil), javascript: (x) => `Math.ceil(${x})`, lower: (e, x) => e.apply("ceil", x as Expr), ulp: 0, samples: [[1.5], [-1.5], [2], [0.2]], onnx: { op: "Ceil", since: 13 } });
export const round = unary({ name: "round", summary: "nearest integer, ties to even", dtypes: floats, compute: of(roundTiesToEven), javascript: (x) => `roundTiesToEven(${x})`, functions: [roundFunction], lower: (e, x) => e.apply("round", x as Expr), ulp: 0, samples: [[0.5], [1.5], [2.5], [-0.5], [-1.5], [2.4]], onnx: { op: "Round", since: 11 } });
export const not = unary({ name: "not", operator: "not x", summary: "logical negation", dtypes: ["bool"], compute: of((x) => (x === 0 ? 1 : 0)), javascript: (x) => `${x} === 0 ? 1 : 0`, lower: (e, x) => e.apply("not", x as Expr), ulp: 0, samples: [[0], [1]], onnx: { op: "Not", since: 1 } });

export const add = binary({ name: "add", operator: "+", summary: "a + b", dtypes: numbers, compute: of((a, b) => a + b), javascript: (a, b) => `${a} + ${b}`, lower: (e, a, b) => e.apply("add", a as Expr, b as Expr), ulp: 1, samples: pairs, onnx: { op: "Add", since: 14, wide: ["u32"] } });
export const sub = binary({ name: "sub", operator: "-", summary: "a - b", dtypes: numbers, compute: of((a, b) => a - b), javascript: (a, b) => `${a} - ${b}`, lower: (e, a, b) => e.apply("sub", a as Expr, b as Expr), ulp: 1, samples: pairs, onnx: { op: "Sub", since: 14, wide: ["u32"] } });
export const mul = binary({ name: "mul", operator: "*", summary: "a * b", dtypes: numbers, compute: of((a, b) => a * b), javascript: (a, b) => `${a} * ${b}`, integers: { compute: of(Math.imul), javascript: (a, b) => `Math.imul(${a}, ${b})` }, lower: (e, a, b) => e.apply("mul", a as Expr, b as Expr), ulp: 1, samples: pairs, onnx: { op: "Mul", since: 14, wide: ["u32"] } });
export const div = elementwise({ ...binaryShape("div", "/", "a / b; integers truncate towards zero"), dtypes: numbers, compute: of((a, b) => a / b), javascript: (a, b) => `${a} / ${b}`, lower: (e, a, b) => e.apply("div", a as Expr, b as Expr), ulp: 4, samples: [[1, 2], [-3, 2], [1, 3], [inf, 2], [1, inf]], onnx: { op: "Div", since: 14, build: (scope) => (isFloat(scope.node.type.dtype) ? scope.apply("Div", scope.operands) : divideIntegers(scope, (a, b) => scope.apply("Div", [a, b]))) } });
export const mod = elementwise({ ...binaryShape("mod", "%", "remainder with the sign of a"), dtypes: numbers, compute: of((a, b) => a % b), javascript: (a, b) => `${a} % ${b}`, lower: (e, a, b) => e.apply("rem", a as Expr, b as Expr), ulp: 4, absolute: 1e-6, samples: integers, onnx: { op: "Mod", since: 13, build: (scope) => (isFloat(scope.node.type.dtype) ? scope.apply("Mod", scope.operands, fmod) : divideIntegers(scope, (a, b) => scope.apply("Mod", [a, b], fmod))) }, source: "C fmod; ONNX Mod with fmod = 1" });
export const pow = elementwise({ ...binaryShape("pow", "**", "a to the power b"), dtypes: floats, compute: of((a, b) => a ** b), javascript: (a, b) => `${a} ** ${b}`, lower: (e, a, b) => e.apply("pow", a as Expr, b as Expr), ulp: 64, absolute: 1e-30, samples: [[2, 3], [-2, 3], [-2, 2], [3, 0], [0, 2], [2, -1], [9, 0.5]], onnx: { op: "Pow", since: 15 } });
export const maximum = elementwise({ ...binaryShape("maximum", undefined, "the larger; NaN if either is NaN"), dtypes: numbers, compute: of((a, b) => Math.max(a, b)), javascript: (a, b) => `Math.max(${a}, ${b})`, lower: (e, a, b) => e.apply("max", a as Expr, b as Expr), ulp: 0, samples: pairs, onnx: { op: "Max", since: 13 } });
export const minimum = elementwise({ ...binaryShape("minimum", undefined, "the smaller; NaN if either is NaN"), dtypes: numbers, compute: of((a, b) => Math.min(a, b)), javascript: (a, b) => `Math.min(${a}, ${b})`, lower: (e, a, b) => e.apply("min", a as Expr, b as Expr), ulp: 0, samples: pairs, onnx: { op: "Min", since: 13 } });

export const and = elementwise({ ...binaryShape("and", "and", "both"), dtypes: ["bool"], compute: of((a, b) => (a !== 0 && b !== 0 ? 1 : 0)), javascript: (a, b) => `${a} && ${b} ? 1 : 0`, lower: (e, a, b) => e.apply("and", a as Expr, b as Expr), ulp: 0, samples: [[0, 0], [0, 1], [1, 0], [1, 1]], onnx: { op: "And", since: 7 } });
export const or = elementwise({ ...binaryShape("or", "or", "either"), dtypes: ["bool"], compute: of((a, b) => (a !== 0 || b !== 0 ? 1 : 0)), javascript: (a, b) => `${a} || ${b} ? 1 : 0`, lower: (e, a, b) => e.apply("or", a as Expr, b as Expr), ulp: 0, samples: [[0, 0], [0, 1], [1, 0], [1, 1]], onnx: { op: "Or", since: 7 } });

export const xor = elementwise({ ...binaryShape("xor", undefined, "exactly one of both"), dtypes: ["bool"], compute: of((a, b) => (a !== 0) !== (b !== 0) ? 1 : 0), javascript: (a, b) => `(${a} !== 0) !== (${b} !== 0) ? 1 : 0`, lower: (e, a, b) => e.apply("and", e.apply("or", a as Expr, b as Expr), e.apply("not", e.apply("and", a as Expr, b as Expr))), ulp: 0, samples: [[0, 0], [0, 1], [1, 0], [1, 1]], onnx: { op: "Xor", since: 7 } });
export const isNaN = elementwise({ name: "is_nan", summary: "is x no number?", operands: ["x"], dtypes: floats, result: "bool", compute: of((x) => (Number.isNaN(x) ? 1 : 0)), javascript: (x) => `Number.isNaN(${x}) ? 1 : 0`, lower: (e, x) => e.apply("is_nan", x as Expr), ulp: 0, samples: points, onnx: { op: "IsNaN", since: 13 } });
export const isInf = elementwise({ name: "is_inf", summary: "is x an infinity, of either sign?", operands: ["x"], dtypes: floats, result: "bool", compute: of((x) => (Math.abs(x) === inf ? 1 : 0)), javascript: (x) => `Math.abs(${x}) === Infinity ? 1 : 0`, lower: (e, x) => e.apply("is_inf", x as Expr), ulp: 0, samples: points, onnx: { op: "IsInf", since: 10 } });

export const eq = comparison("eq", "==", "a = b", (a, b) => a === b, "===", { op: "Equal", since: 13, wide: ["u32"] });
export const ne = comparison("ne", "!=", "a and b differ", (a, b) => a !== b, "!==", { op: "Not(Equal(a, b))", since: 13, build: (scope) => scope.apply("Not", [scope.apply("Equal", scope.operands[0]?.dtype === "u32" ? scope.operands.map((operand) => castTo(scope, operand, "i64")) : scope.operands, { dtype: "bool" })]) });
export const lt = comparison("lt", "<", "a < b", (a, b) => a < b, "<", { op: "Less", since: 13, wide: ordered });
export const le = comparison("le", "<=", "a <= b", (a, b) => a <= b, "<=", { op: "LessOrEqual", since: 16, wide: ordered });
export const gt = comparison("gt", ">", "a > b", (a, b) => a > b, ">", { op: "Greater", since: 13, wide: ordered });
export const ge = comparison("ge", ">=", "a >= b", (a, b) => a >= b, ">=", { op: "GreaterOrEqual", since: 16, wide: ordered });

export const where = elementwise({
  name: "where", summary: "a where the condition holds, else b", operands: ["condition", "a", "b"], conditions: [0], dtypes: anything,
  compute: of((condition, a, b) => (condition !== 0 ? a : b)), javascript: (c, a, b) => `${c} ? ${a} : ${b}`,
  lower: (e, c, a, b) => e.apply("select", c as Expr, a as Expr, b as Expr), ulp: 0,
  samples: [[1, 2, 3], [0, 2, 3], [1, nan, 3], [0, nan, 3]], onnx: { op: "Where", since: 16, build: (scope) => chooseIn(scope, ...(scope.operands as readonly [OnnxValue, OnnxValue, OnnxValue])) },
});

export const elementwiseOps: readonly Op[] = [
  neg, abs, sign, exp, log, sqrt, rsqrt, reciprocal, sin, cos, tanh, sigmoid, erf, floor, ceil, round, not,
  add, sub, mul, div, mod, pow, maximum, minimum, and, or, xor, isNaN, isInf, eq, ne, lt, le, gt, ge, where,
  ...transcendentalOps,
];
