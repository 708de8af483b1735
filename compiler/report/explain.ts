/** What a plan does and why, as data: the form that text, JSON and pictures are made of. Stable; documented in spec/cli.md. */
import { loadsOf } from "../folds/expression.ts";
import { inlineMaps } from "../folds/inline.ts";
import { contractionShape } from "../fusion/contraction-shape.ts";
import { required } from "../errors.ts";
import { lengthOf } from "../fusion/cost.ts";
import type { Expressions } from "../folds/expression.ts";
import type { Program } from "../folds/node.ts";
import { type Bindings, type Extent, extentNames } from "../ir/extent.ts";
import { byteSize, type DType } from "../ir/types.ts";
import { countKernel } from "../kernel/count.ts";
import type { Plan, PlannedKernel } from "../plan.ts";

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
  readonly bound: string;
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
  /** Extent names that were not bound, with the lengths that the figures assume. */
  readonly assumed: Bindings;
  readonly alternatives: readonly { readonly description: string; readonly dispatches: number; readonly microseconds: number }[];
}

const assumedLength = 64;

/** cost: linear in the plan. Names without a binding count as 64. */
export function explain(model: string, e: Expressions, plan: Plan, bind: Bindings): Explanation {
  const names = new Set([...plan.program.sources.map((source) => source.type), ...plan.program.outputs.map((output) => output.type)].flatMap((type) => type.shape.flatMap(extentNames)));
  const assumed = Object.fromEntries([...names].filter((name) => bind[name] === undefined).map((name) => [name, assumedLength]));
  const bindings = { ...assumed, ...bind };
  const all = plan.kernels.map((kernel) => explainKernel(kernel, bindings));
  const kernels = all.filter((kernel) => kernel.phase === "run");
  return {
    model, target: plan.target.name, dispatches: kernels.length,
    bytes: { planned: total(kernels.map((kernel) => kernel.bytes)), unavoidable: unavoidableBytes(e, plan, bindings) },
    flops: total(kernels.map((kernel) => kernel.flops)),
    kernels, prepare: all.filter((kernel) => kernel.phase === "prepare"),
    kept: plan.kept.map((value) => ({ value: value.value, reason: value.reason, bytes: bytesOf(value.type, bindings) })),
    assumed, alternatives: plan.alternatives,
  };
}

function explainKernel(planned: PlannedKernel, bindings: Bindings): ExplainedKernel {
  const counts = countKernel(planned.kernel, bindings);
  const side = (access: "read" | "write"): string[] => planned.kernel.buffers.flatMap((buffer, i) => (buffer.access === access ? [planned.tensors[i] ?? buffer.name] : []));
  return {
    name: planned.name, phase: planned.phase, template: planned.region.template,
    rules: planned.derivation.map((application) => application.rule),
    bytes: total([...counts.buffers.values()].map((buffer) => buffer.distinctBytes)), flops: counts.flops,
    reads: side("read"), writes: side("write"), microseconds: planned.cost.microseconds, bound: planned.cost.bound,
  };
}

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const bytesOf = (type: { readonly dtype: DType; readonly shape: readonly Extent[] }, bindings: Bindings): number => lengthOf({ assume: bindings }, type.shape) * byteSize(type.dtype);

/**
 * The materialised-edge bound: what the host hands in and takes out once each (a parameter in the form that the kernels
 * read), and for each product that further products depend on, one write and one read: it, or a map of it of the same size.
 * Products that the plan streams through count nothing.
 */
export function unavoidableBytes(e: Expressions, plan: Plan, bindings: Bindings): number {
  const { program } = plan;
  const types = new Map(program.definitions.map((definition) => [definition.name, { dtype: definition.dtype, shape: definition.box.map((range) => range.extent) }]));
  const prepared = new Set(plan.kept.filter((value) => value.phase === "prepare").map((value) => value.value));
  const read = new Set<string>();
  for (const kernel of plan.kernels)
    if (kernel.phase === "run")
      kernel.kernel.buffers.forEach((buffer, i) => {
        const tensor = kernel.tensors[i];
        if (buffer.access === "read" && tensor !== undefined) read.add(tensor);
      });
  const streamed = new Set(plan.kernels.flatMap(({ region }) => (region.template === "stream" ? [region.scores.definition.name] : [])));
  const signature = [
    ...program.sources.filter((source) => read.has(source.name)).map((source) => bytesOf(source.type, bindings)),
    ...[...prepared].filter((name) => read.has(name)).map((name) => bytesOf(required(types.get(name), "explain", name), bindings)),
    ...program.outputs.map((output) => bytesOf(output.type, bindings)),
  ];
  return total(signature) + total(productsBetween(e, program, streamed).map((name) => 2 * bytesOf(required(types.get(name), "explain", name), bindings)));
}

/** Products that other products depend on, outputs apart. */
function productsBetween(e: Expressions, program: Program, onChip: ReadonlySet<string>): string[] {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const fromInputs = new Set<string>(program.sources.filter((source) => source.role === "input").map((source) => source.name));
  const products = new Set<string>();
  /** The nearest products behind each value. */
  const behind = new Map<string, ReadonlySet<string>>();
  const needed = new Set<string>();
  for (const definition of program.definitions) {
    const sources = [...new Set(loadsOf(definition.body).map((load) => load.source))];
    if (sources.some((source) => fromInputs.has(source))) fromInputs.add(definition.name);
    const nearest = new Set(sources.flatMap((source) => (products.has(source) ? [source] : [...(behind.get(source) ?? [])])));
    behind.set(definition.name, nearest);
    const inlined = { ...definition, body: inlineMaps(e, definition.body, (name) => byName.get(name)) };
    if (!definition.fold || !fromInputs.has(definition.name) || !contractionShape(e, inlined)) continue;
    products.add(definition.name);
    for (const source of nearest) needed.add(source);
  }
  const outputs = new Set(program.outputs.map((output) => output.definition));
  return [...needed].filter((name) => !outputs.has(name) && !onChip.has(name));
}
