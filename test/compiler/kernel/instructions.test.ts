import { describe, expect, it } from "vitest";
import { evaluateInstruction, instructions, resultType } from "../../../compiler/kernel/instructions.ts";
import { f32, i32 } from "../../../compiler/kernel/node.ts";

describe("the instruction table", () => {
  it("rounds results to the element type", () => {
    expect(evaluateInstruction("add", "f32", [16777216, 1])).toBe(16777216);
    expect([[255, 256], [256, 256]].map((args) => evaluateInstruction("mul", "f16", args))).toEqual([65280, Infinity]);
    expect(evaluateInstruction("mul", "i32", [65537, 65537])).toBe(131073);
    expect(evaluateInstruction("sub", "u32", [0, 1])).toBe(4294967295);
    expect(evaluateInstruction("neg", "i32", [-2147483648])).toBe(-2147483648);
  });

  it("divides integers towards zero", () => {
    expect([[-7, 2], [7, -2]].map((args) => evaluateInstruction("div", "i32", args))).toEqual([-3, -3]);
    expect([[-7, 2], [7, -2]].map((args) => evaluateInstruction("rem", "i32", args))).toEqual([-1, 1]);
  });

  it("propagates NaN in max and min, and shifts by type", () => {
    for (const op of ["max", "min"] as const) for (const args of [[NaN, 1], [1, NaN]]) expect(evaluateInstruction(op, "f32", args)).toBeNaN();
    expect(evaluateInstruction("shift_right", "i32", [-8, 1])).toBe(-4);
    expect(evaluateInstruction("shift_right", "u32", [4294967288, 1])).toBe(2147483644);
  });

  it("gives the type of a result", () => {
    expect(resultType("lt", [f32, f32])).toEqual({ scalar: "bool", lanes: 1 });
    expect(resultType("select", [{ scalar: "bool", lanes: 1 }, i32, i32])).toEqual(i32);
  });

  it("has an arity that its function agrees with", () => {
    for (const [op, rule] of Object.entries(instructions)) expect(evaluateInstructionIsDefined(rule.arity, rule.evaluate), op).toBe(true);
  });
});

/** With all operands given, no instruction falls back on a default operand. */
function evaluateInstructionIsDefined(arity: number, evaluate: (typeof instructions)["add"]["evaluate"]): boolean {
  return !Number.isNaN(evaluate("f32", ...new Array<number>(arity).fill(1)));
}
