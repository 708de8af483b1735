/** Activations, elementwise functions, comparisons, choice and casts of the suites, as programs. */
import { type Draft, listed, literal, type Step } from "../draft.ts";
import type { Translate, Translations, View } from "../view.ts";

/** `name(x)` of the first operand. */
const unary = (name: string): Translate => (view) => view.draft.map(name, view.in(0));

const named = (table: Readonly<Record<string, string>>, domains: readonly string[], make: (name: string) => Translate): Translations =>
  Object.fromEntries(Object.entries(table).flatMap(([op, name]) => domains.map((domain) => [`${domain}${op}`, make(name)])));

const float = (draft: Draft, x: Step): Step => draft.cast(x, "f32");

const onFloats = (name: string): Translate => (view) => view.draft.map(name, float(view.draft, view.in(0)));

/** Old ONNX opsets align the second operand at an axis; TensorFlow.js computes with truth values as with integers. */
function operandsOf(view: View): [Step, Step] {
  const [a, b] = [view.in(0), view.in(1)];
  const axis = view.numbers("axis")?.[0];
  const placed = axis === undefined || view.case.domain !== "ai.onnx" || b.shape.length === 0 ? b : view.draft.reshape(b, [...b.shape, ...new Array<number>(Math.max(0, a.shape.length - axis - b.shape.length)).fill(1)]);
  return [a, placed];
}

function numeric(view: View): [Step, Step] {
  const { draft } = view;
  const [a, b] = operandsOf(view);
  const floats = a.dtype === "f32" || b.dtype === "f32";
  return [draft.cast(a, floats ? "f32" : "i32"), draft.cast(b, floats ? "f32" : "i32")];
}

const binary = (operator: string): Translate => (view) => view.draft.join(operator, ...numeric(view));

const division: Translate = (view) => {
  const { draft } = view;
  const [a, b] = numeric(view);
  if (a.dtype === "f32") return draft.join("/", a, b);
  // TensorFlow.js divides integers like floats and rounds down.
  return view.case.domain === "tfjs" ? draft.cast(draft.map("floor", draft.join("/", float(draft, a), float(draft, b))), "i32") : draft.join("/", a, b);
};

const power: Translate = (view) => {
  const { draft } = view;
  const [a, b] = operandsOf(view);
  const result = draft.join("**", float(draft, a), float(draft, b));
  return a.dtype === "i32" ? draft.cast(draft.map("round", result), "i32") : result;
};

const variadic = (operator: string): Translate => (view) => view.inputs().reduce((a, b) => view.draft.join(operator, a, b));

const modulo: Translate = (view) => {
  const { draft } = view;
  const [a, b] = numeric(view);
  if (view.flag("fmod")) return draft.join("%", a, b);
  if (a.dtype === "f32") return draft.join("floor_mod", a, b);
  // The remainder with the sign of the divisor, in whole numbers: ((a % b) + b) % b.
  return draft.join("%", draft.join("+", draft.join("%", a, b), b), b);
};

const comparison = (operator: string): Translate => (view) => {
  const { draft } = view;
  const [a, b] = operandsOf(view);
  const [x, y] = a.dtype === b.dtype ? [a, b] : [float(draft, a), float(draft, b)];
  const ordered = x.dtype === "bool" && operator !== "==" && operator !== "!=";
  return draft.join(operator, ordered ? draft.cast(x, "i32") : x, ordered ? draft.cast(y, "i32") : y, "bool");
};

const logic = (name: "and" | "or" | "xor"): Translate => (view) => {
  const [a, b] = operandsOf(view).map((x) => view.draft.cast(x, "bool")) as [Step, Step];
  return view.draft.join(name, a, b, "bool");
};

const clip = (low: (view: View) => number | undefined, high: (view: View) => number | undefined): Translate => (view) => {
  const { draft } = view;
  let x = view.in(0);
  const [least, most] = [low(view), high(view)];
  // Bounds of integers beyond their range bind nothing.
  const binds = (bound: number | undefined): bound is number => bound !== undefined && !Number.isNaN(bound) && (x.dtype === "f32" || Math.abs(bound) < 2 ** 31);
  if (binds(least)) x = draft.join("maximum", x, draft.number(least, x.dtype));
  if (binds(most)) x = draft.join("minimum", x, draft.number(most, x.dtype));
  return binds(least) || binds(most) ? x : draft.reshape(draft.let(`reshape(${x.text}, [${x.shape.join(", ")}])`, x.shape, x.dtype), x.shape);
};

