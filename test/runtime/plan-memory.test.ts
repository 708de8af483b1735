/** The memory plan: slots never hold two values that live at once, and a chain of any length needs a fixed number of them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openGpuDevice } from "../../runtime/devices/webgpu-node.ts";
import { webGpuDevice } from "../../runtime/devices/webgpu.ts";
import type { BufferRequest } from "../../runtime/device.ts";
import { load } from "../../runtime/index.ts";
import { type Lifetime, lifetimesOf, planMemory, type PlannedBuffer, type Slot } from "../../runtime/plan-memory.ts";
import { checkSource, compileModel, sourceFile } from "../../compiler/index.ts";
import { evaluate } from "../../compiler/reference/evaluate.ts";
import { required } from "../../compiler/errors.ts";
import { numberGenerator } from "../support/random-programs.ts";
import { hostData, toReference } from "../support/tensor-function.ts";

const buffer = (name: string, bytes: number, role: PlannedBuffer["role"] = "temporary"): PlannedBuffer => ({ name, bytes, role });
const names = (slots: readonly Slot[]): string[] => slots.map(({ bytes, lifetimes }) => `${bytes}: ${lifetimes.map(({ name }) => name).join(" ")}`);

describe("lifetimes", () => {
  it("last from the first dispatch to the last that uses the buffer; of inputs from before the run, of outputs until after it", () => {
    const found = lifetimesOf([buffer("x", 4, "input"), buffer("a", 4), buffer("y", 4, "output"), buffer("unused", 4)], [["x", "a"], ["a", "y"], ["a", "y"]]);
    expect(found.map(({ name, first, last }) => [name, first, last])).toEqual([["x", -1, 0], ["a", 0, 2], ["y", 1, Number.POSITIVE_INFINITY], ["unused", -1, Number.POSITIVE_INFINITY]]);
  });
});

describe("slots", () => {
  it("are shared when one value is gone before the next is written, never within a dispatch", () => {
    const chain = [["x", "a"], ["a", "b"], ["b", "c"], ["c", "y"]];
    const slots = planMemory(lifetimesOf([buffer("x", 16, "input"), buffer("a", 16), buffer("b", 16), buffer("c", 16), buffer("y", 16, "output")], chain));
    expect(names(slots)).toEqual(["16: x b y", "16: a c"]);
  });

  it("are as large as their largest value", () => {
    const slots = planMemory([{ name: "small", bytes: 4, first: 0, last: 1 }, { name: "large", bytes: 100, first: 2, last: 3 }, { name: "other", bytes: 50, first: 2, last: 3 }]);
    expect(names(slots)).toEqual(["100: large", "50: other small"]);
  });

  it("of random runs keep apart what lives together, and hold everything once", () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = numberGenerator(seed);
      const lifetimes = Array.from({ length: 1 + random(40) }, (_, i): Lifetime => {
        const first = random(30) - 1;
        return { name: `v${i}`, bytes: random(1000), first, last: random(8) === 0 ? Number.POSITIVE_INFINITY : first + random(6) };
      });
      const slots = planMemory(lifetimes);
      expect(slots.flatMap((slot) => slot.lifetimes.map(({ name }) => name)).sort()).toEqual(lifetimes.map(({ name }) => name).sort());
      for (const slot of slots) {
        const inOrder = [...slot.lifetimes].sort((a, b) => a.first - b.first);
        for (const [i, { bytes, first }] of inOrder.entries()) {
          expect(bytes).toBeLessThanOrEqual(slot.bytes);
          if (i > 0) expect(inOrder[i - 1]?.last).toBeLessThan(first);
        }
      }
      expect(planMemory(lifetimes)).toEqual(slots);
    }
  });
});

describe("on a device", () => {
  let gpu: GPUDevice;
  beforeAll(async () => {
    gpu = (await openGpuDevice({ prefer: "swiftshader" })).device;
  });
  afterAll(() => gpu.destroy());

  it("values take turns in the buffers, and results are those of the reference, run after run and for any batch", { timeout: 60_000 }, async () => {
    const text = `layer L(x: f32[B, 48]) -> f32[B, 48] {\n  param w: f32[48, 48] = glorot_uniform\n  return x + softmax(x @ w, axis = 0)\n}\nmodel M[B](x: f32[B, 48]) -> f32[B, 48] {\n  return x${" |> L".repeat(8)}\n}`;
    const { models } = checkSource(sourceFile("chain.nf", text));
    const fn = required(models[0], "test", "model");
    const { artifact } = compileModel(fn, "wgsl");
    const device = webGpuDevice(gpu);
    const requested: BufferRequest[] = [];
    const allocate = device.allocate.bind(device);
    Object.defineProperty(device, "allocate", {
      value: (requests: readonly BufferRequest[]) => {
        requested.push(...requests.filter(({ slot }) => slot !== undefined));
        return allocate(requests);
      },
    });
    const program = await load(artifact, device);
    for (const [run, B] of [5, 33, 5].entries()) {
      const { inputs, parameters } = hostData(fn, { B }, run);
      await program.prepare(Object.fromEntries(Object.entries(parameters)));
      const { outputs } = await program.run(Object.fromEntries(Object.entries(inputs)));
      const wanted = Object.values(evaluate(fn, { B }, toReference(inputs), toReference(parameters)))[0];
      const got = Object.values(outputs as Record<string, { data: Float32Array }>)[0];
      const worst = Math.max(...Array.from(got?.data ?? [], (value, i) => Math.abs(value - (wanted?.data[i] ?? Number.NaN))));
      expect(worst).toBeLessThan(1e-4);
    }
    const first = requested.filter(({ name }, i) => requested.findIndex((other) => other.name === name) === i);
    expect(first.length).toBeGreaterThan(10);
    expect(new Set(first.map(({ slot }) => slot)).size).toBeLessThanOrEqual(4);
  });
});
