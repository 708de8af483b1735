/** Where a kernel touches a buffer, and what stands around each place: the input of in-place.ts. */
import type { Surroundings } from "./index-form.ts";
import type { Expression, Kernel, Lanes, Statement } from "./node.ts";
import { expressionsOf, visitExpression } from "./traverse.ts";

/** A step from a block to one of its statements, and from there to a block inside it. */
interface Step {
  readonly block: readonly Statement[];
  readonly at: number;
}

export interface Access {
  readonly index: readonly Expression[];
  readonly lanes: Lanes;
  /** From the body to the statement, outermost first. */
  readonly path: readonly Step[];
  readonly around: Surroundings;
}

export interface Accesses {
  readonly loads: readonly Access[];
  readonly stores: readonly Access[];
}

/** All accesses of each buffer, by its name, in text order. */
export function accessesOf(kernel: Kernel): ReadonlyMap<string, Accesses> {
  const found = new Map<string, { readonly loads: Access[]; readonly stores: Access[] }>();
  const of = (buffer: string): { readonly loads: Access[]; readonly stores: Access[] } => {
    const known = found.get(buffer) ?? { loads: [], stores: [] };
    found.set(buffer, known);
    return known;
  };
  const walk = (block: readonly Statement[], outer: readonly Step[], around: Surroundings): void => {
    for (const [at, statement] of block.entries()) {
      const path = [...outer, { block, at }];
      for (const expression of expressionsOf(statement))
        visitExpression(expression, (e) => {
          if (e.kind === "load") of(e.buffer).loads.push({ index: e.index, lanes: e.type.lanes, path, around });
        });
      if (statement.kind === "store") of(statement.buffer).stores.push({ index: statement.index, lanes: statement.value.type.lanes, path, around });
      if (statement.kind === "for") walk(statement.body, path, [...around, { kind: "loop", loop: statement }]);
      if (statement.kind === "if") {
        walk(statement.then, path, [...around, { kind: "guard", condition: statement.condition }]);
        walk(statement.otherwise, path, around);
      }
    }
  };
  walk(kernel.body, [], []);
  return found;
}

export interface Order {
  /** The block that holds both, or the statements that hold them. */
  readonly block: readonly Statement[];
  readonly first: number;
  readonly second: number;
  /** Steps of the path down to that block. */
  readonly depth: number;
}

/** How two accesses stand to each other; undefined where they are in different branches of one `if`. */
export function orderOf(a: Access, b: Access): Order | undefined {
  for (const [depth, step] of a.path.entries()) {
    const other = b.path[depth];
    if (!other || other.block !== step.block) return undefined;
    if (step.at !== other.at || depth === a.path.length - 1 || depth === b.path.length - 1) return { block: step.block, first: step.at, second: other.at, depth };
  }
  return undefined;
}

/** Is there a barrier in the block itself between two of its statements? */
export const hasBarrierBetween = ({ block, first, second }: Order): boolean => block.slice(first + 1, second).some((statement) => statement.kind === "barrier");
