/**
 * What a set of stored values costs: its regions, each priced once per compilation. Flow: place.ts proposes a set -> here ->
 * regions, or why the set is not legal.
 */
import { type Expressions, loadsOf } from "../folds/expression.ts";
import type { Definition, Program } from "../folds/node.ts";
import { sameExtent } from "../ir/extent.ts";
import { buildRegion } from "./build-region.ts";
import { foldGroups } from "./candidates.ts";
import { costOf, type CostContext, type RegionCost, tensorsRead } from "./cost.ts";
import { type ContractionRegion, isIllegal, type Illegal, type Region, type Templates, withPartials } from "./region.ts";
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

export interface EvaluateOptions {
  readonly e: Expressions;
  readonly context: CostContext;
  readonly templates: Templates;
  readonly lanes: (region: ContractionRegion) => number;
  /** Whether sums may be rescaled as a maximum grows; true when left out. class: real-equal */
  readonly rescales?: boolean;
  /** Outputs of the program that are not the model's: kept for a later part of it. */
  readonly exports?: ReadonlySet<string>;
}

interface Priced {
  readonly region: Region;
  readonly cost: RegionCost;
  readonly reads: readonly string[];
}

/** Prices of regions by the definitions inside them: shared by all placements of one compilation, whose programs differ little. */
export class RegionPrices {
  readonly #ids = new Map<Definition, number>();
  readonly #sources = new Map<Definition, readonly string[]>();
  readonly known = new Map<string, Priced | Illegal>();

  id(definition: Definition): number {
    const known = this.#ids.get(definition) ?? this.#ids.size;
    this.#ids.set(definition, known);
    return known;
  }

  sourcesOf(definition: Definition): readonly string[] {
    const known = this.#sources.get(definition) ?? [...new Set(loadsOf(definition.body).map((load) => load.source))];
    this.#sources.set(definition, known);
    return known;
  }
}

/** What a region depends on, question by question: is this value in memory? At the end its price. */
interface Question {
  ask?: string;
  yes?: Question;
  no?: Question;
  priced?: Priced | Illegal;
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
  readonly #program: Program;
  readonly #options: EvaluateOptions;
  readonly #prices: RegionPrices;
  readonly #byName: ReadonlyMap<string, Definition>;
  readonly #order: ReadonlyMap<string, number>;
  readonly #groupOf = new Map<string, readonly string[]>();
  readonly #always: Set<string>;
  readonly #partials = new Map<string, Definition[]>();
  readonly #questions = new Map<string, Question>();

  constructor(program: Program, options: EvaluateOptions, prices: RegionPrices) {
    this.#program = program;
    this.#options = options;
    this.#prices = prices;
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
  }

  /** `chosen`: names out of `decisions`; what must be in memory is added. */
  evaluate(chosen: ReadonlySet<string>): Evaluation {
    const found = this.weigh(chosen);
    return "illegal" in found ? found : { ...found, regions: this.inOrder(found.regions) };
  }

