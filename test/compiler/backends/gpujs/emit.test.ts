import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emitGpuJs } from "../../../../compiler/backends/gpujs/emit.ts";
import { interpret } from "../../../../compiler/kernel/interpret.ts";
import type { Kernel } from "../../../../compiler/kernel/node.ts";
import { parseKernel } from "../../../../compiler/kernel/parse.ts";
import { simplify } from "../../../../compiler/kernel/simplify.ts";
import { verifyKernel } from "../../../../compiler/kernel/verify.ts";
import { buffersOf, expressions, type Inputs, inputs, kernelOf } from "../../../support/random-kernels.ts";
import { type DeviceName, runKernel } from "../../../support/run-kernel.ts";
import { threadMatmul, threadSamples } from "../../../support/sample-kernels.ts";

const head = "thread grid 4, 2 read x: f32[8] columns 4 read row: f32[4] read flags: bool[4] write y: f32[8] columns 4";

function emit(body: string, header = head): string {
  const kernel = parseKernel(`kernel k { ${header} ${body} }`);
  expect(verifyKernel(kernel).violations).toEqual([]);
  return emitGpuJs(kernel);
}

describe.each(threadSamples)("$kernel.name", ({ kernel, buffers, bindings, output, expected }) => {
  it.each<DeviceName>(["gpujs-cpu", "gpujs-webasm"])("computes on %s what it should", async (device) => {
    for (const variant of [kernel, simplify(kernel)]) {
      const data = buffers();
      const got = await runKernel(variant, data, bindings, output, device);
      expect(got).toHaveLength(expected(data).length);
      for (const [i, value] of expected(data).entries()) expect(got[i]).toBeCloseTo(value, 5);
    }
  });
});

describe("emitGpuJs", () => {
  it("prints a kernel as a person would write it", () => {
    expect(emitGpuJs(threadMatmul.kernel)).toBe(`function thread_matmul(x, w, bias) {
  let total = bias[0][this.thread.x];
  for (let k = 0; k < this.constants.K; k += 1) {
    total = total + x[this.thread.y][k] * w[k][this.thread.x];
  }
  return total < 0 ? 0 : total;
}
`);
  });

  const store = (value: string): string => `y[thread_y, thread_x] = ${value}`;

  it.each<[string, string, string]>([
    ["maximum of two values", store("max(x[0, 0], row[0])"), "return left < right ? right : (left >= right ? left : left + right);"],
    ["integer maximum by Math", `let n = max(thread_x, thread_y) ${store("row[n]")}`, "const n = Math.max(this.thread.x, this.thread.y);"],
    ["integer division of natural numbers", store("row[thread_x / 3]"), "return row[0][Math.floor((this.thread.x + 0.5) / 3)];"],
    ["integer division of any numbers", `let n = (thread_x - 2) / 2 ${store("f32(n)")}`, "const n = value < 0 ? Math.ceil(value) : Math.floor(value);"],
    ["truth values", store("select(flags[thread_x] && true, 1.0, 0.0)"), "flags[0][this.thread.x] > 0.5"],
    ["infinity", store("-inf"), "return -1 / zero;"],
    ["reciprocal square root", store("inverse_sqrt(x[0, 0])"), "return 1 / Math.sqrt(x[0][0]);"],
    ["fused multiply-add", store("fma(x[0, 0], row[0], 1.0)"), "return x[0][0] * row[0][0] + 1;"],
    ["a name that JavaScript keeps", `let new = 1.5 ${store("new + new")}`, "return new_2 + new_2;"],
  ])("%s", (_name, body, line) => expect(emit(body)).toContain(line));

  it("returns truth values as numbers", () => {
    expect(emit("y[thread_y, thread_x] = thread_x < 2", "thread grid 4, 2 write y: bool[8] columns 4")).toContain("return this.thread.x < 2 ? 1 : 0;");
  });

  it("hides computed bounds from the loop limit of GPU.js: 3000 turns are 3000", async () => {
    const kernel = parseKernel("kernel k { thread grid 1, 1 extents A read x: f32[1] columns 1 write y: f32[1] columns 1 var s = 0.0 for i in 0 .. #(A * 2) { s = s + x[0, 0] } y[thread_y, thread_x] = s }");
    expect(emitGpuJs(kernel)).toContain("i < Math.floor(this.constants.A * 2)");
    for (const device of ["gpujs-cpu", "gpujs-webasm"] as const)
      expect(await runKernel(kernel, { x: Float32Array.of(1), y: new Float32Array(1) }, { A: 1500 }, "y", device)).toEqual([3000]);
  });

  it("obeys what some mode of GPU.js gets wrong", () => {
    const code = emit("var s = nan for i in 0 .. 4 step 2 { s = max(s, max(x[0, i], -inf)) + round(s) } if thread_x < 2 { s = exp2(s) } else { s = sign(log(s)) } y[thread_y, thread_x] = pow(s, 3.0)");
    expect(code).not.toMatch(/NaN|Infinity|\+\+|Math\.(round|sign|trunc|max)|!==/);
    const names = [...code.matchAll(/(?:const|let) (\w+)/g)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it("refuses workgroup kernels", () => {
    expect(() => emitGpuJs(parseKernel("kernel k { workgroup 1 grid 1 write y: f32[1] y[0] = 1.0 }"))).toThrow("is a workgroup kernel");
  });
});

/** The printed function as plain JavaScript. */
function evaluate(kernel: Kernel, list: readonly Inputs[]): number[] {
  const compiled: unknown = new Function(`return ${emitGpuJs(kernel)}`)();
  if (typeof compiled !== "function") throw new Error("no function");
  const { result: _result, ...args } = buffersOf(list);
  return list.map((_, x) => Number(compiled.call({ thread: { x, y: 0 } }, ...Object.values(args).map((data) => [data]))));
}

describe("random expressions", () => {
  const { float, integer, truth } = expressions(3);
  const any = fc.oneof(float, integer, truth);
  const interpreted = (kernel: Kernel, list: readonly Inputs[]): number[] => {
    const data = buffersOf(list);
    interpret(kernel, data);
    return Array.from(data.result, (value) => value + 0);
  };

  it("as JavaScript, give what the interpreter gives", () => {
    fc.assert(
      fc.property(any, fc.array(inputs, { minLength: 4, maxLength: 4 }), (value, list) => {
        const kernel = kernelOf(value, "thread", 4);
        expect(evaluate(kernel, list).map((result) => result + 0)).toEqual(interpreted(kernel, list));
      }),
      { numRuns: 400 },
    );
  });

  it.each<DeviceName>(["gpujs-cpu", "gpujs-webasm"])("on %s, too", async (device) => {
    const list = fc.sample(inputs, { numRuns: 6, seed: 3 });
    for (const value of fc.sample(any, { numRuns: 60, seed: 4 })) {
      const kernel = kernelOf(value, "thread", 6);
      const got = await runKernel(kernel, buffersOf(list), {}, "result", device);
      expect(got.map((result) => result + 0), emitGpuJs(kernel)).toEqual(interpreted(kernel, list));
    }
  });
});
