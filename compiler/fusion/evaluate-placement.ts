/**
 * What a set of stored values costs: its regions, each priced once per compilation. Flow: place.ts proposes a set -> here ->
 * regions, or why the set is not legal.
 */
import type { Definition, Program } from "../folds/node.ts";
import { sameExtent } from "../ir/extent.ts";
import { foldGroups } from "./candidates.ts";
import type { RegionCost } from "./cost.ts";
import { Memory } from "./memory.ts";
import type { Illegal, Region } from "./region.ts";
import { type EvaluateOptions, type Priced, type Quote, Quotes, type RegionPrices } from "./region-prices.ts";
import { parameterOnly } from "./rules/defer.ts";

/** One kernel of a plan. */
export interface PlacedRegion {
  readonly roots: readonly string[];
  readonly region: Region;
  readonly cost: RegionCost;
  readonly phase: "prepare" | "run";
  /** Tensors that it finds in memory. */
  readonly reads: readonly string[];
  /** The same region of another segment, and its names here. */
  readonly twin?: { readonly of: PlacedRegion; readonly name: (before: string) => string };
}

export interface Legal {
  /** In the order of the program. */
  readonly regions: readonly PlacedRegion[];
  readonly stored: ReadonlySet<string>;
  /** unit: microseconds of one run */
  readonly microseconds: number;
}

export type Evaluation = Legal | Illegal;

/** A value, or a group of folds, that may or may not be stored. */
export type Decision = readonly string[];

export class PlacementEvaluator {
  readonly decisions: readonly Decision[];
  readonly outputs: ReadonlySet<string>;
  readonly isParameterOnly: (name: string) => boolean;
  readonly #options: EvaluateOptions;
  readonly #byName: ReadonlyMap<string, Definition>;
  readonly #order: ReadonlyMap<string, number>;
  readonly #groupOf = new Map<string, readonly string[]>();
  readonly #always: Set<string>;
  readonly #partials = new Map<string, Definition[]>();
  readonly #quotes: Quotes;
  /** What a kernel stores, where that does not depend on the placement. */
  readonly #rootsOf = new Map<string, readonly string[]>();

