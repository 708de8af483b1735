/** The derivation of one kernel: which rules put which parts of the program into it, told from its region. */
import { loadsOf } from "../folds/expression.ts";
import { foldsOf } from "./cost.ts";
import { productsOf, type Region } from "./region.ts";
import type { Application } from "./rules/rule.ts";

/** Applications of a whole program by the definitions that they concern. */
export function bySubject(applied: readonly Application[]): ReadonlyMap<string, readonly Application[]> {
  const found = new Map<string, Application[]>();
  for (const application of applied) for (const subject of application.subjects) found.set(subject, [...(found.get(subject) ?? []), application]);
  return found;
}

/** `applied`: the algebraic rules of the whole program; those that concern the region's values come first. */
export function derivationOf(region: Region, applied: ReadonlyMap<string, readonly Application[]>): Application[] {
  const own = new Set([...region.outputs.map((output) => output.definition.name), ...foldsOf(region).map((member) => member.definition.name)]);
  if (region.template === "contraction") for (const product of productsOf(region)) own.add(product.definition.name);
  if (region.template === "stream") own.add(region.definition.name).add(region.scores.definition.name);
  const read = new Set([...region.outputs.map((output) => output.body), ...foldsOf(region).map((member) => member.body)].flatMap(loadsOf).map((load) => load.source));
  const algebra = [...new Set([...own, ...read].flatMap((name) => applied.get(name) ?? []))];
  return [...algebra, ...placementRules(region)];
}

const application = (rule: string, subjects: readonly string[], ...conditions: readonly string[]): Application => ({
  rule, class: rule.startsWith("R8") ? "reassociated" : "exact", subjects, conditions,
});

function placementRules(region: Region): Application[] {
  const outputs = region.outputs.map((output) => output.definition.name);
  const rules: Application[] = [];
  const inlined = region.outputs.some((output) => output.body.kind !== "load" && !output.definition.partial) || (region.template === "contraction" && (region.shape.left.kind !== "load" || region.shape.right.kind !== "load"));
  if (inlined) rules.push(application("R1 inline map", outputs, "a map is recomputed where it is read"));
  if (region.outputs.length > 1) rules.push(application("R5 several outputs", outputs, "equal rows"));
  switch (region.template) {
    case "elementwise":
      break;
    case "rows":
    case "thread":
      if (region.folds.length > 1) rules.push(application("R4 share a pass", names(region.folds), "equal boxes after renaming"));
      rules.push(application("R10 own the row", names(region.folds), region.template === "rows" ? "one team of invocations has the whole row" : "one invocation folds the row serially"));
      if (region.template === "rows") rules.push(application("R8 split and merge", names(region.folds), "the monoids are associative; lanes merge in a fixed order"));
      break;
    case "stream":
      rules.push(application("R8 split and merge", [region.definition.name, ...names(region.folds)], "the sums over k run step by step, in order"));
      rules.push(application("R2 inline into fold", [region.scores.definition.name], "each element is used where it is made, for one row and one k"));
      if (region.shift) rules.push({ rule: "R9 rescale", class: "real-equal", subjects: [region.shift.definition.name, region.definition.name, ...names(region.folds)], conditions: ["the sums have the factor exp(a - m), and m is the maximum of a over the same axis"] });
      if (region.prologue.length > 0) rules.push(application("R10 own the row (prologue)", names(region.prologue), "one invocation has the whole row"));
      if (region.epilogue.length > 0) rules.push(application("R10 own the row (epilogue)", names(region.epilogue), "one invocation has the whole row"));
      break;
    case "contraction":
      rules.push(application("R8 split and merge", [region.definition.name], "the sum over the contracted axis runs block by block, in order"));
      if (region.siblings.length > 0) rules.push(application("R5 share the left operand", productsOf(region).map((product) => product.definition.name), "equal left operands after renaming", "equal boxes"));
      if (region.shape.left.kind !== "load") rules.push(application("R2 inline into fold", [region.definition.name], "the left operand is made while it is staged, once per tile of columns"));
      if (region.prologue.length > 0) rules.push(application("R10 own the row (prologue)", names(region.prologue), "every workgroup reads whole rows of the left operand"));
      if (region.ride.length > 0) rules.push(application("R4 ride", names(region.ride), "same contracted axis; read only after the loop"));
      if (region.epilogue.length > 0) rules.push(application("R10 own the row (epilogue)", names(region.epilogue), "the workgroup holds whole rows of the product in registers"));
      if (region.outputs[0]?.definition !== region.definition) rules.push(application("R3 epilogue", outputs, "the map has the product's own box"));
      break;
    case "sequence": {
      const { recurrence, shape } = region;
      rules.push(application("R12 leave the loop", [recurrence.name], "what does not depend on a carry is made for all steps at once"));
      rules.push(application("R10 own the row", recurrence.carries.map((carry) => carry.name), shape.rows.length === 0 ? "one workgroup has all that is carried" : "no step reads other rows than its own"));
      rules.push(application("R8 split and merge", shape.stages.filter((stage) => stage.definition.fold).map((stage) => stage.name), "the monoids are associative; invocations merge in a fixed order"));
      break;
    }
    default:
      return region satisfies never;
  }
  return rules;
}

const names = (members: readonly { readonly definition: { readonly name: string } }[]): string[] => members.map((member) => member.definition.name);
