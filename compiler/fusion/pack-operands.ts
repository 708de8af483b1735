/**
 * Right operands that are parameters, laid out once in prepare as their product reads them best (operand-layout.ts). A
 * rewrite of the placed program: the definition reads the same numbers at another place. class: exact. A processor has
 * panels of every such operand. Elsewhere operands whose columns make no aligned vectors get them, where the cost model finds
 * that cheaper: widths that are no multiple of four, transposed weights, and convolutions, whose weights are the left
 * operand until the product is turned over. Flow: fuse.ts -> here -> schedule/.
 */
import { type Expr, type Expressions, loadsOf, type Range, rewrite } from "../folds/expression.ts";
import type { Definition } from "../folds/node.ts";
import { type Extent, sameExtent } from "../ir/extent.ts";
import { type ContractionShape, contractionShape, factorsOf } from "./contraction-shape.ts";
import { type CostContext, costOf, type RegionCost, tensorsRead } from "./cost.ts";
import type { PlacedRegion } from "./evaluate-placement.ts";
import { columns as columnLayout, type OperandLayout, panels as panelLayout } from "./operand-layout.ts";
import type { Placement } from "./place.ts";
import { type ContractionRegion, type ElementwiseRegion, type Product, productsOf, type Region } from "./region.ts";
import type { Application } from "./rules/rule.ts";
import { windowOperand } from "./window-operand.ts";

/** A kernel that may be replaced by one with packed operands. */
interface Attempt {
  readonly region: ContractionRegion;
  /** The product has its operands the other way round. */
  readonly turned: boolean;
  readonly windows?: Windows;
}

/** The left operand as a tensor of its own, with its padding. */
interface Windows {
  readonly region: ElementwiseRegion;
  /** The product, reading it. */
  readonly definition: Definition;
}

/** What is laid out for a target, and for which kernels. */
interface Packing {
  readonly layout: OperandLayout;
  readonly attempts: (placed: PlacedRegion, region: ContractionRegion, definition: Definition | undefined) => readonly Attempt[];
  /** The kernel with its packed operands, which takes `before` microseconds to prepare for; undefined: it is no better for them. */
  readonly accept: (placed: PlacedRegion, region: ContractionRegion, context: CostContext, before: number) => { readonly region: ContractionRegion; readonly cost: RegionCost } | undefined;
  /** Does every product have to be packed? */
  readonly all: boolean;
}

/** The placement with panels of every right operand that is a parameter, or made of parameters alone. */
export const packPanels = (e: Expressions, placement: Placement, context: CostContext): Placement =>
  pack(e, placement, context, {
    layout: panelLayout, all: false,
    attempts: ({ cost }, region) => (cost.tile.template === "block" ? [{ region, turned: false }] : []),
    accept: ({ cost }, region) => ({ region: { ...region, panels: productsOf(region).map(({ definition, right }) => (right.kind === "load" && right.source === `${definition.name}${panelLayout.ending}` ? right.source : undefined)) }, cost }),
  });

/** What packed columns must save, since they take memory for as long as the program lives. */
const worthPacking = 0.95;

/** The placement with columns in whole vectors where that makes a kernel cheaper. `lanes`: width of a column group of a kernel, given the tensors of a program. */
export const packColumns = (e: Expressions, placement: Placement, context: CostContext, lanesIn: (context: CostContext) => (region: ContractionRegion) => number): Placement =>
  pack(e, placement, context, {
    layout: columnLayout, all: true,
    attempts: (_, region, definition) => {
      if (lanesIn(context)(region) !== 1 || region.epilogue.length > 0 || region.partials.length > 0) return [];
      const ownsRows = region.prologue.length > 0 || region.ride.length > 0 || region.siblings.length > 0;
      return [{ region, turned: false }, ...(ownsRows ? [] : turned(e, region, definition))];
    },
    accept: (placed, region, within, before) => {
      const storedColumns = productsOf(region).map(({ right }) => (right.kind === "load" ? within.tensorOf(right.source).shape.at(-1) : undefined))[0];
      const next = storedColumns === undefined ? region : { ...region, storedColumns };
      const cost = costOf(next, within, lanesIn(within));
      return "illegal" in cost || before + cost.microseconds > worthPacking * placed.cost.microseconds ? undefined : { region: next, cost };
    },
  });

/** The product with its operands the other way round: a + b is b + a, and so is a x b. */
const turn = ({ left, right, rows, columns, batch, inner }: ContractionShape): ContractionShape => ({ left: right, right: left, rows: columns, columns: rows, batch, inner });

