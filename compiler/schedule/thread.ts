/**
 * Template "thread": one element of the output per invocation, folds as serial loops in dependency order, tensors
 * addressed by row and column. For targets without workgroup memory (GPU.js).
 */
import { constantExtent, extentTree, extentValue, productOfExtents } from "../ir/extent.ts";
import type { ThreadRegion } from "../fusion/region.ts";
import * as k from "../kernel/build.ts";
import type { Expression } from "../kernel/node.ts";
import { columnsOf, emitElement, emitElements, type ElementScope } from "./element.ts";
import { Flattening } from "./flatten.ts";
import type { BoundKernel, KernelWriter } from "./kernel-writer.ts";
import { knownParts, lastPart } from "./row-folds.ts";
import { identityOf, merge } from "./statistics.ts";

const longSum = 512;
const blockLength = 64;

interface Variable {
  readonly ref: Expression;
  assign(value: Expression): void;
}

export function scheduleThread(writer: KernelWriter, region: ThreadRegion, name: string): BoundKernel {
  const { e } = writer;
  const output = region.outputs[0];
  if (!output) throw new Error("a thread kernel has one output");
  const flattening = new Flattening(e);
  const columnRanges = output.box.slice(-1);
  const rowRange = flattening.flat("row", output.box.slice(0, -1));
  const columnRange = flattening.flat("column", columnRanges);
  const row = k.builtin("thread_y");
  const column = k.builtin("thread_x");
  const counters = new Map([[rowRange, row], [columnRange, column]]);
  const sources = new Map<string, Expression>();
  const scope: ElementScope = { writer, counters, sources, rowsByColumns: true };
  for (const member of region.folds) {
    const flat = flattening.flat("r", member.ranges);
    const body = flattening.apply(member.body);
    const monoid = member.definition.fold?.monoid ?? "sum";
    const known = knownParts(scope, [body], new Set([flat]));
    const total = writer.variable(`${lastPart(member.definition.name)}_total`, identityOf(monoid, member.definition.dtype));
    const accumulate = (into: Variable, counter: Expression): void => {
      const [value] = emitElements({ ...scope, known, counters: new Map([...counters, [flat, counter]]) }, [body]) as [Expression];
      into.assign(merge(monoid, into.ref, value));
    };
    const length = extentValue(flat.extent);
    if (monoid !== "sum" || length === undefined || length <= longSum) writer.for("r", k.int(0), writer.extent(flat.extent), k.int(1), (counter) => accumulate(total, counter));
    else {
      // Two levels: the error grows with the longer of the two, not with their product.
      const blocks = Math.floor(length / blockLength);
      writer.for("block", k.int(0), k.int(blocks), k.int(1), (block) => {
        const part = writer.variable(`${lastPart(member.definition.name)}_part`, identityOf(monoid, member.definition.dtype));
        writer.for("r", k.int(0), k.int(blockLength), k.int(1), (counter) => accumulate(part, k.add(k.mul(block, k.int(blockLength)), counter)));
        total.assign(merge(monoid, total.ref, part.ref));
      });
      writer.for("rest", k.int(blocks * blockLength), k.int(length), k.int(1), (counter) => accumulate(total, counter));
    }
    sources.set(member.definition.name, total.ref);
  }
  const shape = output.box.map((range) => range.extent);
  const value = emitElement(scope, flattening.apply(output.body));
  writer.store(output.definition.name, [row, column], value, columnsOf(shape));
  const columns = shape[shape.length - 1] ?? constantExtent(1);
  return writer.finish({ name, mode: "thread", workgroupSize: 1, grid: [extentTree(columns), extentTree(productOfExtents(shape.slice(0, -1))), 1] });
}