/** The slope of PReLU: aligned at the right, or one for each channel of axis 1 where the shapes say so. */
const prelu: Translate = (view) => {
  const { draft } = view;
  const [x, slope] = [float(draft, view.in(0)), float(draft, view.in(1))];
  const perChannel = view.case.domain === "ai.onnx" && (view.case.opset ?? 99) < 9 && slope.shape.length === 1 && x.shape.length > 2 && slope.shape[0] === x.shape[1];
  const aligned = perChannel ? draft.reshape(slope, [slope.shape[0] ?? 1, ...x.shape.slice(2).map(() => 1)]) : slope;
  return draft.where(draft.join(">", x, draft.number(0), "bool"), x, draft.mul(x, aligned));
};

const square: Translate = (view) => view.draft.join("*", view.in(0), view.in(0));

const step: Translate = (view) => {
  const { draft } = view;
  return draft.map("step", float(draft, view.in(0)), [view.number("alpha", 0)]);
};

const isInfinite: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const infinite = draft.map("is_inf", x, [], "bool");
  if (view.flag("detect_positive", true) && view.flag("detect_negative", true)) return infinite;
  const sign = draft.join(view.flag("detect_positive", true) ? ">" : "<", x, draft.number(0), "bool");
  return draft.join("and", infinite, sign, "bool");
};

/** log(1 - e^-x): the two forms of the source, each where it is accurate. */
const log1mexp: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const near = draft.let(`log(-expm1(-${x.text}))`, x.shape);
  const far = draft.let(`log1p(-exp(-${x.text}))`, x.shape);
  return draft.where(draft.join("<", x, draft.number(Math.LN2), "bool"), near, far);
};

const kerasRelu: Translate = (view) => {
  const { draft } = view;
  const x = view.in(0);
  const level = view.number("threshold", 0);
  const below = draft.mul(draft.number(view.number("negative_slope", 0)), draft.join("-", x, draft.number(level)));
  const y = draft.where(draft.join(level === 0 ? ">" : ">=", x, draft.number(level), "bool"), x, below);
  const most = view.numbers("max_value")?.[0];
  return most === undefined ? y : draft.join("minimum", y, draft.number(most));
};

const gelu: Translate = (view) => view.draft.map(view.attribute("approximate") === "tanh" || view.attribute("approximate") === true ? "gelu_tanh" : "gelu", view.in(0));

const withAttributes = (name: string, attributes: readonly (readonly [string, number])[]): Translate => (view) =>
  view.draft.map(name, float(view.draft, view.in(0)), attributes.map(([key, otherwise]) => literal(view.number(key, otherwise))));

const where: Translate = (view) => {
  const { draft } = view;
  const condition = view.case.inputs.find(({ name }) => name === "condition");
  const rest = view.case.inputs.filter((tensor) => tensor !== condition).map((tensor) => draft.use(tensor)) as [Step, Step];
  const chosen = condition ? draft.use(condition) : listed("no condition");
  const [a, b] = rest[0].dtype === rest[1].dtype ? rest : [float(draft, rest[0]), float(draft, rest[1])];
  return draft.where(draft.cast(chosen, "bool"), a, b);
};

const castTargets: Readonly<Record<string, "f32" | "i32" | "bool">> = { float32: "f32", float16: "f32", float64: "f32", int32: "i32", int64: "i32", bool: "bool", 1: "f32", 10: "f32", 11: "f32", 6: "i32", 7: "i32", 9: "bool" };

const cast: Translate = (view) => {
  const target = castTargets[String(view.attribute("type") ?? view.attribute("to"))] ?? listed("a dtype that the language lacks");
  const x = view.in(0);
  return x.dtype === target ? view.draft.let(`${x.text} + 0`, x.shape, target) : view.draft.cast(x, target);
};

