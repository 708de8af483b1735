/** Recurrences as one kernel: which scans are, for how many dispatches, that any cell computes what the reference does, and what is refused. CELLS sets the number of random cells, CELL_SEED the first seed. */
import { describe, expect, it } from "vitest";
import { compileFunction, type PlanOptions } from "../../../compiler/compile.ts";
import { Refusal } from "../../../compiler/errors.ts";
import { Expressions } from "../../../compiler/folds/expression.ts";
import { lowerToFolds } from "../../../compiler/folds/lower.ts";
import { printProgram } from "../../../compiler/folds/print.ts";
import type { Bindings } from "../../../compiler/ir/extent.ts";
import { certify } from "../../../compiler/verify/certificate.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { load } from "../../../runtime/index.ts";
import { faultsOf, settings } from "../../support/check-program.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { randomCell } from "../../support/random-cells.ts";

const lnLstm = `layer Cell[I, H](xs: f32[T, B, I]) -> f32[T, B, H] {
  param wx: f32[I, 4*H] = orthogonal
  param wh: f32[H, 4*H] = orthogonal
  param b: f32[4*H] = zeros
  param input_gain: f32[4*H] = ones
  param state_gain: f32[4*H] = ones
  param cell_gain: f32[H] = ones
  param cell_bias: f32[H] = zeros
  return scan x in xs with (h: f32[B, H] = 0, c: f32[B, H] = 0) {
    let gates = layer_norm(x @ wx, input_gain) + layer_norm(h @ wh, state_gain) + b
    let (f, i, o, g) = split(gates, 4)
    next c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    next h = sigmoid(o) * tanh(layer_norm(c, cell_gain, cell_bias))
    emit h
  }
}
model LnLstm[T, B, I, H](xs: f32[T, B, I]) -> (hs: f32[T, B, H]) = Cell[I, H](xs)
`;

const model = (body: string, { inputs = "xs: f32[T, B, 4]", results = "ys: f32[T, B, 4]", params = "" } = {}): string =>
  `model M[T, B](${inputs}) -> (${results}) {\n${params}  return ${body}\n}`;

const cells: Readonly<Record<string, string>> = {
  "a carry of one column": model("scan x in xs with (n: f32[B, 1] = 1) {\n    next n = 0.5 * n + mean(x, axis = -1, keep = true)\n    emit x * n\n  }"),
  "statistics of a batch of known size: rows meet, one workgroup has all of them": model("scan x in xs with (h: f32[5, 4] = 0) {\n    let s = x + h\n    let centred = s - mean(s, axis = 0, keep = true)\n    next h = centred * rsqrt(mean(centred * centred, axis = 0, keep = true) + 0.001)\n    emit h\n  }", { inputs: "xs: f32[T, 5, 4]", results: "ys: f32[T, 5, 4]" }).replace("[T, B]", "[T]"),
  "no batch at all": "model M[T](xs: f32[T, 6]) -> (ys: f32[T, 6]) {\n  param w: f32[6, 6] = orthogonal\n  return scan x in xs with (h: f32[6] = 0) {\n    next h = tanh(x + h @ w)\n    emit h\n  }\n}",
  "two axes of rows": "model M[T, B](xs: f32[T, B, 3, 4]) -> (ys: f32[T, B, 3, 4]) {\n  param w: f32[4, 4] = orthogonal\n  return scan x in xs with (h: f32[B, 3, 4] = 0) {\n    next h = tanh(x + h @ w)\n    emit h\n  }\n}",
  "a norm for each of four heads": "model M[T, B](xs: f32[T, B, 8]) -> (ys: f32[T, B, 8]) {\n  param w: f32[8, 8] = orthogonal\n  return scan x in xs with (h: f32[B, 8] = 0) {\n    next h = reshape(layer_norm(reshape(x + h @ w, [B, 4, 2])), [B, 8])\n    emit h\n  }\n}",
  "what is emitted hangs on the state before": model("scan x in xs with (h: f32[B, 4] = 0.5) {\n    emit softmax(h + x) @ w\n    next h = tanh(h - x)\n  }", { params: "  param w: f32[4, 4] = orthogonal\n" }),
  "an integer that counts": model("scan x in xs with (n: i32[B, 1] = 0) {\n    next n = n + 1\n    emit x * cast(n, f32)\n  }"),
  "carries that change places": "model M[T, B](xs: f32[T, B, 4]) -> (a: f32[B, 4], b: f32[B, 4]) {\n  return scan x in xs with (a: f32[B, 4] = 1, b: f32[B, 4] = 2) {\n    let old = a\n    next a = b\n    next b = old + x\n  }\n}",
  "one carry is the next of two": "model M[T, B](xs: f32[T, B, 4]) -> (a: f32[B, 4], b: f32[B, 4]) {\n  return scan x in xs with (a: f32[B, 4] = 1, b: f32[B, 4] = 2) {\n    let n = tanh(a + b * x)\n    next a = n\n    next b = n\n  }\n}",
  "a carry that nobody reads": "model M[T, B](xs: f32[T, B, 4]) -> (a: f32[B, 4]) {\n  return scan x in xs with (a: f32[B, 4] = 1) {\n    next a = x * 2\n  }\n}",
};

