/** Which regions are legal, and the role of every fold in them: both ways for each condition. */
import { describe, expect, it } from "vitest";
import type { Program } from "../../../compiler/folds/node.ts";
import { buildRegion } from "../../../compiler/fusion/build-region.ts";
import { isIllegal, productsOf, type Region, type Templates } from "../../../compiler/fusion/region.ts";
import { recentre } from "../../../compiler/fusion/rules/projection.ts";
import { defer } from "../../../compiler/fusion/rules/defer.ts";
import { definition, foldsOf } from "../../support/fold-programs.ts";

interface Setting {
  /** In memory besides the root. */
  readonly stored?: readonly string[];
  readonly templates?: Templates;
  /** Default: the model's first output. */
  readonly root?: string;
  readonly rewrite?: (made: ReturnType<typeof foldsOf>) => Program;
}

function regionOf(text: string, { stored = [], templates = "workgroup", root, rewrite }: Setting = {}): string {
  const made = foldsOf(text);
  const program = rewrite ? rewrite(made) : recentre(made.e, made.program).program;
  const name = root ?? program.outputs[0]?.definition ?? "";
  const byName = new Map(program.definitions.map((each) => [each.name, each]));
  const region = buildRegion(made.e, program, byName, new Set([...stored, name]), [definition(program, name)], templates);
  return isIllegal(region) ? `illegal: ${region.illegal}` : summary(region);
}

function summary(region: Region): string {
  const names = (title: string, members: readonly { readonly definition: { readonly name: string } }[]): string[] => (members.length > 0 ? [`${title} ${members.map((member) => member.definition.name).join(" ")}`] : []);
  switch (region.template) {
    case "elementwise":
      return "elementwise";
    case "rows":
      return ["rows", ...names("folds", region.folds)].join(", ");
    case "thread":
      return ["thread", ...names("folds", region.folds)].join(", ");
    case "contraction":
      return [`contraction ${productsOf(region).map((product) => product.definition.name).join(" ")}`, ...names("prologue", region.prologue), ...names("ride", region.ride), ...names("epilogue", region.epilogue)].join(", ");
    case "stream":
      return [`stream ${region.scores.definition.name} ${region.definition.name}`, ...names("prologue", region.prologue), ...names("shift", region.shift ? [region.shift] : []), ...names("folds", region.folds), ...names("epilogue", region.epilogue)].join(", ");
    case "sequence":
      return `sequence ${region.recurrence.name}`;
    default:
      return region satisfies never;
  }
}

const deferring = ({ e, program }: ReturnType<typeof foldsOf>): Program => defer(e, recentre(e, program).program, "matmul.1")?.program ?? program;
const model = (body: string, inputs = "x: f32[B, 8], w: f32[8, 6]", result = "B, 6"): string => `model M[B](${inputs}) -> f32[${result}] {\n  return ${body}\n}`;

describe("legal regions", () => {
  const cases: readonly [string, string, string, Setting?][] = [
    ["a map", model("relu(x)", "x: f32[B, 8]", "B, 8"), "elementwise"],
    ["a norm", model("layer_norm(x)", "x: f32[B, 8]", "B, 8"), "rows, folds mean.1.fold mean.2.fold mean.1.fold.centred"],
    ["a maximum, then a sum", model("softmax(x)", "x: f32[B, 8]", "B, 8"), "rows, folds max.1 sum.1"],
    ["a norm along the first axis", model("x - mean(x, axis = 0, keep = true)", "x: f32[5, 8]", "5, 8"), "rows, folds mean.1.fold mean.1.fold.centred"],
    ["a product with an activation", model("relu(x @ w + 1)"), "contraction matmul.1"],
    ["a product, then a norm of its rows: epilogue", model("layer_norm(x @ w)"), "contraction matmul.1, epilogue mean.1.fold mean.2.fold mean.1.fold.centred"],
    ["a norm, then a product: prologue", model("relu(layer_norm(x)) @ w"), "contraction matmul.1, prologue mean.1.fold mean.2.fold mean.1.fold.centred"],
    ["a deferred norm rides; its pivot comes first", "model M[B](x: f32[B, 8]) -> f32[B, 6] {\n  param w: f32[8, 6] = ones\n  return layer_norm(x) @ w\n}", "contraction matmul.1.deferred, prologue mean.1.fold, ride mean.2.fold mean.1.fold.centred", { stored: ["matmul.1.weight"], rewrite: deferring }],
    ["norms on both sides of a product", model("rms_norm(rms_norm(x) @ w)"), "contraction matmul.1, prologue mean.1.fold, epilogue mean.2.fold"],
    ["a batched product", model("softmax(x @ w)", "x: f32[3, B, 8], w: f32[3, 8, 6]", "3, B, 6"), "contraction matmul.1, epilogue max.1 sum.1"],
    ["two products of one operand", model("silu(x @ w) * (x @ v)", "x: f32[B, 8], w: f32[8, 6], v: f32[8, 6]"), "contraction matmul.1 matmul.2"],
    ["attention", model("softmax(q @ transpose(k)) @ v", "q: f32[B, 8], k: f32[5, 8], v: f32[5, 6]"), "stream matmul.1 matmul.2, shift max.1, folds sum.1"],
    ["attention with a norm of its queries before and of its result after", model("rms_norm(softmax(rms_norm(q) @ transpose(k)) @ v)", "q: f32[B, 8], k: f32[5, 8], v: f32[5, 6]"), "stream matmul.1 matmul.2, prologue mean.1.fold, shift max.1, folds sum.1, epilogue mean.2.fold"],
    ["attention without a softmax", model("relu(q @ transpose(k)) @ v", "q: f32[B, 8], k: f32[5, 8], v: f32[5, 6]"), "stream matmul.1 matmul.2"],
    ["a second product, the first in memory", model("(x @ w) @ v", "x: f32[B, 8], w: f32[8, 6], v: f32[6, 4]", "B, 4"), "contraction matmul.2", { stored: ["matmul.1"] }],
    ["a statistic in memory", model("layer_norm(x)", "x: f32[B, 8]", "B, 8"), "elementwise", { stored: ["mean.1.fold", "mean.2.fold", "mean.1.fold.centred"] }],
    ["anything, serially, without workgroups", model("layer_norm(x @ w)"), "illegal: mean.1.fold depends on a folded range", { templates: "thread" }],
    ["a product with a bias, serially", model("x @ w + 1"), "thread, folds matmul.1", { templates: "thread" }],
  ];
  it.each(cases)("%s", (_, text, wanted, setting) => {
    const found = regionOf(text, setting);
    if (wanted.startsWith("illegal")) expect(found).toMatch(/^illegal: /);
    else expect(found).toBe(wanted);
  });
});

