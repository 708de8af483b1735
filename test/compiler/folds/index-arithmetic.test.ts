/** Index arithmetic against plain numbers, over random shapes with axes of one element and symbolic extents. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Expr, Expressions, type Range } from "../../../compiler/folds/expression.ts";
import { addIndex, divideIndex, flattenIndex, isMultipleApartFrom, isSteady, remainderIndex, scaleIndex, unflattenIndex, weightOf } from "../../../compiler/folds/index-arithmetic.ts";
import { bindExtent, constantExtent, type Extent, extentValue, multiplyExtents, parseExtent, productOfExtents, symbolExtent } from "../../../compiler/ir/extent.ts";
import { eachIndex } from "../../../compiler/ops/broadcast.ts";
import { evaluateExpression } from "../../support/evaluate-fold.ts";

const bindings = { B: 3, N: 5 };
const lengthOf = (extent: Extent): number => extentValue(bindExtent(extent, bindings)) ?? Number.NaN;
const extent = fc.oneof(fc.constantFrom(1, 1, 2, 3, 4, 5, 8).map(constantExtent), fc.constantFrom("B", "N").map(symbolExtent), fc.constant(parseExtent("2*B")));
const shape = fc.array(extent, { minLength: 1, maxLength: 4 });

const rowMajor = (index: readonly number[], lengths: readonly number[]): number => index.reduce((sum, at, axis) => sum * (lengths[axis] ?? 1) + at, 0);

/** Checks `expr` at every point of the box. */
function holds(box: readonly Range[], expr: Expr, wanted: (index: readonly number[]) => number): void {
  const wrong: string[] = [];
  eachIndex(box.map((range) => lengthOf(range.extent)), (index) => {
    const value = evaluateExpression(expr, { bindings, ranges: new Map(box.map((range, axis) => [range, index[axis] ?? 0])) });
    if (value !== wanted(index)) wrong.push(`${value} instead of ${wanted(index)} at ${index.join(", ")}`);
  });
  expect(wrong).toEqual([]);
}

describe("flatten and unflatten", () => {
  it("are row-major, and inverses of each other", () => {
    fc.assert(fc.property(shape, (extents) => {
      const e = new Expressions();
      const box = extents.map((each, axis) => e.range(`i${axis}`, each));
      const indices = box.map((range) => e.index(range));
      const flat = flattenIndex(e, indices, extents);
      const lengths = extents.map(lengthOf);
      holds(box, flat, (index) => rowMajor(index, lengths));
      // What makes a reshape disappear: the very same expressions come back, without a quotient.
      expect(unflattenIndex(e, flat, extents)).toEqual(indices);
    }), { seed: 1, numRuns: 200 });
  });

  it("split a flat range as plain numbers do", () => {
    fc.assert(fc.property(shape, (extents) => {
      const e = new Expressions();
      const flat = e.range("f", productOfExtents(extents));
      const indices = unflattenIndex(e, e.index(flat), extents);
      const lengths = extents.map(lengthOf);
      indices.forEach((index, axis) => {
        const below = lengths.slice(axis + 1).reduce((a, b) => a * b, 1);
        holds([flat], index, ([at = 0]) => Math.floor(at / below) % (lengths[axis] ?? 1));
      });
    }), { seed: 2, numRuns: 100 });
  });

  it("regroup: [a, b, c] read as [a * b, c] and as [a, b * c] stays linear", () => {
    fc.assert(fc.property(extent, extent, extent, (a, b, c) => {
      const e = new Expressions();
      const box = [a, b, c].map((each, axis) => e.range(`i${axis}`, each));
      const flat = flattenIndex(e, box.map((range) => e.index(range)), [a, b, c]);
      for (const regrouped of [[multiplyExtents(a, b), c], [a, multiplyExtents(b, c)]]) {
        const indices = unflattenIndex(e, flat, regrouped);
        expect(flattenIndex(e, indices, regrouped)).toBe(flat);
        const lengths = regrouped.map(lengthOf);
        indices.forEach((index, axis) => holds(box, index, (at) => Math.floor(rowMajor(at, [a, b, c].map(lengthOf)) / lengths.slice(axis + 1).reduce((x, y) => x * y, 1)) % (lengths[axis] ?? 1)));
      }
    }), { seed: 3, numRuns: 100 });
  });
});

