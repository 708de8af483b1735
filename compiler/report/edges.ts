/**
 * The edges of a model's graph as data: for each value that goes from op to op, the rules that keep it inside a kernel, or the
 * reason why it is in memory with what that costs. Flow: plan -> kernels-of-ops.ts -> here -> explain's JSON and page.
 */
import { isLeaf, type TensorFunction, type TensorNode } from "../ir/node.ts";
import type { Program } from "../folds/node.ts";
import { definitionNames } from "../folds/lower.ts";
import { functionNodes } from "../ir/traverse.ts";
import type { Bindings } from "../ir/extent.ts";
import type { Plan } from "../plan.ts";
import { placesOfOps } from "./kernels-of-ops.ts";
import { bytesOf } from "./unavoidable.ts";

/** Why a value is in memory. */
export type ReasonCode =
  | "prepared" | "second-consumer" | "partial-statistics" | "two-contractions" | "row-exceeds-workgroup" | "binding-limit" | "cost" | "computed-index"
  | "other-box" | "output" | "one-output";

export interface ExplainedEdge {
  readonly from: string;
  readonly to: string;
  /** Names of the kernels in which the value is made and used; empty: made in prepare, or in memory. */
  readonly kernels: readonly string[];
  /** In the order of application; empty for a value in memory. */
  readonly rules: readonly string[];
  /** Of a value in memory. */
  readonly memory?: {
    readonly value: string;
    readonly code: ReasonCode;
    readonly reason: string;
    /** Written once and read once. */
    readonly bytes: number;
    /** What this takes at the bandwidth of the device. */
    readonly microseconds: number;
  };
}

const codes: readonly (readonly [code: ReasonCode, reason: RegExp])[] = [
  ["prepared", /^parameters only/],
  ["second-consumer", /^several later values/],
  ["partial-statistics", /^partial statistics|is not stored as it is/],
  ["cost", /^cost:/],
  ["binding-limit", /^binding limit/],
  ["row-exceeds-workgroup", /^row exceeds/],
  ["two-contractions", /contractions$/],
  ["computed-index", /read at a computed index/],
  ["one-output", /^one output/],
  ["output", /^an output/],
];

const codeOf = (reason: string): ReasonCode => codes.find(([, pattern]) => pattern.test(reason))?.[0] ?? "other-box";

/** One entry for each pair of ops that hands a value on; parameters, inputs and constants apart. Names without a binding count as 64. */
export function explainEdges(fn: TensorFunction, lowered: Program, plan: Plan, bindings: Bindings): ExplainedEdge[] {
  const names = definitionNames(fn);
  const { kernels, stored } = placesOfOps(fn, lowered, plan);
  const run = plan.kernels.filter((kernel) => kernel.phase === "run");
  const reasons = new Map(plan.kept.map((value) => [value.value, value.reason]));
  const types = new Map(plan.program.definitions.map((definition) => [definition.name, { dtype: definition.dtype, shape: definition.box.map((range) => range.extent) }]));
  const edge = (from: TensorNode, to: TensorNode): ExplainedEdge[] => {
    const makers = kernels.get(from) ?? [];
    const together = (kernels.get(to) ?? []).filter((kernel) => makers.includes(kernel));
    const base = { from: names.get(from) ?? from.op, to: names.get(to) ?? to.op };
    if (together.length > 0) {
      const inside = together.flatMap((kernel) => run[kernel] ?? []);
      return [{ ...base, kernels: inside.map((kernel) => kernel.name), rules: [...new Set(inside.flatMap((kernel) => rulesBetween(kernel.derivation, base.from, base.to)))] }];
    }
    const value = stored.get(from);
    if (value === undefined) return makers.length === 0 ? [{ ...base, kernels: [], rules: ["R7 fold into parameters"] }] : [];
    const type = types.get(value);
    const bytes = type ? 2 * bytesOf(type, bindings) : 0;
    const reason = reasons.get(value) ?? "an output of the model, which the host takes out anyway";
    return [{ ...base, kernels: [], rules: [], memory: { value, code: codeOf(reason), reason, bytes, microseconds: bytes / plan.target.cost.gigabytesPerSecond / 1e3 } }];
  };
  return functionNodes(fn).filter((node) => !isLeaf(node)).flatMap((to) => [...new Set(to.inputs)].filter((from) => !isLeaf(from) && from.inputs.length > 0).flatMap((from) => edge(from, to)));
}

const isNamedAfter = (subject: string, name: string): boolean => subject === name || subject.startsWith(`${name}.`);

/** The rules of a kernel that concern one of two ops; all of its own, when none names them: a map that was inlined has no name left. */
function rulesBetween(derivation: readonly { readonly rule: string; readonly subjects: readonly string[] }[], from: string, to: string): string[] {
  const named = derivation.filter(({ subjects }) => subjects.some((subject) => isNamedAfter(subject, from) || isNamedAfter(subject, to)));
  const inlined = derivation.filter(({ rule }) => rule.startsWith("R1") || rule.startsWith("R2") || rule.startsWith("R3"));
  const found = named.length > 0 ? named : inlined.length > 0 ? inlined : derivation;
  return found.length > 0 ? found.map(({ rule }) => rule) : ["R1 inline map"];
}
