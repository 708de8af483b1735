/**
 * Models as people write them, in test/cases/models: formatted, legal on both targets, equal to the float64 reference, and in
 * how many dispatches. The counts are exact: what changes them is meant to, and changes them here.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkSource, type Compiled, compileModel, evaluateReference, format, type KernelTarget, type PlanOptions, renderDiagnostics, sourceFile, type SourceFile, type TensorFunction } from "../compiler/index.ts";
import { required } from "../compiler/errors.ts";
import type { Bindings } from "../compiler/ir/extent.ts";
import { verifyKernel } from "../compiler/kernel/verify.ts";
import { librarySources } from "../compiler/library/sources.ts";
import { compareValues } from "../compiler/verify/compare.ts";
import type { Device } from "../runtime/device.ts";
import { openWebGpu } from "../runtime/devices/webgpu-node.ts";
import { load } from "../runtime/index.ts";
import { runPlan } from "./support/run-plan.ts";
import { hostData, toReference } from "./support/tensor-function.ts";

const folder = path.join(import.meta.dirname, "cases/models");
const read = (name: string): SourceFile => sourceFile(name, readFileSync(path.join(folder, name), "utf8"));
const files = readdirSync(folder).filter((name) => name.endsWith(".nf"));

/** Lengths that are numbers in the model, and lengths that the host binds, which the plan is also chosen for. */
interface Sizes {
  readonly bind: Bindings;
  readonly host: Bindings;
}

interface Model {
  /** Small enough to run on a software adapter. */
  readonly tiny: Sizes;
  /** As the papers have them, or near it. */
  readonly full: Sizes;
  /** Dispatches of a run. `full` is for wgsl. */
  readonly dispatches: { readonly wgsl: number; readonly gpujs: number; readonly full: number };
}

const models: Readonly<Record<string, Model>> = {
  "feed-forward": {
    tiny: { bind: { K: 12, D: 16, N: 5 }, host: { B: 3 } },
    full: { bind: { K: 784, D: 1000, N: 10 }, host: { B: 128 } },
    dispatches: { wgsl: 3, gpujs: 4, full: 3 },
  },
  rnn: {
    tiny: { bind: { I: 5, H: 8 }, host: { B: 2 } },
    full: { bind: { I: 128, H: 256 }, host: { B: 32 } },
    dispatches: { wgsl: 6, gpujs: 7, full: 6 },
  },
  lstm: {
    tiny: { bind: { T: 3, B: 2, I: 3, H: 4, N: 5 }, host: {} },
    full: { bind: { T: 16, B: 32, I: 128, H: 256, N: 10 }, host: {} },
    dispatches: { wgsl: 6, gpujs: 31, full: 6 },
  },
  gpt2: {
    tiny: { bind: { V: 11, S: 6, D: 8, H: 2, L: 2 }, host: { B: 2, T: 5 } },
    full: { bind: { V: 50_257, S: 1024, D: 768, H: 12, L: 12 }, host: { B: 1, T: 128 } },
    dispatches: { wgsl: 9, gpujs: 13, full: 63 },
  },
  vit: {
    tiny: { bind: { S: 8, P: 4, D: 8, H: 2, L: 2, N: 5 }, host: { B: 2 } },
    full: { bind: { S: 224, P: 16, D: 768, H: 12, L: 12, N: 1000 }, host: { B: 1 } },
    dispatches: { wgsl: 10, gpujs: 14, full: 63 },
  },
  resnet: {
    tiny: { bind: { S: 12, C: 4, N: 5 }, host: { B: 2 } },
    full: { bind: { S: 224, C: 64, N: 1000 }, host: { B: 1 } },
    dispatches: { wgsl: 9, gpujs: 9, full: 9 },
  },
  unet: {
    tiny: { bind: { S: 4, C: 4, G: 2 }, host: { B: 2 } },
    full: { bind: { S: 64, C: 64, G: 32 }, host: { B: 1 } },
    dispatches: { wgsl: 19, gpujs: 17, full: 19 },
  },
};
const targets: readonly KernelTarget[] = ["wgsl", "gpujs"];

function modelOf(name: string, { bind }: Sizes): TensorFunction {
  const { models: found, diagnostics } = checkSource(read(`${name}.nf`), { bind, resolve: (_, specifier) => read(path.basename(specifier)) });
  expect(renderDiagnostics(diagnostics)).toBe("");
  return required(found[0], "test", name);
}

function compiled(name: string, target: KernelTarget, sizes: Sizes, options: PlanOptions = {}): Compiled {
  return compileModel(modelOf(name, sizes), target, { assume: sizes.host, ...options });
}

const dispatches = ({ artifact }: Compiled): number => artifact.run.length;

