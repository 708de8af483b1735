/**
 * The certificate of a plan: the program before fusion, the rewritten one and each kernel's region are evaluated over a finite
 * field on random data. Equal there means equal as formulas, whatever the order of sums; only functions that no rewrite may look
 * into (exp, sqrt, ...) are opaque. Flow: lowered program and plan -> here -> what differs.
 */
import { required } from "../errors.ts";
import { lengthOf } from "../folds/evaluate-expression.ts";
import type { Expr, Expressions, Range } from "../folds/expression.ts";
import { type Definition, type Monoid, monoidIdentity, type Program, tilePivot } from "../folds/node.ts";
import { foldsOf } from "../fusion/cost.ts";
import { productsOf, type Region, streamTotal } from "../fusion/region.ts";
import type { Bindings } from "../ir/extent.ts";
import { isFloat } from "../ir/types.ts";
import type { Plan } from "../plan.ts";
import { combine, compile, evaluateInField, folding, type Indices, loopOver, overBox, recurrenceInField, type Scope, type Stored } from "./evaluate-in-field.ts";
import { fromNumber, scramble } from "./field.ts";

/** What each output of a region is as its template computes it, from values in memory. */
function evaluateRegion(e: Expressions, region: Region, bindings: Bindings, stored: ReadonlyMap<string, Stored>): Map<string, Float64Array> {
  if (region.template === "sequence") {
    const results = recurrenceInField(region.recurrence, bindings, stored);
    return new Map(region.outputs.flatMap(({ definition }) => (definition.recurrence ? [[definition.name, required(results[definition.recurrence.result], "certificate", definition.name)] as const] : [])));
  }
  const at: Indices = [];
  const own = new Map<string, { readonly monoid: Monoid; readonly ranges: readonly Range[]; readonly body: Expr; readonly finish?: Expr }>();
  for (const { definition, ranges, body } of foldsOf(region)) own.set(definition.name, { monoid: definition.fold?.monoid ?? "sum", ranges, body });
  const product = (left: Expr, right: Expr, ranges: readonly Range[]): { readonly monoid: Monoid; readonly ranges: readonly Range[]; readonly body: Expr } => ({ monoid: "sum", ranges, body: e.apply("mul", left, right) });
  if (region.template === "contraction") for (const { definition, right } of productsOf(region)) own.set(definition.name, product(region.shape.left, right, region.shape.inner));
  if (region.template === "stream") {
    const { scores, shape } = region;
    own.set(scores.definition.name, product(scores.shape.left, scores.shape.right, scores.shape.inner));
    own.set(streamTotal, product(shape.left, shape.right, shape.inner));
    own.set(region.definition.name, { monoid: "sum", ranges: [], body: region.finish });
  }
  /** Ranges that a member's value depends on, also through members that its body reads without indices. */
  const freeRanges = (name: string): Set<Range> => {
    const member = own.get(name);
    const free = new Set([...(member?.body.ranges ?? []), ...(member?.body.loads ?? []).flatMap((load) => (own.has(load.source) ? [...freeRanges(load.source)] : []))]);
    for (const range of member?.ranges ?? []) free.delete(range);
    return free;
  };
  const made = new Map<string, () => number>();
  const scope: Scope = {
    bindings, at, stored,
    inside: ({ source }) => {
      const member = own.get(source);
      if (!member) return undefined;
      const known = made.get(source);
      if (known) return known;
      const outer = [...freeRanges(source)].map((range) => ({ id: range.id, length: lengthOf(range.extent, bindings) }));
      const values = new Map<number, number>();
      let compute: (() => number) | undefined;
      const value = (): number => {
        compute ??= folding({ monoid: member.monoid, ranges: member.ranges, body: compile(member.body, scope), float: isFloat(member.body.dtype) }, scope);
        let key = 0;
        for (const { id, length } of outer) key = key * length + (at[id] ?? 0);
        const before = values.get(key);
        if (before !== undefined) return before;
        // A range of its own may be that of a loop around it: the columns of a product, in an epilogue.
        const saved = member.ranges.map((range) => at[range.id]);
        const result = compute();
        values.set(key, result);
        member.ranges.forEach((range, i) => {
          const index = saved[i];
          if (index !== undefined) at[range.id] = index;
        });
        return result;
      };
      made.set(source, value);
      return value;
    },
  };
  return new Map(region.outputs.filter(({ definition }) => !definition.partial).map((output) => [output.definition.name, overBox(output.box, scope, compile(output.body, scope))]));
}

