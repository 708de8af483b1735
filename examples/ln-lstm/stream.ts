/** One character per call: a generated step and its states, on any device, and in float64 as the reference of each step. */
import type { Device, Tensor } from "normfuse/runtime";
import { passages } from "./text.ts";

export const hidden = 64;

export interface States {
  /** f32[passages, hidden], row-major */
  readonly h: Float32Array;
  readonly c: Float32Array;
}

interface Outputs {
  readonly h: Tensor;
  readonly c: Tensor;
}

/** What a generated module has, of either network. */
export interface StepModule {
  load(device: Device): Promise<{
    prepare(parameters: object): Promise<void>;
    run(inputs: object, options?: { readonly output: "gpu" }): Promise<{ outputs: Outputs; dispatches: number; milliseconds: number }>;
    dispose(): void;
  }>;
  reference(): Promise<{ run(inputs: object, parameters: object): { h: { data: ArrayLike<number> }; c: { data: ArrayLike<number> } } }>;
}

const shape = [passages, hidden];
const stateTensor = (data: Float32Array): Tensor => ({ dtype: "f32", shape, data });
const character = (text: Int32Array, t: number): Tensor => ({ dtype: "i32", shape: [1, passages], data: text.subarray(t * passages, (t + 1) * passages) });

export const zeroStates = (): States => ({ h: new Float32Array(passages * hidden), c: new Float32Array(passages * hidden) });

export interface Streamed {
  /** States before the first step, and after each one. */
  readonly states: readonly States[];
  readonly dispatches: number;
  /** unit: milliseconds, median of a step */
  readonly milliseconds: number;
}

/** Reads the text on a device, character by character, with the states on the host in between. */
export async function stream(module: StepModule, device: Device, parameters: object, text: Int32Array): Promise<Streamed> {
  const program = await module.load(device);
  await program.prepare(parameters);
  const states: States[] = [zeroStates()];
  const times: number[] = [];
  let dispatches = 0;
  for (let t = 0; t * passages < text.length; t++) {
    const { h, c } = states[t] ?? zeroStates();
    const result = await program.run({ text: character(text, t), h: stateTensor(h), c: stateTensor(c) });
    states.push({ h: Float32Array.from(result.outputs.h.data), c: Float32Array.from(result.outputs.c.data) });
    times.push(result.milliseconds);
    dispatches = result.dispatches;
  }
  program.dispose();
  return { states, dispatches, milliseconds: times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN };
}

/** The same with the states on the GPU throughout: nothing is read back before the last step. Gives the last states. */
export async function streamOnGpu(module: StepModule, device: Device, parameters: object, text: Int32Array): Promise<{ readonly last: States; readonly milliseconds: number }> {
  const program = await module.load(device);
  await program.prepare(parameters);
  const steps = text.length / passages;
  const zero = zeroStates();
  let states: object = { h: stateTensor(zero.h), c: stateTensor(zero.c) };
  let held: { destroy(): void }[] = [];
  const start = performance.now();
  for (let t = 0; t + 1 < steps; t++) {
    const { outputs } = await program.run({ text: character(text, t), ...states }, { output: "gpu" });
    for (const buffer of held) buffer.destroy();
    held = Object.values(outputs).map(({ buffer }) => buffer as { destroy(): void });
    states = outputs;
  }
  const { outputs } = await program.run({ text: character(text, steps - 1), ...states });
  const milliseconds = (performance.now() - start) / steps;
  for (const buffer of held) buffer.destroy();
  program.dispose();
  return { last: { h: Float32Array.from(outputs.h.data), c: Float32Array.from(outputs.c.data) }, milliseconds };
}

/**
 * The largest error of a step, relative to the rms of its state: each step is made again in float64 from the states that the device
 * had before it, so that what is judged is the step and not where earlier roundings have led.
 */
export async function largestStepError(module: StepModule, parameters: object, text: Int32Array, { states }: Streamed, every = 1): Promise<number> {
  const reference = await module.reference();
  let largest = 0;
  for (let t = 0; t + 1 < states.length; t += every) {
    const [before, after] = [states[t], states[t + 1]];
    if (!before || !after) break;
    const want = reference.run({ text: character(text, t), h: stateTensor(before.h), c: stateTensor(before.c) }, parameters);
    for (const [got, exact] of [[after.h, want.h.data], [after.c, want.c.data]] as const) {
      const scale = rms(Float32Array.from(exact));
      for (let i = 0; i < got.length; i++) {
        const error = Math.abs((got[i] ?? Number.NaN) - (exact[i] ?? Number.NaN)) / scale;
        if (!(error <= largest)) largest = error;
      }
    }
  }
  return largest;
}

export const rms = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
