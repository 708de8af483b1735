/**
 * Operands of a recurrence in the form in which its kernel reads them: small ones together in one buffer where there are more
 * than the device binds, and on a processor weights in panels. The recurrence reads the same numbers at another place. class:
 * exact. Flow: fuse-sequence.ts -> here.
 */
import { type Expr, type Expressions, type Load, type Range, rewrite } from "../folds/expression.ts";
import { flattenIndex, unflattenIndex } from "../folds/index-arithmetic.ts";
import type { Definition, Recurrence } from "../folds/node.ts";
import { readsOf } from "../folds/recurrence.ts";
import { addExtents, constantExtent, type Extent, productOfExtents } from "../ir/extent.ts";
import type { TensorType } from "../ir/types.ts";
import type { CostContext } from "./cost.ts";
import { lengthOf } from "./lengths.ts";
import { panels as panelLayout } from "./operand-layout.ts";
import { type SequenceShape, sequenceShape } from "./sequence.ts";

export interface PackedOperands {
  readonly recurrence: Recurrence;
  /** Values that are made before, with the reason for each. */
  readonly made: readonly { readonly definition: Definition; readonly phase: "prepare" | "run"; readonly reason: string }[];
  /** Panels of the right operand of a product, by the product. */
  readonly panels: ReadonlyMap<string, string>;
}

/** `outputs`: tensors that the kernel writes. */
export function packSequenceOperands(e: Expressions, given: Recurrence, outputs: number, isParameter: (name: string) => boolean, context: CostContext): PackedOperands {
  const { limits, name: target } = context.target;
  let recurrence = given;
  const made: PackedOperands["made"][number][] = [];
  for (const phase of ["prepare", "run"] as const) {
    const reads = [...readsOf(recurrence).keys()];
    const surplus = reads.length + outputs - limits.storageBuffers;
    if (surplus <= 0) break;
    const small = reads.filter((name) => !made.some(({ definition }) => definition.name === name) && context.tensorOf(name).dtype === "f32" && isParameter(name) === (phase === "prepare"));
    const bySize = small.map((name) => ({ name, length: lengthOf(context, context.tensorOf(name).shape) })).sort((a, b) => a.length - b.length);
    const chosen = bySize.slice(0, Math.min(surplus + 1, limits.storageBuffers - 1)).map(({ name }) => name);
    if (chosen.length < 2) continue;
    const packed = together(e, `${recurrence.name}.${phase === "prepare" ? "parameters" : "operands"}`, chosen, context.tensorOf);
    made.push({ definition: packed.definition, phase, reason: `${chosen.join(", ")} in one buffer: a kernel binds ${limits.storageBuffers}` });
    recurrence = rewritten(e, recurrence, packed.load);
  }
  if (target !== "wasm") return { recurrence, made, panels: new Map() };
  const shape = sequenceShape(e, recurrence);
  return "illegal" in shape ? { recurrence, made, panels: new Map() } : withPanels(e, recurrence, shape, made, isParameter);
}

/** One vector of all values of some tensors, and what stands for an element of one of them. */
function together(e: Expressions, name: string, tensors: readonly string[], tensorOf: (name: string) => Pick<TensorType, "shape">): { readonly definition: Definition; readonly load: (load: Load) => Expr | undefined } {
  const parts: { readonly tensor: string; readonly shape: readonly Extent[]; readonly first: Extent; readonly length: Extent }[] = [];
  let total: Extent = constantExtent(0);
  for (const tensor of tensors) {
    const { shape } = tensorOf(tensor);
    const length = productOfExtents(shape);
    parts.push({ tensor, shape, first: total, length });
    total = addExtents(total, length);
  }
  const range = e.range("i", total);
  const at = e.index(range);
  const zero = e.constant(0, "i32");
  const elementOf = ({ tensor, shape, first, length }: (typeof parts)[number]): Expr => {
    const own = e.apply("max", zero, e.apply("min", e.apply("sub", at, e.extent(first, "i32")), e.apply("sub", e.extent(length, "i32"), e.constant(1, "i32"))));
    return e.load(tensor, unflattenIndex(e, own, shape), "f32");
  };
  const body = [...parts].reverse().reduce<Expr | undefined>((rest, part) => (rest ? e.apply("select", e.apply("lt", at, e.extent(addExtents(part.first, part.length), "i32")), elementOf(part), rest) : elementOf(part)), undefined);
  return {
    definition: { name, dtype: "f32", box: [range], fold: undefined, body: body ?? e.constant(0, "f32"), origin: undefined },
    load: (load) => {
      const part = parts.find(({ tensor }) => tensor === load.source);
      return part && e.load(name, [e.apply("add", e.extent(part.first, "i32"), flattenIndex(e, load.indices, part.shape))], "f32");
    },
  };
}

function withPanels(e: Expressions, recurrence: Recurrence, shape: SequenceShape, made: PackedOperands["made"], isParameter: (name: string) => boolean): PackedOperands {
  const panels = new Map<string, string>();
  const more: PackedOperands["made"][number][] = [];
  let rewrittenBody = recurrence;
  for (const stage of shape.stages) {
    const fold = stage.definition.fold;
    if (stage.manner !== "product" || !fold || stage.right.kind !== "load" || !isParameter(stage.right.source)) continue;
    const { right } = stage;
    const operand = { columns: stage.columns, inner: fold.ranges };
    const own = new Set<Range>([...operand.columns, ...operand.inner]);
    const name = `${stage.name}${panelLayout.ending}`;
    const definition = [...right.ranges].every((range) => own.has(range)) && right.loads.length === 1 ? panelLayout.definition(e, name, operand, right, undefined) : undefined;
    if (!definition) continue;
    more.push({ definition, phase: "prepare", reason: panelLayout.reason });
    panels.set(stage.name, name);
    rewrittenBody = { ...rewrittenBody, body: rewrittenBody.body.map((each) => (each.name === stage.name ? { ...each, body: rewrite(e, each.body, (node) => (node === right ? panelLayout.load(e, name, operand, right) : undefined)) } : each)) };
  }
  return { recurrence: rewrittenBody, made: [...made, ...more], panels };
}

/** The recurrence with other loads in the place of some. */
function rewritten(e: Expressions, recurrence: Recurrence, replace: (load: Load) => Expr | undefined): Recurrence {
  const over = (expr: Expr): Expr => rewrite(e, expr, (node) => (node.kind === "load" ? replace(node) : undefined));
  return { ...recurrence, body: recurrence.body.map((definition) => ({ ...definition, body: over(definition.body) })), carries: recurrence.carries.map((carry) => ({ ...carry, initial: over(carry.initial) })) };
}
