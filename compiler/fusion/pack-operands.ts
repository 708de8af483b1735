/**
 * Right operands that are parameters, laid out once in prepare as a processor reads them: panels of eight columns, one
 * element of k after the other. A rewrite of the placed program, for targets whose products read panels: the definition
 * reads the same numbers at another place. class: exact. Flow: fuse.ts -> here -> schedule/cpu/block.ts.
 */
import { type Expr, type Expressions, loadsOf, type Range, rewrite } from "../folds/expression.ts";
import { flattenIndex, unflattenIndex } from "../folds/index-arithmetic.ts";
import { substitute } from "../folds/inline.ts";
import type { Definition } from "../folds/node.ts";
import { constantExtent, extentValue, productOfExtents } from "../ir/extent.ts";
import { chooseChunkTile, registerColumns } from "../schedule/cpu/choose-block.ts";
import { type ContractionShape, contractionShape, factorsOf } from "./contraction-shape.ts";
import { type CostContext, costOf } from "./cost.ts";
import type { PlacedRegion } from "./evaluate-placement.ts";
import type { Placement } from "./place.ts";
import { type ContractionRegion, type ElementwiseRegion, type Product, productsOf } from "./region.ts";

const ending = ".panels";

export type OperandShape = Pick<ContractionShape, "columns" | "inner">;

const lengthOf = (ranges: readonly Range[]): number | undefined => extentValue(productOfExtents(ranges.map((range) => range.extent)));

/** The element of panels that stands for column and k. */
export function panelLoad(e: Expressions, name: string, { columns, inner }: OperandShape, right: Expr): Expr {
  const flat = (ranges: readonly Range[]): Expr => flattenIndex(e, ranges.map((range) => e.index(range)), ranges.map((range) => range.extent));
  const width = e.constant(registerColumns, "i32");
  const column = flat(columns);
  return e.load(name, [e.apply("div", column, width), flat(inner), e.apply("rem", column, width)], right.dtype);
}

/** The panels as a map of their own; columns past the end repeat the last one. */
export function panelDefinition(e: Expressions, name: string, { columns, inner }: OperandShape, right: Expr, origin: Definition["origin"]): Definition | undefined {
  const [width, depth] = [lengthOf(columns), lengthOf(inner)];
  if (width === undefined || depth === undefined) return undefined;
  const panel = e.range("panel", constantExtent(Math.ceil(width / registerColumns)));
  const k = e.range("k", constantExtent(depth));
  const lane = e.range("lane", constantExtent(registerColumns));
  const wanted = e.apply("add", e.apply("mul", e.index(panel), e.constant(registerColumns, "i32")), e.index(lane));
  const column = width % registerColumns === 0 ? wanted : e.apply("min", wanted, e.constant(width - 1, "i32"));
  const extents = (ranges: readonly Range[]): Range["extent"][] => ranges.map((range) => range.extent);
  const by = new Map<Range, Expr>();
  unflattenIndex(e, column, extents(columns)).forEach((index, axis) => by.set(columns[axis] as Range, index));
  unflattenIndex(e, e.index(k), extents(inner)).forEach((index, axis) => by.set(inner[axis] as Range, index));
  return { name, dtype: right.dtype, box: [panel, k, lane], fold: undefined, body: substitute(e, right, by), origin };
}

/** The placement with panels of every right operand that is a parameter, or made of parameters, or made of them alone. */
export function packOperands(e: Expressions, placement: Placement, context: CostContext): Placement {
  const { program } = placement;
  const prepared = new Set([...program.sources.filter((source) => source.role === "parameter").map((source) => source.name), ...placement.regions.filter((placed) => placed.phase === "prepare").flatMap((placed) => placed.roots)]);
  const definitions = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const panels = new Map<string, Definition>();
  const reasons = new Map(placement.reasons);
  const renewed = new Map<PlacedRegion, PlacedRegion>();
  const regions = placement.regions.flatMap((placed): PlacedRegion[] => {
    if (placed.phase !== "run" || placed.region.template !== "contraction" || placed.cost.tile.template !== "block") return [placed];
    const { region } = placed;
    const made: PlacedRegion[] = [];
    const candidates = productsOf(region).map((product) => packOne(e, region, product, definitions.get(product.definition.name), prepared));
    const moved = candidates[0]?.moved ?? [];
    // All products share the left operand, and so what goes to it.
    const agree = candidates.every((one) => one && one.moved.length === moved.length && one.moved.every((factor, i) => factor === moved[i]));
    const packed = candidates.map((one): Product | undefined => {
      if (!one || (!agree && candidates.some((other) => (other?.moved.length ?? 0) > 0))) return undefined;
      panels.set(one.definition.name, one.panels);
      definitions.set(one.definition.name, one.definition);
      reasons.set(one.panels.name, "panels of a parameter, in the order in which the product reads them: made once, in prepare");
      const copy: ElementwiseRegion = { template: "elementwise", outputs: [{ definition: one.panels, body: one.panels.body, box: one.panels.box }] };
      const cost = costOf(copy, { ...context, tensorOf: (name) => (name === one.panels.name ? { dtype: one.panels.dtype, shape: one.panels.box.map((range) => range.extent) } : context.tensorOf(name)) }, () => 1);
      if (!("illegal" in cost)) made.push({ roots: [one.panels.name], region: copy, cost: { ...cost, tile: { template: "chunk", tile: chooseChunkTile() } }, phase: "prepare", reads: loadsOf(one.panels.body).map((load) => load.source) });
      return { definition: one.definition, right: one.right };
    });
    const next = withPanels(e, placed, region, packed, agree ? moved : [], renewed);
    renewed.set(placed, next);
    return [...made, next];
  });
  if (panels.size === 0) return placement;
  return {
    ...placement, regions, reasons,
    stored: new Set([...placement.stored, ...[...panels.values()].map((definition) => definition.name)]),
    program: { ...program, definitions: program.definitions.flatMap((definition) => [...(panels.has(definition.name) ? [panels.get(definition.name) as Definition] : []), definitions.get(definition.name) ?? definition]) },
  };
}

