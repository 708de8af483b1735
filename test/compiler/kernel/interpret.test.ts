import { describe, expect, it } from "vitest";
import { interpret, KernelFault } from "../../../compiler/kernel/interpret.ts";
import { parseKernel } from "../../../compiler/kernel/parse.ts";
import { samples } from "../../support/sample-kernels.ts";

const run = (body: string, head = "workgroup 4 grid 1 read x: f32[4] write y: f32[4] shared tile: f32[4] shared counts: i32[4]", x: readonly number[] = [1, 2, 3, 4]): Float32Array => {
  const y = new Float32Array(4);
  interpret(parseKernel(`kernel k { ${head} ${body} }`), { x: Float32Array.from(x), y });
  return y;
};

describe("interpret", () => {
  it.each(samples)("computes $kernel.name", ({ kernel, buffers, bindings, output, expected }) => {
    const data = buffers();
    interpret(kernel, data, bindings);
    const want = expected(data);
    expect(data[output]).toHaveLength(want.length);
    for (const [i, value] of want.entries()) expect(data[output]?.[i]).toBeCloseTo(value, 5);
  });

  it("rounds to f32 after every operation", () => {
    expect(run("y[thread] = 16777216.0 + x[0] - 16777216.0")[0]).toBe(0);
    expect(run("y[thread] = x[0] / 3.0 * 3.0 - 0.1")[0]).toBe(Math.fround(Math.fround(Math.fround(Math.fround(1 / 3) * 3)) - Math.fround(0.1)));
  });

  it("rounds f16 to halves", () => expect(run("y[thread] = f32(f16(x[0]) / 3.0h)")[0]).toBe(0.333251953125));

  it("exchanges values over barriers", () => {
    expect([...run("tile[thread] = x[thread] barrier y[thread] = tile[3 - thread]")]).toEqual([4, 3, 2, 1]);
  });

  it("lets workgroups read what they write, each its own, over barriers", () => {
    const two = (body: string): Float32Array => run(body, "workgroup 2 grid 2 read x: f32[4] write y: f32[4]");
    expect([...two("y[group_x * 2 + thread] = x[group_x * 2 + thread] barrier let a = y[group_x * 2 + 1 - thread] barrier y[group_x * 2 + thread] = a")]).toEqual([2, 1, 4, 3]);
    expect(() => two("y[group_x * 2 + thread] = x[thread] barrier let a = y[0]")).toThrow("'y[0]' is read by workgroup 1 and written by workgroup 0, in either order");
    expect(() => two("let a = y[3 - group_x * 2 - thread] barrier y[group_x * 2 + thread] = a")).toThrow("'y[1]' is read by workgroup 1 and written by workgroup 0, in either order");
    expect(() => two("let a = y[2 + thread] barrier y[group_x * 2 + thread] = a")).toThrow("'y[2]' is written by workgroup 1 and read by several others, in either order");
  });

  it("zeroes private arrays each time they are declared", () => {
    expect([...run("for i in 0 .. 2 { array a: f32[2] a[i] = a[i] + 1.0 y[i] = a[i] + a[1 - i] }")].slice(0, 2)).toEqual([1, 1]);
  });

  it("evaluates both branches of a select", () => {
    expect(() => run("y[thread] = select(thread < 9, 0.0, x[9])")).toThrow("index 9 of buffer 'x', which has 4 elements");
  });

  it("poisons workgroup memory that nobody wrote", () => {
    expect(run("y[thread] = tile[thread]")[0]).toBeNaN();
    expect(() => run("y[thread] = f32(counts[thread])")).toThrow("'counts[0]' is read before it is written");
  });

  it.each([
    ["tile[thread] = x[thread] y[thread] = tile[3 - thread]", "race on 'tile[2]': read by invocation 1 and written by invocation 2 with no barrier between"],
    ["tile[0] = x[thread]", "race on 'tile[0]': written by invocation 0 and written by invocation 1"],
    ["tile[thread] = 0.0 barrier let a = tile[0] tile[thread] = a", "race on 'tile[0]': written by invocation 0 and read by invocation 1"],
    ["if thread < 2 { barrier }", "invocation 0 waits at the barrier at body[0].then[0], invocation 2 at the end"],
    ["if thread < 2 { barrier } else { barrier }", "invocation 2 at the barrier at body[0].otherwise[0]"],
    ["y[thread] = 1.0 let a = y[0]", "'y[0]' is read by invocation 1 and written by invocation 0 with no barrier between"],
    ["let a = y[3 - thread] y[thread] = a", "'y[1]' is read by invocation 2 and written by invocation 1 with no barrier between"],
    ["let a = y[thread] y[0] = a", "'y[0]' is written by invocation 1 and read by invocation 0 with no barrier between"],
    ["y[thread - 1] = 0.0", "index -1 of buffer 'y'"],
    ["y[4] = 0.0", "index 4 of buffer 'y', which has 4 elements"],
    ["let a = x[1 : 4]", "index 1 of buffer 'x', which has 4 elements"],
    ["tile[4] = 0.0", "index 4 of workgroup array 'tile', which has 4 elements"],
    ["array a: f32[2] a[2] = 0.0", "index 2 of array 'a', which has 2 elements"],
    ["array a: f32[2] y[0] = a[2]", "index 2 of array 'a', which has 2 elements"],
    ["let n = i32(x[0]) - 1 y[0] = f32(thread / n)", "integer div by zero"],
    ["let n = i32(x[0]) - 1 for i in 0 .. 4 step n { y[i] = 0.0 }", "steps by 0"],
  ])("faults: %s", (body, message) => {
    expect(() => run(body)).toThrow(KernelFault);
    expect(() => run(body)).toThrow(message);
  });

  it("faults: rows that overflow, misaligned vectors, buffers of another length", () => {
    const rows = "workgroup 1 grid 1 read x: f32[4] columns 2 write y: f32[4]";
    expect(() => run("y[0] = x[0, 2]", rows)).toThrow("index 0, 2 of buffer 'x', which has 4 elements in rows of 2");
    const wide = "workgroup 1 grid 1 read x: f32x2[4] write y: f32[4]";
    expect(() => run("let v = x[1 : 2] y[0] = v.x", wide)).toThrow("index 1 of buffer 'x' is not a multiple of 2");
    expect(() => run("y[0] = x[0]", "workgroup 1 grid 1 read x: f32[5] write y: f32[4]")).toThrow("buffer 'x' has 4 elements, declared 5");
  });
});
