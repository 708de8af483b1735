/** What an explanation says of scans: how many steps, and whether one kernel walks them. */
import { expect, it } from "vitest";
import { checkSource, compileModel, sourceFile } from "../../../compiler/index.ts";
import { required } from "../../../compiler/errors.ts";
import { explain } from "../../../compiler/report/explain.ts";
import { explanationText } from "../../../compiler/report/explain-text.ts";
import { explainScans } from "../../../compiler/report/scans.ts";

const model = required(checkSource(sourceFile("a.nf", "model M(xs: f32[6, 2, 3], mask: bool[6, 2]) = xs |> Lstm[3, 4](mask = mask) |> Rnn[4, 4]")).models[0], "test", "model");

it("names the kernel that walks all steps", () => {
  const { plan, e } = compileModel(model, "wgsl");
  const scans = explainScans(model, plan);
  expect(scans).toMatchObject([{ steps: "6", sequences: 2, carries: 2, emitted: 1 }, { steps: "6", sequences: 1, carries: 1, emitted: 1 }]);
  const names = plan.kernels.filter(({ region }) => region.template === "sequence").map(({ name }) => name);
  expect(scans.flatMap(({ kernel }) => kernel ?? [])).toEqual(names);
  const text = explanationText(explain("M", e, plan, {}), scans);
  for (const name of names) expect(text).toMatch(new RegExp(`6 steps over \\d sequences?, \\d carr(?:y|ies), 1 emitted: all in ${name}`));
});

it("says where the steps are written out", () => {
  const { plan, e } = compileModel(model, "gpujs");
  expect(explanationText(explain("M", e, plan, {}), explainScans(model, plan))).toContain("scans:\n  6 steps over 2 sequences, 2 carries, 1 emitted: written out step by step\n  6 steps over 1 sequence, 1 carry, 1 emitted: written out step by step\n");
});
