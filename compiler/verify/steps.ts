/**
 * Which axis of a value is the steps of a scan, and at which step a result first differs: a carry that is wrong once is wrong in all later
 * steps, so the first one is where to look. Flow: model or plan -> here -> check-model.ts, which names the step.
 */
import type { Definition } from "../folds/node.ts";
import type { TensorFunction, TensorNode } from "../ir/node.ts";
import { scanParts } from "../ir/scans.ts";
import { functionNodes } from "../ir/traverse.ts";
import { operations } from "../ops/index.ts";
import { compareValues, type Deviation } from "./compare.ts";
import type { Expected } from "./expected.ts";

/** `backwards`: the last element is the first step. */
export interface StepAxis {
  readonly axis: number;
  readonly backwards: boolean;
}

/** Where a result first differs, in the order of the steps; `index` along `axis`, from 0. */
export interface FirstStep {
  readonly axis: number;
  readonly index: number;
  readonly steps: number;
}

/** The outputs whose elements belong to steps: emitted sequences, turned round or not, and what is computed of them step by step. */
export function outputSteps(fn: TensorFunction): ReadonlyMap<string, StepAxis> {
  const known = new Map<TensorNode, StepAxis>();
  for (const node of functionNodes(fn)) {
    const found = stepsOf(node, (operand) => known.get(operand));
    if (found) known.set(node, found);
  }
  return new Map(fn.outputs.flatMap(({ name, node }) => {
    const found = known.get(node);
    return found ? [[name, found] as const] : [];
  }));
}

/** The steps of what a recurrence stacks. */
export function definitionSteps({ recurrence }: Definition): StepAxis | undefined {
  return recurrence?.of.results[recurrence.result]?.kind === "stack" ? { axis: 0, backwards: false } : undefined;
}

function stepsOf(node: TensorNode, of: (operand: TensorNode) => StepAxis | undefined): StepAxis | undefined {
  if (node.op === "scan") return scanParts(node).result.kind === "emitted" ? { axis: 0, backwards: false } : undefined;
  const [first] = node.inputs;
  const before = first && of(first);
  if (node.op === "flip" && before) {
    const axes = node.attributes["axis"] as readonly number[];
    return axes.length === 0 || axes.includes(before.axis) ? { ...before, backwards: !before.backwards } : before;
  }
  switch (operations.get(node.op)?.family) {
    case "elementwise":
      return common(node, of);
    case "contraction":
      // Leading axes of the left operand stay where they are.
      return first && before?.axis === 0 && first.type.shape.length === node.type.shape.length && first.type.shape.length > 1 ? before : undefined;
    default:
      return undefined;
  }
}

/** Operands are aligned at the right. Sequences that run in both directions have no first step in common. */
function common(node: TensorNode, of: (operand: TensorNode) => StepAxis | undefined): StepAxis | undefined {
  const found = node.inputs.flatMap((operand) => {
    const steps = of(operand);
    return steps ? [{ ...steps, axis: steps.axis + node.type.shape.length - operand.type.shape.length }] : [];
  });
  const [first] = found;
  return first && found.every(({ axis, backwards }) => axis === first.axis && backwards === first.backwards) ? first : undefined;
}

/** The worst element of a value, and where it fails the first step that differs. `ordinary`: its rms under ordinary inputs. */
export function compareSteps(steps: StepAxis | undefined, got: ArrayLike<number>, { want, shape, dtype, allowance }: Expected, ordinary: number): (Deviation & { readonly step?: FirstStep }) | undefined {
  let first: number | undefined;
  const count = steps ? (shape[steps.axis] ?? 1) : 1;
  const stride = steps ? shape.slice(steps.axis + 1).reduce((product, extent) => product * extent, 1) : 1;
  const differs = (offset: number): void => {
    const index = Math.floor(offset / stride) % count;
    if (first === undefined || (steps?.backwards ? index > first : index < first)) first = index;
  };
  const worst = compareValues(got, want, shape, dtype, { ordinary, allowance, ...(steps ? { differs } : {}) });
  return worst && steps && !worst.passed && first !== undefined ? { ...worst, step: { axis: steps.axis, index: first, steps: count } } : worst;
}
