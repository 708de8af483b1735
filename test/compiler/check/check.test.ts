/** The checker: types of results, instance paths, solved extents, weak literals, modules; error cases stand in test/cases. */
import { describe, expect, test } from "vitest";
import { check, type CheckOptions } from "../../../compiler/check/check.ts";
import { renderDiagnostics } from "../../../compiler/diagnostics/render.ts";
import { docsOf, type TensorFunction, type TensorNode } from "../../../compiler/ir/node.ts";
import { parseModule } from "../../../compiler/ir/parse.ts";
import { printFunction } from "../../../compiler/ir/print.ts";
import { functionNodes } from "../../../compiler/ir/traverse.ts";
import { printType } from "../../../compiler/ir/types.ts";
import { verifyModule } from "../../../compiler/ir/verify.ts";
import { librarySources } from "../../../compiler/library/sources.ts";
import { operations } from "../../../compiler/ops/index.ts";
import { sourceFile } from "../../../compiler/source/source-file.ts";
import { attention, mlp, small } from "../../support/programs.ts";

const infer = (op: string, types: Parameters<TensorNodeInfer>[0], attributes: Parameters<TensorNodeInfer>[1]) => operations.get(op)?.infer(types, attributes);
type TensorNodeInfer = NonNullable<ReturnType<typeof operations.get>>["infer"];

/** The models of a program that must be free of errors and give legal tensor IR. */
function models(text: string, options: CheckOptions = {}): readonly TensorFunction[] {
  const { module, diagnostics } = check([sourceFile("a.nf", text)], options);
  expect(renderDiagnostics(diagnostics)).toBe("");
  expect(verifyModule(module, infer)).toEqual([]);
  return module.functions;
}

function model(text: string, options: CheckOptions = {}): TensorFunction {
  const [first] = models(text, options);
  if (!first) throw new Error("no model");
  return first;
}

const outputTypes = (fn: TensorFunction): string[] => fn.outputs.map((output) => `${output.name}: ${printType(output.node.type)}`);
const parameterTypes = (fn: TensorFunction): string[] => fn.parameters.map((leaf) => `${leaf.path}: ${printType(leaf.node.type)}`);
const ops = (fn: TensorFunction, op: string): TensorNode[] => functionNodes(fn).filter((node) => node.op === op);

/** The type of an expression over x: f32[B, 3, 4], y: f32[4], k: i32[B]. */
const typeOf = (expression: string): string => outputTypes(model(`model M[B](x: f32[B, 3, 4], y: f32[4], k: i32[B]) { return ${expression} }`)).join(", ");

const codes = (text: string, options: CheckOptions = {}): string[] => check([sourceFile("a.nf", text)], options).diagnostics.map((diagnostic) => diagnostic.code);

describe("models", () => {
  test("instances have paths of their own", () => {
    expect(parameterTypes(model(mlp))).toEqual([
      "dense.w: f32[784, 1000]", "dense.gain: f32[1000]", "dense.bias: f32[1000]",
      "dense_2.w: f32[1000, 1000]", "dense_2.gain: f32[1000]", "dense_2.bias: f32[1000]", "w: f32[1000, 10]",
    ]);
    expect(outputTypes(model(mlp))).toEqual(["output: f32[B, 10]"]);
    expect(model(mlp).doc).toBe("Permutation-invariant MNIST.");
  });

  test("a named instance shares its weights; tuples have named outputs", () => {
    const fn = model(attention);
    expect(parameterTypes(fn)).toEqual(["q.wq: f32[32, 32]", "q.wk: f32[32, 32]", "q.wv: f32[32, 32]"]);
    expect(fn.parameters.map((leaf) => leaf.initialiser)).toEqual([{ name: "orthogonal" }, { name: "normal", value: 0.02 }, { name: "uniform", value: 0.1 }]);
    expect(outputTypes(fn)).toEqual(["y: f32[B, T, 32]", "last: f32[B, 32]"]);
    expect(fn.extents).toEqual(["B", "T"]);
  });

  test("nested layers nest their paths", () => {
    const fn = model(`layer LnInner[N](x: f32[N]) -> f32[N] { param w: f32[N] return x * w }
layer Outer[N](x: f32[N]) -> f32[N] { param b: f32[N] = 0.5 return LnInner[N](LnInner[N](x)) + b }
model M(x: f32[2]) -> f32[2] { let shared = Outer[2] return shared(shared(Outer[2](x))) }`);
    expect(fn.parameters.map((leaf) => leaf.path)).toEqual(["outer.b", "outer.ln_inner.w", "outer.ln_inner_2.w", "shared.b", "shared.ln_inner.w", "shared.ln_inner_2.w"]);
    expect(fn.parameters[0]?.initialiser).toEqual({ name: "constant", value: 0.5 });
  });

  test("extents bind at compile time", () => {
    const fn = model("model M[B, H](x: f32[B, H]) -> f32[B, 2*H] { param w: f32[H, 2*H] return x @ w }", { bind: { H: 3 } });
    expect(fn.extents).toEqual(["B"]);
    expect(outputTypes(fn)).toEqual(["output: f32[B, 6]"]);
    expect(codes("model M[B](x: f32[B]) -> f32[B] { return x }", { bind: { B: -1 } })).toEqual(["E0311"]);
  });

  test("unnamed tuple elements are numbered", () => {
    expect(outputTypes(model("model M(x: f32[2]) { return (x, x + 1) }"))).toEqual(["output_0: f32[2]", "output_1: f32[2]"]);
    expect(outputTypes(model("model M(x: f32[2]) -> (f32[2], z: f32[2]) { return (x, x + 1) }"))).toEqual(["output_0: f32[2]", "z: f32[2]"]);
  });

  test("a wide import and a small program", () => {
    models(small, { resolve: () => sourceFile("other.nf", "fn other(x: f32) = x") });
  });
});

