/**
 * Template "thread": one element of the output per invocation, folds as serial loops in dependency order, tensors
 * addressed by row and column. For targets without workgroup memory (GPU.js).
 */
import { constantExtent, extentTree, productOfExtents } from "../ir/extent.ts";
import type { ThreadRegion } from "../fusion/region.ts";
import * as k from "../kernel/build.ts";
import type { Expression } from "../kernel/node.ts";
import { columnsOf, emitElement, emitElements, type ElementScope } from "./element.ts";
import { Flattening } from "./flatten.ts";
import type { BoundKernel, KernelWriter } from "./kernel-writer.ts";
import { knownParts, lastPart } from "./row-folds.ts";
import { identityOf, merge } from "./statistics.ts";

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
    writer.for("r", k.int(0), writer.extent(flat.extent), k.int(1), (counter) => {
      const [value] = emitElements({ ...scope, known, counters: new Map([...counters, [flat, counter]]) }, [body]) as [Expression];
      total.assign(merge(monoid, total.ref, value));
    });
    sources.set(member.definition.name, total.ref);
  }
  const shape = output.box.map((range) => range.extent);
  const value = emitElement(scope, flattening.apply(output.body));
  writer.store(output.definition.name, [row, column], value, columnsOf(shape));
  const columns = shape[shape.length - 1] ?? constantExtent(1);
  return writer.finish({ name, mode: "thread", workgroupSize: 1, grid: [extentTree(columns), extentTree(productOfExtents(shape.slice(0, -1))), 1] });
}