/** Kernels that break a rule of the kernel IR, or a limit of the target. */
const illegal = ({ plan }: Compiled): string[] =>
  plan.kernels.flatMap(({ kernel }) => {
    const { violations, workgroupBytes } = verifyKernel(kernel);
    const { limits } = plan.target;
    return [
      ...violations.map(({ label, message }) => `${kernel.name}: ${label} ${message}`),
      ...(workgroupBytes > limits.workgroupBytes ? [`${kernel.name}: ${workgroupBytes} bytes of workgroup memory`] : []),
      ...(kernel.buffers.length > limits.storageBuffers ? [`${kernel.name}: ${kernel.buffers.length} buffers`] : []),
    ];
  });

let device: Device;
beforeAll(async () => {
  device = await openWebGpu({ prefer: "swiftshader" });
});
afterAll(() => device.destroy());

describe("every file", () => {
  it.each(files)("%s is in the one layout", (name) => {
    const file = read(name);
    const formatted = format(file);
    expect("text" in formatted && formatted.text).toBe(file.text);
  });

  it("is run as a model, or imported by one", () => {
    const texts = files.map((name) => read(name).text).join("");
    expect(files.filter((name) => !Object.hasOwn(models, name.replace(".nf", "")) && !texts.includes(`"./${name}"`))).toEqual([]);
  });

  it("of the library is in the one layout too", () => {
    for (const { path: name, text } of librarySources) {
      const formatted = format(sourceFile(name, text));
      expect("text" in formatted && formatted.text, name).toBe(text);
    }
  });
});

describe("dispatches of a run", () => {
  it.each(Object.entries(models))("%s", (name, { tiny, full, dispatches: wanted }) => {
    const plans = { wgsl: compiled(name, "wgsl", tiny), gpujs: compiled(name, "gpujs", tiny), full: compiled(name, "wgsl", full) };
    expect(Object.values(plans).flatMap(illegal)).toEqual([]);
    expect({ wgsl: dispatches(plans.wgsl), gpujs: dispatches(plans.gpujs), full: dispatches(plans.full) }).toEqual(wanted);
  });
});

/** Data about 0; a variance is none below it. */
function given(plan: Compiled, host: Bindings): ReturnType<typeof hostData> {
  const { inputs, parameters } = hostData(plan.fn, host);
  const sound = Object.entries(parameters).map(([name, tensor]) => [name, name.endsWith("running_variance") ? { ...tensor, data: tensor.data.map((value) => Math.abs(value) + 0.1) } : tensor]);
  return { inputs, parameters: Object.fromEntries(sound) as typeof parameters };
}

/** Every output within the contract, without further allowance. */
function expectReference({ fn }: Compiled, host: Bindings, { inputs, parameters }: ReturnType<typeof hostData>, got: (output: string) => ArrayLike<number> | undefined): void {
  const want = evaluateReference(fn, host, toReference(inputs), toReference(parameters));
  expect(fn.outputs.length).toBeGreaterThan(0);
  for (const { name } of fn.outputs) {
    const { data, shape, dtype } = required(want[name], "test", name);
    expect(Math.max(...data.map(Math.abs)), name).toBeGreaterThan(0.01);
    expect(compareValues(required(got(name), "test", name), data, shape, dtype), name).toMatchObject({ passed: true });
  }
}

describe("on the kernel interpreter", () => {
  it.each(["feed-forward", "rnn", "gpt2", "vit"].flatMap((name) => targets.map((target) => [name, target] as const)))("%s for %s equals the reference", (name, target) => {
    const { tiny: sizes } = required(models[name], "test", name);
    const plan = compiled(name, target, sizes, { cost: "software" });
    const tensors = given(plan, sizes.host);
    const outputs = runPlan(plan, sizes.host, Object.fromEntries(Object.entries({ ...tensors.inputs, ...tensors.parameters }).map(([key, { data }]) => [key, data])));
    expectReference(plan, sizes.host, tensors, (output) => outputs[output]);
  });
});

describe("on the software adapter", { timeout: 60_000 }, () => {
  it.each(Object.entries(models))("%s equals the reference", async (name, { tiny }) => {
    const { bind, host } = tiny;
    // One block: compiling pipelines is what takes the time here. Small tiles, for the same reason.
    const plan = compiled(name, "wgsl", { bind: "L" in bind ? { ...bind, L: 1 } : bind, host }, { cost: "software" });
    const { inputs, parameters } = given(plan, host);
    const program = await load(plan.artifact, device);
    try {
      await program.prepare(parameters);
      const { outputs } = await program.run(inputs);
      expectReference(plan, host, { inputs, parameters }, (output) => outputs[output]?.data);
    } finally {
      program.dispose();
    }
  });
});