describe("expressions", () => {
  test.each([
    ["x + y", "f32[B, 3, 4]"],
    ["sum(x, axis = 1) @ y", "f32[B]"],
    ["sum(x)", "f32"],
    ["mean(x, axis = [0, -1], keep = true)", "f32[1, 3, 1]"],
    ["x[0]", "f32[3, 4]"],
    ["x[:, 1:, ::2]", "f32[B, 2, 2]"],
    ["x[..., -1]", "f32[B, 3]"],
    ["x[1:B - 1]", "f32[B - 2, 3, 4]"],
    ["x > 0", "bool[B, 3, 4]"],
    ["k + 1", "i32[B]"],
    ["cast(k, f16) * 0.5", "f16[B]"],
    ["where(x > 0, 1, 0)", "f32[B, 3, 4]"],
    ["reshape(x, [B, 12])", "f32[B, 12]"],
    ["transpose(x, [0, 2, 1])", "f32[B, 4, 3]"],
    ["y + [1, 2, 3, 4]", "f32[4]"],
    ["[[1., 2.], [3., 4.]]", "f32[2, 2]"],
    ["sum(x) / B", "f32"],
    ["y |> softmax |> layer_norm(eps = 1e-6)", "f32[4]"],
    ["softmax(x, axis = 1)", "f32[B, 3, 4]"],
    ["variance(x)", "f32[B, 3]"],
    ["layer_norm(x, y, 0.5)", "f32[B, 3, 4]"],
    ["(x, y)[1]", "f32[4]"],
    ["split(x, 2)[1]", "f32[B, 3, 2]"],
    ["x |> split(3, axis = 1)", "f32[B, 1, 4], output_1: f32[B, 1, 4], output_2: f32[B, 1, 4]"],
  ])("%s: %s", (expression, type) => expect(typeOf(expression)).toBe(`${type.includes("output_1") ? "output_0" : "output"}: ${type}`));

  test("compile-time numbers are folded in float64", () => {
    const fn = model("const half = 1 / 2\nmodel M(x: f32) -> f32 { return x * (half + sqrt(4) ** 3 - 7 % 4) }");
    expect(ops(fn, "constant").map((node) => node.attributes["values"])).toEqual([[5.5]]);
  });

  test("weak literals take the dtype of the other side", () => {
    const fn = model("model M(k: i32[3]) -> i32[3] { return 2 * k }");
    expect(ops(fn, "constant").map((node) => node.type.dtype)).toEqual(["i32"]);
    expect(codes("fn f(k: i32[3]) = k * 0.5")).toEqual(["E0301"]);
  });

  test("extents stay whole in sums and products", () => {
    const fn = model("model M[B](x: f32[B]) { return x / (2 * B - 1) }");
    expect(ops(fn, "extent").map((node) => node.type.dtype)).toEqual(["f32"]);
    expect(ops(fn, "mul")).toEqual([]);
  });

  test("the same call of a function gives the same node", () => {
    expect(ops(model("model M(x: f32[4]) { return softmax(x) + softmax(x) }"), "max")).toHaveLength(1);
  });
});

