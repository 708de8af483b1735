/** Weights whose columns make no whole vectors, laid out in prepare for products in registers: which, how, and that the numbers stay. */
import { describe, expect, it } from "vitest";
import { compileFunction } from "../../../compiler/compile.ts";
import { Expressions, loadsOf } from "../../../compiler/folds/expression.ts";
import { addIndex, flattenIndex } from "../../../compiler/folds/index-arithmetic.ts";
import { windowOperand } from "../../../compiler/fusion/window-operand.ts";
import { constantExtent } from "../../../compiler/ir/extent.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { type CostConstants, costPresets } from "../../../compiler/target.ts";
import { faultsOf, type Setting } from "../../support/check-program.ts";
import { modelOf } from "../../support/fold-programs.ts";

/** Loads count, launches do not: small cases are then decided as large ones are. */
const cost: CostConstants = { ...costPresets.software, launchMicroseconds: 0 };
const inSoftware: Setting = { title: "wgsl, software", target: "wgsl", options: { cost } };

const laidOut = (text: string, options: Parameters<typeof compileFunction>[2] = { cost }): string[] =>
  compileFunction(modelOf(text), "wgsl", options).plan.kept
    .filter(({ value }) => /\.(columns|padded)$/.test(value))
    .map(({ value, type, phase }) => `${phase} ${value} ${type.shape.map(({ key }) => key).join(" ")}`);

const product = (columns: number, right = "w", shape = `16, ${columns}`): string => `model M(x: f32[9, 16]) -> f32[9, ${columns}] {\n  param w: f32[${shape}] = normal(1)\n  param b: f32[${columns}] = normal(1)\n  return relu(x @ ${right} + b)\n}`;
const convolution = (image: string, weights: string, output: string, how: string, given = "relu(x)"): string =>
  `model M(x: f32[${image}]) -> f32[${output}] {\n  param w: f32[${weights}] = normal(1)\n  return conv(${given}, w${how})\n}`;

const same = ", before = [1, 1], after = [1, 1]";

describe("weights that are laid out", () => {
  it("have a width that is no multiple of four: the last columns are repeated", () => {
    expect(laidOut(product(7))).toEqual(["prepare matmul.1.columns 16 8"]);
    const [prepare] = compileFunction(modelOf(product(7)), "wgsl", { cost }).plan.kernels;
    expect(prepare && printKernel(prepare.kernel)).toMatch(/min\(.*, 6\)/);
  });

  it("are stored across", () => expect(laidOut(product(8, "transpose(w)", "8, 16"))).toEqual(["prepare matmul.1.columns 16 8"]));

  it("are those of a convolution, whose image gets its padding once", () =>
    expect(laidOut(convolution("1, 3, 8, 8", "5, 3, 3, 3", "1, 5, 8, 8", same))).toEqual(["prepare conv.1.columns 27 8", "run conv.1.padded 3 10 10"]));

  it("are those of a convolution after a norm, with a bias", () =>
    expect(laidOut("model M(x: f32[1, 4, 8, 8]) -> f32[1, 4, 8, 8] {\n  param w: f32[4, 4, 3, 3] = normal(1)\n  param b: f32[4, 1, 1] = normal(1)\n  return conv(silu(image_group_norm[2](x)), w, before = [1, 1], after = [1, 1]) + b\n}")).toEqual(["prepare conv.1.columns 36 4", "run conv.1.padded 4 10 10"]));

  it("are in the derivations of their kernels", () => {
    const { plan } = compileFunction(modelOf(convolution("1, 3, 8, 8", "5, 3, 3, 3", "1, 5, 8, 8", same)), "wgsl", { cost });
    expect(plan.kernels.map(({ derivation }) => derivation.flatMap(({ rule }) => (rule.startsWith("R14") ? [rule] : [])))).toEqual([["R14 lay out weights"], ["R14 pad once"], ["R14 lay out weights"]]);
  });

  it("are those of a convolution that needs no padding: the image is read as it is", () =>
    expect(laidOut(convolution("1, 3, 8, 8", "8, 3, 3, 3", "1, 8, 6, 6", "", "x"))).toEqual(["prepare conv.1.columns 27 8"]));
});

describe("weights that stay as they are", () => {
  it.each([
    ["have aligned columns", product(8)],
    ["are an input", "model M(x: f32[9, 16], w: f32[16, 7]) -> f32[9, 7] {\n  return x @ w\n}"],
    ["belong to one image each", "model M(x: f32[3, 9, 16]) -> f32[3, 9, 7] {\n  param w: f32[3, 16, 7] = normal(1)\n  return x @ w\n}"],
    ["belong to a group of channels each", convolution("1, 4, 8, 8", "8, 2, 3, 3", "1, 8, 8, 8", `${same}, groups = 2`)],
  ])("%s", (_, text) => expect(laidOut(text)).toEqual([]));

  it("belong to a kernel that folds along the rows of its product, when their width is odd", () => {
    const text = "model M(x: f32[256, 512]) -> f32[256, 63] {\n  param w: f32[512, 63] = normal(1)\n  return layer_norm(x @ w)\n}";
    const { plan } = compileFunction(modelOf(text), "wgsl", { cost: { ...cost, launchMicroseconds: 1e5 } });
    expect(plan.kernels.flatMap(({ region }) => (region.template === "contraction" ? [region.epilogue.length > 0] : []))).toEqual([true]);
    expect(plan.kept.map(({ value }) => value)).toEqual([]);
  });

  it("are read once or bring nothing: the copy must pay, and ops that stand alone have none", () => {
    expect(laidOut(product(7), { cost, fusion: "none" })).toEqual([]);
    expect(laidOut(convolution("1, 3, 8, 8", "5, 3, 3, 3", "1, 5, 8, 8", same), { cost: "gpu" })).toEqual([]);
  });
});

