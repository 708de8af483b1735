/**
 * Subgroups: the invocations of a workgroup that a device runs in lockstep, which can add numbers up without workgroup memory.
 * WGSL promises neither their size nor which invocations are in which, nor that they are full; so a mapping is data here, and the
 * interpreter runs a kernel under any. The table of operations is what the parser, the verifier and the interpreter read.
 */
import { evaluateInstruction, operandClasses, type OperandClass } from "./instructions.ts";
import type { Expression, Instruction, Kernel, SubgroupOperation } from "./node.ts";
import { visitExpressions } from "./traverse.ts";

interface SubgroupRule {
  /** Merges two values. */
  readonly merge: Instruction;
  readonly operands: OperandClass;
  /** Each invocation gets the sum of those before it; otherwise all get the same. */
  readonly exclusive: boolean;
}

export const subgroupOperations: Readonly<Record<SubgroupOperation, SubgroupRule>> = {
  subgroup_add: { merge: "add", operands: "numbers", exclusive: false },
  subgroup_max: { merge: "max", operands: "numbers", exclusive: false },
  subgroup_min: { merge: "min", operands: "numbers", exclusive: false },
  // Integers only: it counts.
  subgroup_exclusive_add: { merge: "add", operands: "integers", exclusive: true },
};

export const isSubgroupOperation = (word: string): word is SubgroupOperation => Object.hasOwn(subgroupOperations, word);

export const takesOperand = (op: SubgroupOperation, { type }: Expression): boolean => operandClasses[subgroupOperations[op].operands].includes(type.scalar);

/** Which invocations of a workgroup make up which subgroup. */
export interface SubgroupMapping {
  /** The value of `subgroup_size`: no subgroup has more invocations. */
  readonly size: number;
  /** The invocations of each subgroup by their numbers, in the order of its lanes; every invocation is in one. */
  readonly members: readonly (readonly number[])[];
}

/** Neighbours together: what most devices do. */
export function linearSubgroups(workgroupSize: number, size: number): SubgroupMapping {
  const members = Array.from({ length: Math.ceil(workgroupSize / size) }, (_, group) => Array.from({ length: Math.min(size, workgroupSize - group * size) }, (_, lane) => group * size + lane));
  return { size, members };
}

/** Invocations dealt out in turn, the first subgroup with one fewer than it may have: what no kernel may be surprised by. */
export function unusualSubgroups(workgroupSize: number, size: number): SubgroupMapping {
  const count = Math.ceil((workgroupSize + 1) / size);
  const members = Array.from({ length: count }, (): number[] => []);
  for (let invocation = workgroupSize - 1, group = 0; invocation >= 0; group++) {
    const chosen = members[group % count];
    if (chosen && chosen.length < (group % count === 0 ? size - 1 : size)) chosen.push(invocation--);
  }
  return { size, members: members.filter((each) => each.length > 0) };
}

/** What each invocation of one subgroup gets, from what each gave, in the order of its lanes. Rounded after every operation. */
export function mergeOverSubgroup(op: SubgroupOperation, scalar: Expression["type"]["scalar"], given: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const { merge, exclusive } = subgroupOperations[op];
  const both = (a: readonly number[], b: readonly number[]): readonly number[] => a.map((value, lane) => evaluateInstruction(merge, scalar, [value, b[lane] ?? Number.NaN]));
  if (!exclusive) {
    const [first, ...rest] = given;
    const all = first ? rest.reduce(both, first) : [];
    return given.map(() => all);
  }
  let before: readonly number[] = (given[0] ?? []).map(() => 0);
  return given.map((value) => {
    const own = before;
    before = both(before, value);
    return own;
  });
}

/** Whether a kernel needs a device with subgroups. */
export function usesSubgroups(kernel: Kernel): boolean {
  let used = false;
  visitExpressions(kernel.body, (e) => {
    used ||= e.kind === "subgroup" || (e.kind === "builtin" && e.builtin === "subgroup_size");
  });
  return used;
}
