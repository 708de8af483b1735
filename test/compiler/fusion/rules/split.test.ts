/** R8: folds along the columns of a product, split into those of its tiles. Both sides are evaluated in float64. */
import { describe, expect, it } from "vitest";
import { recentre, type Rewritten } from "../../../../compiler/fusion/rules/projection.ts";
import { split } from "../../../../compiler/fusion/rules/split.ts";
import type { Program } from "../../../../compiler/folds/node.ts";
import { definition, expectSameValues, foldsOf } from "../../../support/fold-programs.ts";

const model = (body: string, columns = 12, result = `B, ${columns}`): string => `model M[B](x: f32[B, 4], w: f32[4, ${columns}], g: f32[${columns}]) -> f32[${result}] {\n  let z = x @ w\n  return ${body}\n}`;

function splitting(text: string, width = 4): { readonly before: Program; readonly rewritten: Rewritten | undefined } {
  const { e, program } = foldsOf(text);
  return { before: program, rewritten: split(e, recentre(e, program).program, "matmul.1", width) };
}

const cases: Readonly<Record<string, string>> = {
  "moments about a pivot": model("layer_norm(z)"),
  "moments, with a short last tile": model("layer_norm(z)", 14),
  "a largest element": model("z - max(z, axis = -1, keep = true)"),
  "a smallest one, with a short last tile": model("z - min(z, axis = -1, keep = true)", 11),
  "a plain sum": model("z + sum(z, axis = -1, keep = true)", 13),
  "a product of elements": model("z * prod(z, axis = -1, keep = true)", 9),
  "a sum of squares": model("rms_norm(z)", 10),
  "a fold that is the output": model("sum(z, axis = -1)", 12, "B"),
};

describe("split", () => {
  it.each(Object.entries(cases))("keeps the values of %s", (_, text) => {
    const { before, rewritten } = splitting(text);
    expect(rewritten?.applications.map((application) => application.rule)).toEqual(["R8 partial statistics"]);
    if (rewritten) expectSameValues(before, rewritten.program, { B: 3 });
  });

  it("makes one partial fold over [rows, tiles], told from inside the tile too", () => {
    const { rewritten } = splitting(model("layer_norm(z)", 14));
    const partials = rewritten?.program.definitions.filter((each) => each.partial) ?? [];
    expect(partials.map((each) => each.name)).toEqual(["mean.1.fold.partial", "matmul.1.tile_square", "matmul.1.tile_sum"]);
    for (const partial of partials) {
      expect(partial.box.map((range) => range.extent.key)).toEqual(["B", "1", "4"]);
      expect(partial.partial).toMatchObject({ product: "matmul.1", width: 4 });
    }
    expect(rewritten && definition(rewritten.program, "mean.2.fold").fold?.ranges.map((range) => range.extent.key)).toEqual(["4"]);
  });

  const broken: Readonly<Record<string, readonly [string, number]>> = {
    "the row is one tile": [model("layer_norm(z)"), 12],
    "the fold runs along the rows of the product": [model("z - max(z, axis = 0, keep = true)"), 4],
    "another factor varies along the fold": [model("z - max(z * g, axis = -1, keep = true)"), 4],
    "two places of the product are read": [model("z - max(z * flip(z, axis = 1), axis = -1, keep = true)"), 4],
    "nothing is folded": [model("z + g"), 4],
    "the number of columns is not known": ["model M[N](x: f32[3, 4], w: f32[4, N]) -> f32[3, N] {\n  return layer_norm(x @ w)\n}", 4],
  };
  it.each(Object.entries(broken))("does not fire when: %s", (_, [text, width]) => expect(splitting(text, width).rewritten).toBeUndefined());
});
