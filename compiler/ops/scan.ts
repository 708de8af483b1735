/**
 * The nodes of a scan: a loop along the first axis of its sequences that carries values from step to step. The body is a part of
 * the same graph: it begins at the leaves `scan_element` and `scan_carry` of one number and ends at the operands of `scan`.
 * The reference runs it step by step; passes/unroll-scans.ts writes it out for everything else.
 */
import { InternalError } from "../errors.ts";
import type { Extent } from "../ir/extent.ts";
import { type DType, printType, sameType, type TensorType } from "../ir/types.ts";
import type { AttributeSpec, Op } from "./define.ts";

const refuse = (): never => {
  throw new InternalError("ops", "a scan is run by the reference itself, and unrolled before everything else");
};

const structural = { family: "control" as const, operands: [], constraints: [], tolerance: { ulp: 0 }, samples: [], source: "", evaluate: refuse, lower: refuse, javascriptElement: refuse, onnx: null };

const number: AttributeSpec = { name: "scan", kind: "integer", doc: "number of the scan" };

const inBody = (name: string, summary: string): Op => ({
  ...structural, name, summary,
  attributes: [number, { name: "index", kind: "integer", doc: "which of them" }, { name: "shape", kind: "extents", doc: "its shape in one step" }, { name: "dtype", kind: "dtype", doc: "element type" }],
  infer: (_, attributes) => ({ dtype: attributes.dtype as DType, shape: attributes.shape as readonly Extent[] }),
});

const scan: Op = {
  ...structural, name: "scan", summary: "one result of a scan: what it emits in all steps, stacked, or a carry after the last step",
  attributes: [
    number,
    { name: "elements", kind: "integer", doc: "sequences: the first operands" },
    { name: "carries", kind: "integer", doc: "carried values: their initial values follow, then their next values; what is emitted comes last" },
    { name: "result", kind: "integer", doc: "which result: those emitted first, then the carries" },
  ],
  constraints: [{ id: "C1", text: "all sequences have one length" }, { id: "C2", text: "a carry keeps its type" }],
  infer: (types, attributes) => {
    const [elements, carries, result] = [attributes.elements as number, attributes.carries as number, attributes.result as number];
    const sequences = types.slice(0, elements);
    const length = sequences[0]?.shape[0];
    const uneven = sequences.findIndex((type) => type.shape[0]?.key !== length?.key);
    if (length === undefined || uneven >= 0) return { constraint: "C1", message: `'scan' over ${sequences.map(printType).join(" and ")}: the first axes are the steps`, hint: "all sequences have the same number of steps", operands: [0, Math.max(0, uneven)], axes: [0, 0] };
    const initial = types.slice(elements, elements + carries);
    const next = types.slice(elements + carries, elements + 2 * carries);
    const changed = initial.findIndex((type, i) => !sameType(type, next[i] as TensorType));
    if (changed >= 0) return { constraint: "C2", message: `a carry begins as ${printType(initial[changed] as TensorType)} and goes on as ${printType(next[changed] as TensorType)}`, operands: [elements + changed, elements + carries + changed] };
    const emitted = types.slice(elements + 2 * carries);
    const stacked = emitted[result];
    if (stacked) return { dtype: stacked.dtype, shape: [length, ...stacked.shape] };
    return next[result - emitted.length] ?? { constraint: "C1", message: "'scan' has no such result" };
  },
};

export const scanOps: readonly Op[] = [inBody("scan_element", "one step of a sequence, in the body of a scan"), inBody("scan_carry", "a carried value before the step, in the body of a scan"), scan];
