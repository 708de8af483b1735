/**
 * R8, split: a fold along the columns of a stored product becomes a partial fold in the kernel that makes each tile, and a
 * merge over the few tiles in the kernel that needs it. Plain monoids split as they are. A moment about a row constant p is
 * split about the tile's own first element p_t, so that no tile sees more than its own spread, and moved to p in the merge:
 *
 *   sum (z - p)    =  sum_t D_t + n_t d_t                     d_t = p_t - p,  D_t = sum over tile t of (z - p_t)
 *   sum (z - p)^2  =  sum_t E_t + 2 d_t D_t + n_t d_t^2                       E_t = sum over tile t of (z - p_t)^2
 *
 * class: reassociated (plain), real-equal (moments). The merge order is the order of the tiles.
 */
import { type Expr, type Expressions, loadsOf, type Range, rangesOf } from "../../folds/expression.ts";
import { addIndex, scaleIndex } from "../../folds/index-arithmetic.ts";
import { sortDefinitions, substitute, withoutDead } from "../../folds/inline.ts";
import { type Definition, monoidIdentity, type Program, tilePivot } from "../../folds/node.ts";
import { constantExtent, extentValue } from "../../ir/extent.ts";
import type { Rewritten } from "./projection.ts";
import type { Application } from "./rule.ts";

/** The program with all folds along the columns of `product` split, or undefined when there is none. */
export function split(e: Expressions, program: Program, product: string, width: number): Rewritten | undefined {
  const source = program.definitions.find((definition) => definition.name === product);
  const column = source?.box[source.box.length - 1];
  const columns = column ? extentValue(column.extent) : undefined;
  if (!source || !column || columns === undefined || columns <= width) return undefined;
  const context: Context = { e, source, column, columns, width, tiles: Math.ceil(columns / width), made: new Map() };
  const subjects: string[] = [];
  const definitions = program.definitions.map((definition) => {
    const merged = splitFold(context, definition);
    if (merged) subjects.push(definition.name);
    return merged ?? definition;
  });
  if (subjects.length === 0) return undefined;
  const made = [...context.made.values()];
  const application: Application = {
    rule: "R8 partial statistics", class: "real-equal", subjects: [product, ...subjects, ...made.map((definition) => definition.name)],
    conditions: [`${product} is in memory`, "each statistic is a monoid, or a moment about a row constant", `tiles of ${width} columns, merged in order`],
  };
  return { program: withoutDead({ ...program, definitions: sortDefinitions([...definitions, ...made]) }), applications: [application] };
}

interface Context {
  readonly e: Expressions;
  readonly source: Definition;
  readonly column: Range;
  readonly columns: number;
  readonly width: number;
  readonly tiles: number;
  readonly made: Map<string, Definition>;
}

/** `definition` as a merge over tiles, when it is a fold along the product's columns. */
function splitFold(context: Context, definition: Definition): Definition | undefined {
  const { e, source, columns } = context;
  const { fold, body } = definition;
  const folded = fold?.ranges[0];
  if (!fold || !folded || fold.ranges.length !== 1 || extentValue(folded.extent) !== columns || definition.dtype !== source.dtype) return undefined;
  const ofProduct = loadsOf(body).filter((load) => load.source === source.name);
  const value = ofProduct[0];
  if (!value || ofProduct.length !== 1 || value.indices[value.indices.length - 1] !== e.index(folded)) return undefined;
  const rows = value.indices.slice(0, -1);
  if (!rows.every((index) => index.kind === "index" || index.kind === "const") || loadsOf(body).some((load) => load !== value && rangesOf(load).has(folded))) return undefined;
  const moment = momentAbout(body, value, folded);
  const tile = e.range("tile", constantExtent(context.tiles));
  const tileAt = [...definition.box.map((range) => e.index(range)), e.index(tile)];
  const partial = (name: string, element: (z: Expr, pivot: Expr) => Expr): Expr => {
    const made = partialFold(context, definition, value, name, element);
    return e.load(made.name, tileAt, definition.dtype);
  };
  const merged = (terms: Expr): Definition => ({ ...definition, fold: { monoid: fold.monoid, ranges: [tile] }, body: terms });
  if (!moment) {
    if (loadsOf(body).length > 1) return undefined;
    return merged(partial(`${definition.name}.partial`, (z) => replaced(e, body, value, z)));
  }
  if (fold.monoid !== "sum") return undefined;
  const first = scaleIndex(e, e.index(tile), constantExtent(context.width));
  const shift = e.apply("sub", e.load(source.name, [...rows, first], source.dtype), moment.about);
  const linear = partial(`${source.name}.tile_sum`, (z, pivot) => e.apply("sub", z, pivot));
  const count = tileCount(context, tile);
  if (moment.order === 1) return merged(e.apply("add", linear, e.apply("mul", count, shift)));
  const square = partial(`${source.name}.tile_square`, (z, pivot) => e.apply("mul", e.apply("sub", z, pivot), e.apply("sub", z, pivot)));
  const cross = e.apply("mul", e.apply("mul", e.constant(2, definition.dtype), shift), linear);
  return merged(e.apply("add", e.apply("add", square, cross), e.apply("mul", count, e.apply("mul", shift, shift))));
}