  /** `evaluate` with the regions in no order. */
  weigh(chosen: ReadonlySet<string>): Evaluation {
    const stored = new Set([...chosen, ...this.#always]);
    const needed = [...this.outputs];
    const used = new Set<string>();
    const kernels: PlacedRegion[] = [];
    let microseconds = 0;
    for (let name = needed.pop(); name !== undefined; name = needed.pop()) {
      if (used.has(name) || !this.#byName.has(name)) continue;
      let roots = this.#rootsOf(name, stored);
      let priced = this.#price(roots, stored);
      if ("illegal" in priced && roots.length > 1 && !this.#partials.has(roots[0] as string)) {
        // Folds that cannot share a kernel get one each.
        roots = [name];
        priced = this.#price(roots, stored);
      }
      if ("illegal" in priced) return priced;
      const phase = this.isParameterOnly(name) && (!this.outputs.has(name) || this.#options.exports?.has(name) === true) ? "prepare" : "run";
      if (phase === "run") microseconds += priced.cost.microseconds;
      kernels.push({ roots, phase, ...priced });
      for (const root of roots) used.add(root);
      for (const read of priced.reads) if (!used.has(read)) needed.push(read);
    }
    return { regions: kernels, stored: used, microseconds };
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
  priced(roots: readonly string[], stored: ReadonlySet<string>): PlacedRegion | undefined {
    const priced = this.#options.templates === "thread" ? { illegal: "" } : this.#price(roots, stored);
    return "illegal" in priced ? undefined : { roots, phase: "run", ...priced };
  }

  definition(name: string): Definition | undefined {
    return this.#byName.get(name);
  }

  #rootsOf(name: string, stored: ReadonlySet<string>): readonly string[] {
    const product = this.#byName.get(name)?.partial?.product ?? name;
    const partials = this.#partials.get(product);
    if (partials) return [product, ...partials.map((definition) => definition.name)];
    const together = (this.#groupOf.get(name) ?? []).filter((member) => stored.has(member) && !this.isParameterOnly(member));
    return together.length > 1 && together.includes(name) ? together : [name];
  }

  #price(roots: readonly string[], stored: ReadonlySet<string>): Priced | Illegal {
    const name = roots.length === 1 ? (roots[0] as string) : roots.join();
    let at = this.#questions.get(name);
    while (at?.ask !== undefined) at = stored.has(at.ask) ? at.yes : at.no;
    if (at?.priced) return at.priced;
    const { key, asked } = this.#dependencies(roots, stored);
    const priced = this.#prices.known.get(key) ?? this.#build(roots, stored);
    this.#prices.known.set(key, priced);
    let question: Question = this.#questions.get(name) ?? {};
    this.#questions.set(name, question);
    for (const ask of asked) {
      question.ask = ask;
      question = stored.has(ask) ? (question.yes ??= {}) : (question.no ??= {});
    }
    question.priced = priced;
    return priced;
  }

  #build(roots: readonly string[], stored: ReadonlySet<string>): Priced | Illegal {
    const { e, context, templates, lanes } = this.#options;
    const partials = this.#partials.get(roots[0] as string) ?? [];
    const own = roots.map((root) => this.#byName.get(root) as Definition).filter((root) => !root.partial);
    const plain = partials.length > 0 && !stored.has(roots[0] as string) ? { illegal: `${roots[0]} is not in memory` } : buildRegion(e, this.#program, this.#byName, stored, own, templates, this.#options.rescales);
    const region = partials.length > 0 && !isIllegal(plain) ? withPartials(e, plain, partials) : plain;
    const cost = isIllegal(region) ? region : costOf(region, context, lanes);
    return isIllegal(region) || "illegal" in cost ? (cost as Illegal) : { region, cost, reads: [...tensorsRead(region)].filter((read) => !roots.includes(read)) };
  }

  /** All that a region depends on: its roots, what is computed inside it, and what it finds in memory; and the values that decided it. */
  #dependencies(roots: readonly string[], stored: ReadonlySet<string>): { readonly key: string; readonly asked: readonly string[] } {
    const asked = [roots[0] as string];
    const inside: number[] = [];
    const outside: number[] = [];
    const seen = new Set<string>();
    const queue = [...roots];
    for (let next = 0; next < queue.length; next++) {
      const name = queue[next] as string;
      const definition = this.#byName.get(name);
      if (!definition || seen.has(name)) continue;
      seen.add(name);
      const isRoot = roots.includes(name);
      if (!isRoot) asked.push(name);
      (isRoot || !stored.has(name) ? inside : outside).push(this.#prices.id(definition));
      if (isRoot || !stored.has(name)) queue.push(...this.#prices.sourcesOf(definition));
    }
    return { key: `${roots.length}${stored.has(roots[0] as string) ? "+" : "-"}${inside.join(",")}|${outside.join(",")}`, asked };
  }
}
