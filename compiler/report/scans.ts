/**
 * How each scan of a model runs: as one kernel that walks all steps, or written out step by step. Flow: checked model and its plan ->
 * here -> explain-text.ts and the JSON of `normfuse explain`.
 */
import type { Origin, TensorFunction } from "../ir/node.ts";
import { scanParts } from "../ir/scans.ts";
import { functionNodes } from "../ir/traverse.ts";
import type { Plan } from "../plan.ts";

export interface ExplainedScan {
  /** A number, or the name of the length. */
  readonly steps: string;
  readonly sequences: number;
  readonly carries: number;
  /** Sequences that it emits. */
  readonly emitted: number;
  /** The kernel that walks all steps; absent where the steps are written out. */
  readonly kernel?: string;
  /** Where the source has it. */
  readonly origin: Origin | undefined;
}

/** In the order of the model. `fn`: as it was checked, with its scans. */
export function explainScans(fn: TensorFunction, plan: Plan): readonly ExplainedScan[] {
  const kernels = new Map(plan.kernels.flatMap((kernel) => kernel.region.outputs.flatMap(({ definition }) => (definition.recurrence ? [[definition.recurrence.of.name, kernel.name] as const] : []))));
  const found = new Map<number, ExplainedScan>();
  for (const node of functionNodes(fn)) {
    if (node.op !== "scan") continue;
    const { number, sequences, next, emitted } = scanParts(node);
    const kernel = kernels.get(`scan${number}`);
    found.set(number, { steps: sequences[0]?.type.shape[0]?.key ?? "", sequences: sequences.length, carries: next.length, emitted: emitted.length, ...(kernel === undefined ? {} : { kernel }), origin: node.origin });
  }
  return [...found.values()];
}
