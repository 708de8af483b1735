/** What a plan does and why, as data: the form that text, JSON and pictures are made of. Stable; documented in spec/cli.md. */
import type { Expressions } from "../folds/expression.ts";
import { type Bindings, extentNames } from "../ir/extent.ts";
import { turnsOf } from "../../runtime/extents.ts";
import { countKernel } from "../kernel/count.ts";
import type { Plan, PlannedKernel } from "../plan.ts";
import { type ExplainedMemory, explainMemory } from "./memory.ts";
import { bytesOf, unavoidableBytes } from "./unavoidable.ts";

export interface ExplainedKernel {
  readonly name: string;
  readonly phase: "prepare" | "run";
  readonly template: string;
  readonly rules: readonly string[];
  /** Each tensor once. unit: bytes */
  readonly bytes: number;
  readonly flops: number;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly microseconds: number;
  readonly bound: PlannedKernel["cost"]["bound"];
  /** Whether it has a second text, for devices with subgroups. The figures are those of the first. */
  readonly subgroups: boolean;
}

export interface Explanation {
  readonly model: string;
  readonly target: string;
  /** Of one run, parameters being prepared. */
  readonly dispatches: number;
  readonly bytes: { readonly planned: number; readonly unavoidable: number };
  readonly flops: number;
  readonly kernels: readonly ExplainedKernel[];
  /** Runs once per set of parameters. */
  readonly prepare: readonly ExplainedKernel[];
  readonly kept: readonly { readonly value: string; readonly reason: string; readonly bytes: number }[];
  readonly memory: ExplainedMemory;
  /** Extent names that were not bound, with the lengths that the figures assume. */
  readonly assumed: Bindings;
  readonly alternatives: readonly { readonly description: string; readonly dispatches: number; readonly microseconds: number }[];
}

const assumedLength = 64;

/** cost: linear in the plan. Names without a binding count as the plan assumes, or as 64. */
export function explain(model: string, e: Expressions, plan: Plan, bind: Bindings): Explanation {
  const names = new Set([...plan.program.sources.map((source) => source.type), ...plan.program.outputs.map((output) => output.type)].flatMap((type) => type.shape.flatMap(extentNames)));
  const assumed = Object.fromEntries([...names].filter((name) => bind[name] === undefined).map((name) => [name, plan.assume[name] ?? assumedLength]));
  const bindings = { ...assumed, ...bind };
  const all = plan.kernels.map((kernel) => explainKernel(kernel, bindings));
  const kernels = all.filter((kernel) => kernel.phase === "run");
  return {
    model, target: plan.target.name, dispatches: kernels.length,
    bytes: { planned: total(kernels.map((kernel) => kernel.bytes)), unavoidable: unavoidableBytes(e, plan, bindings) },
    flops: total(kernels.map((kernel) => kernel.flops)),
    kernels, prepare: all.filter((kernel) => kernel.phase === "prepare"),
    kept: plan.kept.map((value) => ({ value: value.value, reason: value.reason, bytes: bytesOf(value.type, bindings) })),
    memory: explainMemory(plan, bindings), assumed, alternatives: plan.alternatives,
  };
}

function explainKernel(planned: PlannedKernel, bindings: Bindings): ExplainedKernel {
  const counts = countKernel(planned.kernel, { ...turnsOf(planned.repeat, bindings)[0] });
  const side = (access: "read" | "write"): string[] => planned.kernel.buffers.flatMap((buffer, i) => (buffer.access === access ? [planned.tensors[i] ?? buffer.name] : []));
  return {
    name: planned.name, phase: planned.phase, template: planned.region.template,
    rules: planned.derivation.map((application) => application.rule),
    bytes: total([...counts.buffers.values()].map((buffer) => buffer.distinctBytes)), flops: counts.flops,
    reads: side("read"), writes: side("write"), microseconds: planned.cost.microseconds, bound: planned.cost.bound, subgroups: planned.withSubgroups !== undefined,
  };
}

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