const kernels = { targets: settings.filter(({ target }) => target !== "gpujs").map((setting) => ({ ...setting, options: { ...setting.options, scans: "one-kernel" as const } })) };
const cut = kernels.targets.map((setting) => ({ ...setting, title: `${setting.title}, two steps a dispatch`, options: { ...setting.options, stepsAtOnce: 2 } }));

const planOf = (text: string, bind: Bindings, options: PlanOptions = {}) => compileFunction(modelOf(text, bind), "wgsl", options).plan;
const templates = (text: string, bind: Bindings = {}, options: PlanOptions = {}): string[] => planOf(text, bind, options).kernels.filter(({ phase }) => phase === "run").map(({ region }) => region.template);

describe("dispatches of a layer-normalised LSTM of 100 steps", () => {
  it.each([128, 256, 400, 1024].flatMap((H) => [32, 1].map((B) => ({ H, B }))))("H = $H, B = $B: at most three", ({ H, B }) => {
    const { kernels: planned } = planOf(lnLstm, { T: 100, B, I: 128, H });
    expect(planned.filter(({ phase, repeat }) => phase === "run" && repeat === undefined).length).toBeLessThanOrEqual(3);
    expect(planned.some(({ repeat }) => repeat)).toBe(false);
    expect(planned.at(-1)?.region.template).toBe("sequence");
  });

  it("is two for T = 100, B = 32, H = 256: the product of all steps with its norm, and the sequence", () => {
    expect(templates(lnLstm, { T: 100, B: 32, I: 128, H: 256 })).toEqual(["contraction", "sequence"]);
  });

  it("does not hang on the number of steps being known", () => {
    expect(templates(lnLstm, { I: 128, H: 256 })).toEqual(["contraction", "sequence"]);
  });

  it("keeps gates and cell state in registers where the state's width allows", () => {
    const kernel = planOf(lnLstm, { T: 100, B: 32, I: 128, H: 256 }).kernels.at(-1)?.kernel;
    // The state, partial sums and four statistics: 256 and 256 vectors, and one each.
    expect(kernel?.workgroupArrays.reduce((sum, array) => sum + array.length * array.type.lanes * 4, 0)).toBe(16 * (256 + 256 + 4));
  });
});

describe("cells", () => {
  it.each(Object.entries(cells))("%s", { timeout: 60_000 }, (_, text) => {
    expect(templates(text)).toContain("sequence");
    for (const [T, B] of [[3, 5], [1, 1], [4, 2]] as const) expect(faultsOf(modelOf(text), text.includes("[T, B]") ? { T, B } : { T }, T, [...kernels.targets, ...cut])).toEqual([]);
  });

  const count = Number(process.env["CELLS"] ?? 30);
  const first = Number(process.env["CELL_SEED"] ?? 0);
  const apart = 10;
  for (let from = first; from < first + count; from += apart)
    it(`that nobody would write: seeds ${from} to ${Math.min(from + apart, first + count) - 1}`, { timeout: 120_000 }, () => {
      for (let seed = from; seed < Math.min(from + apart, first + count); seed++) {
        const text = randomCell(seed, 3);
        expect(templates(text), text).toContain("sequence");
        expect(faultsOf(modelOf(text), { B: 1 + (seed % 6) }, seed, seed % 2 === 0 ? kernels.targets : cut), `seed ${seed}\n${text}`).toEqual([]);
      }
    });

  it("at sizes that are no multiple of anything", { timeout: 60_000 }, () => {
    for (const [I, H, B] of [[3, 5, 3], [1, 1, 1], [5, 7, 6], [4, 33, 2]] as const) expect(faultsOf(modelOf(lnLstm, { I, H }), { T: 3, B }, 1, [...kernels.targets, ...cut])).toEqual([]);
  });

  it("are certified: what leaves the loop and what stays are the same formulas", () => {
    for (const text of [lnLstm, ...Object.values(cells)]) {
      const bind = text === lnLstm ? { I: 3, H: 8 } : {};
      const compiled = compileFunction(modelOf(text, bind), "wgsl", { scans: "one-kernel" });
      expect(certify(compiled.e, compiled.lowered, compiled.plan, { T: 3, B: 2 }, 1), text).toEqual([]);
    }
  });
});

