/**
 * Deferral: in sum over k of A(m,k) B(k,n), factors of A that are constant along k leave the sum (R6), factors that depend
 * on parameters alone move to B (R7), and a centred factor gives its centring to B, because centring is self-adjoint:
 *
 *   sum_k (d_k - C/K) V_kn  =  sum_k d_k (V_kn - mean_k V_kn)          with C = sum_k d_k
 *
 * so that the statistics of the row are needed only after the loop, where they can ride. class: real-equal; the shifted
 * d_k and the centred V keep it as accurate as normalising first (spec/numerics.md). In: a recentred program.
 */
import { type Expr, type Expressions, loadsOf, type Range, rangesOf, visit } from "../../folds/expression.ts";
import { inlineMaps, sortDefinitions, substitute, withoutDead } from "../../folds/inline.ts";
import type { Definition, Program } from "../../folds/node.ts";
import { extentNames, extentValue, productOfExtents } from "../../ir/extent.ts";
import { contractionShape } from "../contraction-shape.ts";
import { unify } from "../unify.ts";
import type { Rewritten } from "./projection.ts";

/** sign * product(row) * core * product(inner): row factors are constant along k, inner factors depend on parameters alone. */
interface Term {
  readonly sign: 1 | -1;
  readonly row: readonly Expr[];
  readonly core: Expr | undefined;
  /** The core is x - C/K with C = sum over k of x. */
  readonly centred: Expr | undefined;
  readonly inner: readonly Expr[];
}

interface Scope {
  readonly e: Expressions;
  readonly folded: ReadonlySet<Range>;
  readonly inner: readonly Range[];
  readonly byName: ReadonlyMap<string, Definition>;
  readonly isParameter: (name: string) => boolean;
}

/** The program with the contraction `name` deferred, or undefined when a side condition fails. */
export function defer(e: Expressions, program: Program, name: string): Rewritten | undefined {
  const byName = new Map(program.definitions.map((definition) => [definition.name, definition]));
  const definition = byName.get(name);
  if (!definition?.fold) return undefined;
  const isParameter = parameterOnly(program);
  const body = inlineMaps(e, definition.body, (source) => byName.get(source));
  const shape = contractionShape(e, { ...definition, body });
  if (!shape || loadsOf(shape.right).some((load) => !isParameter(load.source))) return undefined;
  const scope: Scope = { e, folded: new Set(shape.inner), inner: shape.inner, byName, isParameter };
  const terms = expand(scope, shape.left);
  const cores = terms?.filter((term) => term.core !== undefined) ?? [];
  const main = cores[0];
  if (!terms || cores.length !== 1 || !main || main.row.length === 0) return undefined;
  const made: Definition[] = [];
  const rowsAndColumns = definition.box.map((range) => e.index(range));
  const weight = weightOf(scope, definition, name, product(e, [...main.inner, shape.right]), main.centred !== undefined, made);
  const core = main.centred ?? (main.core as Expr);
  const multiplied: Definition = { ...definition, name: `${name}.deferred`, body: e.apply("mul", core, weight) };
  made.push(multiplied);
  let value = product(e, [e.load(multiplied.name, rowsAndColumns, definition.dtype), ...main.row]);
  if (main.sign < 0) value = e.apply("neg", value);
  for (const [i, term] of terms.filter((candidate) => candidate !== main).entries()) {
    const shift = shiftOf(scope, definition, `${name}.shift${i === 0 ? "" : i}`, product(e, [...term.inner, shape.right]), made);
    const moved = product(e, [shift, ...term.row]);
    value = e.apply(term.sign < 0 ? "sub" : "add", value, moved);
  }
  const replaced: Definition = { ...definition, fold: undefined, body: value };
  const definitions = program.definitions.map((candidate) => (candidate === definition ? replaced : candidate));
  const conditions = [
    "the statistics are constant along the contracted axis and read only after the loop",
    "the right operand depends on parameters alone: its folded copy is made once, in prepare",
    ...(main.centred === undefined ? [] : ["the centred factor spans the whole contracted axis"]),
  ];
  return {
    program: withoutDead({ ...program, definitions: sortDefinitions([...made, ...definitions]) }),
    applications: [
      { rule: "R6 defer", class: "real-equal", subjects: [name, multiplied.name], conditions },
      { rule: "R7 fold into parameters", class: "real-equal", subjects: made.filter((each) => each !== multiplied).map((each) => each.name), conditions: conditions.slice(1, 2) },
    ],
  };
}

