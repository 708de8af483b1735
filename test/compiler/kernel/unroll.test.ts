import { describe, expect, it } from "vitest";
import { interpret } from "../../../compiler/kernel/interpret.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { unroll } from "../../../compiler/kernel/unroll.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";
import { tiledMatmul } from "../../support/sample-kernels.ts";

const kernel = (body: string) => parseKernel(`kernel k { workgroup 1 grid 1, 1, 1 read x: f32[64] write y: f32[64]\n${body} }`);
const bodyOf = (text: string): string => printKernel(unroll(kernel(text))).split("\n\n")[1]?.replace(/\n}\n$/, "") ?? "";

describe("unroll", () => {
  it("writes marked loops out, with names that stay unique", () => {
    expect(bodyOf("let v_0 = 1.0 for i in 0 .. 4 step 2 unroll { // a note\n let v = x[i] y[i] = v + v_0 }")).toBe(
      "  let v_0 = 1.0\n  // a note\n  let v_0_2 = x[0]\n  y[0] = v_0_2 + v_0\n  let v_2 = x[2]\n  y[2] = v_2 + v_0",
    );
  });

  it("leaves loops that are unmarked, unbounded or large", () => {
    for (const text of ["for i in 0 .. 4 { y[i] = 0.0 }", "let n = i32(x[0]) for i in 0 .. n unroll { y[i] = 0.0 }", "for i in 0 .. 128 unroll { y[i % 64] = 0.0 y[0] = 1.0 }"])
      expect(unroll(kernel(text))).toEqual(kernel(text));
  });

  it("unrolls nests, vars and arrays", () => {
    const nest = kernel("for i in 0 .. 2 unroll { array a: f32[2] var s = 0.0 for j in 0 .. 2 unroll { a[j] = x[i * 2 + j] s = s + a[j] } y[i] = s }");
    const once = unroll(nest);
    expect(verifyKernel(once).violations).toEqual([]);
    const run = (k: typeof nest) => {
      const buffers = { x: Float32Array.from({ length: 64 }, (_, i) => i), y: new Float32Array(64) };
      interpret(k, buffers);
      return buffers.y;
    };
    expect(run(once)).toEqual(run(nest));
    expect(run(once)[1]).toBe(5);
    expect(printKernel(once)).not.toContain("for");
  });

  it("keeps the tiled matmul's result", () => {
    const [before, after] = [tiledMatmul.buffers(), tiledMatmul.buffers()];
    interpret(tiledMatmul.kernel, before);
    interpret(unroll(tiledMatmul.kernel), after);
    expect(after).toEqual(before);
  });
});
