/** What the nodes of a scan mean: which nodes stand in whose body. Used by the reference, the verifier and the unrolling pass. */
import type { TensorNode } from "./node.ts";

/** The operands of a scan by their role. */
export interface ScanParts {
  /** Number that its leaves bear. */
  readonly number: number;
  readonly sequences: readonly TensorNode[];
  readonly initial: readonly TensorNode[];
  readonly next: readonly TensorNode[];
  readonly emitted: readonly TensorNode[];
  /** Which result the node is: an emitted one, or a carry after the last step. */
  readonly result: { readonly kind: "emitted" | "carry"; readonly index: number };
}

export function scanParts(node: TensorNode): ScanParts {
  const { scan, elements, carries, result } = node.attributes as { readonly scan: number; readonly elements: number; readonly carries: number; readonly result: number };
  const emitted = node.inputs.slice(elements + 2 * carries);
  return {
    number: scan, sequences: node.inputs.slice(0, elements), initial: node.inputs.slice(elements, elements + carries), next: node.inputs.slice(elements + carries, elements + 2 * carries), emitted,
    result: result < emitted.length ? { kind: "emitted", index: result } : { kind: "carry", index: result - emitted.length },
  };
}

export const isScanLeaf = (node: TensorNode): boolean => node.op === "scan_element" || node.op === "scan_carry";

const none: ReadonlySet<number> = new Set();

/** The scans in whose body each node stands: those whose leaves it depends on, ended ones left out. `order`: operands before users. */
export function openScans(order: readonly TensorNode[]): ReadonlyMap<TensorNode, ReadonlySet<number>> {
  const scanOf = (node: TensorNode): number => node.attributes["scan"] as number;
  /** The scans around each scan: its whole body stands in theirs, also the part that does not read them. */
  const around = new Map<number, ReadonlySet<number>>();
  for (;;) {
    const open = new Map<TensorNode, ReadonlySet<number>>();
    let grown = false;
    for (const node of order) {
      const inside = new Set(node.inputs.flatMap((operand) => [...(open.get(operand) ?? none)]));
      if (isScanLeaf(node)) for (const scan of [scanOf(node), ...(around.get(scanOf(node)) ?? none)]) inside.add(scan);
      if (node.op === "scan") {
        inside.delete(scanOf(node));
        grown ||= inside.size > (around.get(scanOf(node))?.size ?? 0);
        around.set(scanOf(node), inside);
      }
      open.set(node, inside.size === 0 ? none : inside);
    }
    if (!grown) return open;
  }
}
