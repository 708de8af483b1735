/** The registry: every op by name. Derived from the family modules; nothing else lists ops. */
import { InternalError } from "../errors.ts";
import { arrangeOps } from "./arrange.ts";
import { contractionOps } from "./contraction.ts";
import { convolutionOps } from "./convolution.ts";
import type { Op } from "./define.ts";
import { elementwiseOps } from "./elementwise.ts";
import { indexingOps } from "./indexing.ts";
import { leafOps } from "./leaf.ts";
import { movementOps } from "./movement.ts";
import { paddingOps } from "./padding.ts";
import { randomOps } from "./random.ts";
import { reductionOps } from "./reduction.ts";
import { runningOps } from "./running.ts";
import { scanOps } from "./scan.ts";

export const operations: ReadonlyMap<string, Op> = new Map(
  [...leafOps, ...scanOps, ...elementwiseOps, ...reductionOps, ...runningOps, ...contractionOps, ...convolutionOps, ...movementOps, ...arrangeOps, ...paddingOps, ...indexingOps, ...randomOps].map((op) => [op.name, op]),
);

export function operation(name: string): Op {
  const op = operations.get(name);
  if (!op) throw new InternalError("ops", `no record named '${name}'`);
  return op;
}
