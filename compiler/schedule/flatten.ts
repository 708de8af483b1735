/** Several ranges as one: rows, columns and contracted axes of any rank become a single counter each. */
import { type Expr, type Expressions, type Range } from "../folds/expression.ts";
import { flattenIndex, unflattenIndex } from "../folds/index-arithmetic.ts";
import { substitute } from "../folds/inline.ts";
import { productOfExtents } from "../ir/extent.ts";

/** Replaces groups of ranges by one flat range each. */
export class Flattening {
  readonly #e: Expressions;
  readonly #by = new Map<Range, Expr>();

  constructor(e: Expressions) {
    this.#e = e;
  }

  /** A range over the product of `ranges`, row-major. */
  flat(name: string, ranges: readonly Range[]): Range {
    const extents = ranges.map((range) => range.extent);
    const flat = this.#e.range(name, productOfExtents(extents));
    const indices = unflattenIndex(this.#e, this.#e.index(flat), extents);
    ranges.forEach((range, i) => {
      this.#by.set(range, indices[i] as Expr);
    });
    return flat;
  }

  /** `expr` over the flat ranges. */
  apply(expr: Expr): Expr {
    return substitute(this.#e, expr, this.#by);
  }

  /** Offset of the element of a box, in flat ranges. */
  offset(box: readonly Range[]): Expr {
    return flattenIndex(this.#e, box.map((range) => this.apply(this.#e.index(range))), box.map((range) => range.extent));
  }
}
