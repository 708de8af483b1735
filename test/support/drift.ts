/** How far a sequence kernel is from the float64 reference after each step: a layer-normalised LSTM over hostile rows. */
import { checkSource, compileModel, evaluateReference, type KernelTarget, type PlanOptions, sourceFile } from "../../compiler/index.ts";
import { required } from "../../compiler/errors.ts";
import { inputKinds, inputTensor, isFiniteKind } from "../../compiler/verify/inputs.ts";
import type { Device } from "../../runtime/device.ts";
import { load } from "../../runtime/index.ts";
import { initialParameters } from "../../runtime/initialise.ts";
import { toReference } from "./tensor-function.ts";

export interface Drift {
  /** A batch row for each kind of input. */
  readonly kinds: readonly string[];
  /** Largest error over the rms of the row, by kind and step. */
  readonly errors: readonly (readonly number[])[];
  /** The same of the reference itself when each input is moved by at most one rounding of f32: what the network makes of the smallest errors. */
  readonly amplified: () => readonly (readonly number[])[];
  readonly dispatches: number;
}

const [inner, hidden] = [16, 32];

const text = (gain: number): string => `model Drift[T](xs: f32[T, B, ${inner}]) -> (hs: f32[T, B, ${hidden}]) = LnLstm[${inner}, ${hidden}](xs, initial_gain = ${gain})\n`;

/** `steps` of every finite kind of input, each in a row of its own for all steps. `gain`: of all three norms. */
export async function driftOf(device: Device, target: KernelTarget, steps: number, gain: number, options: PlanOptions = {}): Promise<Drift> {
  const kinds = inputKinds.filter((kind) => isFiniteKind(kind) && kind !== "a different kind in each row");
  const [model] = checkSource(sourceFile("drift.nf", text(gain).replaceAll("B", String(kinds.length)))).models;
  const fn = required(model, "test", "model");
  const { artifact } = compileModel(fn, target, options);
  const xs = new Float32Array(steps * kinds.length * inner);
  kinds.forEach((kind, b) => {
    const { data } = inputTensor("xs", "f32", [steps, inner], kind, 1, undefined);
    for (let t = 0; t < steps; t++) xs.set(Float32Array.from(data).subarray(t * inner, (t + 1) * inner), (t * kinds.length + b) * inner);
  });
  const inputs = { xs: { dtype: "f32" as const, shape: [steps, kinds.length, inner], data: xs } };
  const parameters = initialParameters(artifact, 1);
  const program = await load(artifact, device);
  await program.prepare(parameters);
  const { outputs, dispatches } = await program.run(inputs);
  program.dispose();
  const got = required(outputs["hs"], "test", "hs").data;
  const given = toReference(inputs);
  const reference = (moved: typeof given): ArrayLike<number> => required(evaluateReference(fn, { T: steps }, moved, toReference(parameters))["hs"], "test", "hs").data;
  const want = reference(given);
  const moved = (): ArrayLike<number> => reference({ xs: { ...required(given["xs"], "test", "xs"), data: Float64Array.from(xs, (value, i) => value * (1 + (i % 2 === 0 ? 1 : -1) * 2 ** -24)) } });
  const apart = (values: ArrayLike<number>): number[][] => kinds.map((_, b) => Array.from({ length: steps }, (__, t) => {
    const at = (t * kinds.length + b) * hidden;
    let [largest, square] = [0, 0];
    for (let i = at; i < at + hidden; i++) {
      largest = Math.max(largest, Math.abs((values[i] as number) - (want[i] as number)));
      square += (want[i] as number) ** 2;
    }
    // Zeros in give zeros out.
    return largest === 0 ? 0 : largest / Math.sqrt(square / hidden);
  }));
  return { kinds, errors: apart(got), amplified: () => apart(moved()), dispatches };
}
