/** Index arithmetic for WGSL: the same elements, without a division, with what a loop does not change in front. */
import { describe, expect, it } from "vitest";
import { emitWgsl } from "../../../compiler/backends/wgsl/emit.ts";
import { cheapIndices } from "../../../compiler/kernel/cheap-indices.ts";
import { hoistInvariants } from "../../../compiler/kernel/hoist-invariants.ts";
import { interpret } from "../../../compiler/kernel/interpret.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";

const kernelOf = (body: string) => parseKernel(`kernel k { workgroup 16 grid 3 read x: f32[960] write y: f32[960] ${body} }`);

const indices: readonly string[] = [
  "group_x * 16 + thread", "(group_x * 16 + thread) / 8 * 8 + thread % 8", "thread / 4 + thread % 4 * 5", "(thread + 7) / 16 + group_x", "900 - (group_x * 16 + thread) / 2", "thread / 3 + thread % 3",
];

describe("cheapIndices", () => {
  it.each(indices)("reads the same elements: %s", (index) => {
    const kernel = kernelOf(`for i in 0 .. 4 { y[(group_x * 16 + thread) * 4 + i] = x[${index} + i / 2 * 2 + i % 2] }`);
    const cheap = hoistInvariants(cheapIndices(kernel));
    expect(verifyKernel(cheap).violations).toEqual([]);
    const run = (which: typeof kernel): Float32Array => {
      const buffers = { x: Float32Array.from({ length: 960 }, (_, i) => i + 1), y: new Float32Array(960) };
      interpret(which, buffers, {});
      return buffers.y;
    };
    expect(run(cheap)).toEqual(run(kernel));
    expect(run(kernel).some((value) => value !== 0)).toBe(true);
  });

  it("turns quotients of what cannot be negative into shifts, and leaves the others", () => {
    const text = printKernel(cheapIndices(kernelOf("let a = thread / 8 let b = thread % 8 let c = (thread - 9) / 8 let d = thread / 3 y[a * 8 + b] = f32(c + d)")));
    expect(text).toContain("shift_right(thread, 3)");
    expect(text).toContain("bit_and(thread, 7)");
    expect(text).toContain("(thread - 9) / 8");
    expect(text).toContain("thread / 3");
  });

  it("counts accesses of whole vectors in vectors, invariant terms first", () => {
    const code = emitWgsl(parseKernel("kernel k { workgroup 16 grid 3 read x: f32x4[960] write y: f32x4[960] var sum = splat4(0.0) for k in 0 .. 20 step 4 { sum = sum + x[k + group_x * 320 + thread * 20 : 4] } y[(group_x * 16 + thread) * 4] = sum }"));
    expect(code).toMatch(/let (\w+) = group_x \* 80 \+ thread \* 5;\n {2}for/);
    expect(code).toMatch(/x\[\w+ \+ \(k >> 2u\)\]/);
    expect(code).toContain("y[group_x * 16 + thread] = sum;");
    expect(code).not.toContain(" / ");
  });
});