describe("what leaves the loop", () => {
  it("is the product of the input before, and what is made of states after", () => {
    const e = new Expressions();
    const text = model("scan x in xs with (h: f32[B, 4] = 0) {\n    next h = tanh(x @ w + h @ u)\n    emit softmax(h @ v)\n  }", { params: "  param w: f32[4, 4] = orthogonal\n  param u: f32[4, 4] = orthogonal\n  param v: f32[4, 4] = orthogonal\n" });
    const program = lowerToFolds(modelOf(text), e);
    const [recurrence] = program.definitions.flatMap((definition) => definition.recurrence?.of ?? []);
    expect(recurrence?.body.filter(({ fold }) => fold).length).toBe(1);
    expect(program.definitions.filter(({ fold, box }) => fold?.monoid === "sum" && box[0]?.extent.key === "T").length).toBe(3);
    expect(templates(text)).toEqual(["contraction", "sequence", "contraction"]);
    expect(printProgram(program)).toMatch(/scan\d+ for t\d+ < T\n {4}carry scan_carry\.1: f32\[i\d+ < B, j\d+ < 4\] = 0, then tanh\.1\n/);
    expect(printProgram(program)).toMatch(/tanh\.1 of each step of scan\d+/);
  });
});

describe("steps that are cut into dispatches", () => {
  it("give the same bits, also none at all", async () => {
    const fn = modelOf(lnLstm, { I: 3, H: 8, B: 5 });
    const device = await openWasm();
    const runs: { hs: number[]; dispatches: number }[][] = [];
    for (const options of [{}, { stepsAtOnce: 3 }]) {
      const program = await load(compileFunction(fn, "wasm", options).artifact, device);
      await program.prepare(Object.fromEntries(fn.parameters.map(({ path, node }, p) => [path, Float32Array.from({ length: node.type.shape.reduce((n, extent) => n * Number(extent.key), 1) }, (_, i) => Math.sin(i + p))])));
      const own: (typeof runs)[number] = [];
      for (const T of [0, 1, 3, 8]) {
        const { outputs, dispatches } = await program.run({ xs: { dtype: "f32", shape: [T, 5, 3], data: Float32Array.from({ length: T * 15 }, (_, i) => Math.cos(i)) } });
        own.push({ hs: [...(outputs["hs"]?.data ?? [])] as number[], dispatches });
      }
      runs.push(own);
    }
    expect(runs[1]?.map(({ hs }) => hs)).toEqual(runs[0]?.map(({ hs }) => hs));
    expect(runs[0]?.[3]?.hs.length).toBe(8 * 5 * 8);
    expect(runs.map((own) => own[3]?.dispatches)).toEqual([2, 4]);
  });

  it("are those that one dispatch has time for", () => {
    const slow = compileFunction(modelOf(lnLstm, { I: 128, H: 256, B: 32 }), "wgsl", { cost: "software", scans: "one-kernel" });
    const { repeat } = slow.plan.kernels.at(-1) ?? {};
    expect(repeat?.by).toBeGreaterThan(10);
    expect(slow.artifact.run.at(-1)?.repeat).toEqual(repeat);
    expect(slow.artifact.buffers.filter(({ name, role }) => role === "temporary" && name.includes("scan_carry")).length).toBe(2);
  });
});

describe("what is refused", () => {
  it.each([
    ["where rows go elsewhere", model("scan x in xs with (h: f32[B, 4] = 0) {\n    next h = tanh(concat(h[1:], h[:1], axis = 0) + x)\n    emit h\n  }", {}), {}, undefined],
    ["a width that is not known", "model M[T, B, H](xs: f32[T, B, H]) -> (ys: f32[T, B, H]) {\n  return scan x in xs with (h: f32[B, H] = 0) {\n    next h = tanh(h + x)\n    emit h\n  }\n}", {}, "open width"],
    ["a column that data chooses", "model M[T](xs: f32[T, 4], at: i32[T, 4]) -> (ys: f32[T, 4]) {\n  return scan (x, i) in (xs, at) with (h: f32[4] = 0) {\n    next h = take_along(h, i, axis = 0) + x\n    emit h\n  }\n}", {}, "depends on data"],
  ] as const)("%s", (_, text, bind, reason) => {
    if (reason === undefined) return expect(() => compileFunction(modelOf(text, bind), "wgsl")).toThrow(/rows meet|open width/);
    expect(() => compileFunction(modelOf(text, bind), "wgsl")).toThrow(reason);
    expect(() => compileFunction(modelOf(text, bind), "wgsl")).toThrow(Refusal);
    // With all numbers known the steps are written out instead.
    const known = compileFunction(modelOf(text, { T: 2, B: 2, H: 3, ...bind }), "wgsl", { scans: "unrolled" });
    expect(known.plan.kernels.length).toBeGreaterThan(0);
  });

  it("says for GPU.js what to bind", () => {
    const refused = (): unknown => compileFunction(modelOf(lnLstm, { I: 3, H: 4 }), "gpujs");
    expect(refused).toThrow("the scan over T steps is written out step by step (GPU.js has no kernel that walks all steps), and T is not known");
    try {
      refused();
    } catch (error) {
      expect(error).toMatchObject({ code: "scan-length", hint: expect.stringContaining("--bind T=64") });
    }
  });

  it("is a program of too many steps", () => {
    expect(() => compileFunction(modelOf(lnLstm, { I: 3, H: 4, T: 100_000 }), "gpujs")).toThrow("200000 is the limit");
  });
});
