/** One program for each constraint of spec/tensor-ir.md, violating just that. */
import { describe, expect, test } from "vitest";
import { parseExtent } from "../../../compiler/ir/extent.ts";
import type { TensorFunction, TensorNode } from "../../../compiler/ir/node.ts";
import { parseModule } from "../../../compiler/ir/parse.ts";
import { type Infer, verifyFunction, verifyModule } from "../../../compiler/ir/verify.ts";
import { operations } from "../../../compiler/ops/index.ts";

const infer: Infer = (op, types, attributes) => operations.get(op)?.infer(types, attributes);
const labels = (text: string): string[] => verifyModule(parseModule(text), infer).map((illegality) => illegality.label);

const sound = `function f[B] {
  %0 = input() {name = "x"}: f32[B, 3]
  %1 = parameter() {name = "w"}: f32[3]
  %2 = mul(%0, %1): f32[B, 3]
  input "x" %0
  parameter "w" %1 zeros
  output "y" %2
}
`;

describe("verify", () => {
  test("a sound function", () => expect(labels(sound)).toEqual([]));

  test("T1: operands come first", () => {
    const node: TensorNode = { id: 0, op: "exp", inputs: [{ id: 5, op: "input", inputs: [], attributes: { name: "x" }, type: { dtype: "f32", shape: [parseExtent("3")] }, origin: undefined }], attributes: {}, type: { dtype: "f32", shape: [parseExtent("3")] }, origin: undefined };
    const [leaf] = node.inputs;
    const fn: TensorFunction = { name: "f", doc: "", extents: [], inputs: leaf ? [{ name: "x", node: leaf, doc: "" }] : [], parameters: [], outputs: [{ name: "y", node }] };
    expect(verifyFunction(fn, infer).map((illegality) => illegality.label)).toEqual(["T1"]);
  });

  test.each([
    ["T2", "unknown op", sound.replace("mul(", "mull(")],
    ["T3", "wrong type", sound.replace("mul(%0, %1): f32[B, 3]", "mul(%0, %1): f32[B, 1]")],
    ["T3", "operands do not fit", sound.replace("{name = \"w\"}: f32[3]", "{name = \"w\"}: f32[4]")],
    ["T4", "leaf of another name", sound.replace('input "x"', 'input "z"')],
    ["T4", "leaf not listed", sound.replace('  parameter "w" %1 zeros\n', "")],
    ["T5", "two functions of one name", sound + sound],
    ["T5", "two outputs of one name", sound.replace('output "y" %2', 'output "y" %2\n  output "y" %0')],
    ["T6", "undeclared extent", sound.replace("f[B]", "f[]").replaceAll("[B, 3]", "[B, 3]")],
    ["T7", "extent of zero", sound.replaceAll("[B, 3]", "[0, 3]")],
    ["T8", "no output", sound.replace('  output "y" %2\n', "")],
    ["T9", "initialiser without its number", sound.replace("zeros", "normal")],
  ])("%s: %s", (label, _, text) => expect(new Set(labels(text))).toEqual(new Set([label])));
});