/** Random field elements, and small integers and truth values where the dtype is one. */
export function fieldData(program: Program, bindings: Bindings, seed: number): Map<string, Float64Array> {
  return new Map(program.sources.map(({ name, type }) => {
    const count = type.shape.reduce((product, extent) => product * lengthOf(extent, bindings), 1);
    return [name, Float64Array.from({ length: count }, (_, i) => {
      const value = scramble(name, seed, i);
      return isFloat(type.dtype) ? value : type.dtype === "bool" ? value % 2 : value % 5;
    })];
  }));
}

/** What of a plan is not what the program says; empty when all is. `bindings`: small lengths for every name. */
export function certify(e: Expressions, lowered: Program, plan: Plan, bindings: Bindings, seed: number): string[] {
  const sources = fieldData(lowered, bindings, seed);
  const before = evaluateInField(lowered, bindings, sources);
  const after = evaluateInField(plan.program, bindings, sources);
  const faults: string[] = [];
  const compare = (what: string, got: Float64Array | undefined, want: Float64Array): void => {
    const at = want.findIndex((value, i) => value !== got?.[i]);
    if (at >= 0 || got?.length !== want.length) faults.push(`${what} differs at element ${at}: ${got?.[at]} instead of ${want[at]}`);
  };
  const dataOf = (values: ReadonlyMap<string, Stored>, name: string): Float64Array => required(values.get(name), "certificate", name).data;
  for (const { name, definition } of plan.program.outputs) {
    const source = required(lowered.outputs.find((output) => output.name === name), "certificate", name);
    compare(`output '${name}' of the rewritten program`, dataOf(after, definition), dataOf(before, source.definition));
  }
  for (const { name, region } of plan.kernels) for (const [value, data] of evaluateRegion(e, region, bindings, after)) compare(`'${value}' as ${name} computes it`, data, dataOf(after, value));
  // The partial statistics that a tile emits, element by element, as its definition says them from memory.
  for (const definition of plan.program.definitions) if (definition.partial) compare(`'${definition.name}' from inside its tile`, partialInField(definition, definition.partial, plan.program, bindings, after), dataOf(after, definition.name));
  return faults;
}

function partialInField(definition: Definition, { product, width, element }: NonNullable<Definition["partial"]>, program: Program, bindings: Bindings, stored: ReadonlyMap<string, Stored>): Float64Array {
  const made = required(program.definitions.find(({ name }) => name === product), "certificate", product);
  const at: Indices = [];
  const columns = required(made.box.at(-1), "certificate", "columns");
  const length = lengthOf(columns.extent, bindings);
  let first = 0;
  const pivot = (): number => {
    const own = at[columns.id] ?? 0;
    at[columns.id] = first;
    const value = load();
    at[columns.id] = own;
    return value;
  };
  const scope: Scope = { bindings, at, stored, inside: (found) => (found.source === tilePivot ? pivot : undefined) };
  const { data, shape } = required(stored.get(product), "certificate", product);
  const load = (): number => data[made.box.reduce((offset, range, axis) => offset * (shape[axis] as number) + (at[range.id] ?? 0), 0)] ?? 0;
  const body = compile(element, scope);
  const monoid = definition.fold?.monoid ?? "sum";
  const out: number[] = [];
  loopOver(made.box.slice(0, -1), scope)(() => {
    for (first = 0; first < length; first += width) {
      let total = fromNumber(monoidIdentity[monoid]);
      for (let i = first; i < Math.min(length, first + width); i++) {
        at[columns.id] = i;
        total = combine[monoid](total, body());
      }
      out.push(total);
    }
  });
  return Float64Array.from(out);
}
