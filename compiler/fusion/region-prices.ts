/**
 * What is known of regions: an estimate before they are built, a price after; both once per compilation, whose programs differ little.
 * What cannot be legal is mostly refused here. Flow: evaluate-placement.ts asks -> here -> build-region.ts, cost.ts.
 */
import { type Expressions, loadsOf } from "../folds/expression.ts";
import type { Definition, Program } from "../folds/node.ts";
import { buildRegion } from "./build-region.ts";
import { contractionShape } from "./contraction-shape.ts";
import { bindingLimit, bytesOf, costOf, type CostContext, type RegionCost, tensorsRead } from "./cost.ts";
import type { Memory } from "./memory.ts";
import { type ContractionRegion, type Illegal, isIllegal, type Region, type Templates, withPartials } from "./region.ts";

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

export interface Priced {
  readonly region: Region;
  readonly cost: RegionCost;
  /** Tensors that it finds in memory. */
  readonly reads: readonly string[];
}

/** What is known of a region without building it; its price once somebody asked for it. */
export interface Quote {
  /** Tensors that it finds in memory. */
  readonly reads: readonly string[];
  /** Definitions inside it and those that it reads: it is another region when one of them moves into memory or out of it. */
  readonly touched: readonly string[];
  /** It costs no less: a launch, and each tensor once. unit: microseconds */
  readonly atLeast: number;
  priced?: Priced | Illegal;
}

/** What a region depends on, question by question: is this value in memory? At the end its quote. */
interface Question {
  /** By number. */
  ask?: number;
  yes?: Question;
  no?: Question;
  quote?: Quote;
}

export class RegionPrices {
  readonly #ids = new Map<Definition, number>();
  readonly #sources = new Map<Definition, readonly string[]>();
  readonly #products = new Map<Definition, boolean>();
  /** By the definitions inside, and those that are read. */
  readonly known = new Map<string, Quote>();

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

  isProduct(e: Expressions, definition: Definition): boolean {
    const known = this.#products.get(definition) ?? contractionShape(e, definition) !== undefined;
    this.#products.set(definition, known);
    return known;
  }
}

/** What a region depends on: the values that decided it, what is computed inside it, and what it finds in memory. */
interface Dependencies {
  readonly asked: readonly string[];
  readonly inside: readonly Definition[];
  readonly reads: readonly string[];
  readonly key: string;
}

/** A program, and its definitions by name. */
interface Values {
  readonly program: Program;
  readonly byName: ReadonlyMap<string, Definition>;
  readonly numbers: ReadonlyMap<string, number>;
  /** Partial statistics by their product. */
  readonly partials: ReadonlyMap<string, readonly Definition[]>;
}

/** The quotes of one program. */
export class Quotes {
  readonly #values: Values;
  readonly #options: EvaluateOptions;
  readonly #prices: RegionPrices;
  readonly #questions = new Map<string, Question>();
  readonly #bytes = new Map<string, number>();

  constructor(values: Values, options: EvaluateOptions, prices: RegionPrices) {
    this.#values = values;
    this.#options = options;
    this.#prices = prices;
  }

  of(roots: readonly string[], stored: Memory): Quote {
    const name = roots.length === 1 ? (roots[0] as string) : roots.join();
    let at = this.#questions.get(name);
    while (at?.ask !== undefined) at = stored.hasNumber(at.ask) ? at.yes : at.no;
    if (at?.quote) return at.quote;
    const found = this.#dependencies(roots, stored);
    const quote = this.#prices.known.get(found.key) ?? this.#estimate(roots, found);
    this.#prices.known.set(found.key, quote);
    let question: Question = this.#questions.get(name) ?? {};
    this.#questions.set(name, question);
    for (const asked of found.asked) {
      const ask = this.#values.numbers.get(asked) as number;
      question.ask = ask;
      question = stored.hasNumber(ask) ? (question.yes ??= {}) : (question.no ??= {});
    }
    question.quote = quote;
    return quote;
  }

  /** Builds the region, the first time. */
  priceOf(quote: Quote, roots: readonly string[], stored: Memory): Priced | Illegal {
    quote.priced ??= this.#build(roots, stored);
    return quote.priced;
  }

