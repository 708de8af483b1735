/**
 * A `.nf` program in the making: each step is one `let` of a parameterless model with literal shapes. Steps know their
 * shape and dtype, so that a translation can say what the source operator leaves implicit.
 */
import type { Case, CaseTensor } from "./cases.ts";
import { numbersOf } from "./cases.ts";

export type StepDType = "f32" | "i32" | "bool";

/** A named value of the program. */
export interface Step {
  readonly text: string;
  readonly shape: readonly number[];
  readonly dtype: StepDType;
}

export interface DraftInput {
  readonly name: string;
  readonly dtype: StepDType;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Why a case has no program: it is listed with this reason. */
export class Listed extends Error {}

export const listed = (reason: string): never => {
  throw new Listed(reason);
};

const stepDTypes: Readonly<Record<CaseTensor["dtype"], StepDType>> = { float32: "f32", float64: "f32", float16: "f32", int64: "i32", int32: "i32", bool: "bool" };

/** A number as the language writes it. */
export function literal(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return String(value).replace("e+", "e");
}

export const list = (values: readonly (number | string)[]): string => `[${values.join(", ")}]`;

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** The common shape of broadcast operands; `listed` when there is none. */
export function broadcast(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const extents = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((extent) => extent !== 1);
    return extents[0] ?? 1;
  });
}

export class Draft {
  readonly inputs: DraftInput[] = [];
  readonly #case: Case;
  readonly #lines: string[] = [];
  readonly #used = new Map<CaseTensor, Step>();

  constructor(given: Case) {
    this.#case = given;
  }

  /** A tensor of the case as an input of the model. */
  use(tensor: CaseTensor): Step {
    const known = this.#used.get(tensor);
    if (known) return known;
    const dtype = stepDTypes[tensor.dtype];
    const data = numbersOf(tensor);
    if (tensor.shape.includes(0)) listed("empty tensors: an extent is a positive whole number");
    if (dtype === "i32" && data.some((value) => Math.abs(value) > 2 ** 31 - 1)) listed("int64 beyond the range of i32");
    const step: Step = { text: `in${this.inputs.length}`, shape: tensor.shape, dtype };
    this.inputs.push({ name: step.text, dtype, shape: tensor.shape, data });
    this.#used.set(tensor, step);
    return step;
  }

  let(text: string, shape: readonly number[], dtype: StepDType = "f32"): Step {
    const name = `v${this.#lines.length}`;
    this.#lines.push(`  let ${name} = ${text}`);
    return { text: name, shape, dtype };
  }

  /** `name(x, ...arguments)` with the shape and, unless told, the dtype of x. */
  map(name: string, x: Step, rest: readonly (number | string)[] = [], dtype: StepDType = x.dtype): Step {
    return this.let(`${name}(${[x.text, ...rest.map((each) => (typeof each === "number" ? literal(each) : each))].join(", ")})`, x.shape, dtype);
  }

  /** An operator or a function of two, with broadcasting. */
  join(operator: string, a: Step, b: Step, dtype: StepDType = a.dtype): Step {
    const text = /^\w+$/.test(operator) && operator !== "and" && operator !== "or" ? `${operator}(${a.text}, ${b.text})` : `${a.text} ${operator} ${b.text}`;
    return this.let(text, broadcast(a.shape, b.shape), dtype);
  }

  add(a: Step, b: Step): Step {
    return this.join("+", a, b);
  }

  mul(a: Step, b: Step): Step {
    return this.join("*", a, b);
  }

  number(value: number, dtype: StepDType = "f32"): Step {
    return { text: value < 0 ? `(${literal(value)})` : literal(value), shape: [], dtype };
  }

  cast(x: Step, dtype: StepDType): Step {
    return x.dtype === dtype ? x : this.let(`cast(${x.text}, ${dtype})`, x.shape, dtype);
  }

