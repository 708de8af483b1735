import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { interpret } from "../../../compiler/kernel/interpret.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { printExpression, printKernel } from "../../../compiler/kernel/print.ts";
import { simplify } from "../../../compiler/kernel/simplify.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";
import { type Expression, i32, type Kernel } from "../../../compiler/kernel/node.ts";
import { expressions } from "../../support/random-kernels.ts";
import { samples } from "../../support/sample-kernels.ts";

const simplified = (body: string): string => {
  const kernel = parseKernel(`kernel k { workgroup 64 grid 4, 1, 1 extents N read x: f32[1024] write y: f32x4[1024]\n${body} }`);
  return printKernel(simplify({ ...kernel })).split("\n\n")[1]?.replace(/\n}\n$/, "") ?? "";
};

describe("simplify", () => {
  it("uses the ranges of counters and invocations", () => {
    expect(simplified("for i in 0 .. 16 { if thread * 16 + i < 1024 { y[(thread * 16 + i) / 16 * 16 * 4 / 4] = splat4(x[i % 16]) } }")).toBe(
      "  for i in 0 .. 16 {\n    y[thread * 16] = splat4(x[i])\n  }",
    );
  });

  it("drops loops that never run, inlines loops that run once, drops branches that are decided", () => {
    expect(simplified("for i in 3 .. 3 { y[0] = splat4(1.0) } for k in 2 .. 3 { y[k * 4] = splat4(2.0) } if group_x > 9 { y[0] = splat4(3.0) } else { y[4] = splat4(4.0) }")).toBe(
      "  y[8] = splat4(2.0)\n  y[4] = splat4(4.0)",
    );
  });

  it("copies trivial lets, but not those that save a var from change", () => {
    expect(simplified("let n = #N var s = 0.0 let before = s s = s + 1.0 y[n] = splat4(before)")).toBe(
      "  var s = 0.0\n  let before = s\n  s = s + 1.0\n  y[#N] = splat4(before)",
    );
  });

  it("keeps every value of random index arithmetic over invocations and counters", () => {
    const instruction = (op: "add" | "mul", a: Expression, b: Expression): Expression => ({ kind: "instruction", type: i32, op, args: [a, b] });
    const number = (value: number): Expression => ({ kind: "const", type: i32, value });
    const m: Expression = { kind: "ref", type: i32, name: "m" };
    const thread: Expression = { kind: "builtin", type: i32, builtin: "thread" };
    const kernel = (value: Expression): Kernel => ({
      name: "k", mode: "workgroup", workgroupSize: 6, grid: [1, 1, 1], extents: [], workgroupArrays: [],
      buffers: [{ name: "y", dtype: "i32", access: "write", lanes: 1, length: 30 }],
      body: [
        { kind: "let", name: "n", value: instruction("add", thread, number(1)) },
        { kind: "for", name: "m", start: number(0), end: number(5), step: number(1), unroll: false, body: [{ kind: "store", buffer: "y", index: [instruction("add", instruction("mul", thread, number(5)), m)], value }] },
      ],
    });
    const run = (k: Kernel): Int32Array => {
      const y = new Int32Array(30);
      interpret(k, { y });
      return y;
    };
    const closed = expressions(4).integer.filter((e) => !/\b(x|y|flag)\b/.test(printExpression(e)));
    fc.assert(fc.property(closed, (e) => void expect(run(simplify(kernel(e)))).toEqual(run(kernel(e)))), { numRuns: 500 });
  });

  it.each(samples)("keeps $kernel.name legal and its output the same", ({ kernel, buffers, bindings, output }) => {
    const again = simplify(kernel);
    expect(verifyKernel(again).violations).toEqual([]);
    const [before, after] = [buffers(), buffers()];
    interpret(kernel, before, bindings);
    interpret(again, after, bindings);
    expect(after[output]).toEqual(before[output]);
    expect(printKernel(simplify(again))).toBe(printKernel(again));
  });
});
