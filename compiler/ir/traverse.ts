/** Walks over tensor IR. */
import type { TensorFunction, TensorNode } from "./node.ts";

/** Every node that the roots depend on, operands before users. Iterative: depth is no limit. */
export function topologicalOrder(roots: readonly TensorNode[]): TensorNode[] {
  const order: TensorNode[] = [];
  const done = new Set<TensorNode>();
  const stack: { node: TensorNode; next: number }[] = [];
  for (const root of roots) {
    if (!done.has(root)) stack.push({ node: root, next: 0 });
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: TensorNode; next: number };
      const operand = top.node.inputs[top.next++];
      if (operand === undefined) {
        stack.pop();
        if (!done.has(top.node)) {
          done.add(top.node);
          order.push(top.node);
        }
      } else if (!done.has(operand)) stack.push({ node: operand, next: 0 });
    }
  }
  return order;
}

export const functionNodes = (fn: TensorFunction): TensorNode[] =>
  topologicalOrder([
    ...fn.inputs.map((leaf) => leaf.node),
    ...fn.parameters.map((leaf) => leaf.node),
    ...fn.outputs.map((output) => output.node),
  ]);