describe("functions", () => {
  test("computed extents are solved", () => {
    expect(outputTypes(model("fn halves(x: f32[2*n + 1]) -> f32[n] = x[0:n]\nmodel M[B](x: f32[9], y: f32[2*B + 1]) { return (halves(x), halves(y)) }"))).toEqual(["output_0: f32[4]", "output_1: f32[B]"]);
    expect(codes("fn halves(x: f32[2*n + 1]) -> f32[n] = x[0:n]\nfn f(x: f32[8]) = halves(x)")).toEqual(["E0303"]);
  });

  test("an extent that a callee solves by division is assumed exact, for several quotients", () => {
    const parts = "fn parts[H](x: f32[T, H*E]) -> f32[T, H, E] = reshape(x, [T, H, E])\n";
    const layers = `${parts}layer Two[D, N, H](x: f32[T, D], y: f32[T, N]) { return (parts[H](x), parts[H](y)) }\n`;
    expect(outputTypes(model(`${layers}model M[T](x: f32[T, 6], y: f32[T, 8]) = Two[6, 8, 2](x, y)`))).toEqual(["output_0: f32[T, 2, 3]", "output_1: f32[T, 2, 4]"]);
    expect(codes(`${layers}model M[T](x: f32[T, 6], y: f32[T, 7]) = Two[6, 7, 2](x, y)`)).toEqual(["E0303"]);
    expect(codes(`${parts}fn wrong[H](x: f32[T, D]) = parts[H](x) + parts[H](x)[:, 0]`)).toEqual(["E0301"]);
  });

  test("an extent that must be a number is taken as one until it has it", () => {
    const windows = "layer Slide[C, K](x: f32[B, C, W], step: int = 1) {\n  param w: f32[C, C, K]\n  let pad = (K - 1) / 2\n  return conv(x, w, stride = [step], before = [pad], after = [pad])\n}\nlayer Deep[N, L](x: f32[B, N, W]) -> f32[B, N, W] { return x |> repeat(L, Slide[N, 3]) }\n";
    expect(outputTypes(model(`${windows}model M[B](x: f32[B, 2, 9]) { return x |> Deep[2, 3] |> Slide[2, 5](step = 2) }`))).toEqual(["output: f32[B, 2, 5]"]);
    const [even] = check([sourceFile("a.nf", `${windows}model M[B](x: f32[B, 2, 9]) = Slide[2, 4](x)`)]).diagnostics;
    expect(even).toMatchObject({ code: "E0209" });
    const [open] = check([sourceFile("a.nf", `${windows}model M[B, L](x: f32[B, 2, 9]) = Deep[2, L](x)`)]).diagnostics;
    expect(open).toMatchObject({ code: "E0209", hint: expect.stringContaining("--bind L=4") as string });
    expect(codes("layer Wrong[K](x: f32[1, 1, W]) { param w: f32[1, 1, K] return conv(x, w, stride = [K]) + concat(x) }")).toHaveLength(1);
  });

  test("an undecided choice may stand for either side", () => {
    const shortcut = "layer Project[K, N](x: f32[B, K]) -> f32[B, N] {\n  param w: f32[K, N]\n  return if K == N then x else x @ w\n}\n";
    expect(outputTypes(model(`${shortcut}model M[B](x: f32[B, 3]) { return x |> Project[3, 3] |> Project[3, 4] }`))).toEqual(["output: f32[B, 4]"]);
    expect(codes("layer Neither[K, N](x: f32[B, K]) -> f32[B, N] { return if K == N then x else x[:, 0] }")).toEqual(["E0302"]);
  });

  test("a written quotient is assumed exact, and checked where it is known", () => {
    const heads = "fn heads(x: f32[T, D], y: f32[H]) -> f32[T, H, D/H] = reshape(x, [T, H, D/H])\n";
    expect(codes(heads)).toEqual([]);
    expect(outputTypes(model(`${heads}model M[T](x: f32[T, 12], y: f32[3]) { return heads(x, y) }`))).toEqual(["output: f32[T, 3, 4]"]);
    expect(codes(`${heads}model M[T](x: f32[T, 13], y: f32[3]) { return heads(x, y) }`)).toEqual(["E0301"]);
    expect(codes("fn wrong(x: f32[T, D], y: f32[H]) = reshape(x, [T, H, D/H, 2])")).toEqual(["E0301"]);
    expect(codes("fn both(x: f32[D]) = sum(reshape(x, [2, D/2])) + sum(reshape(x, [D/3, 3]))")).toEqual([]);
  });

  test("a callee's extent names are its own", () => {
    expect(outputTypes(model("fn swap(x: f32[a, b]) -> f32[b, a] = transpose(x)\nmodel M[a, b](x: f32[b, a]) -> f32[a, b] { return swap(x) }"))).toEqual(["output: f32[a, b]"]);
  });

  test("scalars stretch to the parameter's shape", () => {
    expect(outputTypes(model("fn total(x: f32[n], gain: f32[n] = 2) = sum(gain)\nmodel M(x: f32[5]) { return total(x) + total(x, 3) }"))).toEqual(["output: f32"]);
    expect(ops(model("fn total(x: f32[n], gain: f32[n] = 2) = sum(gain)\nmodel M(x: f32[5]) { return total(x) }"), "broadcast_to").map((node) => printType(node.type))).toEqual(["f32[5]"]);
  });

  test("library names may be shadowed", () => {
    expect(outputTypes(model("fn relu(x: f32[n]) = sum(x)\nmodel M(x: f32[5]) { return relu(x) }"))).toEqual(["output: f32"]);
  });

  test("an erroneous function silences its callers", () => {
    expect(codes("fn f(x: f32[n]) = nope(x)\nfn g(x: f32[n]) = f(x) + f(x)\nmodel M(x: f32[2]) { return g(x) }")).toEqual(["E0101"]);
  });

  test("repeat chains instances of a layer, each with parameters of its own", () => {
    const block = "layer Block[N](x: f32[..., N]) -> f32[..., N] { param w: f32[N, N] return x @ w }\n";
    const paths = (body: string): string[] => model(`${block}model M(x: f32[2, 3]) -> f32[2, 3] { ${body} }`).parameters.map((leaf) => leaf.path);
    expect(paths("return x |> repeat(3, Block[3])")).toEqual(["block.w", "block_2.w", "block_3.w"]);
    expect(paths("return repeat(2, Block)(x)")).toEqual(["block.w", "block_2.w"]);
    expect(paths("let stack = repeat(2, Block[3]) return x |> stack |> stack")).toEqual(["stack.block.w", "stack.block_2.w"]);
    expect(codes(`${block}model M[B](x: f32[B, 3]) { return x |> repeat(B, Block) }`)).toEqual(["E0209"]);
    expect(codes(`${block}model M(x: f32[2, 3]) { return x |> repeat(0, Block) }`)).toEqual(["E0209"]);
  });

  test("if is decided at compile time, and only the chosen side is made", () => {
    const pick = "fn pick(x: f32[..., N], wide: flag = false) -> f32[..., N] = if wide or N > 4 then exp(x) else sin(x)\n";
    const made = (call: string): string[] => ops(model(`${pick}model M(x: f32[2, 4], y: f32[5]) { return (${call}) }`), "exp").map(() => "exp");
    expect(made("pick(x)")).toEqual([]);
    expect(made("pick(x, wide = true)")).toEqual(["exp"]);
    expect(made("pick(y)")).toEqual(["exp"]);
    expect(codes("fn f(x: f32[n]) = if n > 2 then nope(x) else x")).toEqual(["E0101"]);
    expect(codes("fn f(x: f32[n]) = if x > 0 then x else -x")).toEqual(["E0209"]);
  });

  test("a where clause is asked where the extents are known", () => {
    const halves = "fn halves[N](x: f32[N]) -> f32[N] where N % 2 == 0 = x\n";
    expect(codes(`${halves}fn g(x: f32[2*k]) = halves(x)`)).toEqual([]);
    expect(codes(`${halves}model M(x: f32[6]) { return halves(x) }`)).toEqual([]);
    expect(codes(`${halves}model M(x: f32[7]) { return halves(x) }`)).toEqual(["E0312"]);
  });

  test("split makes equal parts", () => {
    expect(codes("fn gates(x: f32[B, 4*H]) { let (i, f, o, g) = split(x, 4) return i + f + o + g }")).toEqual([]);
    expect(codes("fn halves(x: f32[5]) = split(x, 2)")).toEqual(["E0301"]);
    expect(codes("fn halves(x: f32[6]) { let (a, b) = split(x, 3) return a + b }")).toEqual(["E0308"]);
    expect(codes("fn halves(x: f32[6]) = split(x)")).toEqual(["E0203"]);
  });

  test("mutually shadowed lets are read before they are bound anew", () => {
    expect(codes("fn f(x: f32[n]) { let x = x + 1 let x = x * 2 return x }")).toEqual([]);
    expect(codes("fn f(x: f32[n]) { let y = x + 1 let y = x * 2 return y }")).toEqual(["E0801"]);
  });

  test("a chain of 10,000 terms is checked", () => expect(codes(`fn f(x: f32) = x${" + x".repeat(10_000)}`)).toEqual([]));

  test("a deep chain of calls gives a diagnostic, not an overflow", () => {
    const chain = Array.from({ length: 3000 }, (_, i) => `fn f${i + 1}(x: f32) = ${"(".repeat(30)}f${i}(x)${")".repeat(30)}`).join("\n");
    expect(codes(`${chain}\nfn f0(x: f32) = x`)).toContain("E0005");
    expect(codes(`fn f0(x: f32) = x\n${chain}`)).toContain("E0005");
  });

  test("doubling calls of pure functions do not take exponential time", () => {
    const chain = Array.from({ length: 60 }, (_, i) => `fn f${i + 1}(x: f32) = f${i}(x) + f${i}(x)`).join("\n");
    expect(codes(`fn f0(x: f32) = x\n${chain}\nmodel M(x: f32) { return f60(x) }`)).toEqual([]);
  });
});

