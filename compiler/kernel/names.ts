/** Names of a kernel: which words the text form keeps for itself, and how any wish becomes a legal, unused name. */
import { dtypes } from "../ir/types.ts";
import { instructions } from "./instructions.ts";
import type { Builtin, Instruction } from "./node.ts";
import { subgroupOperations } from "./subgroups.ts";

const builtins: Readonly<Record<Builtin, true>> = {
  group_x: true, group_y: true, group_z: true, thread: true, subgroup_size: true, thread_x: true, thread_y: true, thread_z: true,
};

export const isBuiltin = (word: string): word is Builtin => Object.hasOwn(builtins, word);

export const isInstruction = (word: string): word is Instruction => Object.hasOwn(instructions, word);

/** Words of the text form that cannot be names. */
const reservedWords: ReadonlySet<string> = new Set([
  ...Object.keys(builtins), ...Object.keys(instructions), ...Object.keys(subgroupOperations), ...dtypes, ...dtypes.map((dtype) => `bits_${dtype}`),
  "true", "false", "nan", "inf", "nanh", "infh", "splat2", "splat4", "vec2", "vec4",
  "kernel", "workgroup", "grid", "extents", "read", "write", "columns", "shared",
  "let", "var", "array", "for", "in", "step", "unroll", "if", "else", "barrier",
]);

export const isLegalName = (name: string): boolean => /^[A-Za-z][A-Za-z0-9_]*$/.test(name) && !name.includes("__") && !reservedWords.has(name);

/** For each set of names, the number that the last name of a wish got. */
const countsOf = new WeakMap<Set<string>, Map<string, number>>();

/** A legal name close to `wish` that is not in `taken`, and adds it there. Dots and other signs become underscores. */
export function freshName(wish: string, taken: Set<string>): string {
  const letters = wish.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  const start = /^[A-Za-z]/.test(letters) ? letters : letters === "" ? "value" : `v${letters}`;
  const base = isLegalName(start) ? start : `${start}_value`;
  // Names are never given back: what was tried for the last one need not be tried again.
  const counts = countsOf.get(taken) ?? new Map<string, number>();
  countsOf.set(taken, counts);
  let candidate = base;
  let i = counts.get(base) ?? 2;
  for (; taken.has(candidate); i++) candidate = `${base}_${i}`;
  counts.set(base, Math.max(2, i - 1));
  taken.add(candidate);
  return candidate;
}
