/** Where programs are cut, and what that keeps linear: the length of segments, and the work of a compilation for each operation. */
import { describe, expect, it } from "vitest";
import { compileFunction } from "../../../compiler/compile.ts";
import { segmentsOf } from "../../../compiler/fusion/segments.ts";
import { functionNodes } from "../../../compiler/ir/traverse.ts";
import { randomText } from "../../bench-compile/programs.ts";
import { foldsOf, modelOf } from "../../support/fold-programs.ts";

const lengthsOf = (text: string): number[] => segmentsOf(foldsOf(text).program).map((segment) => segment.program.definitions.length);

describe("segmentsOf", () => {
  it("cuts what has no narrow place where fewest values cross", () => {
    const wide = lengthsOf(randomText(600, 1, 600));
    expect(wide.length).toBeGreaterThan(1);
    expect(Math.max(...wide)).toBeLessThanOrEqual(192);
  });

  it("keeps every definition once", () => {
    const { program } = foldsOf(randomText(600, 2, 600));
    const names = segmentsOf(program).flatMap((segment) => segment.program.definitions.map((definition) => definition.name));
    expect([...names].sort()).toEqual(program.definitions.map((definition) => definition.name).sort());
  });
});

describe("compilation", () => {
  /** Expressions that the search and the schedules made: a measure of work that no other program on the machine disturbs. */
  const workOf = (count: number, reach?: number): number => {
    const { e, fn } = compileFunction(modelOf(randomText(count, count, reach)), "wgsl", { assume: { B: 1 } });
    return e.constant(0.123456789, "f32").id / functionNodes(fn).length;
  };

  it("makes about as many expressions for each operation of a long program as of a short one", { timeout: 120_000 }, () => {
    expect(workOf(600) / workOf(150)).toBeLessThan(1.5);
  });

  it("of a program without narrow places grows no faster once its segments are full", { timeout: 180_000 }, () => {
    expect(workOf(600, 600) / workOf(300, 300)).toBeLessThan(1.5);
  });
});