describe("quotient and remainder", () => {
  it("agree with numbers on random sums, whether proved or left as instructions", () => {
    const weight = fc.constantFrom("1", "2", "4", "6", "B", "2*B", "B*N");
    fc.assert(fc.property(fc.array(fc.tuple(extent, weight), { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 7 }), fc.constantFrom("1", "2", "4", "B", "N", "2*B"), (terms, offset, divisor) => {
      const e = new Expressions();
      const box = terms.map(([each], axis) => e.range(`i${axis}`, each));
      const sum = terms.reduce((total, [, by], axis) => addIndex(e, total, scaleIndex(e, e.index(box[axis] as Range), parseExtent(by))), e.constant(offset, "i32") as Expr);
      const by = parseExtent(divisor);
      const value = (index: readonly number[]): number => terms.reduce((total, [, factor], axis) => total + (index[axis] ?? 0) * lengthOf(parseExtent(factor)), offset);
      holds(box, sum, value);
      holds(box, divideIndex(e, sum, by), (index) => Math.floor(value(index) / lengthOf(by)));
      holds(box, remainderIndex(e, sum, by), (index) => value(index) % lengthOf(by));
    }), { seed: 4, numRuns: 300 });
  });

  it("are proved from the bounds of ranges: (4 i + j) / 4 = i for j < 4, and i + j / 4 for j < 5", () => {
    const e = new Expressions();
    const [i, j, far] = [e.range("i", symbolExtent("B")), e.range("j", constantExtent(4)), e.range("j", constantExtent(5))];
    const at = (inner: Range): Expr => addIndex(e, scaleIndex(e, e.index(i), constantExtent(4)), e.index(inner));
    expect(divideIndex(e, at(j), constantExtent(4))).toBe(e.index(i));
    expect(remainderIndex(e, at(j), constantExtent(4))).toBe(e.index(j));
    expect(divideIndex(e, at(far), constantExtent(4))).toBe(e.apply("add", e.index(i), e.apply("div", e.index(far), e.constant(4, "i32"))));
    expect(remainderIndex(e, at(far), constantExtent(4))).toBe(e.apply("rem", e.index(far), e.constant(4, "i32")));
  });
});

describe("weights", () => {
  const e = new Expressions();
  const [i, j] = [e.range("i", symbolExtent("B")), e.range("j", constantExtent(12))];
  const offset = addIndex(e, scaleIndex(e, e.index(i), constantExtent(12)), e.index(j));

  it("of a range in an offset", () => {
    expect(weightOf(offset, i)?.key).toBe("12");
    expect(weightOf(offset, j)?.key).toBe("1");
    expect(weightOf(offset, e.range("k", constantExtent(3)))?.key).toBe("0");
    expect(weightOf(divideIndex(e, e.index(j), constantExtent(5)), j)).toBeUndefined();
    expect(weightOf(e.load("places", [e.index(j)], "i32"), j)).toBeUndefined();
  });

  it("tell whether vectors are aligned", () => {
    expect(isMultipleApartFrom(offset, j, 4, new Map())).toBe(true);
    expect(isMultipleApartFrom(addIndex(e, offset, e.constant(2, "i32")), j, 4, new Map())).toBe(false);
    expect(isMultipleApartFrom(addIndex(e, scaleIndex(e, e.index(i), constantExtent(6)), e.index(j)), j, 4, new Map())).toBe(false);
    expect(isMultipleApartFrom(addIndex(e, scaleIndex(e, e.index(i), constantExtent(6)), e.index(j)), j, 4, new Map([[i, 2]]))).toBe(true);
  });
});

describe("what was taken apart", () => {
  it("is one again, whatever factor it carries", () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 2, max: 5 }), { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 9 }), (lengths, factor) => {
      const e = new Expressions();
      const extents = lengths.map(constantExtent);
      const flat = e.range("r", productOfExtents(extents));
      const whole = flattenIndex(e, unflattenIndex(e, e.index(flat), extents), extents);
      expect(weightOf(scaleIndex(e, whole, constantExtent(factor)), flat)?.key ?? "none").toBe(String(factor));
      holds([flat], scaleIndex(e, whole, constantExtent(factor)), ([at]) => (at ?? 0) * factor);
    }));
  });

  it("stays apart where its parts have been changed", () => {
    const e = new Expressions();
    const flat = e.range("r", constantExtent(12));
    const [row, column] = unflattenIndex(e, e.index(flat), [constantExtent(3), constantExtent(4)]) as [Expr, Expr];
    const turned = flattenIndex(e, [column, row], [constantExtent(4), constantExtent(3)]);
    expect(weightOf(turned, flat)).toBeUndefined();
    holds([flat], turned, ([at = 0]) => (at % 4) * 3 + Math.floor(at / 4));
  });
});

describe("steady indices", () => {
  const e = new Expressions();
  const [i, j] = [e.range("i", constantExtent(6)), e.range("j", constantExtent(48))];

  it.each([
    ["another range", e.index(i), true],
    ["the range", e.index(j), false],
    ["its quotient by a multiple of the lanes", addIndex(e, divideIndex(e, e.index(j), constantExtent(8)), e.index(i)), true],
    ["its quotient by something else", divideIndex(e, e.index(j), constantExtent(6)), false],
    ["its remainder", remainderIndex(e, e.index(j), constantExtent(8)), false],
    ["a remainder of such a quotient", remainderIndex(e, divideIndex(e, e.index(j), constantExtent(8)), constantExtent(3)), true],
    ["a quotient of a sum with another range", e.apply("div", e.apply("add", e.index(i), e.index(j)), e.constant(8, "i32")), false],
    ["what is read at it", e.load("places", [e.index(j)], "i32"), false],
  ] as const)("%s", (_, index, wanted) => {
    expect(isSteady(index, j, 4)).toBe(wanted);
  });
});
