/** Which values are worth deciding about: those that a kernel could end at. All other maps are inlined at once. */
import { type Expressions, loadsOf } from "../folds/expression.ts";
import { inlineMaps } from "../folds/inline.ts";
import type { Definition, Program } from "../folds/node.ts";
import { sameExtent } from "../ir/extent.ts";
import { contractionShape } from "./contraction-shape.ts";
import { parameterOnly } from "./rules/defer.ts";

/** Users of each definition, by name. */
export function usersOf(program: Program): Map<string, Definition[]> {
  const users = new Map<string, Definition[]>();
  for (const definition of program.definitions)
    for (const source of new Set(loadsOf(definition.body).map((load) => load.source))) {
      const known = users.get(source);
      if (known) known.push(definition);
      else users.set(source, [definition]);
    }
  return users;
}

/**
 * Maps to keep by name: outputs, operands of contractions, and values that branch to different places (a residual
 * stream). A value all of whose users end in the same kernels anyway, such as the centred row inside a norm, is not one.
 */
export function candidateMaps(e: Expressions, program: Program): Set<string> {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const users = usersOf(program);
  const isOutput = new Set(program.outputs.map((output) => output.definition));
  const fromParameters = parameterOnly(program);
  // What depends on constants alone is always cheaper to compute again.
  const fromData = new Set(program.sources.map((source) => source.name));
  for (const definition of program.definitions) if (loadsOf(definition.body).some((load) => fromData.has(load.source))) fromData.add(definition.name);
  // The indices of a product stand in the maps between it and its operands; through branches nothing is followed, or a long
  // chain of them would be walked again for each product.
  const chained = (name: string): Definition | undefined => ((users.get(name)?.length ?? 0) > 1 ? undefined : byName.get(name));
  const isContraction = (definition: Definition): boolean => definition.fold !== undefined && contractionShape(e, { ...definition, body: inlineMaps(e, definition.body, chained) }) !== undefined;
  const contractions = new Set(program.definitions.filter(isContraction).map((definition) => definition.name));
  const candidates = new Set<string>(isOutput);
  // What a recurrence reads it finds in memory.
  for (const definition of program.definitions) if (definition.recurrence) for (const name of [definition.name, ...loadsOf(definition.body).map((load) => load.source)]) candidates.add(name);
  for (const name of contractions)
    for (const load of loadsOf((byName.get(name) as Definition).body)) {
      const operand = nontrivial(byName, load.source);
      if (operand && !operand.fold && !fromParameters(operand.name) && fromData.has(operand.name)) candidates.add(operand.name);
    }
  const sinks = new Sinks([...contractions, ...isOutput]);
  for (const definition of [...program.definitions].reverse()) {
    const reached = (users.get(definition.name) ?? []).map((user) => (contractions.has(user.name) ? sinks.only(user.name) : sinks.of(user.name)));
    if (isOutput.has(definition.name)) sinks.set(definition.name, [...reached, sinks.only(definition.name)]);
    else sinks.set(definition.name, reached);
    const first = reached[0];
    if (first && !reached.every((other) => sameBits(other, first)) && !definition.fold && !fromParameters(definition.name) && fromData.has(definition.name)) candidates.add(definition.name);
  }
  return candidates;
}

/** Contractions and outputs that values end in, as sets of bits: a residual stream ends in all that come after it. */
class Sinks {
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #none: Uint32Array;
  readonly #of = new Map<string, Uint32Array>();
  readonly #only = new Map<string, Uint32Array>();

  constructor(names: readonly string[]) {
    this.#numbers = new Map(names.map((name, i) => [name, i]));
    this.#none = new Uint32Array((names.length >> 5) + 1);
  }

  only(name: string): Uint32Array {
    const known = this.#only.get(name);
    if (known) return known;
    const number = this.#numbers.get(name) ?? 0;
    const made = this.#none.slice();
    made[number >> 5] = 1 << (number & 31);
    this.#only.set(name, made);
    return made;
  }

  of(name: string): Uint32Array {
    return this.#of.get(name) ?? this.#none;
  }

  /** The union; the same object where one is all. */
  set(name: string, sets: readonly Uint32Array[]): void {
    const [first = this.#none, ...others] = sets.filter((set, i) => sets.indexOf(set) === i);
    const all = others.length > 0 ? first.slice() : first;
    for (const set of others) for (let i = 0; i < set.length; i++) all[i] = (all[i] as number) | (set[i] as number);
    this.#of.set(name, others.find((set) => sameBits(set, all)) ?? (sameBits(first, all) ? first : all));
  }
}

function sameBits(a: Uint32Array, b: Uint32Array): boolean {
  if (a === b) return true;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A map that only renames indices of another value is decided about there. */
function nontrivial(byName: ReadonlyMap<string, Definition>, name: string): Definition | undefined {
  const definition = byName.get(name);
  if (!definition || definition.fold || definition.body.kind !== "load") return definition;
  return nontrivial(byName, definition.body.source);
}

/** Folds that are no contraction, grouped when one needs another of the very same row: a statistic with its pivot. */
export function foldGroups(e: Expressions, program: Program): Definition[][] {
  const sources = new Map(program.definitions.map((definition) => [definition.name, [...new Set(loadsOf(definition.body).map((load) => load.source))]]));
  const groupOf = new Map<string, Definition[]>();
  const groups: Definition[][] = [];
  /** Does anything among `from` need a member of `group`, when each group is one kernel? */
  const reaches = (from: readonly string[], group: readonly Definition[]): boolean => {
    const seen = new Set<string>();
    const queue = [...from];
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (seen.has(name)) continue;
      seen.add(name);
      if (groupOf.get(name) === group) return true;
      for (const member of groupOf.get(name) ?? [{ name }]) queue.push(...(sources.get(member.name) ?? []));
    }
    return false;
  };
  for (const definition of program.definitions) {
    if (!definition.fold || contractionShape(e, definition)) continue;
    const ownRow = definition.box.map((range) => e.index(range));
    const needs = loadsOf(definition.body);
    const mayJoin = (group: Definition[]): boolean => {
      const own = needs.filter((load) => groupOf.get(load.source) === group);
      if (own.length === 0 || !group.every((member) => sameRows(member, definition)) || !own.every((load) => load.indices.every((index, axis) => index === ownRow[axis]))) return false;
      // What lies between two members could be in memory: their kernel would wait for itself.
      return !reaches((sources.get(definition.name) ?? []).filter((name) => groupOf.get(name) !== group), group);
    };
    const home = groups.find(mayJoin) ?? [];
    if (home.length === 0) groups.push(home);
    home.push(definition);
    groupOf.set(definition.name, home);
  }
  return groups;
}

const sameRows = (a: Definition, b: Definition): boolean => a.box.length === b.box.length && a.box.every((range, i) => sameExtent(range.extent, (b.box[i] as (typeof b.box)[number]).extent));
