/**
 * Layer instances: which parameters a model owns, and under which paths. Each application of a layer is an instance of
 * its own, named after the layer (`dense`, `dense_2`); a `let` that names a layer makes one instance that is shared.
 */
import type { ParameterLeaf } from "../ir/node.ts";

/** One instance, or the model itself, whose path is empty. */
export interface Instance {
  readonly path: string;
  /** All parameters of the model, by path, in order of first use. */
  readonly parameters: Map<string, ParameterLeaf>;
  /** Names of sub-instances taken during the present application. */
  readonly taken: Set<string>;
}

export const rootInstance = (): Instance => ({ path: "", parameters: new Map(), taken: new Set() });

export const parameterPath = (instance: Instance, name: string): string => (instance.path === "" ? name : `${instance.path}.${name}`);

/** The sub-instance called `name`, or `name_2`, `name_3`, ... when that is taken. */
export function subInstance(parent: Instance, name: string): Instance {
  let chosen = name;
  for (let count = 2; parent.taken.has(chosen); count++) chosen = `${name}_${count}`;
  parent.taken.add(chosen);
  return { path: parameterPath(parent, chosen), parameters: parent.parameters, taken: new Set() };
}

/** The same instance for another application: its sub-instances get the same names again. */
export const reapply = (instance: Instance): Instance => ({ ...instance, taken: new Set() });

/** `LnLstm` becomes `ln_lstm`. */
export const snakeCase = (name: string): string =>
  name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/([A-Z])([A-Z][a-z])/g, "$1_$2").toLowerCase();
