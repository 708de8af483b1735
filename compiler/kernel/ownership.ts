/**
 * Which invocation has an element of a buffer to itself. `isInjective`: no two invocations, turns of loops or statements
 * store the same element. `ownsInterval`: what an owner (a workgroup, or an invocation) touches lies in an interval that no
 * other owner touches. Both take an index apart as a number of mixed radix. Flow: index-form.ts -> here -> in-place.ts.
 */
import type { Facts } from "./factors.ts";
import type { IndexForms } from "./index-form.ts";
import { constantOf, divide, factor, factorsOf, keyOf, minus, partOf, type Polynomial, samePolynomial, times, valueOf } from "./polynomial.ts";

/** The first of some consecutive elements that a statement touches. */
export interface Place {
  readonly form: Polynomial;
  readonly facts: Facts;
  /** unit: elements */
  readonly lanes: number;
}

/** What is known of the one who stored, once its element is. */
interface Known {
  /** Names of factors with a value. */
  readonly factors: Set<string>;
  /** Values that tell statements apart, one list for each digit. */
  readonly digits: (readonly number[])[];
}

/** Divisors that may part an index: the grid's lengths, those that the index mentions, and its coefficients, largest first. */
function divisorsOf(forms: IndexForms, p: Polynomial, constants: readonly number[] = []): readonly Polynomial[] {
  const coefficients = [...p].filter(([monomial]) => monomial !== "").map(([, coefficient]) => coefficient);
  const numbers = [...new Set([...coefficients, ...constants].map(Math.abs))].filter((number) => number > 0).sort((a, b) => b - a);
  const lengths = [...p.keys()].flatMap((monomial) => {
    const factors = factorsOf(monomial);
    const named = factors.filter((name) => name.startsWith("#")).map(factor);
    return named.length > 0 && named.length < factors.length ? [named.reduce(times), ...named] : [];
  });
  const counts = [...forms.counts.values()].filter((count) => valueOf(count) === undefined);
  return [...new Map([...counts, ...lengths, ...numbers.map(constantOf)].map((divisor) => [keyOf(divisor), divisor])).values()];
}

/** Is 0 <= p and p + lanes <= end? Where both are multiples of `lanes`, p < end is enough. */
function isWithin(forms: IndexForms, p: Polynomial, end: Polynomial, { facts, lanes }: Omit<Place, "form">): boolean {
  const aligned = [...p.values(), ...end.values()].every((coefficient) => coefficient % lanes === 0);
  return forms.factors.low(p, facts) >= 0 && forms.factors.low(minus(minus(end, constantOf(aligned ? 1 : lanes)), p), facts) >= 0;
}

const constantPart = (p: Polynomial): number => p.get("") ?? 0;

const varyingPart = (p: Polynomial): Polynomial => partOf(p, (factors) => factors.length > 0);

/** Reads off digits until each is one factor or a constant. The places are those of the statements that store to one buffer. */
function decode(forms: IndexForms, places: readonly Place[], known: Known): boolean {
  const [first] = places;
  if (!first) return true;
  const { lanes } = first;
  const common = varyingPart(first.form);
  if (places.every(({ form }) => samePolynomial(varyingPart(form), common))) {
    const constants = places.map(({ form }) => constantPart(form));
    const [only, ...more] = common;
    if (!only) {
      known.digits.push(constants);
      return [...new Set(constants)].sort((a, b) => a - b).every((constant, i, all) => i === 0 || constant - (all[i - 1] ?? 0) >= lanes);
    }
    if (more.length === 0 && factorsOf(only[0]).length === 1 && constants.every((constant) => constant === 0)) {
      known.factors.add(only[0]);
      return only[1] >= lanes;
    }
  }
  return divisorsOf(forms, first.form, places.map(({ form }) => constantPart(form))).some((divisor) => {
    const parts = places.map(({ form }) => divide(form, divisor));
    if (valueOf(divisor) === 1 || !parts.every(({ rest }, i) => isWithin(forms, rest, divisor, places[i] ?? first))) return false;
    const attempt: Known = { factors: new Set(), digits: [] };
    const quotients = parts.map(({ quotient }, i): Place => ({ form: quotient, facts: places[i]?.facts ?? [], lanes: 1 }));
    const rests = parts.map(({ rest }, i): Place => ({ form: rest, facts: places[i]?.facts ?? [], lanes }));
    const shrinks = quotients.some(({ form }) => form.size > 0);
    if (!shrinks || !decode(forms, quotients, attempt) || !decode(forms, rests, attempt)) return false;
    for (const name of attempt.factors) known.factors.add(name);
    known.digits.push(...attempt.digits);
    return true;
  });
}

