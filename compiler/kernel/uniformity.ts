/**
 * Which values and which control flow are the same for every invocation of a workgroup. A barrier elsewhere is a
 * deadlock, and a sum over a subgroup lacks a part, so WGSL refuses them; this analysis refuses the same kernels before any text is printed.
 */
import type { Expression, Kernel, Statement } from "./node.ts";
import { childrenOf, expressionsOf } from "./traverse.ts";

interface Uniformity {
  /** Lets, vars, counters and private arrays whose value may differ between invocations. */
  readonly varying: Set<string>;
  /** Buffers that the kernel writes, and workgroup arrays: other invocations may change them at any time. */
  readonly shared: ReadonlySet<string>;
}

function isVarying(e: Expression, state: Uniformity): boolean {
  if (e.kind === "builtin" && (e.builtin === "thread" || e.builtin === "subgroup_size")) return true;
  // The same within a subgroup, and others in the next one.
  if (e.kind === "subgroup") return true;
  if (e.kind === "ref" && state.varying.has(e.name)) return true;
  if (e.kind === "load" && state.shared.has(e.buffer)) return true;
  if (e.kind === "element" && (state.shared.has(e.array) || state.varying.has(e.array))) return true;
  return childrenOf(e).some((child) => isVarying(child, state));
}

const holdsSubgroup = (e: Expression): boolean => e.kind === "subgroup" || childrenOf(e).some(holdsSubgroup);

/** Adds to `varying` and returns the paths of barriers, and of what subgroups do together, under non-uniform control. */
function walk(statements: readonly Statement[], path: string, underVarying: boolean, state: Uniformity): string[] {
  return statements.flatMap((statement, i) => {
    const here = `${path}[${i}]`;
    const varies = underVarying || expressionsOf(statement).some((e) => isVarying(e, state));
    switch (statement.kind) {
      case "let":
      case "var":
      case "assign":
        if (varies) state.varying.add(statement.name);
        return underVarying && holdsSubgroup(statement.value) ? [here] : [];
      case "set":
        if (varies) state.varying.add(statement.array);
        return [];
      case "for": {
        if (varies) state.varying.add(statement.name);
        return walk(statement.body, `${here}.body`, varies, state);
      }
      case "if":
        return [...walk(statement.then, `${here}.then`, varies, state), ...walk(statement.otherwise, `${here}.otherwise`, varies, state)];
      case "barrier":
        return underVarying ? [here] : [];
      case "array":
      case "store":
      case "comment":
        return [];
      default:
        return statement satisfies never;
    }
  });
}

/** Paths of the barriers and subgroup operations that not every invocation may reach. cost: the body, once per change that loops carry back. */
export function divergentBarriers(kernel: Kernel): readonly string[] {
  const written = kernel.buffers.filter((buffer) => buffer.access === "write").map((buffer) => buffer.name);
  const state: Uniformity = { varying: new Set(), shared: new Set([...written, ...kernel.workgroupArrays.map((array) => array.name)]) };
  for (;;) {
    const before = state.varying.size;
    const paths = walk(kernel.body, "body", false, state);
    if (state.varying.size === before) return paths;
  }
}