describe("optional arguments", () => {
  const scaled = "fn scaled(x: float[..., N], by: float[N] = none) -> float[..., N] = if by == none then x else x * by\n";

  test("given or not, the body asks", () => {
    const with_ = model(`${scaled}model M(x: f32[2, 3], g: f32[3]) { return scaled(x, g) }`);
    const without = model(`${scaled}model M(x: f32[2, 3]) { return scaled(x) + scaled(x, none) }`);
    expect([ops(with_, "mul").length, ops(without, "mul").length]).toEqual([1, 0]);
  });

  test("are handed on, and 'none' for another default means that default", () => {
    const fn = model(`${scaled}fn outer(x: f32[N], by: f32[N] = none, gain: f32[N] = none) -> f32[N] = layer_norm(scaled(x, by), gain)\nmodel M(x: f32[3]) { return outer(x) }`);
    expect(outputTypes(fn)).toEqual(["output: f32[3]"]);
  });

  test("of layers, with flags", () => {
    const fn = model("layer L[N](x: float[..., N], gained: flag = true) -> float[..., N] {\n  param gain: float[N] = ones\n  return rms_norm(x, if gained then gain else none)\n}\nmodel M(x: f16[2, 3]) { return x |> L[3] |> L[3](false) }");
    expect(parameterTypes(fn)).toEqual(["l.gain: f16[3]", "l_2.gain: f16[3]"]);
  });

  test("a body is checked without them too", () => {
    expect(codes("fn f(x: f32[n], by: f32[n] = none) -> f32[n] = x + by")).toEqual(["E0202"]);
    expect(codes("fn f(x: f32[n], by: f32[m] = none) -> f32[n] = if by == none then x + [1, 2, 3] else x")).toEqual(["E0301"]);
  });

  test("what only one side of an 'if' reads is used", () => {
    expect(codes("fn f(x: f32[n], deep: flag = false) -> f32[n] {\n  let y = exp(x)\n  return if deep then y else x\n}")).toEqual([]);
  });

  test("attention with each of its options", () => {
    const hosts = "q: f16[2, 5, 4], k: f16[2, 7, 4], v: f16[2, 7, 3], m: bool[2, 5, 7], b: f16[2, 5, 7]";
    for (const rest of ["", ", m", ", mask = m, bias = b", ", bias = b", ", causal = true", ", m, b, true"])
      expect(outputTypes(model(`model M(${hosts}) { return attention(q, k, v${rest}) }`))).toEqual(["output: f16[2, 5, 3]"]);
  });
});