const analytic = { sin: "sin", cos: "cos", tan: "tan", exp: "exp", log: "log", sqrt: "sqrt", floor: "floor", ceil: "ceil", abs: "abs", neg: "neg", sign: "sign", erf: "erf", reciprocal: "reciprocal", tanh: "tanh", sigmoid: "sigmoid", round: "round" } as const;
const capital = (table: Readonly<Record<string, string>>): Readonly<Record<string, string>> => Object.fromEntries(Object.entries(table).map(([op, name]) => [op.charAt(0).toUpperCase() + op.slice(1), name]));
const inverse = { asin: "asin", acos: "acos", atan: "atan", sinh: "sinh", cosh: "cosh", asinh: "asinh", acosh: "acosh", atanh: "atanh" } as const;

const negated: Translate = (view) => view.draft.let(`-${view.in(0).text}`, view.in(0).shape, view.in(0).dtype);

const keepsIntegers = new Set(["abs", "neg", "sign", "round", "floor", "ceil"]);

const analyticTranslate = (name: string): Translate => (view) => {
  if (name === "neg") return negated(view);
  const x = view.in(0);
  if (x.dtype === "i32" && (name === "round" || name === "floor" || name === "ceil")) return view.draft.let(`${x.text} + 0`, x.shape, x.dtype);
  return keepsIntegers.has(name) ? unary(name)(view) : onFloats(name)(view);
};

const relus: Translate = (view) => view.draft.join("maximum", view.draft.cast(view.in(0), view.in(0).dtype === "bool" ? "i32" : view.in(0).dtype), view.draft.number(0, "i32"));