/** The region turned over. What is tested for the border of an image is made a tensor before: those tests would be repeated by every column. */
function turned(e: Expressions, region: ContractionRegion, definition: Definition | undefined): Attempt[] {
  const over: ContractionRegion = { ...region, shape: turn(region.shape) };
  if (over.shape.left.kind === "load") return [{ region: over, turned: true }];
  const shape = definition && contractionShape(e, definition);
  const asWritten = shape && windowOperand(e, shape.right, rangesIn(shape));
  const here = windowOperand(e, over.shape.left, rangesIn(region.shape));
  // The region may have other ranges, and may have inlined what the definition reads; the axes are the same.
  const sameAxes = asWritten && here && asWritten.box.length === here.box.length && asWritten.box.every((range, axis) => sameExtent(range.extent, (here.box[axis] as Range).extent));
  if (!definition || !shape || !sameAxes) return [];
  const { dtype } = shape.right;
  const stored: Definition = { name: `${definition.name}${windowEnding}`, dtype, box: asWritten.box, fold: undefined, body: asWritten.body, origin: undefined };
  const body = rewrite(e, definition.body, (node) => (node === shape.right ? e.load(stored.name, asWritten.indices, dtype) : undefined));
  return [{
    region: { ...over, shape: { ...over.shape, left: e.load(stored.name, here.indices, dtype) } }, turned: true,
    windows: { region: { template: "elementwise", outputs: [{ definition: stored, body: here.body, box: here.box }] }, definition: { ...definition, body } },
  }];
}

const rangesIn = ({ batch, rows, columns, inner }: ContractionShape): Range[] => [...batch, ...rows, ...columns, ...inner];

const windowEnding = ".padded";

function pack(e: Expressions, placement: Placement, context: CostContext, packing: Packing): Placement {
  const { program } = placement;
  const { layout } = packing;
  const prepared = new Set([...program.sources.filter((source) => source.role === "parameter").map((source) => source.name), ...placement.regions.filter((placed) => placed.phase === "prepare").flatMap((placed) => placed.roots)]);
  const definitions = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const laidOut = new Map<string, Definition>();
  const reasons = new Map(placement.reasons);
  const renewed = new Map<PlacedRegion, PlacedRegion>();
  const applications: Application[] = [];
  let microseconds = placement.microseconds;
  const regions = placement.regions.flatMap((placed): PlacedRegion[] => {
    if (placed.phase !== "run" || placed.region.template !== "contraction") return [placed];
    // What does not help a region does not help its equals.
    if (placed.twin && renewed.get(placed.twin.of) === placed.twin.of) return [placed];
    const found = packing.attempts(placed, placed.region, definitions.get(placed.region.definition.name)).flatMap((attempt): Found[] => {
      const candidates = productsOf(attempt.region).map((product) => packOne(e, layout, attempt, product, attempt.windows?.definition ?? definitions.get(product.definition.name), prepared));
      const moved = candidates.find((one) => one !== undefined)?.moved ?? [];
      // All products share the left operand, and so what goes to it.
      const agree = candidates.every((one) => one && one.moved.length === moved.length && one.moved.every((factor, i) => factor === moved[i]));
      const packed = candidates.map((one) => (one && (agree || !candidates.some((other) => (other?.moved.length ?? 0) > 0)) ? one : undefined));
      if (!packed.some((one) => one) || (packing.all && !packed.every((one) => one))) return [];
      const windows = attempt.windows?.region;
      const made = [...(windows ? windows.outputs.map((output) => output.definition) : []), ...packed.flatMap((one) => (one ? [one.stored] : []))];
      const within: CostContext = { ...context, tensorOf: (name) => tensorOf(made, name) ?? context.tensorOf(name) };
      const before = windows && costOf(windows, within, () => 1);
      if (before && "illegal" in before) return [];
      const accepted = packing.accept(placed, withPacked(e, attempt.region, packed, agree ? moved : []), within, before?.microseconds ?? 0);
      return accepted ? [{ ...accepted, packed: packed.flatMap((one) => (one ? [one] : [])), within, ...(windows && before ? { windows: { region: windows, cost: before } } : {}) }] : [];
    });
    const [best] = found.sort((a, b) => total(a) - total(b));
    if (!best) {
      renewed.set(placed, placed);
      return [placed];
    }
    microseconds += total(best) - placed.cost.microseconds;
    const made = best.packed.flatMap(({ stored, definition }): PlacedRegion[] => {
      laidOut.set(stored.name, stored);
      definitions.set(definition.name, definition);
      reasons.set(stored.name, layout.reason);
      applications.push({ rule: "R14 lay out weights", class: "exact", subjects: [stored.name, definition.name], conditions: ["one matrix that depends on parameters alone", ...(packing.all ? ["it saves more than a twentieth of the kernel"] : [])] });
      const copy: ElementwiseRegion = { template: "elementwise", outputs: [{ definition: stored, body: stored.body, box: stored.box }] };
      const cost = costOf(copy, best.within, () => 1);
      return "illegal" in cost ? [] : [{ roots: [stored.name], region: copy, cost, phase: "prepare", reads: loadsOf(stored.body).map((load) => load.source) }];
    });
    const padded = (best.windows?.region.outputs ?? []).map(({ definition, body }): PlacedRegion => {
      laidOut.set(definition.name, definition);
      applications.push({ rule: "R14 pad once", class: "exact", subjects: [definition.name], conditions: ["every range of a sum of ranges occurs in that sum alone"] });
      reasons.set(definition.name, "the operand of a product over windows with its padding: every window would compute it again");
      return { roots: [definition.name], region: best.windows?.region as Region, cost: best.windows?.cost as RegionCost, phase: "run", reads: loadsOf(body).map((load) => load.source) };
    });
    const next = renew(placed, best, layout, renewed);
    renewed.set(placed, next);
    return [...made, ...padded, next];
  });
  if (laidOut.size === 0) return placement;
  return {
    ...placement, regions, reasons, microseconds, applications,
    stored: new Set([...placement.stored, ...laidOut.keys()]),
    program: { ...program, definitions: program.definitions.flatMap((definition) => [...[...laidOut.values()].filter(({ name }) => name === `${definition.name}${layout.ending}` || name === `${definition.name}${windowEnding}`), definitions.get(definition.name) ?? definition]) },
  };
}

