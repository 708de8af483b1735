/** The table behind interned expressions, and what it remembers of substitutions. */
import { describe, expect, it } from "vitest";
import { Bindings, InternTable } from "../../../compiler/folds/intern.ts";
import { Expressions } from "../../../compiler/folds/expression.ts";
import { substitute } from "../../../compiler/folds/inline.ts";
import { constantExtent } from "../../../compiler/ir/extent.ts";

describe("InternTable", () => {
  it("finds each of many values again, and nothing else", () => {
    const table = new InternTable<{ readonly id: number }>();
    const leaves = Array.from({ length: 60 }, (_, id) => ({ id }));
    const made = leaves.flatMap((a) => leaves.map((b) => ({ a, b, value: { id: 100 + a.id * 60 + b.id } })));
    for (const { a, b, value } of made) {
      expect(table.find("apply", "add", [a, b])).toBeUndefined();
      table.add(value, "apply", "add", [a, b]);
    }
    expect(made.every(({ a, b, value }) => table.find("apply", "add", [a, b]) === value)).toBe(true);
    const [a, b] = [leaves[3], leaves[4]];
    if (!a || !b) throw new Error("no leaves");
    expect([table.find("load", "add", [a, b]), table.find("apply", "sub", [a, b]), table.find("apply", "add", [a]), table.find("apply", "add", [a, b, a])]).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe("Bindings", () => {
  it("keeps results apart by what is bound to what", () => {
    const bindings = new Bindings<string, number>();
    const results = bindings.resultsOf(new Map([["i", 1], ["j", 2]]));
    results.set(5, 6);
    expect(bindings.resultsOf(new Map([["i", 1], ["j", 2]])).get(5)).toBe(6);
    for (const other of [[["i", 2], ["j", 1]], [["i", 1]], [["i", 1], ["j", 2], ["k", 3]]] as const) expect(bindings.resultsOf(new Map(other)).get(5)).toBeUndefined();
  });

  it("is forgotten without another outcome", () => {
    const e = new Expressions();
    const [i, j] = [e.range("i", constantExtent(4)), e.range("j", constantExtent(4))];
    const body = e.apply("add", e.load("a", [e.index(i)], "f32"), e.load("b", [e.index(j)], "f32"));
    const by = new Map([[i, e.index(j)], [j, e.index(j)]]);
    const before = substitute(e, body, by);
    e.forgetSubstitutions();
    expect(substitute(e, body, by)).toBe(before);
    expect(before).toBe(e.apply("add", e.load("a", [e.index(j)], "f32"), e.load("b", [e.index(j)], "f32")));
  });
});
