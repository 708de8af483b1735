/**
 * R5, share: products of one left operand with parameters become one product over their columns side by side, and each of
 * them a window of it. The joined right operand is made once, in prepare. class: exact. In: an inlined program.
 */
import { type Expr, type Expressions, loadsOf, type Range } from "../../folds/expression.ts";
import { inlineMaps, inlineProgram, sortDefinitions, substitute } from "../../folds/inline.ts";
import type { Definition, Program } from "../../folds/node.ts";
import { constantExtent, extentValue, sameExtent } from "../../ir/extent.ts";
import { type ContractionShape, contractionShape } from "../contraction-shape.ts";
import { unify } from "../unify.ts";
import { parameterOnly } from "./defer.ts";
import type { Rewritten } from "./projection.ts";

interface Member {
  readonly definition: Definition;
  readonly shape: ContractionShape;
  readonly column: Range;
  /** unit: columns */
  readonly width: number;
}

/** Contractions by equal left operands, in program order; those that stand alone are groups of one. */
export function sharedLeft(e: Expressions, program: Program): Definition[][] {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const groups = new Map<string, { definition: Definition; shape: ContractionShape }[][]>();
  const order: { definition: Definition; shape: ContractionShape }[][] = [];
  for (const definition of program.definitions) {
    if (!definition.fold || definition.partial) continue;
    const shape = contractionShape(e, { ...definition, body: inlineMaps(e, definition.body, (name) => byName.get(name)) });
    if (!shape) continue;
    const key = `${[...new Set(loadsOf(shape.left).map((load) => load.source))].join()}|${shape.inner.map((range) => range.extent.key).join()}`;
    const near = groups.get(key) ?? [];
    const home = near.find(([first]) => first !== undefined && sameLeft(e, first, { definition, shape }));
    if (home) home.push({ definition, shape });
    else {
      const own = [{ definition, shape }];
      near.push(own);
      order.push(own);
    }
    groups.set(key, near);
  }
  return order.map((group) => group.map(({ definition }) => definition));
}

function sameLeft(e: Expressions, a: { readonly definition: Definition; readonly shape: ContractionShape }, b: typeof a): boolean {
  if (a.shape.rows.length !== b.shape.rows.length || a.shape.inner.length !== b.shape.inner.length) return false;
  const own = [...a.shape.batch, ...a.shape.rows, ...a.shape.inner];
  const others = [...b.shape.batch, ...b.shape.rows, ...b.shape.inner];
  if (own.length !== others.length || !own.every((range, i) => sameExtent(range.extent, (others[i] as Range).extent))) return false;
  const bound = unify(a.shape.left, b.shape.left, new Set(own));
  return bound !== undefined && own.every((range, i) => (bound.get(range) ?? e.index(others[i] as Range)) === e.index(others[i] as Range));
}

/** The program with the products `names`, which share a left operand, as one; undefined when their columns cannot be joined. */
export function join(e: Expressions, program: Program, names: readonly string[]): Rewritten | undefined {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const isParameter = parameterOnly(program);
  const members: Member[] = [];
  for (const name of names) {
    const definition = byName.get(name);
    const shape = definition && contractionShape(e, { ...definition, body: inlineMaps(e, definition.body, (source) => byName.get(source)) });
    const column = definition?.box.at(-1);
    const width = column && extentValue(column.extent);
    if (!definition || !shape || !column || width === undefined || shape.batch.length > 0 || shape.columns.length !== 1 || shape.columns[0] !== column) return undefined;
    if (loadsOf(shape.right).length === 0 || !loadsOf(shape.right).every((load) => isParameter(load.source))) return undefined;
    members.push({ definition, shape, column, width });
  }
  const [first, ...others] = members;
  if (!first || others.length === 0) return undefined;
  const rank = first.definition.box.length;
  if (!others.every((member) => member.definition.box.length === rank && member.definition.dtype === first.definition.dtype && sameLeft(e, first, member))) return undefined;
  const total = members.reduce((sum, member) => sum + member.width, 0);
  const right = joinedRight(e, members, total);
  const column = e.range(first.column.name, constantExtent(total));
  const box = [...first.definition.box.slice(0, -1), column];
  const joined: Definition = {
    ...first.definition, name: `${first.definition.name}.joined`, box,
    body: e.apply("mul", first.shape.left, e.load(right.name, [...first.shape.inner, column].map((range) => e.index(range)), first.definition.dtype)),
  };
  let offset = 0;
  const windows = new Map<string, Definition>();
  for (const { definition, column: own, width } of members) {
    const at = offset === 0 ? e.index(own) : e.apply("add", e.index(own), e.constant(offset, "i32"));
    windows.set(definition.name, { ...definition, fold: undefined, body: e.load(joined.name, [...definition.box.slice(0, -1).map((range) => e.index(range)), at], definition.dtype) });
    offset += width;
  }
  const definitions = sortDefinitions([right, joined, ...program.definitions.map((definition) => windows.get(definition.name) ?? definition)]);
  const outputs = new Set(program.outputs.map((output) => output.definition));
  return {
    program: inlineProgram(e, { ...program, definitions }, (definition) => !windows.has(definition.name) || outputs.has(definition.name)),
    applications: [{ rule: "R5 join products", class: "exact", subjects: [joined.name, right.name, ...names], conditions: ["equal left operands after renaming", "the right operands depend on parameters alone: joined once, in prepare"] }],
  };
}

/** The right operands side by side, over (inner, columns). */
function joinedRight(e: Expressions, members: readonly Member[], total: number): Definition {
  const first = members[0] as Member;
  const inner = first.shape.inner.map((range) => e.range(range.name, range.extent));
  const column = e.range(first.column.name, constantExtent(total));
  const at = e.index(column);
  let offset = total;
  let body: Expr | undefined;
  for (const { shape, column: own, width } of [...members].reverse()) {
    offset -= width;
    const shifted = offset === 0 ? at : e.apply("sub", at, e.constant(offset, "i32"));
    const inside = e.apply("min", e.apply("max", shifted, e.constant(0, "i32")), e.constant(width - 1, "i32"));
    const by = new Map<Range, Expr>([[own, inside], ...shape.inner.map((range, i) => [range, e.index(inner[i] as Range)] as const)]);
    const value = substitute(e, shape.right, by);
    body = body === undefined ? value : e.apply("select", e.apply("lt", at, e.constant(offset + width, "i32")), value, body);
  }
  return { ...first.definition, name: `${first.definition.name}.columns`, box: [...inner, column], fold: undefined, body: body as Expr };
}
