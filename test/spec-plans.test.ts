/** What spec/fusion.md says about the plans of its examples: the number of kernels next to each, and the roles that it names. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compileFunction } from "../compiler/compile.ts";
import type { PlannedKernel } from "../compiler/plan.ts";
import { modelOf } from "./support/fold-programs.ts";

const spec = readFileSync(new URL("../spec/fusion.md", import.meta.url), "utf8");
const numbers: Readonly<Record<string, number>> = { one: 1, two: 2, three: 3, four: 4, five: 5, six: 6 };

interface Example {
  readonly name: string;
  readonly text: string;
  /** What the paragraph before it, or else the one after it, says: `is three kernels`. */
  readonly said: number | undefined;
}

const examples = [...spec.matchAll(/([^\n]*)\n\n```nf\n([\s\S]*?)```\n(?=\n([^\n]*))/g)].map(([, before = "", text = "", after = ""]): Example => {
  const word = [before, after].flatMap((paragraph) => /\b(?:is|are) (\w+) kernels?\b/.exec(paragraph)?.[1] ?? [])[0];
  return { name: /model (\w+)/.exec(text)?.[1] ?? "", text, said: word === undefined ? undefined : numbers[word] };
});

const kernelsOf = (text: string): readonly PlannedKernel[] => compileFunction(modelOf(text), "wgsl").plan.kernels.filter((kernel) => kernel.phase === "run");

const example = (name: string): string => examples.find((each) => each.name === name)?.text ?? "";

describe("the examples of spec/fusion.md", () => {
  it("each say how many kernels they are", () => {
    expect(examples.length).toBe(spec.match(/```nf/g)?.length);
    expect(examples.filter(({ said }) => said === undefined).map(({ name }) => name)).toEqual([]);
  });

  it.each(examples.map((each) => [each.name, each] as const))("%s", (_, { text, said }) => expect(kernelsOf(text).map((kernel) => kernel.name)).toHaveLength(said ?? Number.NaN));

  it("the second norm of the network is a prologue of its third kernel, and attention a stream with one", () => {
    const [, , last] = kernelsOf(example("Three"));
    expect(last?.region.template === "contraction" && last.region.prologue.length).toBeGreaterThan(0);
    const [attention] = kernelsOf(example("Attend"));
    expect(attention?.region.template === "stream" && attention.region.prologue.length).toBeGreaterThan(0);
  });
});