describe("open dtypes", () => {
  test.each([["f32", "f32"], ["f16", "f16"]])("%s gives %s", (given, result) => {
    expect(outputTypes(model(`fn f(x: float[n], s: float = 2) -> float[n] = cast(cast(x, f32) * 2, float) * s\nmodel M(x: ${given}[3]) { return (f(x), f(x, 3)) }`))).toEqual([`output_0: ${result}[3]`, `output_1: ${result}[3]`]);
  });

  test("number and any", () => {
    expect(outputTypes(model("model M(k: i32[3], u: u32[2, 3, 4]) { return (clamp(k, 0, 5), split_heads[2](u), square(k)) }"))).toEqual(["output_0: i32[3]", "output_1: u32[2, 2, 3, 2]", "output_2: i32[3]"]);
  });

  test("literals alone are f32", () => {
    expect(outputTypes(model("model M(k: i32[2]) { return (relu([1, -2]), k) }"))).toEqual(["output_0: f32[2]", "output_1: i32[2]"]);
  });

  test("a cast to the dtype that is there is no node", () => {
    expect(ops(model("model M(x: f32[3]) { return layer_norm(cast(x, f32)) }"), "cast")).toEqual([]);
    expect(ops(model("model M(x: f16[3]) { return layer_norm(x) }"), "cast").length).toBe(2);
  });

  test("a body is checked with every dtype of the word", () => {
    expect(codes("fn f(x: number[n]) -> number[n] = exp(x)")).toEqual(["E0301"]);
    expect(codes("fn f(x: any[n]) -> any[n] = -x")).toEqual(["E0301"]);
  });
});

