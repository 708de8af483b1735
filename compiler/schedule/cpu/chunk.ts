/** Template "chunk": a map on one core, a stretch of elements for each invocation, four at a time where they lie so. */
import type { Expr } from "../../folds/expression.ts";
import type { ElementwiseRegion } from "../../fusion/region.ts";
import * as k from "../../kernel/build.ts";
import { emitElements, emitStore, type ElementScope, isVectorAccess } from "../element.ts";
import { Flattening } from "../flatten.ts";
import { type BoundKernel, ceilDivide, type KernelWriter } from "../kernel-writer.ts";
import { vectorizes } from "../row-folds.ts";
import type { ChunkTile } from "../tile.ts";

export function scheduleChunk(writer: KernelWriter, region: ElementwiseRegion, tile: ChunkTile, name: string): BoundKernel {
  const flattening = new Flattening(writer.e);
  const flat = flattening.flat("i", region.outputs[0]?.box ?? []);
  const bodies = region.outputs.map((output) => flattening.apply(output.body));
  const offsets = region.outputs.map((output) => flattening.offset(output.box));
  const stored = region.outputs.every((output, i) => isVectorAccess({ vector: { range: flat, lanes: 4 } }, offsets[i] as Expr, writer.tensor(output.definition.name).shape));
  const lanes = stored && bodies.every((body) => vectorizes(writer, body, flat, flat.extent)) ? 4 : 1;
  const first = writer.let("first", k.mul(k.builtin("group_x"), k.int(tile.elements)));
  const end = writer.let("end", k.min(k.add(first, k.int(tile.elements)), writer.extent(flat.extent)));
  writer.for("i", first, end, k.int(lanes), (i) => {
    const scope: ElementScope = { writer, counters: new Map([[flat, i]]), vector: { range: flat, lanes } };
    emitElements(scope, bodies).forEach((value, at) => {
      const output = region.outputs[at];
      if (output) emitStore(scope, output.definition.name, offsets[at] as Expr, value);
    });
  });
  return writer.finish({ name, mode: "workgroup", workgroupSize: 1, grid: [ceilDivide(flat.extent, tile.elements), 1, 1] });
}