describe("illegal regions", () => {
  const cases: readonly [string, string, RegExp, Setting?][] = [
    ["two contractions", model("((x @ w) @ v) @ w", "x: f32[B, 8], w: f32[8, 6], v: f32[6, 8]", "B, 6"), /matmul\.1 and matmul\.2 and matmul\.3 are two contractions/],
    ["a product read at two places", model("z + transpose(z)", "x: f32[6, 8], w: f32[8, 6]", "6, 6").replace("return", "let z = x @ w\n  return"), /read at two places|another box/],
    ["a product read at a computed index", model("flip(x @ w, axis = 1)"), /read at a computed index/],
    ["a product that is padded", model("pad(x @ w, [0, 1], [0, 1])", undefined, "B, 8"), /read at a computed index/],
    ["a product that is sliced", model("(x @ w)[:, 1:]", undefined, "B, 5"), /read at a computed index/],
    ["a product repeated over another box", model("broadcast_to(x @ w, [3, B, 6])", undefined, "3, B, 6"), /another box than its own/],
    ["a fold of the product along its rows", model("z - max(z, axis = 0, keep = true)", "x: f32[5, 8], w: f32[8, 6]", "5, 6").replace("return", "let z = x @ w\n  return"), /no statistic of the rows|along something else|constant along/],
    ["a fold of part of the product's columns", model("z - max(z[:, :3], axis = 1, keep = true)", "x: f32[5, 8], w: f32[8, 6]", "5, 6").replace("return", "let z = x @ w\n  return"), /matmul\.1 (?:folds|is read)|max\.1 folds matmul\.1|read at/],
    ["a statistic of all rows, read by each", model("x - max(x)", "x: f32[5, 8]", "5, 8").replace("x - max(x)", "softmax(x) - max(x)"), /constant along i: each row would fold it again/],
    ["a statistic of all rows beside a product", model("x @ w - max(x)", "x: f32[5, 8], w: f32[8, 6]", "5, 6"), /constant along rows|no statistic/],
    ["a norm that follows a product and the whole box", model("z / (sum(z * z) + 1)", "x: f32[5, 8], w: f32[8, 6]", "5, 6").replace("return", "let z = x @ w\n  return"), /illegal/],
  ];
  it.each(cases)("%s", (_, text, why, setting) => {
    const found = regionOf(text, setting);
    expect(found).toMatch(/^illegal: /);
    expect(found).toMatch(why);
  });

  it("become legal with the value in memory", () => {
    const twice = model("z + transpose(z)", "x: f32[6, 8], w: f32[8, 6]", "6, 6").replace("return", "let z = x @ w\n  return");
    expect(regionOf(twice, { stored: ["matmul.1"] })).toBe("elementwise");
    expect(regionOf(model("flip(x @ w, axis = 1)"), { stored: ["matmul.1"] })).toBe("elementwise");
    expect(regionOf(model("z - max(z, axis = 0, keep = true)", "x: f32[5, 8], w: f32[8, 6]", "5, 6").replace("return", "let z = x @ w\n  return"), { stored: ["matmul.1"] })).toBe("rows, folds max.1");
  });
});