describe("the rest of a shape", () => {
  test("is that of the signature, or what the listed axes leave", () => {
    const heads = "fn heads[H](x: float[..., H*E]) -> float[..., H, E] = reshape(x, [..., H, E])\n";
    expect(outputTypes(model(`${heads}model M(x: f32[B, T, 12]) { return (heads[3](x), reshape(x, [..., 4, 3]), reshape(x, [..., 3 * T, 4]), reshape(x, [..., 2, 6])[0, 0, 0]) }`))).toEqual([
      "output_0: f32[B, T, 3, 4]", "output_1: f32[B, T, 4, 3]", "output_2: f32[B, 3*T, 4]", "output_3: f32[6]",
    ]);
  });
});

describe("doc comments", () => {
  test("of inputs, parameters and outputs reach the host tensors", () => {
    const fn = model("layer L[N](x: f32[..., N]) -> f32[..., N] {\n  /// the scale\n  param g: f32[N] = ones\n  return x * g\n}\nmodel M(\n  /// pixels\n  x: f32[3],\n) -> (\n  /// scores\n  y: f32[3],\n) {\n  return x |> L[3]\n}");
    expect(docsOf(fn)).toEqual({ x: "pixels", "l.g": "the scale", y: "scores" });
    expect(parseModule(printFunction(fn)).functions.map(docsOf)).toEqual([docsOf(fn)]);
  });
});

describe("constant tensors", () => {
  test.each([
    ["y + [1.5, 2, -3, 4]", "f32[4]"], ["k + cast([[1], [2]], i32)", "i32[2, B]"], ["k * [[1], [2]]", "i32[2, B]"], ["where([true, false, true, true], y, 0)", "f32[4]"],
    ["gather(y, [2, 0], axis = 0)", "f32[2]"], ["y @ [[1, 2], [3, 4], [5, 6], [7, 8]]", "f32[2]"],
  ])("%s is %s", (expression, type) => expect(typeOf(expression)).toBe(`output: ${type}`));
});

describe("modules", () => {
  const files: Readonly<Record<string, string>> = {
    "./a.nf": 'import "./b.nf"\nfn shared(x: f32[n]) = base(x) + 1',
    "./b.nf": "const one = 1\nfn base(x: f32[n]) = x + one\nmodel Hidden(x: f32) { return x }",
  };
  const resolve: NonNullable<CheckOptions["resolve"]> = (_, specifier) => {
    const text = files[specifier];
    return text === undefined ? undefined : sourceFile(specifier, text);
  };

  test("imports reach functions, not the imports of imports", () => {
    expect(models('import { shared } from "./a.nf"\nmodel M(x: f32[2]) { return shared(x) }', { resolve }).map((fn) => fn.name)).toEqual(["M"]);
    expect(codes('import { base } from "./a.nf"', { resolve })).toEqual(["E0105"]);
  });

  test("an error in an imported file is reported there", () => {
    const { diagnostics } = check([sourceFile("main.nf", 'import "./x.nf"\nfn f(x: f32) = broken(x)')], { resolve: (_, path) => sourceFile(path, "fn broken(x: f32) = nope") });
    expect(diagnostics.map((diagnostic) => [diagnostic.code, diagnostic.span.file.path])).toEqual([["E0101", "./x.nf"]]);
  });
});

describe("library", () => {
  test.each(librarySources.map((source) => [source.path, source.text] as const))("%s checks on its own", (path, text) => {
    expect(renderDiagnostics(check([sourceFile(path, text)]).diagnostics)).toBe("");
  });
});
