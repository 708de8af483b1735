import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Expression } from "../../../compiler/kernel/node.ts";
import { parseKernel, parseModule } from "../../../compiler/kernel/parse.ts";
import { printKernel, printModule } from "../../../compiler/kernel/print.ts";
import { expressions, kernelOf } from "../../support/random-kernels.ts";
import { samples } from "../../support/sample-kernels.ts";

describe("print and parse", () => {
  it.each(samples)("give $kernel.name back, node by node", ({ kernel }) => {
    const text = printKernel(kernel);
    expect(parseKernel(text)).toEqual(kernel);
    expect(printKernel(parseKernel(text))).toBe(text);
  });

  it("give random expressions back", () => {
    const { float, integer, truth } = expressions(4);
    fc.assert(
      fc.property(fc.oneof(float, integer, truth), fc.constantFrom("workgroup" as const, "thread" as const), (value, mode) => {
        const kernel = kernelOf(value, mode, 2);
        expect(parseKernel(printKernel(kernel))).toEqual(kernel);
      }),
      { numRuns: 400 },
    );
  });

  it("keep every float exactly, and NaN, infinities and -0", () => {
    const store = (value: number): string => {
      const kernel = kernelOf({ kind: "const", type: { scalar: "f32", lanes: 1 }, value }, "workgroup", 1);
      const back = parseKernel(printKernel(kernel)).body.at(-1);
      expect(back?.kind === "store" && back.value.kind === "const" && Object.is(back.value.value, value)).toBe(true);
      return printKernel(kernel);
    };
    expect([NaN, Infinity, -Infinity, -0].map(store).join()).toMatch(/nan[^]*inf[^]*-inf[^]*-0\.0/);
    fc.assert(fc.property(fc.float(), (value) => void store(value)));
  });

  it("keep every kind of statement and expression", () => {
    const text = `kernel all {
  workgroup 4
  grid (A + 3) / 4, A * (B + 1), 1
  extents A, B
  read h: f16x4[8]
  read u: u32[8]
  write y: f32x2[A * B] columns B * 2
  shared tile: f32x2[4]

  // a comment
  array own: i32[3]
  own[0] = #(A / (B * 2)) + #A
  var v = tile[thread] + splat2(-1.5)
  let h_value = f32(h[4 : 4])
  let half = h[0] * 1.5h + -infh
  for i in own[0] .. 7 step 2 unroll {
    v = vec2(h_value.x, h_value.w) - (v - v)
    barrier
  }
  if not(u[0] == 3u) || thread < 1 && true {
    y[0, thread * 2] = select(thread < 2, v, fma(v, v, v))
  } else {
    let bits = bits_u32(v)
    let shifted = shift_left(bits.x, 2u)
  }
}
`;
    expect(printKernel(parseKernel(text))).toBe(text);
  });

  it("modules hold several kernels", () => {
    const module = { kernels: samples.map(({ kernel }) => kernel) };
    expect(parseModule(printModule(module))).toEqual(module);
  });

  it("associativity comes back as it was", () => {
    const a: Expression = { kind: "ref", type: { scalar: "f32", lanes: 1 }, name: "x" };
    const sub = (l: Expression, r: Expression): Expression => ({ kind: "instruction", type: a.type, op: "sub", args: [l, r] });
    expect(printKernel(kernelOf(sub(sub(a, a), a), "workgroup", 1))).toContain("= x - x - x");
    expect(printKernel(kernelOf(sub(a, sub(a, a)), "workgroup", 1))).toContain("= x - (x - x)");
  });

  it.each([
    ["kernel k { workgroup 1 grid 1\n let a = b }", "2:10: 'b' is not defined here"],
    ["kernel k { workgroup 1 grid 1\n let a = 1 + }", "2:14: expected an expression, found '}'"],
    ["kernel k { workgroup 1 grid 1\n let a = foo(1) }", "2:10: 'foo' is not an instruction or a type"],
    ["kernel k { workgroup 1 grid 1 read x: f32x3[4] }", "1:44: 3 lanes"],
    ["kernel k { workgroup 1 grid 1 ? }", "1:31: unexpected character '?'"],
    ["kernel k { workgroup 1 grid 1", "found 'end of text'"],
  ])("says where %j is wrong", (text, message) => expect(() => parseKernel(text)).toThrow(message));
});