/** Does a definition or source depend on parameters alone? Not if its size is the host's: that is known with the inputs only. */
export function parameterOnly(program: Program): (name: string) => boolean {
  const known = new Map<string, boolean>(program.sources.map((source) => [source.name, source.role === "parameter"]));
  const inShapes = new Set(program.sources.flatMap((source) => (source.role === "parameter" ? source.type.shape.flatMap(extentNames) : [])));
  const isSized = ({ box, fold, body }: Definition): boolean => {
    const extents = [...box, ...(fold?.ranges ?? [])].map((range) => range.extent);
    visit(body, (node) => void (node.kind === "extent" && extents.push(node.extent)));
    return extents.every((extent) => extentNames(extent).every((name) => inShapes.has(name)));
  };
  for (const definition of program.definitions) {
    const loads = loadsOf(definition.body);
    // A recurrence is never a matter of prepare: its kernel walks all steps in one run.
    known.set(definition.name, !definition.recurrence && loads.length > 0 && loads.every((load) => known.get(load.source) === true) && isSized(definition));
  }
  return (name) => known.get(name) === true;
}

const product = (e: Expressions, factors: readonly Expr[]): Expr => (factors.length === 0 ? e.constant(1, "f32") : factors.reduce((a, b) => e.apply("mul", a, b)));

const maximumTerms = 8;

function expand(scope: Scope, expr: Expr): Term[] | undefined {
  const along = [...rangesOf(expr)].some((range) => scope.folded.has(range));
  const leaf = { sign: 1 as const, row: [], core: undefined, centred: undefined, inner: [] };
  if (!along) return expr.kind === "const" && expr.value === 0 ? [] : [{ ...leaf, row: expr.kind === "const" && expr.value === 1 ? [] : [expr] }];
  if (loadsOf(expr).length > 0 && loadsOf(expr).every((load) => scope.isParameter(load.source))) return [{ ...leaf, inner: [expr] }];
  const centred = centredFactor(scope, expr);
  if (centred) return [{ ...leaf, core: expr, centred }];
  if (expr.kind !== "apply") return [{ ...leaf, core: expr }];
  const [a, b] = expr.args as readonly [Expr, Expr];
  switch (expr.op) {
    case "neg":
      return expand(scope, a)?.map((term) => ({ ...term, sign: term.sign === 1 ? -1 : 1 }));
    case "add":
    case "sub": {
      const [left, right] = [expand(scope, a), expand(scope, b)];
      if (!left || !right) return undefined;
      const turned = expr.op === "sub" ? right.map((term): Term => ({ ...term, sign: term.sign === 1 ? -1 : 1 })) : right;
      return left.length + right.length <= maximumTerms ? [...left, ...turned] : undefined;
    }
    case "mul": {
      const [left, right] = [expand(scope, a), expand(scope, b)];
      if (!left || !right || left.length * right.length > maximumTerms) return undefined;
      const crossed = left.flatMap((x) => right.map((y) => times(scope.e, x, y)));
      return crossed.every((term) => term !== undefined) ? (crossed as Term[]) : [{ ...leaf, core: expr }];
    }
    case "div": {
      if ([...rangesOf(b)].some((range) => scope.folded.has(range))) return [{ ...leaf, core: expr }];
      const inverse = scope.e.apply("div", scope.e.constant(1, b.dtype), b);
      return expand(scope, a)?.map((term) => ({ ...term, row: [...term.row, inverse] }));
    }
    default:
      return [{ ...leaf, core: expr }];
  }
}

