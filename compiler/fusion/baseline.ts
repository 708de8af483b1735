/**
 * A placement taken apart, to weigh moves from it: a move changes the kernels that touch its values and no others, so only those
 * are looked at. Flow: place.ts descends from here.
 */
import type { PlacementEvaluator } from "./evaluate-placement.ts";
import type { Memory } from "./memory.ts";
import type { Region } from "./region.ts";
import type { Quote } from "./region-prices.ts";

interface Kernel {
  readonly roots: readonly string[];
  readonly quote: Quote;
  /** Of the run plan; nothing before it is priced. unit: microseconds */
  readonly microseconds: number;
}

/** What a move does to a placement. unit: microseconds */
interface Change {
  readonly change: number;
  /** Kernels in it that count with what they cost at least. */
  readonly unpriced: readonly Kernel[];
}

export class Baseline {
  /** Kernels of the placement; none when it is not legal. */
  readonly regions: ReadonlySet<Region>;
  readonly #evaluator: PlacementEvaluator;
  readonly #stored: Memory;
  readonly #makerOf = new Map<string, Kernel>();
  readonly #touching = new Map<string, Kernel[]>();
  /** What a kernel touches that cannot be made, when there is one: every move that helps changes it. */
  readonly #illegal: ReadonlySet<string> | undefined;

  constructor(evaluator: PlacementEvaluator, chosen: ReadonlySet<string>) {
    this.#evaluator = evaluator;
    this.#stored = evaluator.inMemory(chosen);
    const regions = new Set<Region>();
    const illegal = this.#walk([...evaluator.outputs], new Set(), (kernel) => {
      const { priced } = kernel.quote;
      if (priced && !("illegal" in priced)) regions.add(priced.region);
      for (const root of kernel.roots) this.#makerOf.set(root, kernel);
      for (const name of this.#touchedBy(kernel.roots, kernel.quote)) {
        const known = this.#touching.get(name);
        if (known) known.push(kernel);
        else this.#touching.set(name, [kernel]);
      }
    });
    this.#illegal = illegal && this.#touchedBy(illegal.roots, illegal.quote);
    this.regions = illegal ? new Set() : regions;
  }

  /** Values whose moves may have another outcome here than from a placement of these regions; undefined: those of all. */
  changedSince(regions: ReadonlySet<Region>): ReadonlySet<string> | undefined {
    if (this.#illegal || regions.size === 0) return undefined;
    const changed = new Set<string>();
    for (const [name, kernels] of this.#touching)
      if (kernels.some(({ quote: { priced } }) => !priced || "illegal" in priced || !regions.has(priced.region))) changed.add(name);
    return changed;
  }

  /** Whether the placement is one: no kernel of it is impossible. */
  get isLegal(): boolean {
    return this.#illegal === undefined;
  }

  /** Whether a move of `names` changes the kernel that makes an illegal placement illegal. */
  changesIllegal(names: readonly string[]): boolean {
    return names.some((name) => this.#illegal?.has(name));
  }

  /** By how much the plan gets dearer at least when `names` move into memory or out of it; infinite: no such plan is legal. Builds no region. unit: microseconds */
  atLeast(names: readonly string[]): number {
    for (const name of names) this.#stored.flip(name);
    const { change } = this.#changeOf(names);
    for (const name of names) this.#stored.flip(name);
    return change;
  }

  /** The same, exactly, for which regions are built. Infinite too when it comes out at `most` or above. */
  exactly(names: readonly string[], most: number): number {
    for (const name of names) this.#stored.flip(name);
    let found = this.#changeOf(names);
    while (found.change < most && found.unpriced.length > 0) found = this.#isBelow(found, most) ? this.#changeOf(names) : { change: Number.POSITIVE_INFINITY, unpriced: [] };
    for (const name of names) this.#stored.flip(name);
    return found.change < most ? found.change : Number.POSITIVE_INFINITY;
  }

  /** A kernel is another one when one of these moves into memory or out of it. */
  #touchedBy(roots: readonly string[], quote: Quote): ReadonlySet<string> {
    const touched = new Set(quote.touched);
    for (const root of roots)
      for (const name of this.#evaluator.groupOf(root)) touched.add(name);
    // Folds that did not get a kernel together would be asked again.
    const together = this.#evaluator.rootsOf(roots[0] as string, this.#stored);
    if (together.length > roots.length) for (const name of this.#evaluator.quote(together, this.#stored).touched) touched.add(name);
    return touched;
  }

  /** Of the flipped `names`, from what is known of their kernels. */
  #changeOf(names: readonly string[]): Change {
    const affected = new Set(names.flatMap((name) => this.#touching.get(name) ?? []));
    let change = 0;
    for (const kernel of affected) change -= kernel.microseconds;
    const needed = [...names, ...[...affected].flatMap((kernel) => kernel.roots)].filter((name) => this.#stored.has(name));
    const unpriced: Kernel[] = [];
    const illegal = this.#walk(needed, affected, (kernel) => {
      change += kernel.microseconds;
      if (!kernel.quote.priced) unpriced.push(kernel);
    });
    return { change: illegal ? Number.POSITIVE_INFINITY : change, unpriced };
  }

  /** Builds one region after the other until the change cannot come out below `most`. */
  #isBelow({ change, unpriced }: Change, most: number): boolean {
    let total = change;
    for (const { roots, quote, microseconds } of unpriced) {
      const priced = this.#evaluator.priceOf(quote, roots, this.#stored);
      // Folds that cannot share a kernel get one each: no cheaper, and seen by the next walk.
      if ("illegal" in priced) {
        if (!this.#evaluator.mayPart(roots)) return false;
      } else if (microseconds > 0) total += priced.cost.microseconds - microseconds;
      if (total >= most) return false;
    }
    return true;
  }

  /** Kernels that make `needed` and what they read, as far as they are not of the baseline or `affected`. Gives the first illegal one. */
  #walk(needed: string[], affected: ReadonlySet<Kernel>, see: (kernel: Kernel) => void): Pick<Kernel, "roots" | "quote"> | undefined {
    const evaluator = this.#evaluator;
    const used = new Set<string>();
    for (let name = needed.pop(); name !== undefined; name = needed.pop()) {
      if (used.has(name) || !evaluator.definition(name)) continue;
      const maker = this.#makerOf.get(name);
      if (maker && !affected.has(maker)) continue;
      let roots = evaluator.rootsOf(name, this.#stored);
      let quote = evaluator.quote(roots, this.#stored);
      if (quote.priced && "illegal" in quote.priced && evaluator.mayPart(roots)) {
        roots = [name];
        quote = evaluator.quote(roots, this.#stored);
      }
      const { priced } = quote;
      if (priced && "illegal" in priced) return { roots, quote };
      for (const root of roots) used.add(root);
      for (const read of priced?.reads ?? quote.reads) needed.push(read);
      const microseconds = evaluator.phaseOf(name) === "prepare" ? 0 : priced ? priced.cost.microseconds : quote.atLeast;
      see({ roots, quote, microseconds });
    }
    return undefined;
  }
}