/** Adds what follows: the value that quotient and remainder are of, and the factors of that. */
function close(forms: IndexForms, known: Known, facts: Facts): void {
  const isKnown = (kind: "quotient" | "remainder", of: Polynomial, by: number): boolean => known.factors.has(forms.factors.nameOf(kind, of, by));
  for (const name of [...forms.factors.divided, ...forms.counts.keys()]) if (forms.factors.low(factor(name), facts) === forms.factors.high(factor(name), facts)) known.factors.add(name);
  for (;;) {
    const before = known.factors.size;
    for (const name of forms.factors.divided) {
      const parts = forms.factors.parts(name);
      if (!parts || !known.factors.has(name)) continue;
      const { kind, of, by } = parts;
      const [inner] = of.size === 1 ? of.keys() : [];
      const within = inner === undefined ? undefined : forms.factors.parts(inner);
      // a from a / b and a % b; a % c from (a % c) / b and a % b where b divides c; a / c from (a / c) % b and a / (b c).
      const whole =
        kind === "quotient"
          ? isKnown("remainder", of, by) || (within?.kind === "remainder" && within.by % by === 0 && isKnown("remainder", within.of, by))
          : within?.kind === "quotient" && isKnown("quotient", within.of, within.by * by);
      if (!whole) continue;
      const found: Known = { factors: new Set(), digits: [] };
      if (decode(forms, [{ form: minus(of, constantOf(constantPart(of))), facts, lanes: 1 }], found)) for (const each of found.factors) known.factors.add(each);
    }
    if (known.factors.size === before) return;
  }
}

/** The facts that all places have. */
const sharedFacts = (places: readonly Place[]): Facts => (places[0]?.facts ?? []).filter((fact) => places.every(({ facts }) => facts.some((other) => samePolynomial(fact, other))));

/**
 * Does each element that these statements store come from one of them, in one invocation, at one turn of its loops?
 * `turns`: names of the factors that tell the turns of the loops around the stores apart.
 */
export function isInjective(forms: IndexForms, places: readonly Place[], turns: readonly string[]): boolean {
  const known: Known = { factors: new Set(), digits: [] };
  if (new Set(places.map(({ lanes }) => lanes)).size > 1 || !decode(forms, places, known)) return false;
  close(forms, known, sharedFacts(places));
  const told = places.every((_, i) => places.every((_other, j) => i === j || known.digits.some((digit) => digit[i] !== digit[j])));
  return told && [...forms.counts.keys(), ...turns].every((name) => known.factors.has(name));
}

/**
 * Do all places lie in an interval of their own for each value of the owner's coordinates? The interval starts where the part
 * of the index that they make is; it is as long as that part's least step.
 */
export function ownsInterval(forms: IndexForms, places: readonly Place[], owner: ReadonlySet<string>): boolean {
  const [first] = places;
  if (!first) return true;
  const ownPart = (form: Polynomial): Polynomial => partOf(form, (factors) => factors.some((name) => owner.has(name)));
  const start = ownPart(first.form);
  if (!places.every(({ form }) => samePolynomial(ownPart(form), start))) return false;
  const coordinates = [...forms.counts.keys()].filter((name) => owner.has(name));
  if (coordinates.length === 0) return true;
  const facts = sharedFacts(places);
  return divisorsOf(forms, start).some((length) => {
    const { quotient, rest } = divide(start, length);
    if (rest.size > 0 || !places.every((place) => isWithin(forms, minus(place.form, start), length, place))) return false;
    const known: Known = { factors: new Set(), digits: [] };
    if (!decode(forms, [{ form: quotient, facts, lanes: 1 }], known)) return false;
    close(forms, known, facts);
    return coordinates.every((name) => known.factors.has(name));
  });
}