/** body = z - p or (z - p)^2 with p constant along the fold. */
function momentAbout(body: Expr, z: Expr, folded: Range): { readonly about: Expr; readonly order: 1 | 2 } | undefined {
  const factor = body.kind === "apply" && body.op === "mul" && body.args[0] === body.args[1] ? (body.args[0] as Expr) : body;
  if (factor.kind !== "apply" || factor.op !== "sub" || factor.args[0] !== z) return undefined;
  const about = factor.args[1] as Expr;
  return rangesOf(about).has(folded) ? undefined : { about, order: factor === body ? 1 : 2 };
}

function replaced(e: Expressions, body: Expr, z: Expr, by: Expr): Expr {
  const rebuild = (node: Expr): Expr => {
    if (node === z) return by;
    switch (node.kind) {
      case "apply":
        return e.apply(node.op, ...node.args.map(rebuild));
      case "convert":
        return e.convert(rebuild(node.arg), node.dtype);
      case "bitcast":
        return e.bitcast(rebuild(node.arg), node.dtype);
      case "const":
      case "extent":
      case "index":
      case "load":
        return node;
      default:
        return node satisfies never;
    }
  };
  return rebuild(body);
}

/** unit: elements; the last tile may be short. */
function tileCount({ e, columns, width, source }: Context, tile: Range): Expr {
  if (columns % width === 0) return e.constant(width, source.dtype);
  const isLast = e.apply("lt", e.index(tile), e.constant(Math.floor(columns / width), "i32"));
  return e.apply("select", isLast, e.constant(width, source.dtype), e.constant(columns % width, source.dtype));
}

/** The partial fold over [rows, tiles], told twice: as a fold over memory, and from inside the product's tile. */
function partialFold(context: Context, definition: Definition, value: Extract<Expr, { kind: "load" }>, name: string, element: (z: Expr, pivot: Expr) => Expr): Definition {
  const { e, source, columns, width, tiles } = context;
  const known = context.made.get(name);
  if (known) return known;
  const monoid = definition.fold?.monoid ?? "sum";
  const rowBox = definition.box.map((range) => e.range(range.name, range.extent));
  const tile = e.range("tile", constantExtent(tiles));
  const lane = e.range("j", constantExtent(width));
  const by = new Map<Range, Expr>(definition.box.map((range, i) => [range, e.index(rowBox[i] as Range)]));
  const rows = value.indices.slice(0, -1).map((index) => substitute(e, index, by));
  const first = scaleIndex(e, e.index(tile), constantExtent(width));
  const at = addIndex(e, first, e.index(lane));
  // A short last tile reads its first element again and folds the identity instead.
  const exists = e.apply("lt", at, e.constant(columns, "i32"));
  const inBounds = columns % width === 0 ? at : e.apply("select", exists, at, first);
  const z = e.load(source.name, [...rows, inBounds], source.dtype);
  const term = element(z, e.load(source.name, [...rows, first], source.dtype));
  const body = columns % width === 0 ? term : e.apply("select", exists, term, e.constant(monoidIdentity[monoid], source.dtype));
  const own = e.load(source.name, source.box.map((range) => e.index(range)), source.dtype);
  const made: Definition = {
    name, dtype: definition.dtype, box: [...rowBox, tile], fold: { monoid, ranges: [lane] }, body, origin: definition.origin,
    partial: { product: source.name, width, element: element(own, e.load(tilePivot, [], source.dtype)) },
  };
  context.made.set(name, made);
  return made;
}
