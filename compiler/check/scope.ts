/** What a name means at a place: local value, extent, declaration, import, library function or built-in op, in this order. */
import { catalog, diagnose } from "../diagnostics/catalog.ts";
import type { Extent } from "../ir/extent.ts";
import { Graph } from "../ir/graph.ts";
import { isCallable, type Op } from "../ops/define.ts";
import { operations } from "../ops/index.ts";
import type { ConstDeclaration, FunctionDeclaration, TrainDeclaration } from "../syntax/tree.ts";
import { languageFunctions, plannedFunctions } from "./language-functions.ts";
import type { Module } from "./modules.ts";
import type { Frame } from "./session.ts";
import { errorValue, type Value } from "./values.ts";

export type Found =
  | { readonly kind: "local"; readonly value: Value }
  | { readonly kind: "extent"; readonly extent: Extent }
  | { readonly kind: "constant"; readonly value: Value }
  | { readonly kind: "function"; readonly declaration: FunctionDeclaration; readonly module: Module }
  | { readonly kind: "train"; readonly declaration: TrainDeclaration }
  | { readonly kind: "op"; readonly op: Op }
  | { readonly kind: "language"; readonly name: string }
  | { readonly kind: "planned" }
  | { readonly kind: "nothing" };

/** Looks a name up; reading a local marks it as used. */
export function findName(name: string, frame: Frame): Found {
  const local = frame.locals.get(name);
  if (local) {
    local.used = true;
    return { kind: "local", value: local.value };
  }
  const extent = frame.extents.get(name);
  if (extent) return { kind: "extent", extent };
  const binding = frame.module.names.get(name) ?? frame.session.library.get(name);
  if (binding) {
    const { declaration, module } = binding;
    switch (declaration.kind) {
      case "const":
        return { kind: "constant", value: constantValue(declaration, module, frame) };
      case "train":
        return { kind: "train", declaration };
      case "fn":
      case "layer":
      case "model":
        return { kind: "function", declaration, module };
      default:
        return declaration satisfies never;
    }
  }
  const op = operations.get(name);
  // Leaves are made by declarations and literals, not called.
  if (op && isCallable(op)) return { kind: "op", op };
  if (languageFunctions.has(name)) return { kind: "language", name };
  return { kind: plannedFunctions.has(name) ? "planned" : "nothing" };
}

/** All names that `findName` would find, for hints. */
export const visibleNames = (frame: Frame): string[] => [
  ...frame.locals.keys(), ...frame.extents.keys(), ...frame.module.names.keys(), ...frame.session.library.keys(), ...[...operations.values()].filter(isCallable).map((op) => op.name),
  ...languageFunctions.keys(),
];

/** The value of a constant, computed at its first use. reports: what is not a constant, and constants defined by themselves. */
export function constantValue(declaration: ConstDeclaration, module: Module, frame: Frame): Value {
  const { session } = frame;
  const known = session.constants.get(declaration);
  if (known === "evaluating") {
    const pending = [...session.constants].filter(([, value]) => value === "evaluating").map(([member]) => member);
    const cycle = [...pending.slice(pending.indexOf(declaration)), declaration].map((member) => member.name.text).join(" -> ");
    session.diagnostics.push(diagnose(catalog.recursion, declaration.name.span, [cycle], { hint: "a constant cannot be defined by itself" }));
    session.constants.set(declaration, errorValue);
    return errorValue;
  }
  if (known) return known;
  session.constants.set(declaration, "evaluating");
  const value = declaration.broken ? errorValue : evaluateConstant(declaration, module, frame);
  // A cycle was reported at the declaration meanwhile.
  const result = session.constants.get(declaration) === errorValue ? errorValue : value;
  session.constants.set(declaration, result);
  return result;
}

function evaluateConstant(declaration: ConstDeclaration, module: Module, frame: Frame): Value {
  const { session } = frame;
  const inner: Frame = {
    session, module, declaration: undefined, graph: new Graph(), extents: new Map(), lead: undefined, dtypes: new Map(), locals: new Map(),
    instance: undefined, sink: session.diagnostics, calls: new Map(), isOwnCheck: true, otherwise: false,
  };
  const value = session.walk.evaluate(declaration.value, inner);
  if (value.kind === "number" || value.kind === "boolean" || value.kind === "list" || value.kind === "error") return value;
  session.diagnostics.push(
    diagnose(catalog.notConstant, declaration.value.span, [declaration.name.text], { hint: "constants are numbers, truth values and lists of them; use a 'fn' for anything else" }),
  );
  return errorValue;
}
