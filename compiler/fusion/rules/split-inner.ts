/**
 * R8, split the contracted axis: a product with few rows and columns but many terms leaves most of a device idle. Its sum is
 * cut into parts that are summed side by side, and a second fold adds the parts in order. class: reassociated.
 */
import { type Expressions, type Range } from "../../folds/expression.ts";
import { addIndex, scaleIndex, unflattenIndex } from "../../folds/index-arithmetic.ts";
import { sortDefinitions, substitute } from "../../folds/inline.ts";
import type { Definition, Program } from "../../folds/node.ts";
import { constantExtent, extentValue, productOfExtents } from "../../ir/extent.ts";
import type { Rewritten } from "./projection.ts";

/** Terms of a part at least: shorter sums are no work for an invocation. */
const shortest = 64;

/** The program with the sum `name` in `parts` parts, or undefined when its length is not a multiple of them. */
export function splitInner(e: Expressions, program: Program, name: string, parts: number): Rewritten | undefined {
  const definition = program.definitions.find((candidate) => candidate.name === name);
  const inner = definition?.fold?.ranges;
  const length = inner && extentValue(productOfExtents(inner.map((range) => range.extent)));
  if (!definition || !inner || definition.fold?.monoid !== "sum" || length === undefined || length % (parts * 4) !== 0 || length / parts < shortest) return undefined;
  const box = definition.box.map((range) => e.range(range.name, range.extent));
  const part = e.range("part", constantExtent(parts));
  const step = e.range("k", constantExtent(length / parts));
  const flat = addIndex(e, scaleIndex(e, e.index(part), constantExtent(length / parts)), e.index(step));
  const at = unflattenIndex(e, flat, inner.map((range) => range.extent));
  const by = new Map<Range, ReturnType<typeof e.index>>([...definition.box.map((range, i) => [range, e.index(box[i] as Range)] as const), ...inner.map((range, i) => [range, at[i] as ReturnType<typeof e.index>] as const)]);
  const partial: Definition = { ...definition, name: `${name}.parts`, box: [part, ...box], fold: { monoid: "sum", ranges: [step] }, body: substitute(e, definition.body, by) };
  const number = e.range("part", constantExtent(parts));
  const whole: Definition = { ...definition, fold: { monoid: "sum", ranges: [number] }, body: e.load(partial.name, [e.index(number), ...definition.box.map((range) => e.index(range))], definition.dtype) };
  return {
    program: { ...program, definitions: sortDefinitions([...program.definitions.map((candidate) => (candidate === definition ? whole : candidate)), partial]) },
    applications: [{ rule: "R8 split the contracted axis", class: "reassociated", subjects: [name, partial.name], conditions: [`${parts} parts of ${length / parts} terms each, added in order`] }],
  };
}
