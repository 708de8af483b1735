/**
 * Random programs from all families of ops, three ways: the float64 reference, onnxruntime on the exported file, and WGSL on
 * the software adapter. ONNX_COUNT sets the number of programs, ONNX_SEED the first seed.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileFunction } from "../../compiler/compile.ts";
import { required } from "../../compiler/errors.ts";
import { evaluateFolds } from "../../compiler/folds/evaluate.ts";
import { Expressions } from "../../compiler/folds/expression.ts";
import { lowerToFolds } from "../../compiler/folds/lower.ts";
import { printModule } from "../../compiler/ir/print.ts";
import { operations } from "../../compiler/ops/index.ts";
import { functionNodes } from "../../compiler/ir/traverse.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { allowance, disturbedValues, roundingUnit } from "../../compiler/verify/bounds.ts";
import { compareValues } from "../../compiler/verify/compare.ts";
import type { Device } from "../../runtime/device.ts";
import { openWebGpu } from "../../runtime/devices/webgpu-node.ts";
import { load } from "../../runtime/index.ts";
import { onnxFile, runOnnx } from "../support/onnx-oracle.ts";
import { randomProgram, type RandomProgram } from "../support/random-programs.ts";
import { hostData, toReference } from "../support/tensor-function.ts";

const count = Number(process.env["ONNX_COUNT"] ?? 200);
const firstSeed = Number(process.env["ONNX_SEED"] ?? 0);

/** Differences of the outputs from the reference, as text. */
type Judge = (outputs: Readonly<Record<string, { readonly data: ArrayLike<number> }>>) => string[];

interface Case extends RandomProgram {
  readonly seed: number;
  readonly data: ReturnType<typeof hostData>;
  readonly judge: Judge;
}

function makeCase(seed: number): Case {
  const { fn, bindings } = randomProgram(seed, { wide: true });
  const data = hostData(fn, bindings, seed);
  const want = evaluate(fn, bindings, toReference(data.inputs), toReference(data.parameters));
  const judge: Judge = (outputs) =>
    fn.outputs.flatMap(({ name }) => {
      const { data: exact, shape, dtype } = required(want[name], "test", name);
      const result = compareValues(required(outputs[name], "test", name).data, exact, shape, dtype, { allowance: () => moves(name) });
      return result?.passed === false ? [`${name}[${result.index.join(", ")}] is ${result.got} instead of ${result.want}, bound ${result.bound}`] : [];
    });
  // What rounding does to the program itself: see verify/bounds.ts.
  const moves = (name: string): Float64Array => {
    const lowered = lowerToFolds(fn, new Expressions());
    const sources = Object.fromEntries(Object.entries({ ...data.inputs, ...data.parameters }).map(([key, tensor]) => [key, tensor.data]));
    const { definition } = required(lowered.outputs.find((output) => output.name === name), "test", name);
    const { shape } = required(want[name], "test", name);
    const disturbed = disturbedValues(lowered, bindings, sources, roundingUnit.f32, seed).map((values) => required(values.get(definition), "test", definition));
    return allowance(required(evaluateFolds(lowered, bindings, sources).get(definition), "test", definition), disturbed, shape);
  };
  return { fn, bindings, seed, data, judge };
}

const cases = Array.from({ length: count }, (_, i) => makeCase(firstSeed + i));
const batches = Array.from({ length: Math.ceil(count / 20) }, (_, i) => cases.slice(20 * i, 20 * (i + 1)));
const title = (batch: readonly Case[]): string => `seeds ${batch[0]?.seed} to ${batch.at(-1)?.seed}`;

async function faults(batch: readonly Case[], outputsOf: (one: Case) => Promise<Readonly<Record<string, { readonly data: ArrayLike<number> }>>>): Promise<string[]> {
  const found: string[] = [];
  for (const one of batch) {
    const wrong = await outputsOf(one).then(one.judge, (error: unknown) => [error instanceof Error ? (error.stack ?? error.message) : String(error)]);
    found.push(...wrong.map((fault) => `seed ${one.seed}: ${fault}\n${printModule({ functions: [one.fn] })}`));
  }
  return found;
}

describe("the programs", () => {
  it("use nearly all ops between them", () => {
    const used = new Set(cases.flatMap(({ fn }) => functionNodes(fn).map(({ op }) => op)));
    expect([...operations.keys()].filter((name) => !used.has(name)).length).toBeLessThan(operations.size / 10);
  });
});

describe("exported to onnxruntime, equal the reference", () => {
  it.each(batches.map((batch) => [title(batch), batch] as const))("%s", async (_, batch) => {
    // Half of them with their parameters in the file, half as inputs.
    expect(await faults(batch, ({ fn, seed, data: { inputs, parameters } }) => runOnnx(onnxFile(fn, seed % 2 === 0 ? { parameters } : {}), seed % 2 === 0 ? inputs : { ...inputs, ...parameters }))).toEqual([]);
  });
});

describe("in WGSL, equal the reference", { timeout: 120_000 }, () => {
  let device: Device;
  beforeAll(async () => {
    device = await openWebGpu({ prefer: "swiftshader" });
  });
  afterAll(() => device.destroy());

  it.each(batches.map((batch) => [title(batch), batch] as const))("%s", async (_, batch) => {
    expect(await faults(batch, async ({ fn, bindings, data: { inputs, parameters } }) => {
      const program = await load(compileFunction(fn, "wgsl", { cost: "software", assume: bindings }).artifact, device);
      try {
        await program.prepare(parameters);
        return (await program.run(inputs, { extents: bindings })).outputs;
      } finally {
        program.dispose();
      }
    })).toEqual([]);
  });
});