interface Packed {
  readonly panels: Definition;
  /** The product, reading panels. */
  readonly definition: Definition;
  /** Its right operand, over the region's ranges. */
  readonly right: Expr;
  /** Factors that go to the left operand. */
  readonly moved: readonly Expr[];
}

function packOne(e: Expressions, region: ContractionRegion, { right }: Product, definition: Definition | undefined, prepared: ReadonlySet<string>): Packed | undefined {
  const own = definition && contractionShape(e, definition);
  // What of the right operand has no columns, the gain of a norm, is multiplied with the left one: that is packed in the kernel anyway.
  const factors = factorsOf(right);
  const weights = factors.filter((factor) => region.shape.columns.some((range) => factor.ranges.has(range)));
  const [weight] = weights;
  if (!definition || !own || weights.length !== 1 || weight?.kind !== "load" || own.right.kind !== "load" || own.right.source !== weight.source || !prepared.has(weight.source)) return undefined;
  const name = `${definition.name}${ending}`;
  const made = panelDefinition(e, name, own, own.right, definition.origin);
  const within = new Set([...own.columns, ...own.inner]);
  const varies = made && [...loadsOf(made.body).flatMap((load) => load.indices)].some((index) => containsOther(index, made.box));
  if (!made || varies || own.columns.length === 0 || within.size === 0) return undefined;
  const replaced = rewrite(e, definition.body, (node) => (node === own.right ? panelLoad(e, name, own, own.right) : undefined));
  return { panels: made, definition: { ...definition, body: replaced }, right: panelLoad(e, name, region.shape, weight), moved: factors.filter((factor) => factor !== weight) };
}

/** Does an index depend on anything but these ranges? A batch of matrices is not one matrix. */
function containsOther(index: Expr, box: readonly Range[]): boolean {
  if (index.kind === "index") return !box.includes(index.range);
  return "args" in index ? index.args.some((arg) => containsOther(arg, box)) : index.kind === "load";
}

function withPanels(e: Expressions, placed: PlacedRegion, region: ContractionRegion, packed: readonly (Product | undefined)[], moved: readonly Expr[], renewed: ReadonlyMap<PlacedRegion, PlacedRegion>): PlacedRegion {
  if (!packed.some((each) => each !== undefined)) return placed;
  const [first, ...others] = packed;
  const siblings = region.siblings.map((sibling, i) => others[i] ?? sibling);
  const panels = productsOf(region).map((product, i) => (packed[i] ? `${product.definition.name}${ending}` : undefined));
  const next: ContractionRegion = { ...region, definition: first?.definition ?? region.definition, shape: { ...region.shape, left: moved.reduce((left, factor) => e.apply("mul", left, factor), region.shape.left), right: first?.right ?? region.shape.right }, siblings, panels };
  const outputs = next.outputs.map((output) => ({ ...output, definition: packed.find((each) => each?.definition.name === output.definition.name)?.definition ?? output.definition }));
  const read = productsOf(region).flatMap((product, i) => (packed[i] ? [`${product.definition.name}${ending}`] : []));
  const { twin } = placed;
  return {
    ...placed, region: { ...next, outputs }, reads: [...new Set([...placed.reads, ...read])],
    ...(twin ? { twin: { of: renewed.get(twin.of) ?? twin.of, name: (before: string) => (before.endsWith(ending) ? `${twin.name(before.slice(0, -ending.length))}${ending}` : twin.name(before)) } } : {}),
  };
}