  constructor(program: Program, options: EvaluateOptions, prices: RegionPrices) {
    this.#options = options;
    this.#byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
    this.#order = new Map(program.definitions.map((definition, i) => [definition.name, i]));
    this.isParameterOnly = parameterOnly(program);
    this.outputs = new Set(program.outputs.map((output) => output.definition));
    const groups = foldGroups(options.e, { ...program, definitions: program.definitions.filter((definition) => !definition.partial) }).map((group) => group.map((definition) => definition.name));
    const together = options.templates === "thread" ? groups.flatMap((group) => group.map((name) => [name])) : groups;
    for (const group of together) for (const name of group) this.#groupOf.set(name, group);
    this.#always = new Set(this.outputs);
    for (const definition of program.definitions) {
      // R7: what depends on parameters alone runs once, in prepare; its folds and kept maps end there.
      if (this.isParameterOnly(definition.name)) this.#always.add(definition.name);
      if (!definition.partial) continue;
      // A tile's partial statistics are stored by the kernel that makes the tile, whenever somebody reads them.
      this.#always.add(definition.name);
      const { product } = definition.partial;
      this.#partials.set(product, [...(this.#partials.get(product) ?? []), definition]);
    }
    const singles = program.definitions.filter((definition) => !this.#always.has(definition.name) && !this.#groupOf.has(definition.name)).map((definition) => [definition.name]);
    const folds = together.map((group) => group.filter((name) => !this.#always.has(name))).filter((names) => names.length > 0);
    this.decisions = [...singles, ...folds];
    for (const { name, partial } of program.definitions) {
      const product = partial?.product ?? name;
      const partials = this.#partials.get(product);
      if (partials) this.#rootsOf.set(name, [product, ...partials.map((definition) => definition.name)]);
      else if ((this.#groupOf.get(name) ?? []).length < 2) this.#rootsOf.set(name, [name]);
    }
    this.#quotes = new Quotes({ program, byName: this.#byName, numbers: this.#order, partials: this.#partials }, options, prices);
  }

  /** `chosen`: names out of `decisions`; what must be in memory is added. */
  evaluate(chosen: ReadonlySet<string>): Evaluation {
    const found = this.weigh(chosen);
    return "illegal" in found ? found : { ...found, regions: this.inOrder(found.regions) };
  }

  /** `evaluate` with the regions in no order. `explained`: what was refused unbuilt is built, so that the first reason against it is told. */
  weigh(chosen: ReadonlySet<string>, explained = false): Evaluation {
    const stored = this.inMemory(chosen);
    const needed = [...this.outputs];
    const used = new Set<string>();
    const kernels: PlacedRegion[] = [];
    let microseconds = 0;
    for (let name = needed.pop(); name !== undefined; name = needed.pop()) {
      if (used.has(name) || !this.#byName.has(name)) continue;
      let roots = this.rootsOf(name, stored);
      let priced = this.priceOf(this.quote(roots, stored), roots, stored);
      if ("illegal" in priced && this.mayPart(roots)) {
        roots = [name];
        priced = this.priceOf(this.quote(roots, stored), roots, stored);
      }
      if ("illegal" in priced) return explained ? this.#quotes.explain(roots, stored) : priced;
      const phase = this.phaseOf(name);
      if (phase === "run") microseconds += priced.cost.microseconds;
      kernels.push({ roots, phase, ...priced });
      for (const root of roots) used.add(root);
      for (const read of priced.reads) if (!used.has(read)) needed.push(read);
    }
    return { regions: kernels, stored: used, microseconds };
  }

  /** `chosen`, and what must be in memory. */
  inMemory(chosen: ReadonlySet<string>): Memory {
    return new Memory(this.#order, chosen, this.#always);
  }

  /** What is read is made before; else in the order of the program. A kernel of several roots ends late but may be needed early. */
  inOrder(kernels: readonly PlacedRegion[]): PlacedRegion[] {
    const last = (placed: PlacedRegion): number => Math.max(...placed.roots.map((root) => this.#order.get(root) ?? 0));
    const sorted = [...kernels].sort((a, b) => last(a) - last(b));
    const makerOf = new Map(sorted.flatMap((kernel) => kernel.roots.map((root) => [root, kernel] as const)));
    const done = new Set<PlacedRegion>();
    const visit = (kernel: PlacedRegion): void => {
      if (done.has(kernel)) return;
      done.add(kernel);
      for (const read of kernel.reads) {
        const maker = makerOf.get(read);
        if (maker && maker !== kernel) visit(maker);
      }
      ordered.push(kernel);
    };
    const ordered: PlacedRegion[] = [];
    for (const kernel of sorted) visit(kernel);
    return ordered;
  }

  /** Equal extents of the boxes of all roots; no partial statistics among them. */
  sameBoxes(a: readonly string[], b: readonly string[]): boolean {
    const boxes = [...a, ...b].map((name) => this.#byName.get(name));
    const first = boxes[0];
    return boxes.every((each) => each !== undefined && first !== undefined && !each.partial && !this.#partials.has(each.name) && each.box.length === first.box.length && each.box.every((range, axis) => sameExtent(range.extent, (first.box[axis] as typeof range).extent)));
  }

  /** One kernel of the run plan that makes all `roots`, if there is a legal one. */
  priced(roots: readonly string[], stored: Memory): PlacedRegion | undefined {
    const priced = this.#options.templates === "thread" ? { illegal: "" } : this.priceOf(this.quote(roots, stored), roots, stored);
    return "illegal" in priced ? undefined : { roots, phase: "run", ...priced };
  }

  definition(name: string): Definition | undefined {
    return this.#byName.get(name);
  }

  /** Are these folds that get a kernel each when they cannot share one? */
  mayPart(roots: readonly string[]): boolean {
    return roots.length > 1 && !this.#partials.has(roots[0] as string);
  }

  /** The folds that `name` shares a kernel with when they are stored. */
  groupOf(name: string): readonly string[] {
    return this.#groupOf.get(name) ?? [];
  }

  /** When the kernel that ends at `name` runs. */
  phaseOf(name: string): "prepare" | "run" {
    return this.isParameterOnly(name) && (!this.outputs.has(name) || this.#options.exports?.has(name) === true) ? "prepare" : "run";
  }

  /** What is stored by the kernel that stores `name`. */
  rootsOf(name: string, stored: Memory): readonly string[] {
    const fixed = this.#rootsOf.get(name);
    if (fixed) return fixed;
    const together = (this.#groupOf.get(name) ?? []).filter((member) => stored.has(member) && !this.isParameterOnly(member));
    return together.length > 1 && together.includes(name) ? together : [name];
  }

  /** Builds the region of a quote of these roots, the first time. */
  priceOf(quote: Quote, roots: readonly string[], stored: Memory): Priced | Illegal {
    return this.#quotes.priceOf(quote, roots, stored);
  }

  /** What is known of the kernel that ends at `roots`. */
  quote(roots: readonly string[], stored: Memory): Quote {
    return this.#quotes.of(roots, stored);
  }
}
