/** Text form of tensor IR: print -> parse -> print is the identity, and mistakes name their line. */
import { describe, expect, test } from "vitest";
import { check } from "../../../compiler/check/check.ts";
import { parseExtent } from "../../../compiler/ir/extent.ts";
import { Graph } from "../../../compiler/ir/graph.ts";
import type { TensorModule } from "../../../compiler/ir/node.ts";
import { parseModule } from "../../../compiler/ir/parse.ts";
import { printModule } from "../../../compiler/ir/print.ts";
import { tensorType } from "../../../compiler/ir/types.ts";
import { sourceFile } from "../../../compiler/source/source-file.ts";
import { attention, mlp } from "../../support/programs.ts";

describe("print and parse", () => {
  test("a small function", () => {
    const { module } = check([sourceFile("a.nf", "/// Doc \"quoted\".\nmodel M[B](x: f32[B, 2]) -> f32[B, 2] { param w: f32[2] = normal(0.5) return x * w }")]);
    expect(printModule(module)).toBe(`function M[B] "Doc \\"quoted\\"." {
  %0 = input() {name = "x"}: f32[B, 2]
  %1 = parameter() {name = "w"}: f32[2]
  %2 = mul(%0, %1): f32[B, 2]
  input "x" %0
  parameter "w" %1 normal(0.5)
  output "output" %2
}
`);
  });

  test.each([mlp, attention])("programs come back", (text) => {
    const { module } = check([sourceFile("a.nf", text)]);
    const printed = printModule(module);
    expect(printed.length).toBeGreaterThan(200);
    expect(printModule(parseModule(printed))).toBe(printed);
  });

  test("hard attributes come back as they were", () => {
    const graph = new Graph();
    const x = graph.make("input", [], { name: "x" }, tensorType("f32", [parseExtent("4*H"), parseExtent("((C)/(G)) + 2*((B*C)/(7))")]));
    const y = graph.make("odd", [x, x], {
      nan: Number.NaN, minus: -0, infinite: Number.NEGATIVE_INFINITY, small: 5e-324, large: 1.7976931348623157e308, text: 'a "b" \\ { %1 }\n', yes: true, no: false,
      numbers: [1, -0, Number.NaN, 0.1], none: [], extent: parseExtent("N - 1"), extents: [parseExtent("B"), parseExtent("-1")],
    }, tensorType("bool", []));
    const module: TensorModule = { functions: [{ name: "f", doc: "", extents: ["H", "C", "G", "B"], inputs: [{ name: "x", node: x, doc: "an\ninput" }], parameters: [], outputs: [{ name: "y", node: y }] }] };
    const again = parseModule(printModule(module));
    expect(printModule(again)).toBe(printModule(module));
    expect(again.functions[0]?.outputs[0]?.node.attributes).toStrictEqual(y.attributes);
    expect(Object.is(again.functions[0]?.outputs[0]?.node.attributes["minus"], -0)).toBe(true);
    expect(again.functions[0]?.inputs[0]?.doc).toBe("an\ninput");
  });

  test.each([
    ["function f[] {\n  %1 = input(): f32\n}", "line 2"],
    ["function f[] {\n  %0 = exp(%0): f32\n}", "line 2"],
    ["function f[] {\n  %0 = input(): f33\n}", "f33"],
    ["function f[] {\n  %0 = input() {a = }: f32\n}", "number"],
    ["function f[", "name"],
    ["garbage", "function"],
  ])("a mistake throws a SyntaxError that says where", (text, part) => {
    expect(() => parseModule(text)).toThrow(SyntaxError);
    expect(() => parseModule(text)).toThrow(part);
  });
});