interface Found {
  readonly region: ContractionRegion;
  readonly cost: RegionCost;
  readonly packed: readonly Packed[];
  readonly within: CostContext;
  readonly windows?: { readonly region: ElementwiseRegion; readonly cost: RegionCost };
}

/** unit: microseconds of one run */
const total = ({ cost, windows }: Found): number => cost.microseconds + (windows?.cost.microseconds ?? 0);

function tensorOf(made: readonly Definition[], name: string): ReturnType<CostContext["tensorOf"]> | undefined {
  const definition = made.find((each) => each.name === name);
  return definition && { dtype: definition.dtype, shape: definition.box.map((range): Extent => range.extent) };
}

interface Packed {
  /** The operand as it is laid out. */
  readonly stored: Definition;
  /** The product, reading it. */
  readonly definition: Definition;
  /** Its right operand, over the region's ranges. */
  readonly right: Expr;
  /** Factors that go to the left operand. */
  readonly moved: readonly Expr[];
}

function packOne(e: Expressions, layout: OperandLayout, { region, turned }: Attempt, { right }: Product, definition: Definition | undefined, prepared: ReadonlySet<string>): Packed | undefined {
  const asWritten = definition && contractionShape(e, definition);
  const own = asWritten && (turned ? turn(asWritten) : asWritten);
  // What of the right operand has no columns, the gain of a norm, is multiplied with the left one.
  const factors = factorsOf(right);
  const weights = factors.filter((factor) => region.shape.columns.some((range) => factor.ranges.has(range)));
  const [weight] = weights;
  if (!definition || !own || weights.length !== 1 || weight?.kind !== "load" || own.right.kind !== "load" || own.right.source !== weight.source || !prepared.has(weight.source)) return undefined;
  // Where maps are inlined, a region may see a vector and a matrix in what its definition has as two matrices.
  if (!sameExtents(own.columns, region.shape.columns) || !sameExtents(own.inner, region.shape.inner)) return undefined;
  const name = `${definition.name}${layout.ending}`;
  const stored = layout.definition(e, name, own, own.right, definition.origin);
  const varies = stored && [...loadsOf(stored.body).flatMap((load) => load.indices)].some((index) => containsOther(index, stored.box));
  if (!stored || varies || own.columns.length === 0) return undefined;
  const replaced = rewrite(e, definition.body, (node) => (node === own.right ? layout.load(e, name, own, own.right) : undefined));
  return { stored, definition: { ...definition, body: replaced }, right: layout.load(e, name, region.shape, weight), moved: factors.filter((factor) => factor !== weight) };
}

const sameExtents = (a: readonly Range[], b: readonly Range[]): boolean => a.length === b.length && a.every((range, i) => sameExtent(range.extent, (b[i] as Range).extent));

/** Does an index depend on anything but these ranges? A batch of matrices is not one matrix. */
function containsOther(index: Expr, box: readonly Range[]): boolean {
  if (index.kind === "index") return !box.includes(index.range);
  return "args" in index ? index.args.some((arg) => containsOther(arg, box)) : index.kind === "load";
}

function withPacked(e: Expressions, region: ContractionRegion, packed: readonly (Packed | undefined)[], moved: readonly Expr[]): ContractionRegion {
  const asProduct = (one: Packed | undefined): Product | undefined => one && { definition: one.definition, right: one.right };
  const [first, ...others] = packed;
  return {
    ...region, definition: first?.definition ?? region.definition,
    shape: { ...region.shape, left: moved.reduce((left, factor) => e.apply("mul", left, factor), region.shape.left), right: first?.right ?? region.shape.right },
    siblings: region.siblings.map((sibling, i) => asProduct(others[i]) ?? sibling),
    outputs: region.outputs.map((output) => ({ ...output, definition: packed.find((each) => each?.definition.name === output.definition.name)?.definition ?? output.definition })),
  };
}

function renew(placed: PlacedRegion, { region, cost }: Found, layout: OperandLayout, renewed: ReadonlyMap<PlacedRegion, PlacedRegion>): PlacedRegion {
  const { twin } = placed;
  if (!twin) return { ...placed, region, cost, reads: [...tensorsRead(region)] };
  const name = (before: string): string => {
    const ending = [layout.ending, windowEnding].find((each) => before.endsWith(each)) ?? "";
    return `${twin.name(before.slice(0, before.length - ending.length))}${ending}`;
  };
  return { ...placed, region, cost, reads: [...tensorsRead(region)], twin: { of: renewed.get(twin.of) ?? twin.of, name } };
}
