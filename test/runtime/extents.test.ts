import { describe, expect, it } from "vitest";
import type { ExtentExpression, TensorSpec } from "../../runtime/artifact.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type GivenTensor, evaluateExtent, formatExtent, inferBindings } from "../../runtime/extents.ts";

const given = (name: string, declared: readonly ExtentExpression[], shape: readonly number[] | number): GivenTensor => {
  const spec: TensorSpec = { name, dtype: "f32", shape: declared };
  return typeof shape === "number"
    ? { label: `input '${name}'`, spec, shape: undefined, length: shape }
    : { label: `input '${name}'`, spec, shape, length: shape.reduce((a, b) => a * b, 1) };
};

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof RuntimeError) return `${thrown.code}: ${thrown.message}`;
    throw thrown;
  }
  return "accepted";
};

describe("evaluateExtent", () => {
  it.each<[ExtentExpression, string, number]>([
    [7, "7", 7],
    ["B", "B", 5],
    [["*", 4, "H"], "4*H", 12],
    [["*", ["+", "B", 1], ["-", "H", "B"]], "(B + 1)*(H - B)", -12],
    [["/", ["*", 2, "B"], "H"], "2*B / H", 3],
    [["ceil/", ["*", 2, "B"], "H"], "ceil(2*B / H)", 4],
  ])("%j", (extent, text, value) => {
    expect(formatExtent(extent)).toBe(text);
    if (value >= 0) expect(evaluateExtent(extent, { B: 5, H: 3 })).toBe(value);
    else expect(refusal(() => evaluateExtent(extent, { B: 5, H: 3 }))).toContain(`The extent ${text} is ${value} where B = 5, H = 3.`);
  });

  it("names what is not bound, and takes no name from the prototype", () => {
    expect(refusal(() => evaluateExtent("T", { B: 1 }))).toBe(
      "artifact-invalid: The extent T is not known where B = 1. Every extent must be a whole number of at least 0 that follows from the shapes of the inputs and parameters.",
    );
    expect(refusal(() => evaluateExtent("toString", {}))).toContain("no name is bound");
  });
});

describe("inferBindings", () => {
  it("binds bare names, then solves for one unknown name, also in flat arrays", () => {
    expect(inferBindings([given("w", ["I", ["*", 4, "H"]], [3, 20]), given("x", ["T", "B", "I"], [2, 7, 3])], {})).toEqual({ I: 3, H: 5, T: 2, B: 7 });
    expect(inferBindings([given("x", ["B", 784], 1568)], {})).toEqual({ B: 2 });
    expect(inferBindings([given("x", ["B", "I"], 12), given("w", [["+", "I", 1]], 5)], {})).toEqual({ B: 3, I: 4 });
    expect(inferBindings([given("x", [["-", "N", 2]], [3]), given("y", [["-", 9, "M"]], [3])], {})).toEqual({ N: 5, M: 6 });
    expect(inferBindings([given("x", ["B"], [0])], { H: 1 })).toEqual({ H: 1, B: 0 });
  });

  it.each<[string, readonly GivenTensor[], string]>([
    ["axis", [given("x", ["B", 784], [32, 783])], "The input 'x', axis 1: expected 784, got 783; it has the shape [32, 783]. It is declared as f32[B, 784]."],
    ["name", [given("x", ["B"], [32]), given("y", ["B"], [31])], "The input 'y', axis 0: expected B = 32 (from input 'x'), got 31; it has the shape [31]. It is declared as f32[B]."],
    ["computed", [given("x", ["H"], [3]), given("y", [["*", 4, "H"]], [13])], "The input 'y', axis 0: expected 4*H = 12, got 13; it has the shape [13]. It is declared as f32[4*H]."],
    ["not divisible", [given("y", [["*", 4, "H"]], [13])], "The input 'y', axis 0: expected 4*H, got 13; it has the shape [13]. It is declared as f32[4*H]."],
    ["rank", [given("x", ["B", 2], [4])], "The input 'x' has 1 axes [4], expected 2. It is declared as f32[B, 2]."],
    ["length", [given("x", [2, 3], 5)], "The input 'x' has 5 elements, expected 2 * 3 = 6. It is declared as f32[2, 3]."],
    ["undecided", [given("x", ["B", "T"], 6)], "The input 'x' is a flat array of 6 elements, which does not decide the extents of f32[B, T]. Pass a tensor { dtype, shape, data } instead."],
    ["flat remainder", [given("x", ["B", 4], 6)], "The input 'x' is a flat array of 6 elements, which does not decide the extents of f32[B, 4]. Pass a tensor { dtype, shape, data } instead."],
  ])("refuses: %s", (_, tensors, message) => {
    expect(refusal(() => inferBindings(tensors, {}))).toBe(`shape-mismatch: ${message}`);
  });
});
