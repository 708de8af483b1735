/**
 * R7, hoist: what depends on parameters alone is computed once, in prepare, and read as one value: the scale of a batch norm
 * at inference, weights of unit length. Factors of a product that depend on parameters alone are gathered first, wherever
 * they stand in it. class: exact; reassociated where factors were gathered. In: an inlined program.
 */
import { type Expr, type Expressions, loadsOf, operandsOf, type Range, rangesOf } from "../../folds/expression.ts";
import { substitute, withoutDead } from "../../folds/inline.ts";
import type { Definition, Program } from "../../folds/node.ts";
import { extentValue, productOfExtents } from "../../ir/extent.ts";
import { isFloat } from "../../ir/types.ts";
import { factorsOf } from "../contraction-shape.ts";
import { parameterOnly } from "./defer.ts";
import type { Rewritten } from "./projection.ts";

/** The program with parts of bodies moved to prepare. `gathers`: whether factors may change places. */
export function hoist(e: Expressions, program: Program, gathers: boolean): Rewritten {
  const isParameter = parameterOnly(program);
  const sizes = new Map([...program.sources.map((source) => [source.name, source.type.shape] as const), ...program.definitions.map((definition) => [definition.name, definition.box.map((range) => range.extent)] as const)]);
  const ofParameters = new Map<Expr, boolean>();
  const fromParameters = (expr: Expr): boolean => {
    const known = ofParameters.get(expr);
    if (known !== undefined) return known;
    const loads = loadsOf(expr);
    const result = loads.length > 0 && loads.every((load) => isParameter(load.source));
    ofParameters.set(expr, result);
    return result;
  };
  /** No larger than the largest tensor in it: an outer product is better made where it is used. */
  const isSmall = (expr: Expr): boolean => {
    const own = sizeOf([...rangesOf(expr)].map((range) => range.extent));
    return own !== undefined && loadsOf(expr).some((load) => (sizeOf(sizes.get(load.source) ?? []) ?? 0) >= own);
  };
  const worthwhile = (expr: Expr): boolean => isFloat(expr.dtype) && (expr.kind === "apply" || expr.kind === "convert") && fromParameters(expr) && isSmall(expr);
  const made: Definition[] = [];
  const byExpr = new Map<Expr, Expr>();
  const definitions = program.definitions.map((definition) => {
    if (isParameter(definition.name)) return definition;
    const ranges = [...definition.box, ...(definition.fold?.ranges ?? [])];
    const store = (expr: Expr): Expr => {
      const known = byExpr.get(expr);
      if (known) return known;
      const used = rangesOf(expr);
      const box = ranges.filter((range) => used.has(range));
      const fresh = box.map((range) => e.range(range.name, range.extent));
      const by = new Map<Range, Expr>(box.map((range, i) => [range, e.index(fresh[i] as Range)]));
      const stored: Definition = { name: `${definition.name}.parameter${made.length + 1}`, dtype: expr.dtype, box: fresh, fold: undefined, body: substitute(e, expr, by), origin: definition.origin };
      made.push(stored);
      const load = e.load(stored.name, box.map((range) => e.index(range)), expr.dtype);
      byExpr.set(expr, load);
      return load;
    };
    const memo = new Map<Expr, Expr>();
    const walk = (expr: Expr): Expr => {
      const known = memo.get(expr);
      if (known) return known;
      const result = walked(expr);
      memo.set(expr, result);
      return result;
    };
    const walked = (expr: Expr): Expr => {
      if (worthwhile(expr)) return store(expr);
      if (expr.kind === "load" || operandsOf(expr).length === 0) return expr;
      if (gathers && expr.kind === "apply" && expr.op === "mul" && isFloat(expr.dtype)) {
        const factors = factorsOf(expr);
        const own = factors.filter(fromParameters);
        const others = factors.filter((factor) => !fromParameters(factor));
        const joined = own.length > 1 && others.length > 0 ? own.reduce((a, b) => e.apply("mul", a, b)) : undefined;
        if (joined && worthwhile(joined)) return e.apply("mul", others.map(walk).reduce((a, b) => e.apply("mul", a, b)), store(joined));
      }
      switch (expr.kind) {
        case "apply":
          return e.apply(expr.op, ...expr.args.map(walk));
        case "convert":
          return e.convert(walk(expr.arg), expr.dtype);
        case "bitcast":
          return e.bitcast(walk(expr.arg), expr.dtype);
        default:
          return expr;
      }
    };
    const body = walk(definition.body);
    return body === definition.body ? definition : { ...definition, body };
  });
  if (made.length === 0) return { program, applications: [] };
  // What is made may read other definitions that depend on parameters alone, so those come first.
  const [ofParametersAlone, others] = [true, false].map((wanted) => definitions.filter(({ name }) => isParameter(name) === wanted));
  return {
    program: withoutDead({ ...program, definitions: [...(ofParametersAlone ?? []), ...made, ...(others ?? [])] }),
    applications: [{ rule: "R7 hoist", class: gathers ? "reassociated" : "exact", subjects: made.map((definition) => definition.name), conditions: ["depends on parameters alone", "no larger than the largest of them"] }],
  };
}

const sizeOf = (extents: readonly Parameters<typeof productOfExtents>[0][number][]): number | undefined => extentValue(productOfExtents(extents));
