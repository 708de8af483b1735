/** Scans: run step by step by the reference, written out for kernels and ONNX, emitted as loops; all give the same. */
import { describe, expect, it } from "vitest";
import { emitReference } from "../../../compiler/reference/emit-javascript.ts";
import { evaluate } from "../../../compiler/reference/evaluate.ts";
import { verifyFunction } from "../../../compiler/ir/verify.ts";
import { parseModule } from "../../../compiler/ir/parse.ts";
import { printFunction } from "../../../compiler/ir/print.ts";
import type { TensorFunction } from "../../../compiler/ir/node.ts";
import { functionNodes } from "../../../compiler/ir/traverse.ts";
import { isViolation } from "../../../compiler/ops/define.ts";
import { operations } from "../../../compiler/ops/index.ts";
import { unrollScans } from "../../../compiler/passes/unroll-scans.ts";
import { faultsOf } from "../../support/check-program.ts";
import { modelOf } from "../../support/fold-programs.ts";
import { hostData, toReference } from "../../support/tensor-function.ts";

const models: Readonly<Record<string, string>> = {
  "running sum": "model Sum[B](xs: f32[4, B, 3]) -> f32[4, B, 3] {\n  return scan x in xs with (h: f32[B, 3] = 0) {\n    next h = h + x\n    emit h\n  }\n}",
  "the last carry": "model Last[B](xs: f32[4, B, 3]) -> f32[B, 3] {\n  return scan x in xs with (h: f32[B, 3] = 0) {\n    next h = tanh(h + x)\n  }\n}",
  "two sequences, two results": "model Masked[B](xs: f32[5, B, 2], ms: f32[5, B, 1], start: f32[B, 2]) -> (ys: f32[5, B, 2], seen: f32[5, B, 1]) {\n  return scan (x, m) in (xs, ms) with (h: f32[B, 2] = start, n: f32[B, 1] = 0) {\n    next h = where(m > 0, 0.5 * h + x, h)\n    next n = n + cast(m > 0, f32)\n    emit h\n    emit n\n  }\n}",
  "carries that change places": "model Swap(xs: f32[3, 2]) -> (a: f32[2], b: f32[2]) {\n  return scan x in xs with (a: f32[2] = 1, b: f32[2] = 2) {\n    let old = a\n    next a = b\n    next b = old + x\n  }\n}",
  "an LSTM with layer norm": "layer LnLstm[I, H](xs: f32[T, B, I]) -> f32[T, B, H] {\n  param wx: f32[I, 4*H] = orthogonal\n  param wh: f32[H, 4*H] = orthogonal\n  param b: f32[4*H] = zeros\n  param gain: f32[4*H] = ones\n  param cell: f32[H] = ones\n  return scan x in xs with (h: f32[B, H] = 0, c: f32[B, H] = 0) {\n    let (i, f, o, g) = split(layer_norm(x @ wx, gain) + layer_norm(h @ wh, gain) + b, 4)\n    next c = sigmoid(f) * c + sigmoid(i) * tanh(g)\n    next h = sigmoid(o) * tanh(layer_norm(c, cell))\n    emit h\n  }\n}\nmodel Net[B](xs: f32[3, B, 3]) -> f32[3, B, 4] = LnLstm[3, 4](xs)",
  "a scan in a scan": "model Nested(xs: f32[3, 2, 2]) -> f32[3, 2] {\n  return scan rows in xs with (h: f32[2] = 0) {\n    let inner = scan row in rows with (s: f32[2] = h) {\n      next s = s * 0.5 + row\n    }\n    next h = inner\n    emit h + 1\n  }\n}",
  "one step": "model One(xs: f32[1, 2]) -> f32[1, 2] {\n  return scan x in xs with (h: f32[2] = 3) {\n    next h = h * x\n    emit h\n  }\n}",
  "a loop with a scalar": "model Count(xs: f32[3, 2]) -> (n: f32, y: f32[3, 2]) {\n  let ys = scan x in xs with (n: f32 = 1) {\n    next n = n * 2\n    emit x * n\n  }\n  return (sum(ys), ys)\n}",
};

const valuesOf = (fn: TensorFunction) => {
  const { inputs, parameters } = hostData(fn, { B: 2 }, 1);
  return evaluate(fn, { B: 2 }, toReference(inputs), toReference(parameters));
};

describe("scans", () => {
  it.each(Object.entries(models))("run, are written out and printed alike: %s", async (_, text) => {
    const fn = modelOf(text);
    const infer = (op: string, types: Parameters<NonNullable<ReturnType<typeof operations.get>>["infer"]>[0], attributes: TensorFunction["outputs"][number]["node"]["attributes"]) => {
      const type = operations.get(op)?.infer(types, attributes);
      return type && isViolation(type) ? { message: type.message } : type;
    };
    expect(verifyFunction(fn, infer)).toEqual([]);
    expect(printFunction(parseModule(printFunction(fn)).functions[0] ?? fn)).toBe(printFunction(fn));
    const unrolled = unrollScans(fn, () => "tested");
    expect(functionNodes(unrolled).some((node) => node.op.startsWith("scan"))).toBe(false);
    expect(verifyFunction(unrolled, infer)).toEqual([]);
    const want = valuesOf(fn);
    expect(valuesOf(unrolled)).toEqual(want);
    const { run } = (await import(`data:text/javascript,${encodeURIComponent(emitReference(fn))}`)) as { run: (inputs: object, parameters: object) => typeof want };
    const { inputs, parameters } = hostData(fn, { B: 2 }, 1);
    const emitted = run(toReference(inputs), toReference(parameters));
    for (const [name, { data }] of Object.entries(want)) expect(Array.from(emitted[name]?.data ?? [])).toEqual(Array.from(data));
    expect(Object.values(want).some(({ data }) => data.some((value) => value !== 0))).toBe(true);
  });

  it("become kernels on every target", { timeout: 60_000 }, () => {
    for (const text of [models["two sequences, two results"], models["a scan in a scan"]]) expect(faultsOf(modelOf(text ?? ""), { B: 2 }, 1)).toEqual([]);
  });

  it("compute what they say", () => {
    const fn = modelOf(models["running sum"] ?? "");
    const [got] = Object.values(evaluate(fn, { B: 1 }, { xs: { dtype: "f32", shape: [4, 1, 3], data: Float64Array.from({ length: 12 }, (_, i) => i) } }, {}));
    expect(Array.from(got?.data ?? [])).toEqual([0, 1, 2, 3, 5, 7, 9, 12, 15, 18, 22, 26]);
  });
});
