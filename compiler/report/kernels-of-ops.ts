/**
 * Which kernels compute each op of a model: told back from the regions of the plan, through the program before fusion. Flow:
 * plan and lowered program -> here -> edges.ts, picture.ts, page.ts.
 */
import { loadsOf } from "../folds/expression.ts";
import { definitionNames } from "../folds/lower.ts";
import type { Definition, Program } from "../folds/node.ts";
import { foldsOf } from "../fusion/cost.ts";
import { productsOf, type Region } from "../fusion/region.ts";
import type { TensorFunction, TensorNode } from "../ir/node.ts";
import type { Plan, PlannedKernel } from "../plan.ts";

export interface OpPlaces {
  /** Kernels of the run that compute the op, by their places in it; several where a map is computed again. Empty: made in prepare, or nothing is. */
  readonly kernels: ReadonlyMap<TensorNode, readonly number[]>;
  /** The value in memory that holds the op's result, by its name in the plan. */
  readonly stored: ReadonlyMap<TensorNode, string>;
}

/** Definitions that a region makes itself. */
function definitionsIn(region: Region): Definition[] {
  const products = region.template === "contraction" ? productsOf(region).map((product) => product.definition) : region.template === "stream" ? [region.definition, region.scores.definition] : [];
  return [...region.outputs.map((output) => output.definition), ...products, ...foldsOf(region).map((member) => member.definition)];
}

export function placesOfOps(fn: TensorFunction, lowered: Program, plan: Plan): OpPlaces {
  const byName = new Map(lowered.definitions.map((definition) => [definition.name, definition]));
  /** A rule names what it makes after what it made it from: `a.weight` of `a`. */
  const originalOf = (name: string): string | undefined => {
    for (let end = name.length; end > 0; end = name.lastIndexOf(".", end - 1)) if (byName.has(name.slice(0, end))) return name.slice(0, end);
    return undefined;
  };
  const run = plan.kernels.filter((kernel) => kernel.phase === "run");
  const owners = new Map<string, Set<number>>();
  const add = (name: string | undefined, kernel: number): void => {
    if (name !== undefined) owners.set(name, (owners.get(name) ?? new Set()).add(kernel));
  };
  const storedAs = new Map<string, string>();
  run.forEach((kernel, i) => {
    for (const name of madeBy(kernel)) add(originalOf(name), i);
    for (const { definition } of kernel.region.outputs)
      for (const name of alsoCalled(kernel, definition.name)) {
        const original = originalOf(name) ?? name;
        // Partial statistics are named after their product, which is in memory itself.
        if (!storedAs.has(original) || original === definition.name) storedAs.set(original, definition.name);
      }
  });
  const users = new Map<string, string[]>();
  for (const definition of lowered.definitions)
    for (const load of loadsOf(definition.body)) users.set(load.source, [...(users.get(load.source) ?? []), definition.name]);
  // What no region names is computed inside the kernels of its users.
  for (const { name } of [...lowered.definitions].reverse())
    if (!owners.has(name) && !storedAs.has(name)) for (const user of users.get(name) ?? []) for (const kernel of owners.get(user) ?? []) add(name, kernel);
  const kernels = new Map<TensorNode, readonly number[]>();
  const stored = new Map<TensorNode, string>();
  const prepared = new Set(plan.kept.filter((value) => value.phase === "prepare").map((value) => originalOf(value.value)));
  for (const [node, name] of definitionNames(fn)) {
    kernels.set(node, prepared.has(name) && !storedAs.has(name) && !owners.has(name) ? [] : [...(owners.get(name) ?? [])].sort((a, b) => a - b));
    const value = storedAs.get(name);
    if (value !== undefined) stored.set(node, value);
  }
  return { kernels, stored };
}

const madeBy = (kernel: PlannedKernel): string[] => definitionsIn(kernel.region).flatMap(({ name }) => alsoCalled(kernel, name));

/** A joined product stands for all that were joined. */
function alsoCalled(kernel: PlannedKernel, name: string): string[] {
  const joins = kernel.derivation.filter((application) => application.rule === "R5 join products" && name.startsWith(application.subjects[0] ?? name));
  return [name, ...joins.flatMap((application) => application.subjects.slice(2))];
}