it("sums of ranges are found wherever their constant stands", () => {
  const e = new Expressions();
  const [y, tap] = [e.range("y", constantExtent(5)), e.range("tap", constantExtent(3))];
  const at = e.apply("add", e.apply("add", e.index(y), e.constant(-1, "i32")), e.index(tap));
  const found = windowOperand(e, e.apply("neg", e.load("x", [at], "f32")), [y, tap]);
  const axis = found?.box[0];
  expect(found?.box.map(({ extent }) => extent.key)).toEqual(["7"]);
  expect(axis && loadsOf(found.body).map(({ indices }) => (indices[0] ? flattenIndex(e, indices, [constantExtent(9)]) : undefined))).toEqual([axis && addIndex(e, e.index(axis), e.constant(-1, "i32"))]);
  expect(found?.indices.map((index) => flattenIndex(e, [index], [constantExtent(7)]))).toEqual([addIndex(e, e.index(y), e.index(tap))]);
});

describe("products that read them agree with the reference", () => {
  it.each([
    ["one column too few", product(7)], ["one column too many", product(9)], ["two columns", product(2)], ["three columns", product(3)], ["across and odd", product(5, "transpose(w)", "5, 16")],
    ["one row", "model M(x: f32[1, 13]) -> f32[1, 37] {\n  param w: f32[13, 37] = normal(1)\n  return x @ w\n}"],
    ["a norm before", "model M(x: f32[6, 13]) -> f32[6, 37] {\n  param g: f32[13] = normal(1)\n  param w: f32[13, 37] = normal(1)\n  return gelu(layer_norm(x, g) @ w)\n}"],
    ["two products of one kernel", "model M(x: f32[6, 13]) -> f32[6, 37] {\n  param w: f32[13, 37] = normal(1)\n  param u: f32[13, 37] = normal(1)\n  return silu(x @ w) * (x @ u)\n}"],
    ["a window of one", convolution("2, 3, 5, 7", "5, 3, 1, 1", "2, 5, 5, 7", "")],
    ["two images, odd sides", convolution("2, 3, 5, 7", "6, 3, 3, 3", "2, 6, 5, 7", same)],
    ["padding on one side", convolution("1, 3, 6, 6", "4, 3, 2, 2", "1, 4, 6, 6", ", before = [1, 0], after = [0, 1]")],
    ["strides", convolution("1, 3, 9, 8", "4, 3, 3, 3", "1, 4, 5, 4", `${same}, stride = [2, 2]`)],
    ["dilations", convolution("1, 3, 9, 9", "4, 3, 3, 3", "1, 4, 9, 9", ", before = [2, 2], after = [2, 2], dilation = [2, 2]")],
    ["nearly all padding", convolution("1, 1, 1, 1", "4, 1, 3, 3", "1, 4, 1, 1", same)],
    ["one axis", "model M(x: f32[2, 3, 9]) -> f32[2, 5, 9] {\n  param w: f32[5, 3, 3] = normal(1)\n  return conv(x, w, before = [1], after = [1])\n}"],
    ["a norm and a nonlinearity before, a bias after", `model M(x: f32[1, 4, 6, 6]) -> f32[1, 4, 6, 6] {\n  param w: f32[4, 4, 3, 3] = normal(1)\n  param b: f32[4, 1, 1] = normal(1)\n  return conv(silu(image_group_norm[2](x)), w, before = [1, 1], after = [1, 1]) + b\n}`],
    ["equal blocks, which share their kernels", `fn block(x: f32[1, 6, 6, 6], w: f32[6, 6, 3, 3]) -> f32[1, 6, 6, 6] {\n  return tanh(conv(x, w, before = [1, 1], after = [1, 1]))\n}\nmodel M(x: f32[1, 6, 6, 6]) -> f32[1, 6, 6, 6] {\n  param u: f32[6, 6, 3, 3] = normal(1)\n  param v: f32[6, 6, 3, 3] = normal(1)\n  param w: f32[6, 6, 3, 3] = normal(1)\n  return block(block(block(x, u), v), w)\n}`],
    ["a bias and a nonlinearity", "model M(x: f32[1, 3, 6, 6]) -> f32[1, 5, 6, 6] {\n  param w: f32[5, 3, 3, 3] = normal(1)\n  param b: f32[5, 1, 1] = normal(1)\n  return gelu(conv(silu(x), w, before = [1, 1], after = [1, 1]) + b)\n}"],
  ])("%s", (_, text) => expect(faultsOf(modelOf(text), {}, 5, [inSoftware])).toEqual([]));
});