  where(condition: Step, a: Step, b: Step): Step {
    const dtype = /^[\d(]/.test(a.text) ? b.dtype : a.dtype;
    return this.let(`where(${condition.text}, ${a.text}, ${b.text})`, broadcast(condition.shape, a.shape, b.shape), dtype);
  }

  reshape(x: Step, shape: readonly number[]): Step {
    if (shape.length === x.shape.length && shape.every((extent, axis) => extent === x.shape[axis])) return x;
    if (shape.includes(0)) listed("empty tensors: an extent is a positive whole number");
    return this.let(`reshape(${x.text}, ${list(shape)})`, shape, x.dtype);
  }

  expand(x: Step, shape: readonly number[]): Step {
    return this.let(`broadcast_to(${x.text}, ${list(shape)})`, shape, x.dtype);
  }

  transpose(x: Step, order: readonly number[]): Step {
    if (order.every((axis, i) => axis === i)) return x;
    return this.let(`transpose(${x.text}, order = ${list(order)})`, order.map((axis) => x.shape[axis] ?? 1), x.dtype);
  }

  /** Folds axes, which may be negative; no axis at all folds nothing. */
  reduce(name: string, x: Step, axes: readonly number[], keep: boolean, dtype: StepDType = x.dtype): Step {
    const rank = x.shape.length;
    const folded = axes.map((axis) => (axis < 0 ? axis + rank : axis));
    if (folded.length === 0) return x;
    const shape = keep ? x.shape.map((extent, axis) => (folded.includes(axis) ? 1 : extent)) : x.shape.filter((_, axis) => !folded.includes(axis));
    return this.let(`${name}(${x.text}, axis = ${list(folded)}, keep = ${keep})`, shape, dtype);
  }

  /** Axes of `x`, all of them. */
  all(x: Step): number[] {
    return x.shape.map((_, axis) => axis);
  }

  /** Elements start, start + step, ... before stop along each axis; steps may be negative, bounds are within the axis. */
  slice(x: Step, starts: readonly number[], stops: readonly number[], steps?: readonly number[]): Step {
    const flipped = x.shape.flatMap((_, axis) => ((steps?.[axis] ?? 1) < 0 ? [axis] : []));
    const from = flipped.length === 0 ? x : this.let(`flip(${x.text}, axis = ${list(flipped)})`, x.shape, x.dtype);
    const ranges = x.shape.map((extent, axis) => {
      const [start, stop, step] = [starts[axis] ?? 0, stops[axis] ?? extent, steps?.[axis] ?? 1];
      return step > 0 ? { start, stop, step } : { start: extent - 1 - start, stop: extent - 1 - stop, step: -step };
    });
    const shape = ranges.map(({ start, stop, step }) => Math.max(0, Math.ceil((stop - start) / step)));
    if (shape.includes(0)) listed("empty tensors: an extent is a positive whole number");
    if (shape.every((extent, axis) => extent === x.shape[axis])) return from;
    return this.let(`${from.text}[${ranges.map(({ start, stop, step }) => `${start}:${stop}${step === 1 ? "" : `:${step}`}`).join(", ")}]`, shape, x.dtype);
  }

  concat(parts: readonly Step[], axis: number): Step {
    const first = parts[0] ?? listed("nothing to join");
    if (parts.length === 1) return first;
    const along = axis < 0 ? axis + first.shape.length : axis;
    const shape = first.shape.map((extent, at) => (at === along ? parts.reduce((sum, part) => sum + (part.shape[at] ?? 0), 0) : extent));
    return this.let(`concat([${parts.map((part) => part.text).join(", ")}], axis = ${along})`, shape, first.dtype);
  }

  pad(name: string, x: Step, before: readonly number[], after: readonly number[], value?: number): Step {
    if ([...before, ...after].every((count) => count === 0)) return x;
    const shape = x.shape.map((extent, axis) => extent + (before[axis] ?? 0) + (after[axis] ?? 0));
    return this.let(`${name}(${x.text}, before = ${list(before)}, after = ${list(after)}${value === undefined ? "" : `, value = ${literal(value)}`})`, shape, x.dtype);
  }

  gather(x: Step, indices: Step, axis: number): Step {
    const along = axis < 0 ? axis + x.shape.length : axis;
    return this.let(`gather(${x.text}, ${indices.text}, axis = ${along})`, [...x.shape.slice(0, along), ...indices.shape, ...x.shape.slice(along + 1)], x.dtype);
  }

  /** The finished program. */
  program(outputs: readonly Step[]): string {
    const types = this.inputs.map(({ name, dtype, shape }) => `${name}: ${dtype}${shape.length === 0 ? "" : list(shape)}`);
    const result = outputs.length === 1 ? (outputs[0]?.text ?? "") : `(${outputs.map((output) => output.text).join(", ")})`;
    return [`/// ${this.#case.name.replaceAll("\n", " ")}`, `model Case(${types.join(", ")}) {`, ...this.#lines, `  return ${result}`, "}", ""].join("\n");
  }
}
