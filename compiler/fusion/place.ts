/**
 * Placement: which values go to memory, by cost. Every kernel of the plan ends at a stored value; what is not stored is
 * computed inside the kernels that need it. Exact search up to a dozen decisions, steepest descent beyond.
 */
import type { Expressions } from "../folds/expression.ts";
import type { Definition, Program } from "../folds/node.ts";
import { contractionShape } from "./contraction-shape.ts";
import { ancestorsOf, foldGroups } from "./candidates.ts";
import { costOf, type CostContext, type RegionCost, tensorsRead } from "./cost.ts";
import { buildRegion } from "./build-region.ts";
import { type ContractionRegion, isIllegal, type Illegal, type Region, type Templates, withPartials } from "./region.ts";
import { parameterOnly } from "./rules/defer.ts";

/** One kernel of a plan. */
export interface PlacedRegion {
  readonly roots: readonly string[];
  readonly region: Region;
  readonly cost: RegionCost;
  readonly phase: "prepare" | "run";
}

export interface Placement {
  readonly program: Program;
  readonly regions: readonly PlacedRegion[];
  readonly stored: ReadonlySet<string>;
  /** Of the run plan. */
  readonly microseconds: number;
  /** Why a value is in memory, by name; outputs are not listed. */
  readonly reasons: ReadonlyMap<string, string>;
}

export interface PlaceOptions {
  readonly e: Expressions;
  readonly context: CostContext;
  readonly templates: Templates;
  readonly lanes: (region: ContractionRegion) => number;
}

/** A value, or a group of folds, that may or may not be stored. */
type Decision = readonly string[];

const exactSearchLimit = 11;

export function place(program: Program, options: PlaceOptions): Placement | Illegal {
  const search = new Search(program, options);
  const { decisions } = search;
  let best = search.evaluate(new Set(decisions.flat()));
  let chosen = new Set(decisions.flat());
  if (decisions.length <= exactSearchLimit) {
    for (let mask = 0; mask < 1 << decisions.length; mask++) {
      const stored = new Set(decisions.filter((_, i) => (mask >> i) & 1).flat());
      const found = search.evaluate(stored);
      if (better(found, best)) [best, chosen] = [found, stored];
    }
  } else {
    for (let improved = true; improved; ) {
      improved = false;
      let next: { found: Evaluation; stored: Set<string> } | undefined;
      for (const stored of neighbours(decisions, chosen)) {
        const found = search.evaluate(stored);
        if (better(found, next?.found ?? best)) next = { found, stored };
      }
      if (next) {
        [best, chosen] = [next.found, next.stored];
        improved = true;
      }
    }
  }
  if ("illegal" in best) return best;
  return { program, regions: best.regions, stored: best.stored, microseconds: best.microseconds, reasons: search.reasons(chosen, best) };
}

interface Legal {
  readonly regions: readonly PlacedRegion[];
  readonly stored: ReadonlySet<string>;
  readonly microseconds: number;
}

type Evaluation = Legal | Illegal;

const better = (a: Evaluation, b: Evaluation): boolean => !("illegal" in a) && ("illegal" in b || a.microseconds < b.microseconds - 1e-9);

/** Flip one decision, or store one and unstore another: moving the end of a kernel along a chain. */
function* neighbours(decisions: readonly Decision[], stored: ReadonlySet<string>): Generator<Set<string>> {
  const has = (decision: Decision): boolean => stored.has(decision[0] as string);
  const flip = (set: Set<string>, decision: Decision): Set<string> => {
    for (const name of decision) if (!set.delete(name)) set.add(name);
    return set;
  };
  for (const decision of decisions) yield flip(new Set(stored), decision);
  if (decisions.length > 60) return;
  for (const [i, a] of decisions.entries())
    for (const b of decisions.slice(Math.max(0, i - 6), i + 7)) if (has(a) && !has(b)) yield flip(flip(new Set(stored), a), b);
}

class Search {
  readonly decisions: Decision[];
  readonly #program: Program;
  readonly #options: PlaceOptions;
  readonly #byName: ReadonlyMap<string, Definition>;
  readonly #groups: readonly Definition[][];
  readonly #always: Set<string>;
  readonly #parameterOnly: (name: string) => boolean;
  readonly #partials = new Map<string, Definition[]>();
  readonly #ancestors: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #cache = new Map<string, { region: Region; cost: RegionCost } | Illegal>();

