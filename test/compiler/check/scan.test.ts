/** The forms of a scan: backwards, tuples of carries, carries after the last step, sequences that are not there; and functions as arguments. */
import { describe, expect, it } from "vitest";
import { checkSource, evaluateReference, format, renderDiagnostics, sourceFile, type TensorFunction } from "../../../compiler/index.ts";
import { required } from "../../../compiler/errors.ts";

function modelOf(text: string): TensorFunction {
  const { models, diagnostics } = checkSource(sourceFile("scan.nf", text));
  expect(renderDiagnostics(diagnostics)).toBe("");
  return required(models[0], "test", "model");
}

/** The outputs over xs = [[1], [2], [4]] and ms = [1, 0, 1], in order. */
function outputs(text: string): number[][] {
  const fn = modelOf(text);
  const all = { xs: { dtype: "f32" as const, shape: [3, 1], data: Float64Array.of(1, 2, 4) }, ms: { dtype: "f32" as const, shape: [3], data: Float64Array.of(1, 0, 1) } };
  const results = evaluateReference(fn, {}, Object.fromEntries(fn.inputs.map(({ name }) => [name, name === "ms" ? all.ms : all.xs])), {});
  return fn.outputs.map(({ name }) => Array.from(required(results[name], "test", name).data));
}

const scan = (head: string, body: string): string => `model M(xs: f32[3, 1], ms: f32[3]) {\n  return scan ${head} {\n    ${body}\n  }\n}`;

describe("a scan", () => {
  it("backwards keeps what it emits at its element's place, and ends at the first one", () => {
    expect(outputs(scan("x in xs backwards with (h: f32[1] = 0)", "next h = 10 * h + x\n emit h\n emit last h"))).toEqual([[421, 42, 4], [421]]);
    expect(outputs(scan("x in xs with (h: f32[1] = 0)", "next h = 10 * h + x\n emit h\n emit last h"))).toEqual([[1, 12, 124], [124]]);
    expect(outputs(scan("(x, m) in (xs, ms) backwards with (h: f32[1] = 0)", "next h = m * (10 * h + x)"))).toEqual([[1]]);
  });

  it("backwards only where the flag holds", () => {
    const layer = "fn walk(xs: f32[T, N], back: flag = false) -> f32[T, N] = scan x in xs backwards if back with (h: f32[N] = 0) {\n  next h = 10 * h + x\n  emit h\n}\n";
    expect(outputs(`${layer}model M(xs: f32[3, 1]) { return (walk(xs), walk(xs, true), walk(xs, back = false)) }`)).toEqual([[1, 12, 124], [421, 42, 4], [1, 12, 124]]);
  });

  it("gives its results in the order of the emit statements", () => {
    expect(outputs(scan("x in xs with (a: f32[1] = 0, b: f32[1] = 5)", "emit last b\n next a = a + x\n emit a\n next b = b - x\n emit last a\n emit 2 * x"))).toEqual([[-2], [1, 3, 7], [7], [2, 4, 8]]);
  });

  it("takes a tuple apart into carries, and from then on they are the new ones", () => {
    expect(outputs(scan("x in xs with (a: f32[1] = 1, b: f32[1] = 2)", "next (a, b) = (b, a + x)\n emit a\n emit b"))).toEqual([[2, 2, 4], [2, 4, 6]]);
  });

  it("has 'none' for the element of a sequence that is not there", () => {
    const walk = "fn walk(xs: f32[T, N], ms: f32[T] = none) -> f32[T, N] = scan (m, x) in (ms, xs) with (h: f32[N] = 0) {\n  next h = h + (if m == none then x else m * x)\n  emit h\n}\n";
    expect(outputs(`${walk}model M(xs: f32[3, 1], ms: f32[3]) { return (walk(xs), walk(xs, ms)) }`)).toEqual([[1, 3, 7], [1, 1, 5]]);
  });

  it("leaves the words free for names", () => {
    expect(outputs("model M(xs: f32[3, 1]) {\n  let backwards = 2\n  let last = scan x in xs with (last: f32[1] = 0) {\n    next last = last + x * backwards\n    emit last\n    emit last last\n  }\n  return last\n}")).toEqual([[2, 6, 14], [14]]);
  });

  it("keeps its form when it is formatted", () => {
    const text = "fn f(xs: f32[T, N], back: flag = false) {\n  return scan x in xs backwards if back with (h: f32[N] = 0, c: f32[N] = 0) {\n    next (h, c) = (x, h)\n    emit c\n    emit last h\n  }\n}\n\nfn g(xs: f32[T, N]) {\n  return scan x in xs backwards with (h: f32[N] = 0) {\n    next h = x\n  }\n}\n";
    expect(format(sourceFile("a.nf", text))).toMatchObject({ text });
    expect(format(sourceFile("a.nf", text.replaceAll(/\s+/g, " ")))).toMatchObject({ text });
  });
});

describe("a function as an argument", () => {
  it("is applied, and other arguments make other results", () => {
    const apply = "fn apply(x: f32[n], f: function = square) -> f32[n] = f(x)\nfn twice(x: f32[n], f: function = square) -> f32[n] = apply(apply(x, f), f = f)\nfn cube(x: f32[n]) -> f32[n] = x * x * x\n";
    expect(outputs(`${apply}model M(xs: f32[3, 1]) { return (apply(xs[:, 0]), apply(xs[:, 0], exp), apply(xs[:, 0], floor), apply(xs[:, 0], cube), twice(xs[:, 0], cube)) }`)).toEqual([[1, 4, 16], [1, 2, 4].map(Math.exp), [1, 2, 4], [1, 8, 64], [1, 512, 262144]]);
  });

  it("may be a layer with its extents, which owns its parameters where it is applied", () => {
    const paths = (body: string): string[] => modelOf(`layer Dense[K, N](x: f32[..., K]) -> f32[..., N] {\n  param w: f32[K, N]\n  return x @ w\n}\nlayer Pair[N](x: f32[..., N], inner: function = Dense) = inner[N, N](x) + inner[N, N](x)\nmodel M(x: f32[2, 3]) {\n  ${body}\n}`).parameters.map(({ path }) => path);
    expect(paths("return Pair[3](x)")).toEqual(["pair.dense.w", "pair.dense_2.w"]);
  });

  it("hands a number on to an initialiser", () => {
    const fn = modelOf("layer L[N](x: f32[N], start: real = 2) -> f32[N] {\n  param g: f32[N] = constant(start)\n  param w: f32[N] = normal(start / 4)\n  return x * g * w + start\n}\nmodel M(x: f32[3]) -> f32[3] = x |> L[3] |> L[3](start = 0.5)");
    expect(fn.parameters.map(({ initialiser }) => initialiser)).toEqual([{ name: "constant", value: 2 }, { name: "normal", value: 0.5 }, { name: "constant", value: 0.5 }, { name: "normal", value: 0.125 }]);
  });
});
