import { describe, expect, it } from "vitest";
import { interpret } from "../../../compiler/kernel/interpret.ts";
import { legalize } from "../../../compiler/kernel/legalize.ts";
import type { LegalizeTarget } from "../../../compiler/kernel/legalize-rewrites.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { visitExpressions } from "../../../compiler/kernel/traverse.ts";
import { verifyKernel } from "../../../compiler/kernel/verify.ts";
import { type DeviceName, runKernel } from "../../support/run-kernel.ts";
import { samples } from "../../support/sample-kernels.ts";

/** The points where devices differ from IEEE 754 and from each other. */
const hard = [-Infinity, -100, -89.5, -20, -3, -2.5, -1.5, -1, -0.5, -0, 0, 0.5, 1, 1.5, 2.5, 3, 9, 20, 88, 89.5, 100, 1e10, 3e38, Infinity, NaN];
const count = hard.length;

const functions: readonly string[] = [
  "max(v, w)", "min(v, w)", "max(v, 0.0)", "max(0.0, v)", "min(v, 5.0)", "max(exp(v), w) * 2.0", "exp(v)", "exp2(v)", "log(v)", "log2(v)", "sign(v)", "round(v)", "trunc(v)",
  "floor(v)", "ceil(v)", "pow(v, 0.0)", "pow(v, 1.0)", "pow(v, 2.0)", "pow(v, 3.0)", "pow(v, 4.0)", "pow(v, -1.0)", "pow(v, w)", "pow(v, 0.5)", "sqrt(v)", "inverse_sqrt(v)", "abs(v)", "neg(v)",
  "fma(v, w, 1.0)", "v / w", "inf - v", "select(v < 0.0, nan, v)", "-inf", "nan + v", "max(nan, v)", "f32(is_nan(v))", "f32(is_inf(v))", "f32(v < w)", "f32(bool(v) && v == w)",
];

function kernels(expression: string) {
  const text = (mode: string, columns: string, v: string, w: string, y: string): string =>
    `kernel k { ${mode} read vs: f32[${count * count}]${columns} read ws: f32[${count * count}]${columns} write y: f32[${count * count}]${columns} let v = ${v} let w = ${w} ${y} = ${expression} }`;
  return {
    workgroup: parseKernel(text(`workgroup 1 grid ${count * count}`, "", "vs[group_x]", "ws[group_x]", "y[group_x]")),
    thread: parseKernel(text(`thread grid ${count}, ${count}`, ` columns ${count}`, "vs[thread_y, thread_x]", "ws[thread_y, thread_x]", "y[thread_y, thread_x]")),
  };
}

const buffers = () => ({
  vs: Float32Array.from({ length: count * count }, (_, i) => hard[Math.floor(i / count)] ?? 0),
  ws: Float32Array.from({ length: count * count }, (_, i) => hard[i % count] ?? 0),
  y: new Float32Array(count * count),
});

/** Same class, or within the relative error of a device's own functions; subnormals may be flushed. */
const agrees = (value: number, want: number): boolean =>
  value === want || (Number.isNaN(value) && Number.isNaN(want)) || Math.abs(value - want) <= 1e-5 * Math.abs(want) + 1e-37;

const mismatches = (got: ArrayLike<number>, want: ArrayLike<number>): string[] =>
  [...new Set(Array.from(want, (value, i) => (agrees(got[i] ?? NaN, value) ? "" : `(${hard[Math.floor(i / count)]}, ${hard[i % count]}): ${got[i]}, not ${value}`)))].filter((line) => line !== "");

describe("the values of IEEE 754 and Math.pow survive", () => {
  const expected = (expression: string): Float32Array => {
    const data = buffers();
    interpret(kernels(expression).workgroup, data);
    return data.y;
  };

  it.each(functions)("%s, by the legal nodes", (expression) => {
    const { workgroup, thread } = kernels(expression);
    const want = expected(expression);
    for (const [kernel, target] of [[workgroup, "wgsl"], [thread, "gpujs"]] as const) {
      const legal = legalize(kernel, target);
      expect(verifyKernel(legal).violations).toEqual([]);
      const data = buffers();
      interpret(legal, data);
      expect(mismatches(data.y, want)).toEqual([]);
    }
  });

  it.each<DeviceName>(["swiftshader", "gpujs-cpu", "gpujs-webasm"])("on %s", async (device) => {
    for (const expression of functions) {
      const { workgroup, thread } = kernels(expression);
      const got = await runKernel(device === "swiftshader" ? workgroup : thread, buffers(), {}, "y", device);
      expect(mismatches(got, expected(expression)), expression).toEqual([]);
    }
  }, 60_000);

  it("matches JavaScript's own functions where the interpreter does", () => {
    const want = expected("pow(v, w)");
    const { vs, ws } = buffers();
    expect(want).toEqual(Float32Array.from(vs, (v, i) => v ** (ws[i] ?? 0)));
  });
});

describe("legalize", () => {
  it.each(samples)("keeps the output of $kernel.name for both targets that may take it", ({ kernel, buffers: make, bindings, output, expected }) => {
    const target: LegalizeTarget = kernel.mode === "thread" ? "gpujs" : "wgsl";
    const data = make();
    interpret(legalize(kernel, target), data, bindings);
    for (const [i, value] of expected(data).entries()) expect(data[output]?.[i]).toBeCloseTo(value, 5);
  });

  it("names what is used twice, once", () => {
    const kernel = parseKernel("kernel k { workgroup 1 grid 1 read x: f32[4] write y: f32[1] y[0] = max(x[0] * x[1], x[2] + x[3]) }");
    expect(printKernel(legalize(kernel, "wgsl"))).toContain(
      "  let left = x[0] * x[1]\n  let right = x[2] + x[3]\n  y[0] = select(left < right || bit_and(bits_u32(right), 2147483647u) > 2139095040u, right, left)\n",
    );
  });

  it("leaves no constant that WGSL cannot write", () => {
    const kernel = parseKernel("kernel k { workgroup 1 grid 1 write y: f32[4] y[0] = exp(1000.0) y[1] = log(0.0) y[2] = log(-1.0) y[3] = max(1e38 * 10.0, 1.0) }");
    const legal = legalize(kernel, "wgsl");
    visitExpressions(legal.body, (e) => {
      if (e.kind === "const") expect(Number.isFinite(e.value)).toBe(true);
    });
    const y = new Float32Array(4);
    interpret(legal, { y });
    expect([...y]).toEqual([Infinity, -Infinity, NaN, Infinity]);
  });

  it("gives WGSL one axis, and vectors of the width of the buffer", () => {
    const kernel = parseKernel("kernel k { workgroup 2 grid 1 extents N read x: f32[8] columns N read w: f32x4[8] write y: f32[8] let v = x[thread, 0 : 4] let s = w[thread * 3] y[thread * 4] = v + splat4(s) }");
    const text = printKernel(legalize(kernel, "wgsl"));
    expect(text).toContain("let x_at = thread * #N\n  let v = vec4(x[x_at], x[x_at + 1], x[x_at + 2], x[x_at + 3])");
    expect(text).toContain("y[y_at + 3] = y_value.w");
    expect(text).not.toContain("columns");
  });
});