  /** Why there is no such region, as building it tells. */
  explain(roots: readonly string[], stored: Memory): Illegal {
    const built = this.#build(roots, stored);
    return "illegal" in built ? built : { illegal: `${roots.join(" and ")} cannot be made in one kernel` };
  }

  #estimate(roots: readonly string[], { asked, inside, reads }: Dependencies): Quote {
    const { cost } = this.#options.context.target;
    const bytes = [...reads, ...roots].reduce((sum, name) => sum + this.#bytesOf(name), 0);
    const quote = { reads, touched: [...new Set([...roots, ...asked])], atLeast: cost.launchMicroseconds + bytes / cost.gigabytesPerSecond / 1e3 };
    const illegal = this.#refusal(roots, inside, reads);
    return illegal === undefined ? quote : { ...quote, priced: { illegal } };
  }

  /** Why the region cannot be legal, told without building it. */
  #refusal(roots: readonly string[], inside: readonly Definition[], reads: readonly string[]): string | undefined {
    const { e, context, templates } = this.#options;
    const buffers = reads.length + roots.length;
    if (buffers > context.target.limits.storageBuffers) return bindingLimit(buffers, context.target.limits.storageBuffers);
    if (templates === "thread") return undefined;
    const products = inside.filter((definition) => this.#prices.isProduct(e, definition));
    if (products.length < 3) return undefined;
    // Of three products none may need another: a stream has two, and those of one left operand stand side by side.
    const byName = new Map(inside.map((definition) => [definition.name, definition]));
    const isProduct = new Set(products);
    const dependent = products.find((product) => {
      const seen = new Set<Definition>([product]);
      for (const definition of seen)
        for (const source of this.#prices.sourcesOf(definition)) {
          const needed = byName.get(source);
          if (needed && isProduct.has(needed) && needed !== product) return true;
          if (needed) seen.add(needed);
        }
      return false;
    });
    return dependent && `${products.map(({ name }) => name).join(" and ")} are two contractions`;
  }

  #bytesOf(name: string): number {
    const bytes = this.#bytes.get(name) ?? bytesOf(this.#options.context, name);
    this.#bytes.set(name, bytes);
    return bytes;
  }

  #build(roots: readonly string[], stored: Memory): Priced | Illegal {
    const { e, context, templates, lanes } = this.#options;
    const { program, byName } = this.#values;
    const partials = this.#values.partials.get(roots[0] as string) ?? [];
    const own = roots.map((root) => byName.get(root) as Definition).filter((root) => !root.partial);
    const plain = partials.length > 0 && !stored.has(roots[0] as string) ? { illegal: `${roots[0]} is not in memory` } : buildRegion(e, program, byName, stored, own, templates, this.#options.rescales);
    const region = partials.length > 0 && !isIllegal(plain) ? withPartials(e, plain, partials) : plain;
    const cost = isIllegal(region) ? region : costOf(region, context, lanes);
    return isIllegal(region) || "illegal" in cost ? (cost as Illegal) : { region, cost, reads: [...tensorsRead(region)].filter((read) => !roots.includes(read)) };
  }

  /** Followed no further once there are more tensors than a kernel can bind. */
  #dependencies(roots: readonly string[], stored: Memory): Dependencies {
    const asked = [roots[0] as string];
    const reads: string[] = [];
    const inside: Definition[] = [];
    const outside: Definition[] = [];
    const queue = new Set(roots);
    const most = this.#options.context.target.limits.storageBuffers;
    for (const name of queue) {
      const definition = this.#values.byName.get(name);
      if (!definition) {
        reads.push(name);
        continue;
      }
      const isRoot = roots.includes(name);
      if (!isRoot) asked.push(name);
      if (isRoot || !stored.has(name)) {
        inside.push(definition);
        for (const source of this.#prices.sourcesOf(definition)) queue.add(source);
      } else {
        outside.push(definition);
        reads.push(name);
      }
      if (reads.length + roots.length > most) break;
    }
    const idsOf = (definitions: readonly Definition[]): string => definitions.map((definition) => this.#prices.id(definition)).join(",");
    return { asked, inside, reads, key: `${roots.length}${stored.has(roots[0] as string) ? "+" : "-"}${idsOf(inside)}|${idsOf(outside)}` };
  }
}
