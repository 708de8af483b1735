/** The first step at which a result of a scan differs: which axis the steps are, in both directions, and what a check says of it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkSource, compileModel, sourceFile, type TensorFunction } from "../../../compiler/index.ts";
import { required } from "../../../compiler/errors.ts";
import { checkJson, checkText } from "../../../compiler/report/check-text.ts";
import type { CaseGroup } from "../../../compiler/verify/cases.ts";
import { checkModel } from "../../../compiler/verify/check-model.ts";
import { compareSteps, outputSteps } from "../../../compiler/verify/steps.ts";
import type { Device } from "../../../runtime/device.ts";
import { openWasm } from "../../../runtime/devices/wasm.ts";
import { plantFault, shortenLoop } from "../../support/plant-fault.ts";

function modelOf(text: string): TensorFunction {
  return required(checkSource(sourceFile("steps.nf", text)).models[0], "test", "model");
}

describe("the axis of the steps", () => {
  it("is found in what is computed step by step, and nowhere else", () => {
    const fn = modelOf(`model M(xs: f32[6, 2, 3], w: f32[4, 5], y: f32[2, 4]) {
  let (hs, h) = Gru[3, 4](xs, states = true)
  let back = Gru[3, 4](xs, backward = true)
  return (hs, h, back, tanh(hs) + y, back @ w, hs + back, flip(hs, axis = [0, 1]), flip(hs, axis = 2), transpose(hs, [1, 0, 2]), xs + 1, sum(hs, axis = 0))
}`);
    const forward = { axis: 0, backwards: false };
    const backwards = { axis: 0, backwards: true };
    expect(Object.fromEntries(outputSteps(fn))).toEqual({ output_0: forward, output_2: backwards, output_3: forward, output_4: backwards, output_6: backwards, output_7: forward });
  });

  it("is moved by broadcasting", () => {
    const fn = modelOf("model M(xs: f32[6, 3], y: f32[2, 6, 3]) {\n  let hs = scan x in xs with (h: f32[3] = 0) {\n    next h = h + x\n    emit h\n  }\n  return hs * y\n}");
    expect([...outputSteps(fn).values()]).toEqual([{ axis: 1, backwards: false }]);
  });
});

describe("a comparison", () => {
  const want = Float64Array.from({ length: 12 }, (_, i) => i + 1);
  const compare = (wrong: readonly number[], backwards: boolean, axis = 1): unknown =>
    compareSteps({ axis, backwards }, want.map((value, i) => value + (wrong.includes(i) ? 1 : 0)), { want, shape: [2, 3, 2], dtype: "f32", allowance: () => new Float64Array(6) }, 0)?.step;

  it("names the first step in the order of the walk", () => {
    expect(compare([], false)).toBeUndefined();
    expect(compare([11, 3, 9], false)).toEqual({ axis: 1, index: 1, steps: 3 });
    expect(compare([8, 3], true)).toEqual({ axis: 1, index: 1, steps: 3 });
    expect(compare([6, 11], true)).toEqual({ axis: 1, index: 2, steps: 3 });
    expect(compare([11], false, 0)).toEqual({ axis: 0, index: 1, steps: 2 });
  });
});

describe("a check", () => {
  let device: Device;
  beforeAll(() => {
    device = openWasm();
  });
  afterAll(() => device.destroy());
  const groups: readonly CaseGroup[] = [{ bindings: {}, cases: [{ inputs: "ordinary", parameters: "varied" }] }];
  const file = sourceFile("steps.nf", "");
  const rnn = (xs: string, options = ""): TensorFunction => modelOf(`model M(xs: f32[6, 2, 8]) -> (hs: f32[6, 2, 8]) = Rnn[8, 8](${xs}${options})`);

  it.each([["", 3], [", backward = true", 5]] as const)("of kernels that are wrong from an element on names the step%s", async (options, step) => {
    const sound = compileModel(rnn("xs", options), "wasm");
    const other = compileModel(rnn("where(position(xs, axis = 0) >= 3, xs + 0.1, xs)", options), "wasm");
    const checked = await checkModel({ ...sound, plan: other.plan }, device, { groups });
    expect(checked.outputs.worst?.step).toEqual({ axis: 0, index: step, steps: 6 });
    expect(JSON.stringify(checkJson([checked], { file, read: () => undefined }))).toContain(`"step":{"axis":0,"index":${step},"steps":6}`);
  });

  it("of a faulty kernel says at which step its sequence differs", async () => {
    const sound = compileModel(rnn("xs"), "wasm");
    const sequence = required(sound.plan.kernels.at(-1), "test", "kernel").name;
    expect(await checkModel(sound, device, { groups })).toMatchObject({ passed: true });
    const texts: string[] = [];
    for (let loop = 0; loop < 3; loop++) {
      try {
        texts.push(checkText([await checkModel(plantFault(sound, sequence, shortenLoop(loop)), device, { groups })], { file, read: () => undefined }));
      } catch {
        break;
      }
    }
    expect(texts.some((text) => new RegExp(`first divergence: kernel ${sequence}[^]*step {3}\\d \\(of 0 to 5\\) is the first that differs`).test(text)), texts.join("\n\n")).toBe(true);
  });
});