function times(e: Expressions, x: Term, y: Term): Term | undefined {
  const both = x.core !== undefined && y.core !== undefined;
  // A centred factor times another one that varies along k is no centred factor any more.
  if (both && (x.centred ?? y.centred) !== undefined) return undefined;
  return { sign: x.sign === y.sign ? 1 : -1, row: [...x.row, ...y.row], core: both ? e.apply("mul", x.core, y.core) : (x.core ?? y.core), centred: x.centred ?? y.centred, inner: [...x.inner, ...y.inner] };
}

/** d, when expr = d - C/K and C = sum over all of k of d. */
function centredFactor(scope: Scope, expr: Expr): Expr | undefined {
  if (expr.kind !== "apply" || expr.op !== "sub") return undefined;
  const [d, mean] = expr.args as readonly [Expr, Expr];
  if (mean.kind !== "apply" || mean.op !== "div" || mean.args[0]?.kind !== "load") return undefined;
  const load = mean.args[0];
  const total = scope.byName.get(load.source);
  const count = mean.args[1] as Expr;
  const length = productOfExtents(scope.inner.map((range) => range.extent));
  const counts = count.kind === "const" ? extentValue(length) === count.value : count.kind === "extent" && count.extent.key === length.key;
  if (total?.fold?.monoid !== "sum" || !counts) return undefined;
  const totalBody = inlineMaps(scope.e, total.body, (source) => scope.byName.get(source));
  const bound = unify(totalBody, d, new Set([...total.box, ...total.fold.ranges]));
  // The sum of this row, not of another one.
  const own = bound && total.box.every((range, axis) => extentValue(range.extent) === 1 || bound.get(range) === load.indices[axis]);
  const spans = own && total.fold.ranges.length === scope.inner.length && total.fold.ranges.every((range, i) => bound.get(range) === scope.e.index(scope.inner[i] as Range));
  return spans ? d : undefined;
}

/** The right operand that the deferred product reads: a stored map over (inner, columns), centred over the inner axis. */
function weightOf(scope: Scope, definition: Definition, name: string, value: Expr, centre: boolean, made: Definition[]): Expr {
  const { e, inner } = scope;
  if (!centre && value.kind === "load") return value;
  const columns = definition.box.filter((range) => rangesOf(value).has(range));
  let body = value;
  if (centre) {
    const outer = columns.map((range) => e.range(range.name, range.extent));
    const total: Definition = {
      ...definition, name: `${name}.column_sum`, box: outer, fold: { monoid: "sum", ranges: inner },
      body: substitute(e, value, new Map(columns.map((range, i) => [range, e.index(outer[i] as Range)]))),
    };
    made.push(total);
    const count = e.extent(productOfExtents(inner.map((range) => range.extent)), definition.dtype);
    body = e.apply("sub", value, e.apply("div", e.load(total.name, columns.map((range) => e.index(range)), definition.dtype), count));
  }
  const box = [...inner, ...columns];
  const fresh = box.map((range) => e.range(range.name, range.extent));
  const stored: Definition = {
    ...definition, name: `${name}.weight`, box: fresh, fold: undefined,
    body: substitute(e, body, new Map(box.map((range, i) => [range, e.index(fresh[i] as Range)]))),
  };
  made.push(stored);
  return e.load(stored.name, box.map((range) => e.index(range)), definition.dtype);
}

/** sum over k of parameters: a vector over the columns, made once. */
function shiftOf(scope: Scope, definition: Definition, name: string, value: Expr, made: Definition[]): Expr {
  const { e, inner } = scope;
  const columns = definition.box.filter((range) => rangesOf(value).has(range));
  const outer = columns.map((range) => e.range(range.name, range.extent));
  made.push({ ...definition, name, box: outer, fold: { monoid: "sum", ranges: inner }, body: substitute(e, value, new Map(columns.map((range, i) => [range, e.index(outer[i] as Range)]))) });
  return e.load(name, columns.map((range) => e.index(range)), definition.dtype);
}
