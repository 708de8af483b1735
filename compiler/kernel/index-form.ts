/**
 * Index expressions as polynomials over what tells invocations and turns of loops apart: the workgroup's coordinates, the
 * invocation's number and, for each loop, how many turns it has made. With them the facts that hold where an access stands:
 * guards and ends of loops. Flow: kernel IR, factors.ts -> here -> ownership.ts, in-place.ts.
 */
import type { ExtentTree } from "../ir/extent.ts";
import { Factors, type Facts, natural } from "./factors.ts";
import type { Expression, Kernel, Statement } from "./node.ts";
import { constantOf, divide, factor, keyOf, minus, one, partOf, plus, type Polynomial, polynomialOfExtent, samePolynomial, times, valueOf } from "./polynomial.ts";
import { visitStatements } from "./traverse.ts";

export type Loop = Extract<Statement, { kind: "for" }>;

/** What holds where a statement stands: the loops around it and the conditions of the branches, outermost first. */
export type Surroundings = readonly ({ readonly kind: "loop"; readonly loop: Loop } | { readonly kind: "guard"; readonly condition: Expression })[];

/** Loops whose turns are to be those of others, by the counter's name. */
export type Alias = ReadonlyMap<string, Loop>;

export const noAlias: Alias = new Map();

const groups = ["group_x", "group_y", "group_z"] as const;

export const groupFactors: ReadonlySet<string> = new Set(groups);

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));

/** Multiples of 16 that are not beyond 2047 are not beyond 2032. */
function tightened(fact: Polynomial): Polynomial {
  const constant = fact.get("") ?? 0;
  const unit = [...fact].reduce((found, [monomial, coefficient]) => (monomial === "" ? found : gcd(found, coefficient)), 0);
  return unit > 1 ? plus(fact, constantOf(Math.floor(constant / unit) * unit - constant)) : fact;
}

export class IndexForms {
  readonly #lets = new Map<string, Expression>();
  readonly #loops = new Map<string, Loop>();
  readonly factors = new Factors();
  /** Of the whole kernel: from its grid. */
  readonly #facts: Polynomial[] = [];
  /** Coordinates of the grid that have more than one value, with their number. */
  readonly counts = new Map<string, Polynomial>();

  constructor(kernel: Kernel) {
    const changing = new Set<string>();
    visitStatements(kernel.body, (statement) => {
      if (statement.kind === "let") this.#lets.set(statement.name, statement.value);
      if (statement.kind === "var" || statement.kind === "assign") changing.add(statement.name);
      if (statement.kind === "for") this.#loops.set(statement.name, statement);
    });
    for (const name of changing) this.#lets.delete(name);
    for (const [axis, name] of groups.entries()) this.#coordinate(name, kernel.grid[axis] ?? 1);
    this.#coordinate("thread", kernel.workgroupSize);
  }

