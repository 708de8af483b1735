import { describe, expect, it } from "vitest";
import { countKernel } from "../../../compiler/kernel/count.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { rowSum, scaleAndClamp, threadMatmul, tiledMatmul } from "../../support/sample-kernels.ts";

const of = ({ kernel, bindings }: typeof rowSum) => countKernel(kernel, bindings);

describe("countKernel", () => {
  it("follows strided loops and trees exactly", () => {
    const count = of(rowSum);
    expect(count.buffers.get("x")).toEqual({ loads: 300, stores: 0, loadedBytes: 1200, storedBytes: 0, distinctBytes: 1200 });
    expect(count.buffers.get("y")?.stores).toBe(3);
    // 100 additions of the strided parts and 31 of the tree, in each of three rows.
    expect(count).toMatchObject({ flops: 393, workgroups: 3, invocations: 96, barriers: 6, inexact: [] });
  });

  it("counts a branch on data or the workgroup as taken", () => {
    expect(of(scaleAndClamp).buffers.get("y")).toEqual({ loads: 0, stores: 128, loadedBytes: 0, storedBytes: 512, distinctBytes: 400 });
  });

  it("counts lanes, and re-reads apart from distinct bytes", () => {
    const count = of(tiledMatmul);
    expect(count.flops).toBe(2 * 16 * 16 * 8);
    expect(count.buffers.get("a")).toMatchObject({ loads: 512, distinctBytes: 512 });
    expect(count.buffers.get("b")).toMatchObject({ loads: 128, loadedBytes: 512 });
  });

  it("takes trip counts from bindings", () => {
    expect(of(threadMatmul)).toMatchObject({ flops: 30 * (7 * 2 + 1), workgroups: 30, invocations: 30 });
    expect(countKernel(threadMatmul.kernel, { M: 1, K: 1000, N: 1 }).buffers.get("x")?.loads).toBe(1000);
  });

  it("names loops whose bounds depend on the workgroup, and follows nested counters", () => {
    const triangle = (bound: string) =>
      countKernel(parseKernel(`kernel k { workgroup 2 grid 4 read x: f32[64] write y: f32[64] for i in 0 .. ${bound} { for j in 0 .. i { y[i] = x[j] } } }`), {});
    expect(triangle("4").buffers.get("x")?.loads).toBe(6 * 2 * 4);
    expect(triangle("group_x + 3")).toMatchObject({ inexact: ["i"] });
  });
});
