/** Four accesses of neighbouring elements are one of a vector: when they are, and when not. */
import { describe, expect, it } from "vitest";
import { firstOfNeighbours, vectorOfStores } from "../../../../compiler/backends/wasm/neighbours.ts";
import * as k from "../../../../compiler/kernel/build.ts";
import { type Expression, f32, i32 } from "../../../../compiler/kernel/node.ts";
import * as s from "../../../../compiler/kernel/statements.ts";

const at = k.ref("i", i32);
const element = (index: Expression, array = "a"): Expression => k.element(array, f32, index);
const value = k.ref("v", { scalar: "f32", lanes: 4 });
const behind = (distance: number): Expression => k.add(at, k.int(distance));

describe("loads", () => {
  it("of neighbours, at a place that is computed or known", () => {
    expect(firstOfNeighbours([0, 1, 2, 3].map((i) => element(behind(i))))).toEqual(element(at));
    expect(firstOfNeighbours([5, 6, 7, 8].map((i) => element(k.int(i))))).toEqual(element(k.int(5)));
    expect(firstOfNeighbours([8, 9, 10, 11].map((i) => k.load("x", "f32", behind(i))))).toEqual(k.load("x", "f32", behind(8)));
  });

  it.each<[string, readonly Expression[]]>([
    ["at a stride", [0, 2, 4, 6].map((i) => element(behind(i)))],
    ["backwards", [3, 2, 1, 0].map((i) => element(behind(i)))],
    ["of two arrays", [0, 1, 2, 3].map((i) => element(behind(i), i === 3 ? "b" : "a"))],
    ["from two places", [0, 1, 2, 3].map((i) => element(k.add(k.ref(i === 2 ? "j" : "i", i32), k.int(i))))],
    ["of an array and a buffer", [0, 1, 2, 3].map((i) => (i === 1 ? k.load("a", "f32", behind(i)) : element(behind(i))))],
    ["of truth values", [0, 1, 2, 3].map((i) => k.element("a", { scalar: "bool", lanes: 1 }, behind(i)))],
    ["of two", [0, 1].map((i) => element(behind(i)))],
  ])("%s stay apart", (_, args) => expect(firstOfNeighbours(args)).toBeUndefined());
});

describe("stores", () => {
  const store = (distance: number, lane: number, of = value): ReturnType<typeof s.set> => s.set("a", behind(distance), k.lane(of, lane));

  it("of the lanes of one vector, in order", () => {
    expect(vectorOfStores([0, 1, 2, 3].map((i) => store(i + 4, i)))?.value).toEqual(value);
  });

  it("in another order, of other lanes or of another vector stay apart", () => {
    expect(vectorOfStores([0, 1, 2, 3].map((i) => store(3 - i, i)))).toBeUndefined();
    expect(vectorOfStores([0, 1, 2, 3].map((i) => store(i, 3 - i)))).toBeUndefined();
    expect(vectorOfStores([0, 1, 2, 3].map((i) => store(i, i, i === 2 ? k.ref("w", value.type) : value)))).toBeUndefined();
    expect(vectorOfStores([0, 1, 2].map((i) => store(i, i)))).toBeUndefined();
  });
});