  constructor(program: Program, options: PlaceOptions) {
    this.#program = program;
    this.#options = options;
    this.#byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
    this.#parameterOnly = parameterOnly(program);
    const groups = foldGroups(options.e, { ...program, definitions: program.definitions.filter((definition) => !definition.partial) });
    for (const definition of program.definitions) {
      if (!definition.partial) continue;
      const { product } = definition.partial;
      this.#partials.set(product, [...(this.#partials.get(product) ?? []), definition]);
    }
    this.#groups = options.templates === "thread" ? groups.flatMap((group) => group.map((definition) => [definition])) : groups;
    this.#always = new Set(program.outputs.map((output) => output.definition));
    // R7: what depends on parameters alone runs once, in prepare; its folds and kept maps end there.
    for (const definition of program.definitions) if (this.#parameterOnly(definition.name)) this.#always.add(definition.name);
    // A tile's partial statistics are stored by the kernel that makes the tile, whenever somebody reads them.
    for (const definition of program.definitions) if (definition.partial) this.#always.add(definition.name);
    const grouped = new Set(groups.flat().map((definition) => definition.name));
    const singles = program.definitions.filter((definition) => !this.#always.has(definition.name) && !grouped.has(definition.name)).map((definition) => [definition.name]);
    const folds = this.#groups.map((group) => group.map((definition) => definition.name).filter((name) => !this.#always.has(name))).filter((names) => names.length > 0);
    this.decisions = [...singles, ...folds];
    this.#ancestors = ancestorsOf(program);
  }

  evaluate(chosen: ReadonlySet<string>): Evaluation {
    const stored = new Set([...chosen, ...this.#always]);
    const outputs = new Set(this.#program.outputs.map((output) => output.definition));
    const needed = [...new Set(this.#program.outputs.map((output) => output.definition))];
    const done = new Set<string>();
    const used = new Set<string>();
    const regions: PlacedRegion[] = [];
    let microseconds = 0;
    for (let name = needed.pop(); name !== undefined; name = needed.pop()) {
      if (done.has(name) || !this.#byName.has(name)) continue;
      let roots = this.#rootsOf(name, stored);
      let made = this.#region(roots, stored);
      if ("illegal" in made && roots.length > 1 && !this.#partials.has(roots[0] as string)) {
        // Folds that cannot share a kernel get one each.
        roots = [name];
        made = this.#region(roots, stored);
      }
      if ("illegal" in made) return made;
      for (const root of roots) done.add(root);
      const phase = this.#parameterOnly(name) && !outputs.has(name) ? "prepare" : "run";
      if (phase === "run") microseconds += made.cost.microseconds;
      regions.push({ roots, region: made.region, cost: made.cost, phase });
      for (const root of roots) used.add(root);
      for (const read of tensorsRead(made.region)) if (!roots.includes(read)) needed.push(read);
    }
    const order = new Map(this.#program.definitions.map((definition, i) => [definition.name, i]));
    regions.sort((a, b) => last(a.roots, order) - last(b.roots, order));
    return { regions, stored: used, microseconds };
  }

  #rootsOf(name: string, stored: ReadonlySet<string>): string[] {
    const product = this.#byName.get(name)?.partial?.product ?? name;
    const partials = this.#partials.get(product);
    if (partials) return [product, ...partials.map((definition) => definition.name)];
    const group = this.#groups.find((members) => members.some((member) => member.name === name));
    const together = group?.filter((member) => stored.has(member.name) && !this.#parameterOnly(member.name)).map((member) => member.name) ?? [];
    return together.length > 1 && together.includes(name) ? together : [name];
  }

  #region(roots: readonly string[], stored: ReadonlySet<string>): { region: Region; cost: RegionCost } | Illegal {
    const relevant = new Set(roots.flatMap((root) => [...(this.#ancestors.get(root) ?? [])].filter((name) => stored.has(name))));
    const key = `${roots.join("+")}|${stored.has(roots[0] as string)}|${[...relevant].sort().join(",")}`;
    const known = this.#cache.get(key);
    if (known) return known;
    const { e, context, templates, lanes } = this.#options;
    const partials = this.#partials.get(roots[0] as string) ?? [];
    const own = roots.map((root) => this.#byName.get(root) as Definition).filter((root) => !root.partial);
    const plain = partials.length > 0 && !stored.has(roots[0] as string) ? { illegal: `${roots[0]} is not in memory` } : buildRegion(e, this.#program, this.#byName, stored, own, templates);
    const region = partials.length > 0 && !isIllegal(plain) ? withPartials(e, plain, partials) : plain;
    const cost = isIllegal(region) ? region : costOf(region, context, lanes);
    const made = "illegal" in cost ? cost : { region: region as Region, cost };
    this.#cache.set(key, made);
    return made;
  }

  /** For each stored value: what would happen without it. */
  reasons(chosen: ReadonlySet<string>, best: Legal): Map<string, string> {
    const reasons = new Map<string, string>();
    const outputs = new Set(this.#program.outputs.map((output) => output.definition));
    for (const name of best.stored) {
      if (outputs.has(name)) continue;
      if (this.#parameterOnly(name)) {
        reasons.set(name, "parameters only: made once, in prepare");
        continue;
      }
      const partial = this.#byName.get(name)?.partial;
      if (partial) {
        reasons.set(name, `partial statistics: the rows of ${partial.product} span workgroups, and only a later dispatch can merge them`);
        continue;
      }
      const decision = this.decisions.find((names) => names.includes(name)) ?? [name];
      const without = this.evaluate(new Set([...chosen].filter((other) => !decision.includes(other))));
      reasons.set(name, "illegal" in without ? without.illegal : `cost: ${signed(without.microseconds - best.microseconds)} us without it`);
    }
    return reasons;
  }
}

const signed = (value: number): string => `${value >= 0 ? "+" : ""}${value.toFixed(1)}`;

const last = (roots: readonly string[], order: ReadonlyMap<string, number>): number => Math.max(...roots.map((root) => order.get(root) ?? 0));

export const isContraction = (e: Expressions, definition: Definition): boolean => contractionShape(e, definition) !== undefined;