  #coordinate(name: string, tree: ExtentTree): void {
    const count = this.#ofExtent(tree);
    const fixed = valueOf(count);
    this.factors.define(name, { kind: "range", range: fixed === undefined ? natural : { low: 0, high: Math.max(0, fixed - 1) } });
    if (fixed === 1) return;
    this.counts.set(name, count);
    if (fixed !== undefined) return;
    this.#facts.push(minus(minus(count, one), factor(name)));
    // g < floor(n / d), so d * g <= n - d.
    if (typeof tree === "object" && tree[0] === "/") {
      const [, n, d] = tree;
      const by = this.#ofExtent(d);
      this.#facts.push(minus(minus(this.#ofExtent(n), by), times(by, factor(name))));
    }
  }

  #ofExtent(tree: ExtentTree): Polynomial {
    return polynomialOfExtent(tree, (numerator, denominator) => {
      const name = `#(${keyOf(numerator)}) / (${keyOf(denominator)})`.replaceAll(" * ", ".");
      const quotient = factor(name);
      if (!this.factors.meaningOf(name)) this.#facts.push(minus(numerator, times(denominator, quotient)));
      this.factors.define(name, { kind: "range", range: natural });
      return quotient;
    });
  }

  /** start + step * turns, from the loop itself; under an alias, the turns are those of the other loop. */
  #counter(loop: Loop, facts: Facts, alias: Alias): Polynomial | undefined {
    const start = this.formOf(loop.start, facts, alias);
    const step = this.formOf(loop.step, facts, alias);
    if (!start || !step) return undefined;
    const turns = `turns of ${(alias.get(loop.name) ?? loop).name}`;
    if (!alias.has(loop.name) && !this.factors.meaningOf(turns)) this.factors.define(turns, { kind: "range", range: { low: 0, high: this.turnsOf(loop, facts, alias) } });
    return plus(start, times(step, factor(turns)));
  }

  /** The highest number of turns that a loop can have made at a turn of it; infinity if that is not known. */
  turnsOf(loop: Loop, facts: Facts, alias: Alias = noAlias): number {
    const [start, end, step] = [loop.start, loop.end, loop.step].map((bound) => this.formOf(bound, facts, alias));
    const by = step && valueOf(step);
    if (!start || !end || by === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, Math.floor(-this.factors.low(minus(plus(start, one), end), facts) / by));
  }

  /** What is known where something stands. Guards that are no comparisons of indices say nothing. */
  factsAt(surroundings: Surroundings, alias: Alias = noAlias): Facts {
    let facts: Facts = this.#facts;
    for (const around of surroundings) {
      if (around.kind === "guard") {
        facts = [...facts, ...this.#ofCondition(around.condition, facts, alias)];
        continue;
      }
      const counter = this.#counter(around.loop, facts, alias);
      const end = this.formOf(around.loop.end, facts, alias);
      if (counter && end) facts = [...facts, ...this.#split(minus(minus(end, one), counter))];
    }
    return facts;
  }

  /** Where the lesser of two is at least something, both are. */
  #split(fact: Polynomial): Polynomial[] {
    for (const [monomial, coefficient] of fact) {
      const meaning = this.factors.meaningOf(monomial);
      if (coefficient > 0 && meaning?.kind === "least") return meaning.of.flatMap((each) => this.#split(plus(minus(fact, times(constantOf(coefficient), factor(monomial))), each, coefficient)));
    }
    return [tightened(fact)];
  }

  #ofCondition(condition: Expression, facts: Facts, alias: Alias): Polynomial[] {
    const value = condition.kind === "ref" ? this.#lets.get(condition.name) : condition;
    const [left, right] = value?.kind === "instruction" ? value.args : [];
    if (value?.kind !== "instruction" || !left || !right) return [];
    if (value.op === "and") return [...this.#ofCondition(left, facts, alias), ...this.#ofCondition(right, facts, alias)];
    const [a, b] = [this.formOf(left, facts, alias), this.formOf(right, facts, alias)];
    if (!a || !b) return [];
    const [below, above] = [minus(b, a), minus(a, b)];
    switch (value.op) {
      case "lt": return this.#split(minus(below, one));
      case "le": return this.#split(below);
      case "gt": return this.#split(minus(above, one));
      case "ge": return this.#split(above);
      case "eq": return [below, above];
      default: return [];
    }
  }

  /** The form of an i32 expression; undefined for what memory, variables or other instructions decide. */
  formOf(e: Expression, facts: Facts, alias: Alias = noAlias): Polynomial | undefined {
    if (e.type.scalar !== "i32" || e.type.lanes !== 1) return undefined;
    if (e.kind === "const") return constantOf(e.value);
    if (e.kind === "extent") return this.#ofExtent(e.extent);
    if (e.kind === "builtin") {
      const meaning = this.factors.meaningOf(e.builtin);
      if (meaning?.kind !== "range") return undefined;
      return meaning.range.high === 0 ? constantOf(0) : factor(e.builtin);
    }
    if (e.kind === "ref") {
      const loop = this.#loops.get(e.name);
      if (loop) return this.#counter(loop, facts, alias);
      const value = this.#lets.get(e.name);
      return value && this.formOf(value, facts, alias);
    }
    if (e.kind !== "instruction") return undefined;
    const [a, b] = e.args.map((arg) => this.formOf(arg, facts, alias));
    if (!a) return undefined;
    if (e.op === "neg") return minus(constantOf(0), a);
    if (!b) return undefined;
    const by = valueOf(b);
    switch (e.op) {
      case "add": return plus(a, b);
      case "sub": return minus(a, b);
      case "mul": return times(a, b);
      case "div":
      case "rem": return by === undefined ? undefined : this.#quotient(e.op === "div" ? "quotient" : "remainder", a, by, facts);
      case "shift_right": return by === undefined ? undefined : this.#quotient("quotient", a, 2 ** by, facts);
      case "min": return this.#least(a, b, facts);
      case "max": return this.factors.low(minus(a, b), facts) >= 0 ? a : this.factors.low(minus(b, a), facts) >= 0 ? b : undefined;
      default: return undefined;
    }
  }

  /** Truncation is rounding down where nothing is negative. */
  #quotient(kind: "quotient" | "remainder", p: Polynomial, by: number, facts: Facts): Polynomial | undefined {
    if (by <= 0 || this.factors.low(p, facts) < 0) return undefined;
    const { quotient, rest } = divide(p, constantOf(by));
    const parted = this.factors.low(rest, facts) >= 0;
    const inner = parted ? rest : p;
    const whole = parted ? quotient : constantOf(0);
    if (this.factors.high(inner, facts) < by) return kind === "quotient" ? whole : inner;
    const name = this.factors.nameOf(kind, inner, by);
    this.factors.define(name, { kind, of: inner, by });
    return kind === "quotient" ? plus(whole, factor(name)) : factor(name);
  }

  /** min(a, b) is q + min(a - q, b - q), with the workgroup's part of `a` as q: what is left is the same for all workgroups that are whole. */
  #least(a: Polynomial, b: Polynomial, facts: Facts): Polynomial {
    if (this.factors.low(minus(b, a), facts) >= 0) return a;
    if (this.factors.low(minus(a, b), facts) >= 0) return b;
    const own = partOf(a, (factors) => factors.some((name) => groupFactors.has(name)));
    const of = [minus(a, own), minus(b, own)] as const;
    if (samePolynomial(of[0], of[1])) return a;
    const name = `min(${keyOf(of[0])}, ${keyOf(of[1])})`.replaceAll(" * ", ".");
    this.factors.define(name, { kind: "least", of });
    return plus(own, factor(name));
  }
}
