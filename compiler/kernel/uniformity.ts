/**
 * Which values and which control flow are the same for every invocation of a workgroup. A barrier elsewhere is a
 * deadlock, so WGSL refuses it; this analysis refuses the same kernels before any text is printed.
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
  if (e.kind === "builtin" && e.builtin === "thread") return true;
  if (e.kind === "ref" && state.varying.has(e.name)) return true;
  if (e.kind === "load" && state.shared.has(e.buffer)) return true;
  if (e.kind === "element" && (state.shared.has(e.array) || state.varying.has(e.array))) return true;
  return childrenOf(e).some((child) => isVarying(child, state));
}

/** Adds to `varying` and returns the paths of barriers under non-uniform control. */
function walk(statements: readonly Statement[], path: string, underVarying: boolean, state: Uniformity): string[] {
  return statements.flatMap((statement, i) => {
    const here = `${path}[${i}]`;
    const varies = underVarying || expressionsOf(statement).some((e) => isVarying(e, state));
    switch (statement.kind) {
      case "let":
      case "var":
      case "assign":
        if (varies) state.varying.add(statement.name);
        return [];
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

/** Paths of the barriers that not every invocation may reach. cost: the body, once per change that loops carry back. */
export function divergentBarriers(kernel: Kernel): readonly string[] {
  const written = kernel.buffers.filter((buffer) => buffer.access === "write").map((buffer) => buffer.name);
  const state: Uniformity = { varying: new Set(), shared: new Set([...written, ...kernel.workgroupArrays.map((array) => array.name)]) };
  for (;;) {
    const before = state.varying.size;
    const paths = walk(kernel.body, "body", false, state);
    if (state.varying.size === before) return paths;
  }
}