export const elementwiseTranslations: Translations = {
  ...named(capital(analytic), ["ai.onnx:"], analyticTranslate),
  ...named(analytic, ["webnn:", "tfjs:tf."], analyticTranslate),
  ...named(capital(inverse), ["ai.onnx:"], onFloats),
  ...named(inverse, ["tfjs:tf."], onFloats),
  ...named({ log1p: "log1p", elu: "elu", selu: "selu", softplus: "softplus" }, ["tfjs:tf."], onFloats),
  "tfjs:tf.relu6": onFloats("relu6"),
  "tfjs:tf.relu": relus,
  "ai.onnx:Relu": relus,
  "webnn:relu": relus,
  "jax:jax.nn.relu": relus,
  "jax:jax.nn.sigmoid": unary("sigmoid"),
  "jax:jax.nn.gelu": gelu,
  "jax:jax.nn.log1mexp": log1mexp,
  "ai.onnx:Gelu": gelu,
  "webnn:gelu": gelu,
  "ai.onnx:Softplus": unary("softplus"),
  "webnn:softplus": unary("softplus"),
  "ai.onnx:Softsign": unary("softsign"),
  "ai.onnx:HardSwish": unary("hard_swish"),
  "webnn:hardSwish": unary("hard_swish"),
  "ai.onnx:Celu": withAttributes("celu", [["alpha", 1]]),
  "ai.onnx:Elu": withAttributes("elu", [["alpha", 1]]),
  "webnn:elu": withAttributes("elu", [["alpha", 1]]),
  "ai.onnx:Selu": withAttributes("selu", [["alpha", 1.6732632], ["gamma", 1.050701]]),
  "ai.onnx:LeakyRelu": withAttributes("leaky_relu", [["alpha", 0.01]]),
  "webnn:leakyRelu": withAttributes("leaky_relu", [["alpha", 0.01]]),
  "ai.onnx:HardSigmoid": withAttributes("hard_sigmoid", [["alpha", 0.2], ["beta", 0.5]]),
  "webnn:hardSigmoid": withAttributes("hard_sigmoid", [["alpha", 0.2], ["beta", 0.5]]),
  "ai.onnx:Shrink": withAttributes("shrink", [["bias", 0], ["lambd", 0.5]]),
  "webnn:linear": (view) => view.draft.let(`${literal(view.number("alpha", 1))} * ${view.in(0).text} + ${view.draft.number(view.number("beta", 0)).text}`, view.in(0).shape),
  "ai.onnx:PRelu": prelu,
  "webnn:prelu": prelu,
  "tfjs:tf.prelu": prelu,
  "tfjs:tf.step": step,
  "keras-activations:relu": kerasRelu,
  "keras-layers:ReLU": kerasRelu,
  "keras-layers:LeakyReLU": withAttributes("leaky_relu", [["negative_slope", 0.3]]),
  "ai.onnx:Clip": clip((view) => view.values(1)?.[0] ?? view.numbers("min")?.[0], (view) => view.values(2)?.[0] ?? view.numbers("max")?.[0]),
  "webnn:clamp": clip((view) => view.numbers("minValue")?.[0], (view) => view.numbers("maxValue")?.[0]),
  "tfjs:tf.clipByValue": clip((view) => view.numbers("clipValueMin")?.[0], (view) => view.numbers("clipValueMax")?.[0]),
  "tfjs:tf.square": square,
  "ai.onnx:IsNaN": (view) => view.draft.map("is_nan", view.in(0), [], "bool"),
  "ai.onnx:IsInf": isInfinite,

  ...named({ Add: "+", Sub: "-", Mul: "*" }, ["ai.onnx:"], binary),
  ...named({ add: "+", sub: "-", mul: "*" }, ["webnn:", "tfjs:tf."], binary),
  "ai.onnx:Div": division,
  "webnn:div": division,
  "tfjs:tf.div": division,
  "ai.onnx:Pow": power,
  "webnn:pow": power,
  "tfjs:tf.pow": power,
  "ai.onnx:Max": variadic("maximum"),
  "ai.onnx:Min": variadic("minimum"),
  "ai.onnx:Sum": variadic("+"),
  "tfjs:tf.addN": (view) => {
    // The recording names some operands twice, as tensors0 and as tensors[0].
    const names = view.case.inputs.map(({ name }) => name).filter((name, _, all) => !name.includes("[") || !all.includes(name.replace(/[[\]]/g, "")));
    return view.draft.let(`${names.map((name) => view.in(name).text).join(" + ")} + 0`, view.outputShape);
  },
  "ai.onnx:Mean": (view) => view.draft.let(`${view.inputs().reduce((a, b) => view.draft.add(a, b)).text} / ${view.inputCount}`, view.outputShape),
  "webnn:max": binary("maximum"),
  "webnn:min": binary("minimum"),
  "tfjs:tf.maximum": binary("maximum"),
  "tfjs:tf.minimum": binary("minimum"),
  "ai.onnx:Mod": modulo,
  "tfjs:tf.mod": modulo,
  "tfjs:tf.atan2": (view) => view.draft.join("atan2", ...numeric(view)),
  "tfjs:tf.squaredDifference": (view) => {
    const difference = view.draft.join("-", ...numeric(view));
    return view.draft.mul(difference, difference);
  },
  "tfjs:tf.divNoNan": (view) => {
    const [a, b] = numeric(view);
    const isZero = view.draft.join("==", b, view.draft.number(0), "bool");
    return view.draft.where(isZero, view.draft.number(0), view.draft.join("/", a, view.draft.where(isZero, view.draft.number(1), b)));
  },

  ...named({ Equal: "==", Greater: ">", GreaterOrEqual: ">=", Less: "<", LessOrEqual: "<=" }, ["ai.onnx:"], comparison),
  ...named({ equal: "==", greater: ">", greaterOrEqual: ">=", lesser: "<", lesserOrEqual: "<=" }, ["webnn:"], comparison),
  ...named({ equal: "==", notEqual: "!=", greater: ">", greaterEqual: ">=", less: "<", lessEqual: "<=" }, ["tfjs:tf."], comparison),
  "ai.onnx:And": logic("and"),
  "ai.onnx:Or": logic("or"),
  "ai.onnx:Xor": logic("xor"),
  "webnn:logicalAnd": logic("and"),
  "webnn:logicalOr": logic("or"),
  "webnn:logicalXor": logic("xor"),
  "tfjs:tf.logicalAnd": logic("and"),
  "tfjs:tf.logicalOr": logic("or"),
  "tfjs:tf.logicalXor": logic("xor"),
  "ai.onnx:Not": (view) => view.draft.let(`not ${view.in(0).text}`, view.in(0).shape, "bool"),
  "tfjs:tf.logicalNot": (view) => view.draft.let(`not ${view.in(0).text}`, view.in(0).shape, "bool"),
  "ai.onnx:Where": where,
  "webnn:where": where,
  "tfjs:tf.where": where,
  "ai.onnx:Cast": cast,
  "webnn:cast": cast,
};
